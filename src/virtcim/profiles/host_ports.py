"""The network interfaces of a host as objects, and its bridges."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial

from virtcim.host.inventory import Host, NodeDevice
from virtcim.mapping import host_ports as mapping
from virtcim.mapping import ids
from virtcim.profiles.elements import kept
from virtcim.profiles.host_uris import host_uri
from virtcim.profiles.pools_host import HostDevice


@dataclass(frozen=True, eq=False)
class HostPort(HostDevice):
    """An interface of the host."""

    @property
    def interface(self) -> str:
        return str(self.properties["Name"])


@dataclass(frozen=True)
class _Known:
    """What follows from what libvirt tells of a host's interfaces and devices, as long as it tells the same."""

    origin: tuple[object, object]
    ports: Mapping[str, HostPort]
    functions: Mapping[str, str]


def _known(host: Host) -> _Known:
    interfaces, devices = origin = host.netside.interfaces, host.node_devices
    known: _Known | None = vars(host).get("_host_ports")
    if known is None or known.origin[0] is not interfaces or known.origin[1] is not devices:
        as_devices = {one.name: one for one in map(_as_interface, devices) if one}
        speeds = {name: one.speed for name, one in as_devices.items()}
        found = (port for one in interfaces for port in mapping.ports(one.xml, one.active, speeds))
        ports = {str(one["Name"]): HostPort(host, ids.interface_name(str(one["Name"])), one) for one in found}
        known = vars(host)["_host_ports"] = _Known(origin, ports, _functions(devices, as_devices.values()))
    return known


def _as_interface(device: NodeDevice) -> mapping.Interface | None:
    return kept(device, "_interface", lambda: (mapping.interface_of(device.xml),))[0]


def _functions(devices: Iterable[NodeDevice], interfaces: Iterable[mapping.Interface]) -> dict[str, str]:
    names = {one.parent: one.name for one in interfaces}
    held = ((device.xml, names[device.name]) for device in devices if device.name in names)
    return {address: name for xml, name in held for address in mapping.functions_of(xml)}


def ports_of(host: Host) -> Iterable[HostPort]:
    return _known(host).ports.values()


def port_named(host: Host, interface: str) -> HostPort | None:
    return _known(host).ports.get(interface)


def functions(host: Host) -> Mapping[str, str]:
    """The virtual functions of a host by their PCI addresses, with the name of the interface that each is one of."""
    return _known(host).functions


def bridges(host: Host) -> list[str]:
    """The bridges of a host, whoever made them."""
    of_linux = [one.name for one in host.netside.interfaces if kept(one, "_is_bridge", partial(_is_bridge, one.xml))]
    return [*of_linux, *sorted(name for name in host.netside.ovs_bridges if name not in of_linux)]


def _is_bridge(xml: str) -> bool:
    return mapping.is_bridge(mapping.parse(xml))


def members(host: Host, bridge: str | None) -> list[str]:
    """The names of the interfaces in a bridge of the host; none where it is not known."""
    of_ovs = host.netside.ovs_bridges.get(bridge or "")
    if of_ovs is not None:
        return list(of_ovs.ports)
    record = host.netside.interface_named(bridge) if bridge else None
    return kept(record, "_members", lambda: mapping.members(mapping.parse(record.xml))) if record else []


def uri(port: HostPort) -> str:
    """The path of a port."""
    return host_uri(port.host, "HostEthernetPort", port.name)
