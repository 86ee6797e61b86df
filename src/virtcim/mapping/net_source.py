"""What a network interface is to be plugged into: a network, a bridge, or a device of the host itself (DSP1050)."""

from __future__ import annotations

from typing import Any, NamedTuple

from virtcim.mapping.bandwidth import BANDWIDTH
from virtcim.mapping.hostdev import PCI
from virtcim.mapping.ids import PRIMORDIAL, parse_pool_id, pool_id
from virtcim.mapping.kind import DEDICATED, PASSED_THROUGH, VIRTUALIZED
from virtcim.mapping.table import BadProperty, Incompatible, Properties, Row, UnknownPool
from virtcim.model.adapter import Interface
from virtcim.model.nodedev import pci_place

HOSTDEV = "hostdev"  # a virtual function of the host that is passed through
WRITABLE_TYPES = ("network", "bridge", "user", "direct", HOSTDEV)
VEPA = "vepa"
MODES = (VEPA, "bridge", "private", "passthrough")  # of macvtap


class Stack(NamedTuple):
    """What interfaces share that name a device of the host: `mode` is one of macvtap, with the name of an interface,
    or hostdev, with the PCI address of a virtual function."""

    mode: str
    device: str


def function_in(text: str) -> str | None:
    """The PCI address 0000:04:10.1 of a function in any text that refers to it; None where there is none."""
    found = PCI.search(text)
    return "{}:{}:{}.{}".format(*found.groups()).lower() if found else None


def function_of(view: Interface) -> str | None:
    """The PCI address of the virtual function that an interface of a guest is."""
    if view.type != HOSTDEV or view.function_bus is None:
        return None
    return pci_place(view.function_domain, view.function_bus, view.function_slot, view.function_number)


def _set_function(view: Interface, text: str, name: str) -> None:
    found = PCI.search(text)
    if found is None:
        raise BadProperty(name, f"{text!r} names no virtual function of the host, as pci:0000:04:10.1")
    view.function_type = "pci"
    parts = [int(part, 16) for part in found.groups()]
    view.function_domain, view.function_bus, view.function_slot, view.function_number = parts


def stacked_on(view: Interface) -> Stack | None:
    """The device of the host that an interface names itself; None for one on a network or bridge."""
    if view.network is not None:
        return None
    if view.type == "direct" and view.source_device:
        return Stack(view.mode or VEPA, view.source_device)
    function = function_of(view)
    return Stack(HOSTDEV, function) if function else None


def network_name(view: Interface) -> str | None:
    """A running domain shows the bridge of its network too: the network is what it was given."""
    return view.network or view.bridge or view.source_device


def network_type(view: Interface) -> str | None:
    """A running domain shows the type of what the network stands for: what it was given is the network."""
    return view.type if view.network is None else "network"


def set_type(view: Interface, word: str | None) -> None:
    if word not in WRITABLE_TYPES:
        raise BadProperty("NetworkType", f"{word!r} is not one of {', '.join(WRITABLE_TYPES)}")
    if view.plugged:
        view.network = view.portgroup = view.port_id = view.bridge = view.source_device = view.mode = None
        view.function_type = view.function_domain = view.function_bus = view.function_slot = view.function_number = None
    view.type, view.managed = word, word == HOSTDEV or None
    if view.port_type == "openvswitch":
        view.port_type = view.interface_id = view.profile_id = None


def set_network_name(view: Interface, name: str | None) -> None:
    if network_type(view) == "network":
        view.bridge = view.port_id = None  # a running domain shows them of the network that it is plugged into
        view.portgroup = view.portgroup if view.network in (None, name) else None  # another network has others
        view.network = name
    elif view.type == "bridge":
        view.bridge = name
    elif view.type == "direct":
        view.source_device = name
    elif name is not None:
        raise BadProperty("NetworkName", f"{name!r} means nothing for an interface of type {view.type}")


def pool_of(view: Interface) -> str:
    return pool_id("Network", view.network or PRIMORDIAL)


def set_pool(view: Interface, text: str | None) -> None:
    kind, name = parse_pool_id(text or pool_id("Network")) or ("", "")
    if kind != "Network":
        raise UnknownPool("PoolID", f"{text!r} is not NetworkPool/<network>")
    if name != PRIMORDIAL and network_type(view) != "network":
        raise Incompatible("PoolID", f"{text!r} contradicts NetworkType {network_type(view)!r}")
    if name != PRIMORDIAL:
        view.network = name


def connection(view: Interface) -> list[str]:
    name = network_name(view)
    return [name] if name else []


def set_connection(view: Interface, names: list[str] | None) -> None:
    if names and len(names) > 1:
        raise BadProperty("Connection", "has several entries: an interface has one network")
    set_network_name(view, names[0] if names else None)


