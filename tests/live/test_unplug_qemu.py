"""Removals from guests that do not answer, and modules of memory, over the wire."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import libvirt
import pytest
import pywbem
from tests.live.cim import (
    COMPLETED,
    ENABLED,
    EXCEPTION,
    JOB,
    NAMES,
    OK,
    Cim,
    Look,
    boot_disk,
    cim_server,
    memory,
    rasd,
)
from tests.live.conftest import Guest, wait_until

MAC = "52:54:00:10:42:03"
TERMINATED = 8


@pytest.fixture(scope="module")
def cim(libvirtd: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cim]:
    with cim_server(tmp_path_factory.mktemp("state"), libvirtd, detach_timeout=6) as cim:
        yield cim


@pytest.fixture
def deaf(cim: Cim, qemu: libvirt.virConnect, guest_image: Guest) -> Iterator[Look]:
    """A guest without an operating system, which never lets go of anything."""
    name = f"{NAMES}deaf"
    nic = rasd("Net", NetworkType="user", Address=MAC, ResourceSubType="virtio")
    system = cim.define(name, memory(16), boot_disk(guest_image), nic)
    cim.request(system, ENABLED)
    yield Look(qemu, name)
    cim.call("DestroySystem", AffectedSystem=system)


def test_guest_that_does_not_answer(cim: Cim, deaf: Look) -> None:
    """The method becomes a job, the job ends in Exception and says why, and nothing is lost."""
    before = deaf.xml(), deaf.xml(live=False)
    setting = f"{deaf.name}/{MAC}"
    answer = cim.remove(deaf.name, setting)
    assert answer[0] == JOB
    affected = cim.connection.AssociatorNames(answer[1]["Job"], "CIM_AffectedJobElement")
    assert [one["Name"] for one in affected] == [deaf.name]
    job = cim.ended(answer)
    assert isinstance(job, pywbem.CIMInstance)
    assert (job["JobState"], "not done within 6 s" in job["ErrorDescription"]) == (EXCEPTION, True)
    code, out = cim.call("GetError", job.path)
    assert (code, "not done within 6 s" in out["Error"]["Message"]) == (OK, True)
    assert out["Error"]["MessageID"] == "VIRTCIM0607"  # RESOURCE_UNPLUG_TIMEOUT
    assert (deaf.xml(), deaf.xml(live=False)) == before
    assert cim.setting(setting)["Address"] == MAC


def test_removal_that_is_given_up(cim: Cim, deaf: Look) -> None:
    """A client ends the job: nothing is lost."""
    before = deaf.xml(), deaf.xml(live=False)
    began = time.monotonic()
    code, out = cim.remove(deaf.name, f"{deaf.name}/{MAC}")
    assert (code, time.monotonic() - began < 6) == (JOB, True)
    assert cim.call("RequestStateChange", out["Job"], RequestedState=pywbem.Uint16(4))[0] == 4096
    job = cim.ended((code, out))
    assert isinstance(job, pywbem.CIMInstance)
    assert job["JobState"] == TERMINATED
    assert (deaf.xml(), deaf.xml(live=False)) == before


def test_system_destroyed_while_it_waits(cim: Cim, deaf: Look) -> None:
    """The job ends with the system: what was to go is gone, or nobody is left to ask."""
    answer = cim.remove(deaf.name, f"{deaf.name}/{MAC}")
    (system,) = (one for one in cim.connection.EnumerateInstanceNames("KVM_ComputerSystem") if one["Name"] == deaf.name)
    assert cim.call("DestroySystem", AffectedSystem=system) == (OK, {})
    job = cim.ended(answer)
    assert isinstance(job, pywbem.CIMInstance)
    assert job["JobState"] in (COMPLETED, EXCEPTION)
    assert not deaf.exists()


def test_memory_module(cim: Cim, qemu: libvirt.virConnect, guest_image: Guest, scratch_dir: Path) -> None:
    """A module for a guest with room for it, in the running guest and its definition; libvirt chooses the slot."""
    look = Look(qemu, f"{NAMES}modules", scratch_dir / "serial")
    qemu.defineXML(with_room(look, guest_image)).create()
    wait_until(lambda: bool(known(cim, look)), 5)
    look.wait_for_boot()
    module = rasd("Mem", ResourceSubType="dimm", VirtualQuantity=128, AllocationUnits="byte * 2^20", Node=0)
    code, new = cim.add(look.name, module)
    assert (code, new) == (OK, [f"{look.name}/dimm0"])
    for live in (True, False):
        assert look.find("devices/memory/target/size/text()", live) == [str(128 * 1024)]
    assert cim.setting(new[0])["VirtualQuantity"] == 128 * 1024
    end = cim.ended(cim.remove(look.name, *new))  # up to the guest's kernel: memory that it uses stays
    gone = end == OK or (isinstance(end, pywbem.CIMInstance) and end["JobState"] == COMPLETED)
    for live in (True, False):
        assert len(look.find("devices/memory", live)) == (0 if gone else 1)


def known(cim: Cim, look: Look) -> list[pywbem.CIMInstanceName]:
    return [one for one in cim.connection.EnumerateInstanceNames("KVM_ComputerSystem") if one["Name"] == look.name]


def with_room(look: Look, guest: Guest) -> str:
    """A Linux that can be given memory; NUMA cells cannot be asked for through CIM."""
    return (
        f"<domain type='qemu'><name>{look.name}</name><maxMemory slots='2' unit='MiB'>1024</maxMemory>"
        "<memory unit='MiB'>256</memory><vcpu>1</vcpu><cpu><numa><cell id='0' cpus='0' memory='256' unit='MiB'/></numa>"
        f"</cpu><os><type arch='x86_64' machine='pc'>hvm</type><kernel>{guest.kernel}</kernel>"
        f"<initrd>{guest.initrd}</initrd><cmdline>console=ttyS0 quiet panic=1 swiotlb=noforce</cmdline></os>"
        f"<features><acpi/></features><devices><serial type='file'><source path='{look.serial}'/></serial></devices>"
        "</domain>"
    )
