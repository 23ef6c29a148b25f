"""Sync groups: instances that change state together (keepalived.conf(5), "VRRP synchronization group(s)")."""

from typing import Annotated, Self

from pydantic import model_validator

from lvsctl.spec.base import Extensible
from lvsctl.spec.forms import BODY
from lvsctl.spec.script import Script
from lvsctl.spec.tracking import TrackBfd, TrackedFile, TrackInterface, TrackProcess, TrackScript
from lvsctl.spec.values import Flag, Name, Switch


class VrrpSyncGroup(Extensible):
    """Instances that change state together: when one fails, all of them move. Only what is listed here is a member."""

    group: Annotated[tuple[Name, ...], BODY]
    """The names of the instances; each can be in one group."""
    track_interface: Annotated[tuple[TrackInterface, ...], BODY] = ()
    """Interfaces that have to be up, for all members."""
    track_script: Annotated[tuple[TrackScript, ...], BODY] = ()
    """Scripts that have to succeed, for all members."""
    track_file: Annotated[tuple[TrackedFile, ...], BODY] = ()
    """Files whose number decides, for all members."""
    track_process: Annotated[tuple[TrackProcess, ...], BODY] = ()
    """Processes that have to run, for all members."""
    track_bfd: Annotated[tuple[TrackBfd, ...], BODY] = ()
    """BFD sessions that have to be up, for all members."""
    notify_backup: Script | None = None
    """Runs when the group becomes backup."""
    notify_master: Script | None = None
    """Runs when the group becomes master."""
    notify_fault: Script | None = None
    """Runs when the group fails."""
    notify_stop: Script | None = None
    """Runs when keepalived stops; it has one second."""
    notify: Script | None = None
    """Runs on every transition, with `GROUP`, the name, the state and the priority as further arguments."""
    smtp_alert: Switch | None = None
    """Whether transitions are sent by e-mail; the default is that of `global_defs`."""
    sync_group_tracking_weight: Flag = False
    """Members may track things with weights, which then need the same effect on all of them."""
    notify_priority_changes: Switch | None = None
    """Whether members report changes of their priority too; the default is that of `global_defs`."""

    @model_validator(mode="after")
    def _has_members(self) -> Self:
        if not self.group:
            raise ValueError("expected the name of at least one VRRP instance in group")
        return self
