"""A client of the management service over the wire, and guests that are looked at through libvirt itself."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import libvirt
import pywbem
from lxml import etree
from tests import runs
from tests.conftest import connect, running_server
from tests.live import leftovers
from tests.live.conftest import Guest, wait_until

NAMES = f"virtcim-1042-{runs.WORD}-"  # of the systems here: other runs, and other workers of this one, have their own
OK, FAILED, INVALID, BAD_STATE, JOB = 0, 2, 4, 5, 4096
COMPLETED, EXCEPTION, ENDED = 7, 10, (7, 8, 9, 10)  # JobState
ENABLED, DISABLED, SHUT_DOWN, OFFLINE, QUIESCE, REBOOT, RESET = 2, 3, 4, 6, 9, 10, 11
RASD = "ResourceAllocationSettingData"


class Cim:
    """What a client does, over a pywbem connection to a server that drives one QEMU."""

    def __init__(self, connection: pywbem.WBEMConnection) -> None:
        self.connection = connection
        (self.service,) = connection.EnumerateInstanceNames("KVM_VirtualSystemManagementService")

    def call(self, method: str, target: Any = None, /, **arguments: Any) -> tuple[int, dict[str, Any]]:
        given = [parameter(name, value) for name, value in arguments.items() if value is not None]
        code, out = self.connection.InvokeMethod(method, target or self.service, Params=given)
        return int(code), dict(out)

    def ended(self, answer: tuple[int, dict[str, Any]]) -> int | pywbem.CIMInstance:
        """The return value, or the job once it has ended."""
        code, out = answer
        if code != JOB:
            return code
        deadline = time.monotonic() + 60
        while (job := self.connection.GetInstance(out["Job"]))["JobState"] not in ENDED:
            assert time.monotonic() < deadline, job["JobStatus"]
            time.sleep(0.1)
        return job

    def done(self, answer: tuple[int, dict[str, Any]]) -> None:
        """Assert that a method, or the job it became, succeeded."""
        end = self.ended(answer)
        if isinstance(end, pywbem.CIMInstance):
            assert end["JobState"] == COMPLETED, end["JobStatus"]
        else:
            assert end == OK, end

    def define(self, name: str, *settings: pywbem.CIMInstance, **head: Any) -> pywbem.CIMInstanceName:
        """DefineSystem; the path of the new system."""
        given = vssd(VirtualSystemIdentifier=name, **{"DomainType": "qemu", **head})
        code, out = self.call("DefineSystem", SystemSettings=given, ResourceSettings=[*settings] or None)
        assert code == OK, code
        return out["ResultingSystem"]

    def request(self, system: pywbem.CIMInstanceName, state: int) -> None:
        """RequestStateChange, to its end."""
        self.done(self.call("RequestStateChange", system, RequestedState=pywbem.Uint16(state)))

    def enabled_state(self, system: pywbem.CIMInstanceName) -> int:
        return int(self.connection.GetInstance(system)["EnabledState"])

    def add(self, name: str, *settings: pywbem.CIMInstance, defined: bool = False) -> tuple[int, list[str]]:
        """AddResourceSettings; the ids of the new settings."""
        target = head(name, defined)
        code, out = self.call("AddResourceSettings", AffectedConfiguration=target, ResourceSettings=[*settings])
        return code, [one["InstanceID"] for one in out.get("ResultingResourceSettings") or []]

    def modify(self, *settings: pywbem.CIMInstance) -> int:
        return self.call("ModifyResourceSettings", ResourceSettings=[*settings])[0]

    def remove(self, name: str, *ids: str) -> tuple[int, dict[str, Any]]:
        paths = [one.path for one in self.settings(name) if one["InstanceID"] in ids]
        paths += [one.path for one in self.settings(name, defined=True) if one["InstanceID"] in ids]
        assert len(paths) == len(ids)
        return self.call("RemoveResourceSettings", ResourceSettings=paths)

    def settings(self, name: str, defined: bool = False) -> list[pywbem.CIMInstance]:
        return list(self.connection.Associators(head(name, defined), "CIM_VirtualSystemSettingDataComponent"))

    def setting(self, instance_id: str) -> pywbem.CIMInstance:
        name, defined = instance_id.partition("/")[0], instance_id.split("/")[1] == "defined"
        (found,) = (one for one in self.settings(name, defined) if one["InstanceID"] == instance_id)
        return found

    def devices(self, system: pywbem.CIMInstanceName) -> set[str]:
        found = self.connection.AssociatorNames(system, "CIM_SystemDevice", ResultClass="CIM_LogicalDevice")
        return {one["DeviceID"] for one in found}


def parameter(name: str, value: Any) -> Any:
    if isinstance(value, list) and isinstance(value[0], pywbem.CIMInstance):
        return pywbem.CIMParameter(name, "string", value=value, is_array=True, embedded_object="instance")
    return (name, value)


def rasd(kind: str, /, **properties: Any) -> pywbem.CIMInstance:
    return pywbem.CIMInstance(f"KVM_{kind}{RASD}", {name: typed(value) for name, value in properties.items()})


def vssd(**properties: Any) -> pywbem.CIMInstance:
    return pywbem.CIMInstance(
        "KVM_VirtualSystemSettingData", {name: typed(value) for name, value in properties.items()}
    )


def typed(value: Any) -> Any:
    """pywbem wants to know how wide a number is; the server goes by its own schema."""
    return pywbem.Uint64(value) if type(value) is int else value


def head(name: str, defined: bool = False) -> pywbem.CIMInstanceName:
    instance_id = f"KVM:{name}{'/defined' if defined else ''}"
    return pywbem.CIMInstanceName("KVM_VirtualSystemSettingData", {"InstanceID": instance_id}, namespace="root/virt")


def linux(guest: Guest) -> dict[str, str]:
    """The head of a Linux guest."""
    line = "console=ttyS0 quiet panic=1 swiotlb=noforce"
    return {"Kernel": str(guest.kernel), "Ramdisk": str(guest.initrd), "CommandLine": line}


def boot_disk(guest: Guest) -> pywbem.CIMInstance:
    """The disk of a guest without an operating system."""
    return rasd("Disk", VirtualDevice="vda", HostResource=[f"file://{guest.boot_disk}"], DriverType="raw",
                readonly=True, shareable=True)  # fmt: skip


def memory(mib: int) -> pywbem.CIMInstance:
    return rasd("Mem", VirtualQuantity=mib, AllocationUnits="byte * 2^20")


def serial_port(path: Path) -> pywbem.CIMInstance:
    """A serial port that writes into a file."""
    return rasd("Serial", SourceType=4, SourcePath=str(path))


class Look:
    """A domain through libvirt itself."""

    def __init__(self, connection: libvirt.virConnect, name: str, serial: Path | None = None) -> None:
        self.connection, self.name, self.serial = connection, name, serial

    @property
    def domain(self) -> libvirt.virDomain:
        return self.connection.lookupByName(self.name)

    @property
    def state(self) -> int:
        return int(self.domain.state()[0])

    def xml(self, live: bool = True) -> str:
        return str(self.domain.XMLDesc(0 if live else libvirt.VIR_DOMAIN_XML_INACTIVE))

    def find(self, path: str, live: bool = True) -> list[Any]:
        """Elements or values at a path of a document."""
        found: Any = etree.fromstring(self.xml(live)).xpath(path)
        return list(found)

    def boots(self) -> int:
        """How often the guest has said that it is ready."""
        assert self.serial is not None
        return self.serial.read_bytes().count(b"GUEST-READY") if self.serial.exists() else 0

    def wait_for_boot(self, number: int = 1) -> None:
        wait_until(lambda: self.boots() >= number, 60)

    def exists(self) -> bool:
        return self.name in [one.name() for one in self.connection.listAllDomains()]


@contextmanager
def cim_server(state_dir: Path, uri: str, **settings: Any) -> Iterator[Cim]:
    """A server on one libvirt, and its client; the systems named NAMES... are removed before and after."""
    remove_systems(uri)
    try:
        with running_server(state_dir, connect=[uri], **settings) as server, connect(server.url) as connection:
            yield Cim(connection)
    finally:
        remove_systems(uri)


def remove_systems(uri: str) -> None:
    """Remove the domains of this run, and what is left of those that have died."""
    with closing(libvirt.open(uri)) as connection:
        leftovers.remove_all(connection)
        leftovers.remove_systems(connection, ours=True)
