"""What is served stays true when things change: nothing torn, nothing lost, own writes at once, memory bounded."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import libvirt
import pytest
import pywbem
from bench.client import Connection
from bench.endurance import CLASSES, random_request
from bench.guests import write_test_node
from bench.messages import checked, instance_names
from tests.churn import Churn
from tests.conftest import StartServer, running_server
from tests.counting import Calls, counted_calls
from tests.served import model, reading, service_of

from virtcim.host.inventory import Host, Hosts
from virtcim.host.settings import HostSettings

SHARED = "test:///default"  # the same node for every connection of this process
NEVER = 3600.0


def wait_until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.01)


@pytest.fixture
def node() -> Iterator[libvirt.virConnect]:
    """The shared node; empty again afterwards."""
    connection = libvirt.open(SHARED)
    yield connection
    Churn(connection, 0).clear()
    connection.close()


@pytest.mark.parametrize("seed", range(3))
def test_after_random_changes_all_is_as_in_a_server_that_starts_now(
    start_server: StartServer, node: libvirt.virConnect, tmp_path: Path, seed: int
) -> None:
    churn = Churn(node, seed)
    with start_server(connect=SHARED, reconcile_interval=0.2, reread_interval=1) as server:
        with reading(server.url) as readers:
            churn.run(400)
        assert readers.seen == []
        assert readers.replies > 2
        assert len(set(churn.done)) > 8, "too few kinds of changes succeeded to tell anything"
        with running_server(tmp_path / "fresh", connect=SHARED) as fresh:
            expected = model(fresh.url)
        wait_until(lambda: model(server.url) == expected, 5)


def test_the_comparison_notices_one_changed_value(start_server: StartServer, node: libvirt.virConnect) -> None:
    churn = Churn(node, 1)
    churn.define()
    with start_server(connect=SHARED, reconcile_interval=NEVER) as server:
        before = model(server.url)
        (domain,) = (one for one in node.listAllDomains() if one.name() in churn.names)
        domain.setAutostart(1)
        assert model(server.url) == before
        server.hosts.hosts[0].reconcile()
        assert model(server.url) != before


# Own writes


def test_a_client_reads_its_own_writes_at_once(conn: pywbem.WBEMConnection) -> None:
    (service,) = conn.EnumerateInstanceNames("Test_VirtualSystemManagementService")
    for turn in range(10):
        system = defined(conn, service, f"own{turn}")
        assert system in conn.EnumerateInstanceNames("CIM_ComputerSystem")
        assert conn.GetInstance(system)["EnabledState"] == 3
        code, _ = conn.InvokeMethod("RequestStateChange", system, RequestedState=pywbem.Uint16(2))
        assert code == 0
        assert conn.GetInstance(system)["EnabledState"] == 2
        assert {"CIM_Processor", "CIM_Memory"} <= {
            parent for device in conn.AssociatorNames(system, AssocClass="CIM_SystemDevice") for parent in above(device)
        }
        code, _ = conn.InvokeMethod("DestroySystem", service, AffectedSystem=system)
        assert code == 0
        assert system not in conn.EnumerateInstanceNames("CIM_ComputerSystem")
        with pytest.raises(pywbem.CIMError) as error:
            conn.GetInstance(system)
        assert error.value.status_code == pywbem.CIM_ERR_NOT_FOUND


def defined(conn: pywbem.WBEMConnection, service: pywbem.CIMInstanceName, name: str) -> pywbem.CIMInstanceName:
    head = pywbem.CIMInstance("Test_VirtualSystemSettingData", {"VirtualSystemIdentifier": name})
    code, out = conn.InvokeMethod("DefineSystem", service, SystemSettings=head)
    assert code == 0
    system = out["ResultingSystem"]
    system.host = None
    return system


def above(device: pywbem.CIMInstanceName) -> tuple[str, ...]:
    return {"Test_Processor": ("CIM_Processor",), "Test_Memory": ("CIM_Memory",)}.get(device.classname, ())


# What a look costs, and what it finds


@contextmanager
def host_of(uri: str, **settings: float) -> Iterator[Host]:
    hosts = Hosts([uri], HostSettings(**{"reconcile_interval": NEVER, **settings}))  # type: ignore[arg-type]
    hosts.start()
    try:
        assert hosts.wait(30)
        yield hosts.hosts[0]
    finally:
        hosts.stop()


def looks(uri: str, seconds: float) -> Calls:
    """The calls of a steady state with a look each 50 ms."""
    with host_of(uri, reconcile_interval=0.05) as host:
        first = host.read_at
        wait_until(lambda: host.read_at > first)  # the first look reads everything
        time.sleep(0.2)
        with counted_calls() as calls:
            time.sleep(seconds)
    return calls


def test_a_steady_state_calls_nothing_for_a_domain(tmp_path: Path) -> None:
    few, many = (looks(write_test_node(tmp_path / f"{n}.xml", n), 1.0) for n in (3, 60))
    for calls in (few, many):
        assert calls.counted["virConnectListAllDomains"] > 10, "there was no look at all"
        assert calls.of_domains() == {}
    per_look = [sum(calls.counted.values()) / calls.counted["virConnectListAllNetworks"] for calls in (few, many)]
    local = 6 * 60  # names and UUIDs that handles know by themselves
    assert per_look[1] - per_look[0] <= 6 * local


def test_counting_sees_the_calls_of_a_full_read(tmp_path: Path) -> None:
    with host_of(write_test_node(tmp_path / "node.xml", 5)) as host, counted_calls() as calls:
        host.reconcile()
    assert calls.of_domains()["virDomainGetXMLDesc"] == 5


def test_one_change_rereads_one_domain(tmp_path: Path) -> None:
    with host_of(write_test_node(tmp_path / "node.xml", 20), reconcile_interval=0.05) as host:
        first = host.read_at
        wait_until(lambda: host.read_at > first)
        time.sleep(0.2)
        with host.link.reading() as connection:
            domain = connection.lookupByName("bench00007")
        with counted_calls() as calls:
            domain.setAutostart(1)
            wait_until(lambda: host.vm_named("bench00007").autostart)  # type: ignore[union-attr]
            time.sleep(0.3)
        assert calls.of_domains()["virDomainGetXMLDesc"] == 1


LOOKED: dict[str, tuple[Callable[[libvirt.virDomain], object], Callable[[Any], bool]]] = {
    "autostart": (lambda domain: domain.setAutostart(1), lambda vm: bool(vm.autostart)),
    "managed save removed": (lambda domain: domain.managedSaveRemove(), lambda vm: not vm.managed_save),
}


@pytest.mark.parametrize(("name", "row"), [("desktop1", "autostart"), ("archive1", "managed save removed")])
def test_a_look_finds_what_is_announced_nowhere(node_uri: str, name: str, row: str) -> None:
    change, seen = LOOKED[row]
    with host_of(node_uri, reconcile_interval=0.1, reread_interval=NEVER) as host:
        first = host.read_at
        wait_until(lambda: host.read_at > first)
        with host.link.reading() as connection:
            change(connection.lookupByName(name))
        wait_until(lambda: seen(host.vm_named(name)), 2)


STARTED: dict[str, tuple[Callable[[Host], Any], Callable[[libvirt.virConnect, str], Any]]] = {
    "a network": (lambda host: host.networks[0], lambda connection, name: connection.networkLookupByName(name)),
    "a pool": (lambda host: host.pools[0], lambda connection, name: connection.storagePoolLookupByName(name)),
}


@pytest.mark.parametrize(("known", "look_up"), STARTED.values(), ids=STARTED.keys())
def test_a_look_finds_what_is_to_start_with_the_host(
    node_uri: str, known: Callable[[Host], Any], look_up: Callable[[libvirt.virConnect, str], Any]
) -> None:
    with host_of(node_uri, reconcile_interval=0.1, reread_interval=NEVER) as host:
        first = host.read_at
        wait_until(lambda: host.read_at > first)
        before = known(host)
        with host.link.reading() as connection:
            look_up(connection, before.name).setAutostart(not before.autostart)
        wait_until(lambda: known(host).autostart is not before.autostart, 2)


def test_what_no_look_shows_is_found_by_reading_everything(node_uri: str) -> None:
    with host_of(node_uri, reconcile_interval=0.1, reread_interval=1.0) as host:
        first = host.read_at
        wait_until(lambda: host.read_at > first)
        with host.link.reading() as connection:
            connection.lookupByName("db1").setMemoryFlags(131072, libvirt.VIR_DOMAIN_AFFECT_CONFIG)
        start = time.monotonic()
        wait_until(lambda: host.vm_named("db1").defined_document.current_memory == 131072, 5)  # type: ignore[union-attr]
        assert time.monotonic() - start <= 2.0


# Bounds

REQUESTS = 8_000  # in all; memory has found its level after a quarter of them


def test_memory_is_where_it_was_after_many_random_requests(start_server: StartServer, tmp_path: Path) -> None:
    uri = write_test_node(tmp_path / "node.xml", 300)
    with start_server(connect=uri, reconcile_interval=0.5) as server:
        service = service_of(server.url)
        connection = Connection(service.target)
        names = {classname: instance_names(checked(connection.send(service.names(classname)))) for classname in CLASSES}
        asked = random.Random(5)
        sizes = []
        for turn in range(REQUESTS):
            connection.send(random_request(service, asked, names))
            if turn % (REQUESTS // 4) == REQUESTS // 4 - 1:
                sizes.append(resident())
        connection.close()
    assert sizes[-1] - sizes[0] < 30, f"MB after each quarter: {sizes}"


def resident() -> float:
    """Resident memory of this process in MB."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def test_readers_of_different_threads_do_not_disturb_each_other(start_server: StartServer, tmp_path: Path) -> None:
    """More systems than are kept warm, read from several sides."""
    with start_server(connect=write_test_node(tmp_path / "node.xml", 700)) as server:
        service = service_of(server.url)
        first = Connection(service.target)
        names = instance_names(checked(first.send(service.names("Test_ComputerSystem"))))
        first.close()
        failures: list[str] = []

        def read(seed: int) -> None:
            connection = Connection(service.target)
            for name in random.Random(seed).sample(names, 200):
                body = checked(connection.send(service.associator_names(name, "CIM_SystemDevice")))
                if body.count(b"<OBJECTPATH>") != 4:
                    failures.append(name)
            connection.close()

        threads = [threading.Thread(target=read, args=(seed,)) for seed in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []
