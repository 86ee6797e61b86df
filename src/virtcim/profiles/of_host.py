"""What each host has one of, as a service and its capabilities."""

from __future__ import annotations

from dataclasses import dataclass

from virtcim.host.inventory import Host


@dataclass(frozen=True, eq=False)
class OfHost:
    """One for each host: a subclass for each kind, and `kept` to have one object of it."""

    host: Host

    @property
    def platform(self) -> str:
        return self.host.platform
