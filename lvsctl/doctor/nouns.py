"""All nouns that are examined, in the order of their ids: importing this registers every check."""

# isort: off
from lvsctl.doctor import (
    spec,
    adopted,
    scripts,
    dispatchers,
    settings,
    stated,
    realserver,
    persistence,
    modules,
    routes,
)
from lvsctl.doctor import keepalived, held_scripts, table, sorry, credentials, agent

# isort: on

MODULES = (
    spec,
    adopted,
    scripts,
    dispatchers,
    settings,
    stated,
    realserver,
    persistence,
    modules,
    routes,
    keepalived,
    held_scripts,
    table,
    sorry,
    credentials,
    agent,
)
