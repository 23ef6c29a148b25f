"""Compose the keepalived configuration that a resolved spec means. Pure: no version, time, path or host enters."""

from lvsctl.compose.hooks import with_hooks
from lvsctl.compose.maintenance import with_maintenance
from lvsctl.compose.return_paths import with_return_paths
from lvsctl.compose.write import Context, statements
from lvsctl.keepalived.config import Config
from lvsctl.keepalived.grammar import version
from lvsctl.spec.spec import Spec


def complete(spec: Spec) -> Spec:
    """Answer the resolved *spec* with everything lvsctl adds for itself written out, and without what it keeps."""
    rendered = {
        name: service for name, service in spec.virtual_servers.items() if service.owner == "keepalived"
    }
    if len(rendered) < len(spec.virtual_servers):
        spec = spec.model_copy(update={"virtual_servers": rendered})
    return with_return_paths(with_hooks(with_maintenance(spec)))


def compose(spec: Spec) -> Config:
    """Answer the configuration of the resolved *spec*; each statement's source is a path in it.

    Raises Unprintable for raw lines (`extra`) that are no statements, with their paths.
    """
    return tuple(statements(complete(spec), (), Context((), version(spec.target_version))))
