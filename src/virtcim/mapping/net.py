"""Network interfaces of a virtual system (DSP1050)."""

from __future__ import annotations

import random
import re
from typing import Any

from virtcim.mapping.bandwidth import BANDWIDTH, check_bandwidth, convert_bandwidths
from virtcim.mapping.ids import bare_mac
from virtcim.mapping.kind import ADDRESS, ETHERNET, Kind, check_parts, common
from virtcim.mapping.net_guard import GUARD, check_filter, check_port
from virtcim.mapping.net_source import SOURCE, check_source, infer_type, prepare_source
from virtcim.mapping.table import BadProperty, Properties, Row, fixed
from virtcim.mapping.units import BITS_PER_SECOND, COUNT
from virtcim.mapping.vlan import VLAN, check_vlan
from virtcim.model.adapter import Interface
from virtcim.model.codecs import Integer
from virtcim.model.domain import Domain

ETHERNET_LINK = 2  # CIM_NetworkPort.LinkTechnology
NO_VLAN = 0  # PortVID
DISABLED, STOPPED = 3, 10  # EnabledState and OperationalStatus of an interface whose link is down
TAP_SPEED = 10_000_000_000  # bit/s that the kernel gives a tap device
PROFILE_OTHER = 1  # NetworkPortProfileIDType
MAC_DIGITS = re.compile(r"[0-9A-Fa-f]{12}")
PAIR = re.compile("..")
OUI = "52:54:00"  # QEMU's, which libvirt uses as well


def correlation(view: Interface) -> str | None:
    return view.interface_id or view.instance_id


def set_correlation(view: Interface, text: str | None) -> None:
    if view.port_type == "openvswitch":
        view.interface_id = text
    else:
        view.instance_id = text


def is_linked(view: Interface) -> bool:
    return view.link != "down"


def set_linked(view: Interface, up: bool | None) -> None:
    view.link = "down" if up is False else "up" if view.link else None


NET: tuple[Row[Any], ...] = (
    *(row for row in common("NetworkPool/0", ETHERNET) if row.name not in ("PoolID", "AutomaticAllocation")),
    Row("AutomaticAllocation", is_linked, set_linked),
    fixed("VirtualQuantity", 1),
    fixed("VirtualQuantityUnits", COUNT),
    fixed("AllocationUnits", BITS_PER_SECOND),
    *SOURCE,
    Row("Address", Interface.mac),
    Row("ResourceSubType", Interface.model),
    Row("VirtualDevice", Interface.target),
    *GUARD,
    Row("VSIType", Interface.port_type),
    Row("VSIManagerID", Interface.manager_id, out=str, back=lambda text: _number("VSIManagerID", text)),
    Row("ManagerID", Interface.manager_id),
    Row("VSITypeID", Interface.type_id),
    Row("VSITypeIDVersion", Interface.type_id_version),
    Row("VSIInstanceID", Interface.instance_id),
    Row("PortCorrelationID", correlation, set_correlation),
    Row("ProfileID", Interface.profile_id),
    Row("NetworkPortProfileID", Interface.profile_id),
    Row("NetworkPortProfileIDType", lambda view: PROFILE_OTHER if view.profile_id else None),
    Row("OtherNetworkPortProfileIDTypeInfo", lambda view: view.port_type if view.profile_id else None),
    *VLAN,
    *BANDWIDTH,
    fixed("Reservation", None),
    Row("MTU", Interface.mtu),
    Row("DriverName", Interface.driver),
    Row("DriverQueues", Interface.queues),
    Row("BootOrder", Interface.boot_order),
    *ADDRESS,
)


def _number(name: str, text: str) -> int:
    return Integer().read(text, name)


def prepare(given: Properties, view: Interface, domain: Domain) -> Properties:
    """One form of MAC address and bandwidth; the type of network follows from what else is given."""
    prepared = dict(given)
    address = prepared.get("Address")
    if isinstance(address, str) and MAC_DIGITS.fullmatch(bare_mac(address)):
        written, present = ":".join(PAIR.findall(bare_mac(address).lower())), view.mac
        prepared["Address"] = present if present and present.lower() == written else written
    for name in ("PortVID", "DefaultPortVID"):
        if prepared.get(name) == NO_VLAN:
            prepared[name] = None
    prepare_source(prepared)
    if view.type is None and not prepared.get("NetworkType"):
        prepared["NetworkType"] = infer_type(prepared)
    convert_bandwidths(prepared)
    return prepared


def generate_mac(taken: set[str]) -> str:
    while True:
        mac = ":".join((OUI, *(f"{random.randrange(256):02x}" for _ in range(3))))
        if mac not in taken:
            return mac


# What refuses a child element of an interface.
CHECKS = {"vlan": check_vlan, "bandwidth": check_bandwidth, "filterref": check_filter, "port": check_port}


def finish(view: Interface, domain: Domain) -> None:
    check_source(view)
    others = {(other.mac or "").lower() for other in domain.interfaces if other.element is not view.element}
    mac = view.mac
    if mac is None:
        mac = view.mac = generate_mac(others)
    if mac.lower() in others:
        raise BadProperty("Address", f"{mac!r} is used by another interface of the virtual system")
    parts = view.parts
    for part, check in CHECKS.items():
        if part in parts:
            check(view)
    check_parts(view, domain)


def device(view: Interface, _index: int) -> Properties:
    mac = view.mac
    return {
        **({} if is_linked(view) else {"EnabledState": DISABLED, "OperationalStatus": [STOPPED]}),
        "Speed": TAP_SPEED if view.type in ("network", "bridge") else None,
        "PermanentAddress": bare_mac(mac) if mac else None,
        "NetworkAddresses": [bare_mac(mac)] if mac else None,
        "LinkTechnology": ETHERNET_LINK,
        "PortType": 0,
        "FullDuplex": True,
        "ActiveMaximumTransmissionUnit": view.mtu,
    }


INTERFACE = Kind(
    name="net",
    label="Network interface",
    view=Interface,
    setting_class="Virt_NetResourceAllocationSettingData",
    resource_type=ETHERNET,
    rows=NET,
    key=lambda view, index: view.mac or f"net{index}",
    device_class="Virt_NetworkPort",
    device=device,
    prepare=prepare,
    finish=finish,
    pool="NetworkPool/0",
    attachable=True,
    detachable=True,
)
