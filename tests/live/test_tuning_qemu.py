"""What running guests take of the host, over the wire: how busy processors are, where they run, limits on memory."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import libvirt
import pytest
import pywbem
from tests import runs
from tests.live import boot_sectors
from tests.live.cim import (
    DISABLED,
    ENABLED,
    FAILED,
    INVALID,
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
from tests.live.processes import pid_of, thread_of

DEDICATED, IN_USE = 3, 6
BUSY, IDLE = f"{NAMES}busy", f"{NAMES}idle"


@pytest.fixture(scope="module")
def images() -> Iterator[dict[str, Path]]:
    """A guest that runs in circles, and one that has nothing to do."""
    codes = {BUSY: bytes.fromhex("ebfe"), IDLE: boot_sectors.HALT}
    paths = {name: boot_sectors.write(runs.directory() / f"{name}.img", code) for name, code in codes.items()}
    yield paths
    for path in paths.values():
        path.unlink()


@pytest.fixture(scope="module")
def cim(libvirtd: str, images: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cim]:
    """With both guests running."""
    with cim_server(tmp_path_factory.mktemp("state"), libvirtd) as cim:
        for name, path in images.items():
            disk = rasd("Disk", VirtualDevice="vda", HostResource=[f"file://{path}"], DriverType="raw")
            cim.request(cim.define(name, memory(16), rasd("Proc", VirtualQuantity=1), disk), ENABLED)
        yield cim


@pytest.fixture(scope="module")
def look(cim: Cim, libvirtd: str) -> Iterator[Look]:
    del cim
    with closing(libvirt.open(libvirtd)) as connection:
        yield Look(connection, BUSY)


def loads(cim: Cim, classname: str = "KVM_Processor") -> dict[str, int | None]:
    found = cim.connection.EnumerateInstances(classname)
    return {one["DeviceID"]: one.get("LoadPercentage") for one in found}


def test_how_busy_processors_are(cim: Cim) -> None:
    """Those of guests and of the host, once they have been looked at for a while."""

    def known() -> bool:
        shown = loads(cim)
        busy, idle = shown[f"{BUSY}/0"], shown[f"{IDLE}/0"]
        return busy is not None and idle is not None and busy > max(5, 2 * idle)

    wait_until(known, 20)
    assert all(load is None or 0 <= load <= 100 for load in loads(cim).values())
    of_host = loads(cim, "KVM_HostProcessor").values()
    assert any(load is not None and 0 < load <= 100 for load in of_host), of_host


def bind(cim: Cim, name: str, *numbers: int) -> int:
    return cim.modify(rasd("Proc", InstanceID=f"{name}/proc", HostResource=[f"cpu:{one}" for one in numbers]))


def may_run_on(name: str) -> str:
    lines = (thread_of(pid_of(name), "CPU 0/") / "status").read_text().splitlines()
    return next(line.partition("\t")[2] for line in lines if line.startswith("Cpus_allowed_list"))


def test_processors_move_while_they_run(cim: Cim, look: Look) -> None:
    """From one processor of the host to another: the kernel, libvirt and CIM say the same, the definition too."""
    for number in (os.cpu_count() or 1) - 1, 0:
        assert bind(cim, BUSY, number) == OK
        assert may_run_on(BUSY) == str(number)
        assert look.find("vcpu/@cpuset", live=False) == [str(number)]
        for place in ("", "/defined"):
            setting = cim.setting(f"{BUSY}{place}/proc")
            assert [one.rpartition("cpu")[2].rpartition("/")[2].strip('"') for one in setting["HostResource"]] == [
                str(number)
            ], place
            assert setting["MappingBehavior"] == 5


def test_a_processor_that_the_host_has_not(cim: Cim, look: Look) -> None:
    before = look.xml(), look.xml(live=False), may_run_on(BUSY)
    assert bind(cim, BUSY, 4000) not in (OK, 4096)
    assert (look.xml(), look.xml(live=False), may_run_on(BUSY)) == before


def test_a_processor_for_one_system_alone(cim: Cim, qemu: libvirt.virConnect, guest_image: Guest) -> None:
    """The kernel keeps it there; another system that would be bound to it does not start as long as it runs."""
    number = (os.cpu_count() or 1) - 1
    alone = rasd("Proc", VirtualQuantity=1, HostResource=[f"cpu:{number}"], MappingBehavior=DEDICATED)
    systems = [cim.define(f"{NAMES}alone{n}", memory(16), alone, boot_disk(guest_image)) for n in (1, 2)]
    try:
        cim.request(systems[0], ENABLED)
        assert may_run_on(f"{NAMES}alone1") == str(number)
        assert Look(qemu, f"{NAMES}alone1").find("cputune/vcpupin/@cpuset") == [str(number)]
        setting = cim.setting(f"{NAMES}alone1/proc")
        assert (setting["MappingBehavior"], setting["Reservation"]) == (DEDICATED, 100)
        answer = cim.call("RequestStateChange", systems[1], RequestedState=pywbem.Uint16(ENABLED))
        assert (answer[0], cim.enabled_state(systems[1])) == (IN_USE, DISABLED)
        assert bind(cim, BUSY, number) == FAILED
    finally:
        for system in systems:
            cim.call("DestroySystem", AffectedSystem=system)


def limits(look: Look, live: bool = True) -> dict[str, list[str]]:
    names = ("hard_limit", "soft_limit", "swap_hard_limit")
    return {name: found for name in names if (found := look.find(f"memtune/{name}/text()", live))}


def test_limits_of_the_process(cim: Cim, look: Look) -> None:
    """Set and taken away while it runs, in the definition as well."""
    instance_id, mib = f"{BUSY}/mem", 1024
    wanted = rasd("Mem", InstanceID=instance_id, HardLimit=900 * mib, SoftLimit=800 * mib)
    assert cim.modify(wanted) == OK
    shown = {"hard_limit": [str(900 * mib)], "soft_limit": [str(800 * mib)]}
    assert (limits(look), limits(look, live=False)) == (shown, shown)
    assert look.domain.memoryParameters()["hard_limit"] == 900 * mib
    assert (cim.setting(instance_id)["HardLimit"], cim.setting(instance_id)["Limit"]) == (900 * mib, 16 * mib)
    refused = [({"SwapHardLimit": 100 * mib}, None), ({"MinGuarantee": mib}, INVALID), ({"Limit": mib}, None)]
    for properties, code in refused:
        answer = cim.modify(rasd("Mem", InstanceID=instance_id, **properties))
        assert answer != OK, properties
        assert code in (None, answer), properties
        assert (limits(look), limits(look, live=False)) == (shown, shown)
    assert cim.modify(rasd("Mem", InstanceID=f"{BUSY}/defined/mem", Limit=1000 * mib)) == INVALID
    assert cim.modify(rasd("Mem", InstanceID=f"{BUSY}/defined/mem", MinGuarantee=mib)) == INVALID
    assert cim.modify(rasd("Mem", InstanceID=instance_id, HardLimit=0, SoftLimit=0)) == OK
    assert (limits(look), limits(look, live=False)) == ({}, {})
