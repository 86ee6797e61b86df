"""DefineSystem and DestroySystem beside what libvirt needs for the same guest."""

from __future__ import annotations

from html import escape

import libvirt

from bench.client import Connection
from bench.messages import Service, checked, instance_names, value
from bench.servers import Floor
from bench.timing import clocked, medians

NAME = "bench-defined"
SYSTEM = {"VirtualSystemIdentifier": NAME, "ElementName": NAME}
RESOURCES = (
    ("Proc", {"VirtualQuantity": "1", "ResourceType": "3"}),
    ("Mem", {"VirtualQuantity": "64", "AllocationUnits": "byte*2^20", "ResourceType": "4"}),
    ("Disk", {"Address": f"/var/lib/libvirt/images/{NAME}.img", "VirtualDevice": "vda", "ResourceType": "31"}),
    ("Net", {"NetworkType": "user", "Address": "52:54:00:be:9c:40", "ResourceType": "10"}),
)
TYPES = {"VirtualQuantity": "uint64", "ResourceType": "uint16"}
_RETURNED = '<RETURNVALUE PARAMTYPE="uint32"><VALUE>0</VALUE>'


def _embedded(classname: str, properties: dict[str, str]) -> str:
    shown = "".join(
        f'<PROPERTY NAME="{name}" TYPE="{TYPES.get(name, "string")}"><VALUE>{escape(text)}</VALUE></PROPERTY>'
        for name, text in properties.items()
    )
    return f'<INSTANCE CLASSNAME="{classname}">{shown}</INSTANCE>'


def _settings(name: str, *instances: str, array: bool) -> str:
    inside = "".join(map(value, instances))
    held = f"<VALUE.ARRAY>{inside}</VALUE.ARRAY>" if array else inside
    return f'<PARAMVALUE NAME="{name}" PARAMTYPE="string" EmbeddedObject="instance">{held}</PARAMVALUE>'


def define_request(service: Service, manager: str, platform: str) -> bytes:
    """DefineSystem of a guest with one processor, disk and interface."""
    head = _settings("SystemSettings", _embedded(f"{platform}_VirtualSystemSettingData", SYSTEM), array=False)
    each = [_embedded(f"{platform}_{kind}ResourceAllocationSettingData", given) for kind, given in RESOURCES]
    return service.extrinsic(
        "DefineSystem", manager, system=head, resources=_settings("ResourceSettings", *each, array=True)
    )


def destroy_request(service: Service, manager: str, system: str) -> bytes:
    """DestroySystem of a system by its INSTANCENAME."""
    names = "".join(f'<NAMESPACE NAME="{escape(name)}"/>' for name in service.namespace.split("/"))
    path = f"<LOCALINSTANCEPATH><LOCALNAMESPACEPATH>{names}</LOCALNAMESPACEPATH>{system}</LOCALINSTANCEPATH>"
    reference = f"<VALUE.REFERENCE>{path}</VALUE.REFERENCE>"
    given = f'<PARAMVALUE NAME="AffectedSystem" PARAMTYPE="reference">{reference}</PARAMVALUE>'
    return service.extrinsic("DestroySystem", manager, system=given)


def _succeeded(body: bytes) -> bytes:
    if _RETURNED.encode() not in checked(body):
        raise RuntimeError(f"the method did not return 0: {body[-2000:].decode(errors='replace')}")
    return body


def define_and_destroy(
    service: Service, connection: Connection, server: libvirt.virConnect, floor: Floor, platform: str, rounds: int
) -> tuple[float, float, float]:
    """Median seconds: of both methods, of libvirt's define + XMLDesc + undefine, of two floors."""
    manager = instance_names(checked(connection.send(service.names(f"{platform}_VirtualSystemManagementService"))))[0]
    define = define_request(service, manager, platform)
    reply = _succeeded(connection.send(define))
    system = next(name for name in instance_names(reply) if f"{platform}_ComputerSystem" in name)
    document = server.lookupByName(NAME).XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)
    destroy = destroy_request(service, manager, system)
    _succeeded(connection.send(destroy))

    def ours() -> None:
        _succeeded(connection.send(define))
        _succeeded(connection.send(destroy))

    def theirs() -> None:
        domain = server.defineXML(document)
        domain.XMLDesc()
        domain.undefine()

    def floors() -> float:
        return floor.timed(define, len(reply)) + floor.timed(destroy, 400)

    ours_took, libvirt_took, floors_took = medians([clocked(ours), clocked(theirs), floors], rounds)
    return ours_took, libvirt_took, floors_took
