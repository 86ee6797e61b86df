"""Metrics of running guests (DSP1053) against what libvirt itself says, and what clients do with them (use case 10)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import libvirt
import pytest
from pywbem import CIMClassName, CIMInstanceName, Uint16
from tests.conftest import connect, running_server
from tests.counting import counted_calls
from tests.live import boot_sectors
from tests.live.cim import ENABLED, NAMES, OK, Cim, Look, cim_server
from tests.live.conftest import wait_until
from tests.live.measuring import (
    DISABLE,
    ENABLE,
    RESET,
    control,
    definition,
    device,
    number,
    service,
    system_of,
    told,
    values,
)

FAILED = 2
BUSY, IDLE = f"{NAMES}busy", f"{NAMES}idle"
CPU, PRESENTED, WRITTEN = "VirtualSystem.CPUTime", "Memory.Presented", "Disk.WriteBytes"
SECOND = 10**9
TRAFFIC = {f"{kind}{way}" for kind in ("Bytes", "Packets") for way in ("Received", "Transmitted")}
TRAFFIC |= {f"{way}{what}" for way in ("Receive", "Transmit") for what in ("Errors", "Drops")}


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("state")


@pytest.fixture(scope="module")
def cim(libvirtd: str, state: Path) -> Iterator[Cim]:
    with cim_server(state, libvirtd) as cim:
        yield cim


@pytest.fixture(scope="module")
def images() -> Iterator[Path]:
    """A guest that writes to its second disk for ever, and one that halts."""
    path = Path("/var/tmp") / f"{NAMES}metrics"
    path.mkdir(mode=0o755)
    boot_sectors.write(path / "busy.img", boot_sectors.writing())
    boot_sectors.write(path / "idle.img", boot_sectors.HALT)
    with (path / "data.img").open("wb") as file:
        file.truncate(2**30)
    (path / "data.img").chmod(0o666)
    yield path
    for one in path.iterdir():
        one.unlink()
    path.rmdir()


def running(cim: Cim, uri: str, name: str, boot: Path, memory_mib: int, devices: str = "") -> Iterator[Look]:
    """A guest of the name, defined through libvirt and started by the client."""
    connection = libvirt.open(uri)
    connection.defineXML(boot_sectors.domain_xml(name, boot, memory_mib=memory_mib, devices=devices))
    look = Look(connection, name)
    wait_until(lambda: name in {one["Name"] for one in cim.connection.EnumerateInstanceNames("KVM_ComputerSystem")}, 10)
    cim.request(system_of(cim, look), ENABLED)
    yield look
    cim.call("DestroySystem", AffectedSystem=system_of(cim, look))
    connection.close()


@pytest.fixture(scope="module")
def busy(cim: Cim, images: Path, libvirtd: str) -> Iterator[Look]:
    second = f"<disk type='file'><source file='{images}/data.img'/><target dev='vdb'/><boot order='2'/></disk>"
    devices = f"{second}<interface type='network'><source network='default'/><model type='virtio'/></interface>"
    yield from running(cim, libvirtd, BUSY, images / "busy.img", 24, devices)


@pytest.fixture(scope="module")
def idle(cim: Cim, images: Path, libvirtd: str) -> Iterator[Look]:
    yield from running(cim, libvirtd, IDLE, images / "idle.img", 16)


def measured_anew(cim: Cim, element: CIMInstanceName, name: str) -> None:
    """Wait until a metric has been measured again."""
    first = values(cim, element)[name]["TimeStamp"]
    wait_until(lambda: bool(values(cim, element)[name]["TimeStamp"] != first), 10)


def test_systems_and_devices_are_measured_as_libvirt_says(cim: Cim, busy: Look) -> None:
    """Of the guest that writes: itself, its processor, the disk it writes to; each between two answers of libvirt."""
    system, processor = system_of(cim, busy), device(cim, busy, "CIM_Processor")
    written = device(cim, busy, "CIM_LogicalDisk", "vdb")
    compared = {
        (CPU, system): "cpu.time",
        (PRESENTED, system): "balloon.current",
        ("Memory.Configured", system): "balloon.maximum",
        ("VirtualSystem.ProcessorCount", system): "vcpu.current",
        ("Processor.Time", processor): "vcpu.0.time",
        (WRITTEN, written): "block.1.wr.bytes",
        ("Disk.WriteOperations", written): "block.1.wr.reqs",
        ("Disk.WriteTime", written): "block.1.wr.times",
        ("Disk.Capacity", written): "block.1.capacity",
    }
    wait_until(lambda: bool(told(busy)["block.1.wr.bytes"] > 0), 10)
    before = told(busy)
    measured_anew(cim, system, CPU)
    found = {(name, one): number(cim, one, name) for name, one in compared}
    after = told(busy)
    for what, source in compared.items():
        assert 0 < before[source] <= found[what] <= after[source], what
    assert number(cim, written, "Disk.Latency") > 0
    assert number(cim, processor, "Processor.State") == libvirt.VIR_VCPU_RUNNING


def test_traffic_is_measured_at_both_ends(cim: Cim, busy: Look) -> None:
    adapter = device(cim, busy, "CIM_EthernetPort")
    (port,) = cim.connection.EnumerateInstanceNames("KVM_SwitchEthernetPort")
    assert set(values(cim, adapter)) == {f"Ethernet.{name}" for name in TRAFFIC}
    assert set(values(cim, port)) == {f"SwitchPort.{name}" for name in TRAFFIC}
    received, sent = number(cim, adapter, "Ethernet.BytesReceived"), number(cim, port, "SwitchPort.BytesTransmitted")
    assert abs(received - sent) < 4096  # read one after the other


def test_hosts_are_measured_as_libvirt_says(cim: Cim, busy: Look) -> None:
    (host,) = cim.connection.EnumerateInstanceNames("KVM_HostSystem")
    found = cim.connection.Associators(host, "CIM_MetricForME", ResultClass="CIM_BaseMetricValue")
    parts = {(one["ElementName"], one["BreakdownValue"]): float(one["MetricValue"]) for one in found}
    memory = busy.connection.getMemoryStats(libvirt.VIR_NODE_MEMORY_STATS_ALL_CELLS)
    times = busy.connection.getCPUStats(libvirt.VIR_NODE_CPU_STATS_ALL_CPUS)
    assert parts["Host.Memory", "Total"] == memory["total"]
    assert 0 < times["user"] - parts["Host.CPUTime", "User"] < 60 * SECOND
    assert 0 < parts["Host.CPUUtilization", None] <= 100


def test_memory_presented_follows_the_balloon(cim: Cim, idle: Look) -> None:
    system = system_of(cim, idle)
    assert number(cim, system, PRESENTED) == 16 * 1024
    wait_until(lambda: "Memory.HostResident" in values(cim, system), 5)  # it may not have been measured yet
    assert number(cim, system, "Memory.HostResident") > 0
    (pool,) = (one for one in cim.connection.EnumerateInstances("KVM_MemoryPool") if one["PoolID"] == "MemoryPool/0")
    systems = [one.path for one in cim.connection.EnumerateInstances("KVM_ComputerSystem") if one["EnabledState"] == 2]
    assert sum(number(cim, one, PRESENTED) for one in systems) == pool["CurrentlyConsumedResource"]
    assert number(cim, pool.path, "MemoryPool.Reserved") == pool["Reserved"]


def test_guests_are_asked_for_their_memory_only_when_somebody_wants_it(cim: Cim, idle: Look) -> None:
    """This one has nobody to answer; what has no balloon cannot be asked."""
    system, wanted = system_of(cim, idle), definition("Memory.GuestUnused")
    assert idle.find("devices/memballoon/stats/@period") == []
    assert control(cim, ENABLE, Subject=system, Definition=wanted) == OK
    assert idle.find("devices/memballoon/stats/@period") == ["5"]
    assert idle.find("devices/memballoon/stats/@period", live=False) == ["5"]
    assert "Memory.GuestUnused" not in values(cim, system)
    links = cim.connection.References(system, "CIM_MetricDefForME")
    enabled = {one["Dependent"]["Id"].rpartition(".")[2] for one in links if one["MetricCollectionEnabled"] == ENABLE}
    assert "GuestUnused" in enabled
    assert "GuestUsable" not in enabled


def test_a_guest_without_a_balloon_cannot_be_asked(cim: Cim, qemu: libvirt.virConnect) -> None:
    name = f"{NAMES}bare"
    qemu.defineXML(f"<domain type='qemu'><name>{name}</name><memory>16384</memory><os><type>hvm</type></os>"
                   "<devices><memballoon model='none'/></devices></domain>")  # fmt: skip
    bare = Look(qemu, name)
    wait_until(
        lambda: any(one["Name"] == name for one in cim.connection.EnumerateInstanceNames("KVM_ComputerSystem")), 10
    )
    system, wanted = system_of(cim, bare), definition("Memory.GuestUnused")
    assert control(cim, ENABLE, Subject=system, Definition=wanted) == FAILED
    links = cim.connection.References(system, "CIM_MetricDefForME")
    offered = {one["Dependent"]["Id"].partition("/")[2] for one in links}
    assert "Memory.GuestUnused" not in offered
    assert "Memory.HostResident" in offered
    bare.domain.undefine()


def test_how_fast_a_guest_writes_to_its_memory(cim: Cim, busy: Look) -> None:
    """A call of its own for the guest of which somebody wants it, and for no other."""
    system, dear = system_of(cim, busy), "VirtualSystem.DirtyRate"
    assert dear not in values(cim, system)
    assert control(cim, ENABLE, Subject=system, Definition=definition(dear)) == OK
    wait_until(lambda: dear in values(cim, system), 15)
    assert told(busy)["dirtyrate.calc_start_time"] > 0
    assert control(cim, DISABLE, Subject=system, Definition=definition(dear)) == OK
    assert dear not in values(cim, system)
    time.sleep(1.1)
    with counted_calls() as calls:
        cim.connection.EnumerateInstances("CIM_BaseMetricValue")
    assert not calls.of_domains()


def test_what_the_load_of_a_guest_comes_to(cim: Cim, busy: Look) -> None:
    system, load = system_of(cim, busy), "VirtualSystem.CPUUtilization"
    names = {one: f"{load}.{one}" for one in ("Minimum", "Average", "Maximum")}
    for name in names.values():
        assert control(cim, ENABLE, Subject=system, Definition=definition(name, "Aggregation")) == OK
    wait_until(lambda: set(names.values()) <= set(values(cim, system)), 10)
    found = values(cim, system)
    least, mean, most = (float(found[name]["MetricValue"]) for name in names.values())
    assert 0 <= least <= mean <= most <= 100
    assert found[names["Average"]]["AggregationDuration"].timedelta.total_seconds() > 0


def test_values_of_all_guests_take_one_call_of_libvirt(cim: Cim, busy: Look, idle: Look) -> None:
    written = device(cim, busy, "CIM_LogicalDisk", "vdb")
    assert WRITTEN in values(cim, written)
    time.sleep(1.1)
    with counted_calls() as calls:
        found = cim.connection.EnumerateInstances("CIM_BaseMetricValue")
    assert {one["InstanceID"].split("/")[2] for one in found} >= {busy.name, idle.name}
    assert calls.counted["virConnectGetAllDomainStats"] == 1
    assert not calls.of_domains()


def test_a_server_that_begins_anew_goes_on_counting(cim: Cim, busy: Look, libvirtd: str, scratch_dir: Path) -> None:
    """Its start is that of the guest, which it has not seen."""
    system = system_of(cim, busy)
    first = values(cim, system)[CPU]
    with running_server(scratch_dir, connect=[libvirtd]) as other, connect(other.url) as connection:
        again = values(Cim(connection), system)[CPU]
    assert int(again["MetricValue"]) > int(first["MetricValue"])
    began = [one["TimeStamp"].datetime - one["Duration"].timedelta for one in (first, again)]
    assert abs((began[1] - began[0]).total_seconds()) < 2


# Use case 10


def test_consumption_is_observed(cim: Cim, busy: Look, idle: Look) -> None:
    """From the service to the top consumer: capabilities, what is shown and switched, values, pools."""
    (host,) = cim.connection.EnumerateInstanceNames("KVM_HostSystem")
    (found,) = cim.connection.AssociatorNames(host, "CIM_HostedService", ResultClass="CIM_MetricService")
    (capabilities,) = cim.connection.Associators(
        found, "CIM_ElementCapabilities", ResultClass="CIM_MetricServiceCapabilities"
    )
    assert {2, 4, 6} <= set(capabilities["SupportedMethods"])
    system, wanted = system_of(cim, busy), definition(CPU)
    code, out = cim.call("ShowMetrics", found, Subject=system)
    assert code == OK
    assert len(out["DefinitionList"]) == len(out["MetricNames"]) == len(out["MetricCollectionEnabled"])
    assert CPU in out["MetricNames"]
    assert control(cim, ENABLE, Subject=system, Definition=wanted) == OK

    first = values(cim, system)[CPU]
    time.sleep(2)
    second = values(cim, system)
    passed = (second[CPU]["TimeStamp"].datetime - first["TimeStamp"].datetime).total_seconds()
    ran = int(second[CPU]["MetricValue"]) - int(first["MetricValue"])
    assert ran > 0
    percent = 100 * ran / (passed * SECOND * int(second["VirtualSystem.ProcessorCount"]["MetricValue"]))
    # QEMU's own threads count as time of the guest, but a processor is never more than wholly used.
    assert abs(min(percent, 100) - float(second["VirtualSystem.CPUUtilization"]["MetricValue"])) <= 5
    (meaning,) = cim.connection.Associators(first.path, "CIM_MetricInstance", ResultClass="CIM_BaseMetricDefinition")
    assert (meaning["DataType"], meaning["ChangeType"], meaning["ProgrammaticUnits"]) == (13, 3, "second * 10^-9")

    code, out = cim.call("GetMetricValues", found, Definition=wanted, Range=Uint16(3), Count=Uint16(3))
    top = [cim.connection.GetInstance(one) for one in out["Values"]]
    assert (code, top[0]["MeasuredElementName"], len(top)) == (OK, busy.name, 2)
    assert int(top[0]["MetricValue"]) > int(top[1]["MetricValue"])

    assert control(cim, DISABLE, Subject=system, Definition=wanted) == OK
    assert CPU not in values(cim, system)
    assert control(cim, RESET, Subject=system, Definition=wanted) == OK
    anew = values(cim, system)[CPU]
    assert anew["Duration"].timedelta.total_seconds() < 3
    assert int(anew["MetricValue"]) < int(second[CPU]["MetricValue"])
    assert control(cim, ENABLE) == FAILED
    assert control(cim, ENABLE, Subject=system, Definition=definition("Nothing")) == FAILED


def test_what_was_reset_counts_from_its_start_in_the_next_run(cim: Cim, idle: Look) -> None:
    system = system_of(cim, idle)
    assert control(cim, RESET, Subject=system, Definition=definition(CPU)) == OK
    cim.request(system, 3)
    assert values(cim, system) == {}
    assert cim.call("ControlMetricsByClass", service(cim), Subject=CIMClassName("KVM_ComputerSystem"),
                    Definition=definition(CPU), MetricCollectionEnabled=Uint16(ENABLE))[0] == OK  # fmt: skip
    cim.request(system, ENABLED)
    wait_until(lambda: CPU in values(cim, system), 5)
    found, said = values(cim, system)[CPU], told(idle)["cpu.time"]
    assert 0 < int(found["MetricValue"]) <= said
    assert found["Duration"].timedelta.total_seconds() < 10
