"""A client as those of libvirt-cim are: methods called on a class, settings as MOF text."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pywbem

SERVICE = "Test_VirtualSystemManagementService"
SYSTEM = "Test_ComputerSystem"
OK, REFUSED, NO_TRANSITION, JOB = 0, 4, 4097, 4096  # return values


class OldClient:
    """Calls the management service by its class, with texts for embedded instances."""

    def __init__(self, connection: pywbem.WBEMConnection) -> None:
        self.connection = connection

    def call(self, method: str, target: Any = SERVICE, **texts: Any) -> tuple[int, Any]:
        parameters = [parameter(name, value) for name, value in texts.items()]
        code, out = self.connection.InvokeMethod(method, target, parameters)
        return int(code), out

    def define(self, name: str, *settings: str, system: str = "", **more: Any) -> tuple[int, Any]:
        """DefineSystem of a name; `system` is MOF of further properties."""
        head = mof("VirtualSystemSettingData", f'VirtualSystemIdentifier = "{name}"; {system}')
        given = {"ResourceSettings": list(settings)} if settings else {}
        return self.call("DefineSystem", SystemSettings=head, **given, **more)

    def request(self, name: str, state: int) -> tuple[int, Any]:
        code, out = self.connection.InvokeMethod(
            "RequestStateChange", system(name), RequestedState=pywbem.Uint16(state)
        )
        return int(code), out

    def get(self, classname: str, instance_id: str) -> pywbem.CIMInstance:
        return self.connection.GetInstance(path(classname, instance_id))

    def head(self, name: str) -> pywbem.CIMInstance:
        return self.get("VirtualSystemSettingData", f"Test:{name}")

    def settings(self, name: str) -> dict[str, pywbem.CIMInstance]:
        """The resource settings of a system's State configuration by the part of their ids after its name."""
        found = self.connection.Associators(
            path("VirtualSystemSettingData", f"Test:{name}"), "Test_VirtualSystemSettingDataComponent"
        )
        return {one["InstanceID"].partition("/")[2]: one for one in found}


def parameter(name: str, value: Any) -> pywbem.CIMParameter:
    """A parameter of plain texts where the schema has embedded instances; others as they are."""
    is_text = isinstance(value, str) or (isinstance(value, list) and isinstance(value[0], str))
    if is_text:
        return pywbem.CIMParameter(name, "string", value=value, is_array=isinstance(value, list))
    return (name, value)


def mof(classname: str, properties: str) -> str:
    return f"instance of Test_{classname} {{ {properties} }};"


def path(classname: str, instance_id: str) -> pywbem.CIMInstanceName:
    return pywbem.CIMInstanceName(f"Test_{classname}", {"InstanceID": instance_id}, namespace="root/virt")


def system(name: str) -> pywbem.CIMInstanceName:
    return pywbem.CIMInstanceName(SYSTEM, {"CreationClassName": SYSTEM, "Name": name}, namespace="root/virt")


def names(paths: Iterable[pywbem.CIMInstanceName], key: str) -> set[str]:
    return {one[key] for one in paths}


DISK = "DiskResourceAllocationSettingData"
MEM = "MemResourceAllocationSettingData"
NET = "NetResourceAllocationSettingData"
PROC = "ProcResourceAllocationSettingData"
GRAPHICS = "GraphicsResourceAllocationSettingData"