def source_device(view: Interface) -> str | None:
    return function_of(view) or view.source_device


def set_source_device(view: Interface, name: str | None) -> None:
    if view.type == HOSTDEV:
        _set_function(view, name or "", "SourceDevice")
    else:
        view.source_device = name


def host_resource(view: Interface) -> list[str]:
    function = function_of(view)
    return [f"pci:{function}"] if function else []


def set_host_resource(view: Interface, texts: list[str] | None) -> None:
    if view.type != HOSTDEV:
        raise BadProperty("HostResource", f"means nothing for an interface of type {view.type}: its connection has one")
    if not texts or len(texts) > 1:
        raise BadProperty("HostResource", "names exactly one virtual function of the host")
    _set_function(view, texts[0], "HostResource")


def set_mode(view: Interface, word: str | None) -> None:
    if word not in (None, *MODES):
        raise BadProperty("NetworkMode", f"{word!r} is not one of {', '.join(MODES)}")
    view.mode = word


SOURCE: tuple[Row[Any], ...] = (
    Row("ConsumerVisibility", lambda view: PASSED_THROUGH if view.type == HOSTDEV else VIRTUALIZED),
    Row("MappingBehavior", lambda view: DEDICATED if view.type == HOSTDEV else None),
    Row("NetworkType", network_type, set_type),
    Row("PoolID", pool_of, set_pool, exact=False),
    Row("NetworkName", network_name, set_network_name),
    Row("Connection", connection, set_connection),
    Row("SourceDevice", source_device, set_source_device),
    Row("HostResource", host_resource, set_host_resource),
    Row("NetworkMode", Interface.mode, set_mode),
    Row("PortGroup", Interface.portgroup),
)


def prepare_source(prepared: Properties) -> None:
    """Virtual functions in one form, however a client refers to them; the network of a sample as far as it is one.

    Clients of libvirt-cim take a sample of a network and give it another NetworkType, which then counts.
    """
    kind, _ = parse_pool_id(prepared.get("PoolID") or "") or ("", "")
    if kind == "Network" and prepared.get("NetworkType") not in (None, "network"):
        del prepared["PoolID"]
    named = prepared.get("SourceDevice")
    prepared |= {"SourceDevice": function_in(named) or named} if isinstance(named, str) else {}
    texts = prepared.get("HostResource")
    if isinstance(texts, list):
        found = [(text, function_in(text)) for text in texts if text]
        prepared["HostResource"] = [f"pci:{function}" if function else text for text, function in found]


def forget_inherited(running: Interface, defined: Interface) -> None:
    """Take from the document of a running interface what libvirt shows there of its network or group of ports.

    Sent back it would be the interface's own, and stay when that changes; and as one on a bridge, libvirt would not
    look at its network at all.
    """
    if running.network is None:
        return
    if running.type == "bridge":
        running.type, running.bridge = "network", None
    if not defined.vlan_tags:
        for tag in running.vlan_tags:
            tag.remove()
        running.trunk = running.vlans = None
    if all(row.get(defined) is None for row in BANDWIDTH):
        for row in BANDWIDTH:
            row.set(running, None)


def infer_type(given: Properties) -> str:
    """The NetworkType of a new interface that names none."""
    kind, name = parse_pool_id(given.get("PoolID") or "") or ("", PRIMORDIAL)
    if (kind == "Network" and name != PRIMORDIAL) or given.get("Connection"):
        return "network"
    device = given.get("SourceDevice") or next(iter(given.get("HostResource") or ()), None)
    if device:
        return HOSTDEV if function_in(str(device)) else "direct"
    if given.get("NetworkName"):
        return "bridge"
    raise BadProperty("NetworkType", "is missing; PoolID, Connection, NetworkName or SourceDevice would tell it")


REQUIRED: dict[str, tuple[Any, str, str]] = {
    "network": (Interface.network, "PoolID", "NetworkPool/<network> says which network"),
    "bridge": (Interface.bridge, "NetworkName", "it says which bridge"),
    "direct": (Interface.source_device, "SourceDevice", "it says which device of the host"),
    HOSTDEV: (Interface.function_bus, "SourceDevice", "it says which virtual function of the host, as 0000:04:10.1"),
}


def check_source(view: Interface) -> None:
    """Refuse an interface that leads nowhere. Raises BadProperty."""
    word = view.type
    field, name, why = REQUIRED.get(word or "", (None, "", ""))
    if field is not None and field.read(view) is None:
        raise BadProperty(name, f"is missing: {why}")
    if word == HOSTDEV and view.link == "down":
        raise BadProperty(
            "AutomaticAllocation", "cannot be false: a function that is passed through has no link to cut"
        )
