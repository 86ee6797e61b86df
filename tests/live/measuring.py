"""Metrics of guests as a client reads and switches them (DSP1053)."""

from __future__ import annotations

from typing import Any

from pywbem import CIMInstance, CIMInstanceName, Uint16
from tests.live.cim import Cim, Look

ENABLE, DISABLE, RESET = 2, 3, 4
GUEST_MEMORY = "Memory.GuestAvailable"


def system_of(cim: Cim, look: Look) -> CIMInstanceName:
    found = cim.connection.EnumerateInstanceNames("KVM_ComputerSystem")
    return next(one for one in found if one["Name"] == look.name)


def device(cim: Cim, look: Look, classname: str, name: str = "") -> CIMInstanceName:
    found = cim.connection.AssociatorNames(system_of(cim, look), "CIM_SystemDevice", ResultClass=classname)
    return next(one for one in found if one["DeviceID"].endswith(name))


def told(look: Look) -> dict[str, Any]:
    """What libvirt says of a domain in all its statistics."""
    ((_, found),) = look.connection.domainListGetStats([look.domain], 0)
    return dict(found)


def values(cim: Cim, element: CIMInstanceName) -> dict[str, CIMInstance]:
    found = cim.connection.Associators(element, "CIM_MetricForME", ResultClass="CIM_BaseMetricValue")
    return {one["ElementName"]: one for one in found}


def number(cim: Cim, element: CIMInstanceName, name: str) -> float:
    return float(values(cim, element)[name]["MetricValue"])


def definition(name: str, kind: str = "Base") -> CIMInstanceName:
    keys = {"Id": f"virtcim:metric/{name}"}
    return CIMInstanceName(f"Virt_{kind}MetricDefinition", keys, namespace="root/virt")


def service(cim: Cim) -> CIMInstanceName:
    (found,) = cim.connection.EnumerateInstanceNames("CIM_MetricService")
    return found


def control(cim: Cim, state: int, **given: Any) -> int:
    return cim.call("ControlMetrics", service(cim), MetricCollectionEnabled=Uint16(state), **given)[0]


def ask_guest(cim: Cim, system: CIMInstanceName) -> int:
    """Have a guest asked for its memory."""
    return control(cim, ENABLE, Subject=system, Definition=definition(GUEST_MEMORY))


def told_by_guest(cim: Cim, system: CIMInstanceName) -> list[str]:
    """What it says, once it has."""
    found = values(cim, system)
    return [found[GUEST_MEMORY]["MetricValue"]] if GUEST_MEMORY in found else []
