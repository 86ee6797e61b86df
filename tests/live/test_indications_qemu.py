"""Indications of real QEMU guests: what libvirt does to them behind the server's back, plugging, a guest that dies."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import libvirt
import pytest
from tests.live.conftest import PREFIX, DefineDomain, wait_until
from tests.profiles.client import system_path
from tests.profiles.eventful import Eventful, eventful_running

from virtcim.broker.schema import Schema

DISK = "<disk type='file' device='disk'><source file='{path}'/><target dev='vdb' bus='virtio'/></disk>"
NAME = f"{PREFIX}indications"
STARTING = 10  # EnabledState
OUT_OF_CONTROL = "VIRTCIM0216"
OWN = f"SourceInstance.CIM_ComputerSystem::Name = '{NAME}'"


@pytest.fixture
def client(kvm_schema: Schema, libvirtd: str, tmp_path: Path) -> Iterator[Eventful]:
    with eventful_running(kvm_schema, libvirtd, tmp_path) as client:
        yield client


def states(client: Eventful) -> list[int]:
    """EnabledState after each change of it, without Starting, which only who looks at the right moment sees."""
    return [
        one["SourceInstance"]["EnabledState"]
        for one in client.listener.indications
        if one.classname.endswith("ModifiedIndication")
        and "EnabledState" in one["ChangedPropertyNames"]
        and one["SourceInstance"]["EnabledState"] != STARTING
    ]


def test_the_life_of_a_guest(client: Eventful, define_domain: DefineDomain) -> None:
    """Defined, started, paused, resumed, destroyed and undefined by libvirt: each told once, in order."""
    client.subscribe(f"SELECT * FROM CIM_InstIndication WHERE SourceInstance ISA CIM_ComputerSystem AND {OWN}")
    domain = define_domain("indications", linux=False, memory_mib=16)
    for count, act in enumerate((domain.create, domain.suspend, domain.resume, domain.destroy), 1):
        act()

        def told(count: int = count) -> bool:
            return len(states(client)) == count

        wait_until(told, 10)
    domain.undefine()

    def gone() -> bool:
        return client.listener.indications[-1].classname == "KVM_ComputerSystemDeletedIndication"

    wait_until(gone, 10)
    client.world.hosts[0].reconcile()
    client.settle()
    assert states(client) == [2, 9, 2, 3]
    classes = [one.classname for one in client.listener.indications]
    assert classes[0] == "KVM_ComputerSystemCreatedIndication"
    assert classes.count("KVM_ComputerSystemCreatedIndication") == 1
    assert classes.count("KVM_ComputerSystemDeletedIndication") == 1
    numbers = [one["SequenceNumber"] for one in client.listener.indications]
    assert numbers == list(range(len(numbers)))


def test_what_cim_asks_for_is_told_as_well(client: Eventful, define_domain: DefineDomain) -> None:
    define_domain("indications", linux=False, memory_mib=16)

    def known() -> bool:
        return bool(client.world.vm_by_key(NAME))

    wait_until(known, 10)
    client.subscribe(f"SELECT * FROM CIM_InstModification WHERE SourceInstance ISA CIM_ComputerSystem AND {OWN}")
    assert client.invoke(system_path(NAME, "KVM"), "RequestStateChange", RequestedState="2").value == 0
    client.heard(1)
    client.settle()
    assert states(client) == [2]


def test_a_disk_comes_and_goes(client: Eventful, define_domain: DefineDomain, scratch_dir: Path) -> None:
    image = scratch_dir / "more.img"
    image.write_bytes(b"\0" * 1024 * 1024)
    image.chmod(0o666)
    domain = define_domain("indications", linux=False, memory_mib=16)
    client.settle()
    client.subscribe("SELECT * FROM CIM_InstIndication WHERE SourceInstance ISA CIM_ResourceAllocationSettingData")
    domain.attachDeviceFlags(DISK.format(path=image), libvirt.VIR_DOMAIN_AFFECT_CONFIG)
    client.heard(1)
    client.settle()
    domain.detachDeviceFlags(DISK.format(path=image), libvirt.VIR_DOMAIN_AFFECT_CONFIG)

    def told() -> set[tuple[str, str]]:
        found: list[Any] = client.listener.indications
        return {(one.classname, one["SourceInstance"]["InstanceID"]) for one in found}

    def both() -> bool:
        names = [name for name, key in told() if key == f"{NAME}/defined/vdb"]
        return sorted(names) == [
            "KVM_ResourceAllocationSettingDataCreatedIndication",
            "KVM_ResourceAllocationSettingDataDeletedIndication",
        ]

    wait_until(both, 10)


def emulator(name: str) -> int:
    """The process of a guest, as numbered here: its pid file may be of another PID namespace."""
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            if f"guest={name}," in file.read_bytes().decode(errors="replace"):
                return int(file.parent.name)
    pytest.fail(f"no process runs {name}")


def test_a_guest_that_dies_is_an_alert(client: Eventful, define_domain: DefineDomain) -> None:
    """Its QEMU is killed: an alert, and the system is off."""
    domain = define_domain("indications", linux=False, memory_mib=16)
    domain.create()
    client.settle()
    client.subscribe("SELECT * FROM CIM_AlertIndication WHERE OwningEntity = 'virtcim'")
    os.kill(emulator(NAME), signal.SIGKILL)

    def told() -> list[Any]:
        """Alerts but for those that libvirt lost its way to the emulator, which it says now and then before."""
        return [one for one in client.listener.indications if one["MessageID"] != OUT_OF_CONTROL]

    wait_until(lambda: bool(told()), 10)
    client.settle()
    (alert,) = told()
    assert alert["MessageID"] in ("VIRTCIM0201", "VIRTCIM0202")
    assert (alert["SystemName"], alert["PerceivedSeverity"]) == (NAME, 6)
