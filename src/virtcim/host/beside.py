"""What is known of a domain beside its documents: what it is being brought to, who looks at it, what it uses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from virtcim.host.addresses import Peer
from virtcim.host.records import DomainRecord
from virtcim.host.states import Underway, arriving
from virtcim.host.uses import Used, Uses
from virtcim.host.viewers import Viewers


@dataclass(frozen=True, kw_only=True)
class Known(DomainRecord, Used):
    """A domain with all of that.

    `underway`: what work in the background is bringing the domain to, see Host.set_underway; None when there is none.
    `viewers`: the clients of its graphical consoles.
    """

    underway: Underway | None = None
    viewers: tuple[Peer, ...] = ()


class Beside:
    """The one place of a host that it is known in."""

    def __init__(self) -> None:
        self.uses = Uses()
        self.viewers = Viewers()
        self._underway: dict[str, Underway] = {}

    def set_underway(self, uuid: str, states: Underway | None) -> None:
        """None when that has ended."""
        if states is None:
            self._underway.pop(uuid, None)
        else:
            self._underway[uuid] = states

    def of(self, record: DomainRecord, old: Known | None, same: Used | None, watched: bool) -> dict[str, Any]:
        """The fields of Known beyond the record's. `same`: what was known of the same record.

        `watched`: whether it has been seen what was there before, so that what appears has just come.
        """
        underway = self._underway.get(record.uuid) or (arriving(record, old) if watched else None)
        return {"underway": underway, "viewers": self.viewers.of(record), **self.uses.of(record, same)}
