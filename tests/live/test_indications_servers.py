"""Indications across the ends of servers: what happened meanwhile is told once, and one of two servers tells."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import libvirt
import pytest
import pywbem
from tests.broker.listeners import Listener, listening
from tests.broker.postgres import running_postgres
from tests.live.conftest import wait_until
from tests.live.host.private_libvirtd import CAN_RUN, PrivateLibvirtd, private_libvirtd
from tests.profiles.processes import Process, subscribe

from virtcim.broker.jobs_kept import ABSENCE

pytestmark = pytest.mark.skipif(not CAN_RUN, reason="a libvirtd of its own needs root, libvirtd, unshare and nsenter")

GUEST = (
    "<domain type='qemu'><name>{name}</name><title>{title}</title><memory unit='MiB'>16</memory><vcpu>{vcpu}</vcpu>"
    "<os><type arch='x86_64' machine='pc'>hvm</type></os></domain>"
)
EVERYTHING = "SELECT * FROM CIM_InstIndication WHERE SourceInstance ISA CIM_ComputerSystem"
QUICK = {"indication_retry_interval": "0.3", "indication_retry_attempts": "20"}


@pytest.fixture(scope="module")
def daemon() -> Iterator[PrivateLibvirtd]:
    with private_libvirtd() as daemon:
        yield daemon


@pytest.fixture
def node(daemon: PrivateLibvirtd) -> Iterator[libvirt.virConnect]:
    connection = libvirt.open(daemon.uri)
    yield connection
    for domain in connection.listAllDomains():
        if domain.isActive():
            domain.destroy()
        domain.undefine()
    connection.close()


def define(node: libvirt.virConnect, name: str, vcpu: int = 1, title: str = "t") -> libvirt.virDomain:
    known = [one for one in node.listAllDomains() if one.name() == name]
    xml = GUEST.format(name=name, title=title, vcpu=vcpu)
    if known:
        xml = xml.replace("<name>", f"<uuid>{known[0].UUIDString()}</uuid><name>", 1)
    return node.defineXML(xml)


def told(listener: Listener) -> list[tuple[str, str]]:
    """What became of which system; each indication once, however often it came."""
    seen: dict[str, tuple[str, str]] = {}
    for one in listener.indications:
        what = one.classname.removeprefix("KVM_ComputerSystem").removesuffix("Indication")
        seen[one["IndicationIdentifier"]] = (what, one["SourceInstance"]["Name"])
    return list(seen.values())


def heard(listener: Listener, *wanted: tuple[str, str]) -> None:
    """Just these, in whatever order, and nothing after them."""

    def all_of_them() -> bool:
        return sorted(told(listener)) == sorted(wanted)

    wait_until(all_of_them, 15)
    time.sleep(0.7)
    assert all_of_them()


def test_what_happened_while_the_server_was_away_is_told_once(
    daemon: PrivateLibvirtd, node: libvirt.virConnect, tmp_path: Path
) -> None:
    """After kill -9 and after an orderly end; and what nobody had subscribed to is no news."""
    for name in ("gone", "changed", "started", "same"):
        define(node, name)
    server = Process(tmp_path, connect=daemon.uri, **QUICK)
    try:
        with listening() as listener:
            subscribe(server, listener.url, EVERYTHING)
            define(node, "new")
            heard(listener, ("Created", "new"))
            server.kill()
            node.lookupByName("gone").undefine()
            define(node, "changed", title="other")
            node.lookupByName("started").createWithFlags(libvirt.VIR_DOMAIN_START_PAUSED)
            define(node, "while down")
            server.start()
            news = [("Deleted", "gone"), ("Modified", "changed"), ("Modified", "started"), ("Created", "while down")]
            heard(listener, ("Created", "new"), *news)
            changed = next(one for one in listener.indications if one["SourceInstance"]["Name"] == "changed")
            assert changed["PreviousInstance"]["ElementName"] != changed["SourceInstance"]["ElementName"]
            server.stop()
            node.lookupByName("new").undefine()
            server.start()
            heard(listener, ("Created", "new"), *news, ("Deleted", "new"))
            server.kill()
            server.start()
            heard(listener, ("Created", "new"), *news, ("Deleted", "new"))
    finally:
        server.stop()


def test_no_news_before_the_first_subscription(
    daemon: PrivateLibvirtd, node: libvirt.virConnect, tmp_path: Path
) -> None:
    """Nor between the end of the last and the next."""
    define(node, "a")
    server = Process(tmp_path, connect=daemon.uri, **QUICK)
    try:
        with listening() as listener:
            path = subscribe(server, listener.url, EVERYTHING)
            server.cim.DeleteInstance(path)
            server.kill()
            define(node, "b")
            server.start()
            define(node, "c")
            server.cim.CreateInstance(pywbem.CIMInstance("CIM_IndicationSubscription", dict(path.keybindings)))
            define(node, "d")
            heard(listener, ("Created", "d"))
    finally:
        server.stop()


def test_two_servers_tell_once(daemon: PrivateLibvirtd, node: libvirt.virConnect, tmp_path: Path) -> None:
    """Both see every cause; each indication comes once, and when one is killed the other goes on within seconds."""
    with running_postgres() as postgres, listening() as listener:
        shared = {"connect": daemon.uri, "store": postgres.url, **QUICK}
        servers = [Process(tmp_path / name, **shared) for name in ("first", "second")]
        try:
            path = subscribe(servers[0], listener.url, EVERYTHING)

            def shared_by_both() -> bool:
                return bool(servers[1].cim.EnumerateInstanceNames("CIM_IndicationSubscription") == [path])

            wait_until(shared_by_both, 5)
            for number in range(5):
                define(node, f"g{number}")
            wanted = [("Created", f"g{number}") for number in range(5)]
            heard(listener, *wanted)
            servers[0].kill()
            define(node, "after")
            begun = time.monotonic()
            wanted.append(("Created", "after"))
            heard(listener, *wanted)
            assert time.monotonic() - begun < 10
            servers[0].start()
            define(node, "both")
            wanted.append(("Created", "both"))
            heard(listener, *wanted)
            servers[1].kill()
            define(node, "back")
            wanted.append(("Created", "back"))
            heard(listener, *wanted)
            assert_no_gap(listener)
            servers[0].cim.DeleteInstance(path)
            servers[1].start()
            assert servers[1].cim.EnumerateInstanceNames("CIM_IndicationSubscription") == []
        finally:
            for server in servers:
                server.stop()


def test_servers_of_different_hosts_share_subscriptions(
    daemon: PrivateLibvirtd, node: libvirt.virConnect, tmp_path: Path
) -> None:
    """A listener hears of both hosts, in one sequence, from the answer to the first subscription on; of a host whose
    server is away as soon as that is back.
    """
    with (
        running_postgres() as postgres,
        listening() as listener,
        private_libvirtd() as far,
        closing(libvirt.open(far.uri)) as other,
    ):
        uris = {"first": daemon.uri, "second": far.uri}
        servers = [Process(tmp_path / name, connect=uris[name], store=postgres.url, **QUICK) for name in uris]
        try:
            subscribe(servers[1], listener.url, EVERYTHING)
            define(node, "here")
            define(other, "there")
            wanted = [("Created", "here"), ("Created", "there")]
            heard(listener, *wanted)
            servers[1].kill()
            define(other, "later")
            define(node, "meanwhile")
            wanted.append(("Created", "meanwhile"))
            heard(listener, *wanted)
            servers[1].start()
            wanted.append(("Created", "later"))
            heard(listener, *wanted)
            assert_no_gap(listener)
        finally:
            for server in servers:
                server.stop()


def test_jobs_of_a_server_that_dies_go_on_at_the_other(
    daemon: PrivateLibvirtd, node: libvirt.virConnect, tmp_path: Path
) -> None:
    """It finds out what becomes of those that run, and shows those that have ended."""
    domain = define(node, "slow")
    domain.create()
    with running_postgres() as postgres:
        shared = {"connect": daemon.uri, "store": postgres.url, "shutdown_timeout": "600"}
        servers = [Process(tmp_path / name, **shared) for name in ("first", "second")]
        try:
            job = shutting_down(servers[0], "slow")
            assert job_state(servers[1], job) is None
            servers[0].kill()
            wait_until(lambda: job_state(servers[1], job) == 4, 15)
            domain.destroy()
            wait_until(lambda: job_state(servers[1], job) == 7, 10)
            servers[0].start()
            assert job_state(servers[0], job) is None
        finally:
            for server in servers:
                server.stop()


def test_a_job_waits_for_a_server_that_drives_its_host(
    daemon: PrivateLibvirtd, node: libvirt.virConnect, tmp_path: Path
) -> None:
    """Not one that shares the store, has a system of the same UUID, and would take that for shut down."""
    domain = define(node, "slow")
    domain.create()
    with running_postgres() as postgres, private_libvirtd() as far:
        other = libvirt.open(far.uri)
        other.defineXML(domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE))
        shared = {"store": postgres.url, "shutdown_timeout": "600"}
        servers = [Process(tmp_path / one.path.name, connect=one.uri, **shared) for one in (daemon, far)]
        try:
            job = shutting_down(servers[0], "slow")
            servers[0].kill()
            time.sleep(ABSENCE + 1.5)
            assert job_state(servers[1], job) is None
            servers.append(Process(tmp_path / "third", connect=daemon.uri, **shared))
            wait_until(lambda: job_state(servers[2], job) == 4, 10)
            domain.destroy()
            wait_until(lambda: job_state(servers[2], job) == 7, 10)
            assert job_state(servers[1], job) is None
        finally:
            for server in servers:
                server.stop()
            other.close()


def shutting_down(server: Process, name: str) -> pywbem.CIMInstanceName:
    """The job of a system that is asked to shut down."""
    keys = {"CreationClassName": "KVM_ComputerSystem", "Name": name}
    system = pywbem.CIMInstanceName("KVM_ComputerSystem", keys, namespace="root/virt")
    code, out = server.cim.InvokeMethod("RequestStateChange", system, RequestedState=pywbem.Uint16(4))
    assert code == 4096
    return out["Job"]


def job_state(server: Process, path: pywbem.CIMInstanceName) -> int | None:
    """JobState of a job; None where it is not shown."""
    if path not in server.cim.EnumerateInstanceNames("CIM_ConcreteJob", namespace="root/virt"):
        return None
    return int(server.cim.GetInstance(path)["JobState"])


def assert_no_gap(listener: Listener) -> None:
    """Each context counts from 0 without a hole."""
    numbers: dict[str, list[int]] = {}
    for one in listener.indications:
        numbers.setdefault(one["SequenceContext"], []).append(int(one["SequenceNumber"]))
    assert all(list(dict.fromkeys(found)) == list(range(len(set(found)))) for found in numbers.values()), numbers
