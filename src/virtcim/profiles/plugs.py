"""Where network interfaces are plugged in: those of one system, and summed up over the systems of a host."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any, NamedTuple

from virtcim.host.inventory import Host, Vm
from virtcim.host.tables import Snapshot
from virtcim.mapping.net import is_linked
from virtcim.mapping.net_source import Stack, stacked_on
from virtcim.mapping.switch_ports import Adapter
from virtcim.profiles.elements import kept

OVS = "openvswitch"
NAMING_DEVICES = ("type='direct'", "type='hostdev'")


@dataclass(frozen=True)
class Plug:
    """Where an interface is to be plugged in."""

    network: str | None
    bridge: str | None
    stack: Stack | None
    group: str | None
    ovs: bool
    linked: bool
    target: str | None


class Socket(NamedTuple):
    """What of a plug leads to a switch: interfaces of the same one share theirs."""

    network: str | None
    bridge: str | None
    stack: Stack | None


def plugs(vm: Vm) -> tuple[Plug, ...]:
    """Those of the State configuration: little enough to be kept as long as the Vm."""
    return kept(vm, "_plugs", lambda: tuple(plug_of(view) for view in vm.state_document.interfaces))


def all_plugs(vm: Vm) -> Iterator[Plug]:
    """Those of either configuration."""
    yield from plugs(vm)
    if vm.defined_document is not None and vm.defined_xml != vm.state_xml:
        yield from map(plug_of, vm.defined_document.interfaces)


def plug_of(view: Adapter) -> Plug:
    ovs = view.port_type == OVS
    return Plug(view.network, view.bridge, stacked_on(view), view.portgroup, ovs, is_linked(view), view.target)


def names_devices(vm: Vm) -> bool:
    """Whether a document of a system may name a device of the host as an interface: most need no look at it."""
    texts = (vm.state_xml, vm.defined_xml or "")
    return kept(vm, "_names_devices", lambda: any(word in text for text in texts for word in NAMING_DEVICES))


# Of all systems of a host


class _Share(NamedTuple):
    """What one system has in the sums."""

    bridges: tuple[tuple[str, bool], ...]  # named without a network, each with whether it is one of Open vSwitch
    stacks: tuple[Stack, ...]
    taps: tuple[str, ...]
    connected: tuple[Socket, ...]


NO_SHARE = _Share((), (), (), ())


def _share_of(vm: Vm) -> _Share:
    found = plugs(vm)
    active = found if vm.active else ()
    return _Share(
        tuple((plug.bridge, plug.ovs) for plug in found if plug.network is None and plug.bridge),
        tuple(plug.stack for plug in all_plugs(vm) if plug.stack) if names_devices(vm) else (),
        tuple(plug.target for plug in active if plug.target),
        tuple(Socket(plug.network, plug.bridge, plug.stack) for plug in active if plug.linked),
    )


@dataclass(frozen=True)
class Sums:
    """What all systems of a host use: bridges, each with whether one of Open vSwitch; devices that are stacked on.

    `connected` counts the interfaces of active systems whose links are up.
    """

    bridges: Mapping[str, bool]
    stacks: Iterable[Stack]
    connected: Mapping[Socket, int]


class Plugged:
    """The sums of a host, which follow its systems one by one, as they change."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._seen: Snapshot[Vm] = Snapshot()
        self._shares: dict[str, _Share] = {}  # of the systems that have any
        self._bridges: Counter[Any] = Counter()
        self._stacks: Counter[Any] = Counter()
        self.taps: Counter[Any] = Counter()  # what the interfaces of active systems are called on the host
        self._connected: Counter[Any] = Counter()
        self._counted = self._bridges, self._stacks, self.taps, self._connected
        self._sums = Sums({}, (), {})

    def sums(self, domains: Snapshot[Vm]) -> Sums:
        """Of the systems of that moment, or of a later one that somebody else has asked for."""
        seen = self._seen
        if domains.version > seen.version:
            found = {key: domains.by_key.get(key) for key in domains.changed_since(seen)}
            shares = {key: _share_of(vm) if vm else NO_SHARE for key, vm in found.items()}
            with self._lock:
                # Where somebody else got further meanwhile, some of the shares are in already.
                if domains.version > self._seen.version:
                    self._take(shares)
                    self._seen = domains
        return self._sums

    def _take(self, shares: Mapping[str, _Share]) -> None:
        for key, new in shares.items():
            old = self._shares.pop(key, NO_SHARE)
            if new != NO_SHARE:
                self._shares[key] = new
            for counted, before, after in zip(self._counted, old, new, strict=True):
                _exchange(counted, before, after)
        bridges: dict[str, bool] = {}
        for name, ovs in self._bridges:
            bridges[name] = bridges.get(name, False) or ovs
        self._sums = Sums(bridges, tuple(self._stacks), dict(self._connected))


def _exchange(counted: Counter[Any], before: Iterable[object], after: Iterable[object]) -> None:
    counted.update(after)
    for one in before:
        counted[one] -= 1
        if not counted[one]:
            del counted[one]


def plugged(host: Host) -> Plugged:
    return kept(host, "_plugged", Plugged)
