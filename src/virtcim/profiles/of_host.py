"""What each host has one of, as a service and its capabilities."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from virtcim.broker.call import Properties
from virtcim.broker.provider import Keys
from virtcim.host.inventory import Host, Hosts
from virtcim.mapping import ids
from virtcim.profiles.elements import host_class, kept

T = TypeVar("T")

ENABLED, NOT_APPLICABLE = 2, 12  # EnabledState, RequestedState
REACHABLE, LOST = (2, 5), (13, 0)  # OperationalStatus and HealthState


@dataclass(frozen=True, eq=False)
class OfHost:
    """One for each host: a subclass for each kind, and `kept_of` to have one object of it."""

    host: Host

    @property
    def platform(self) -> str:
        return self.host.platform


def kept_of(host: Host, name: str, make: Callable[[], T]) -> T:
    """As `kept`, for what has the host in its keys: it is another one once the host is called otherwise.

    So it is when a host is reached for the first time: what it is called is a guess before.
    """
    return kept(host, f"{name} of {host.name} {host.uuid}", make)


def hosts_named(world: Hosts, keys: Keys) -> Iterator[Host]:
    """The host that the keys of a service name."""
    return (host for host in world.hosts if ids.host_token(host) == keys["SystemName"])


def service_keys(host: Host, name: str) -> Keys:
    """What a path of a service has beside its class."""
    return {"SystemCreationClassName": host_class(host), "SystemName": ids.host_token(host), "Name": name}


def service_properties(host: Host, name: str, label: str, description: str) -> Properties:
    """What each service says that works as long as its host can be reached."""
    status, health = REACHABLE if host.reachable else LOST
    return {
        **service_keys(host, name),
        "ElementName": label,
        "Description": description,
        "EnabledState": ENABLED,
        "RequestedState": NOT_APPLICABLE,
        "EnabledDefault": ENABLED,
        "OperationalStatus": [status],
        "HealthState": health,
        "Started": True,
    }
