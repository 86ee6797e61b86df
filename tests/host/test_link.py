"""The link: what it shows of a URI, that a dead one answers at once, that nothing is left when it stops."""

from __future__ import annotations

import gc
import socket
import threading
import time
import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import libvirt
import pytest
from tests.host.conftest import NEVER, named, wait_until
from tests.told import symbol_of

from virtcim.config import embedded_node
from virtcim.host import domains
from virtcim.host.errors import HostError, Kind, libvirt_errors
from virtcim.host.inventory import Hosts
from virtcim.host.opening import redacted
from virtcim.host.settings import HostSettings

URIS = [
    ("qemu:///system", "qemu:///system"),
    ("qemu+tcp://host.example/system", "qemu+tcp://host.example/system"),
    ("qemu+tcp://joe@host/system", "qemu+tcp://joe@host/system"),
    ("qemu+tcp://joe:s3cret@host/system", "qemu+tcp://joe@host/system"),
    ("esx://root:p@ss@host/?no_verify=1", "esx://root@host/?no_verify=1"),
    (
        "qemu+ssh://[::1]:22/system?keyfile=/k&password=s3cret&x=1",
        "qemu+ssh://[::1]:22/system?keyfile=/k&password=***&x=1",
    ),
    ("test:///default?Token=s3cret", "test:///default?Token=***"),
]


@pytest.mark.parametrize(("uri", "shown"), URIS)
def test_a_uri_is_shown_without_its_secrets(uri: str, shown: str) -> None:
    assert redacted(uri) == shown


@contextmanager
def started(uri: str, **settings: float) -> Iterator[Hosts]:
    hosts = Hosts([uri], HostSettings(reconcile_interval=NEVER, **settings))  # type: ignore[arg-type]
    hosts.start()
    try:
        yield hosts
    finally:
        hosts.stop()


UNREACHABLE = [
    ("socket", "qemu:///system?socket={tmp}/nobody", "Failed to connect socket"),
    ("refused", "qemu+tcp://joe:s3cret@127.0.0.1:{port}/system", "Connection refused"),
    ("driver", "nosuch:///system", "nosuch:///system"),
    ("file", "test:///{tmp}/nobody.xml", "nobody.xml"),
]


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.mark.parametrize(("uri", "says"), [row[1:] for row in UNREACHABLE], ids=[row[0] for row in UNREACHABLE])
def test_a_host_that_cannot_be_reached_says_why_at_once(tmp_path: Path, uri: str, says: str) -> None:
    with started(uri.format(tmp=tmp_path, port=free_port())) as hosts:
        host = hosts.hosts[0]
        wait_until(lambda: host.reason != "not connected yet")
        for ask in (
            hosts.vms,
            lambda: hosts.vm_by_key("x"),
            lambda: host.refresh("x"),
            lambda: domains.define(host, X),
        ):
            with pytest.raises(HostError, match=r"^libvirt at .* is not reachable: ") as error:
                ask()
            assert error.value.kind is Kind.UNREACHABLE
            assert symbol_of(error.value.message) == "HYPERVISOR_LOST"
            assert says in error.value.message
            assert "s3cret" not in error.value.message
        assert not host.reachable
        assert host.vms == ()
        assert host.name


X = "<domain type='test'><name>x</name></domain>"


def test_a_host_that_appears_later_is_found(tmp_path: Path) -> None:
    node = tmp_path / "node.xml"
    with started(f"test://{node}") as hosts:
        wait_until(lambda: hosts.hosts[0].reason != "not connected yet")
        assert not hosts.hosts[0].reachable
        node.write_text(Path(embedded_node().removeprefix("test://")).read_text())
        assert hosts.wait(10)
        assert hosts.hosts[0].reason == ""
        assert [*hosts.vms()]


def test_a_daemon_that_accepts_and_never_answers_keeps_nobody_waiting(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "silent"))
        silent.listen()
        uri = f"qemu:///system?socket={tmp_path}/silent"
        with started(uri, open_timeout=0.5) as hosts:
            wait_until(lambda: "no answer within 0.5 s" in hosts.hosts[0].reason)
            with pytest.raises(HostError, match=r"no answer within 0\.5 s"):
                hosts.vms()


def test_stopping_leaves_neither_threads_nor_connections() -> None:
    before = {thread.name for thread in threading.enumerate()}
    with started(embedded_node()) as hosts:
        assert hosts.wait(10)
        with hosts.hosts[0].link.reading() as connection:
            alive = weakref.ref(connection)
        del connection
        assert "libvirt-events" in {thread.name for thread in threading.enumerate()}
    wait_until(lambda: {thread.name for thread in threading.enumerate()} <= before)
    gc.collect()
    held = alive()
    assert held is None or vars(held)["_o"] is None  # None once it is closed


def test_stopping_amid_calls_is_a_clean_error_in_every_thread() -> None:
    with started(embedded_node()) as hosts:
        assert hosts.wait(10)
        host, kinds = hosts.hosts[0], set[Kind]()
        vm = named(host, "desktop1")

        def work() -> None:
            try:
                while True:
                    domains.set_autostart(vm, True)
            except HostError as error:
                kinds.add(error.kind)

        with ThreadPoolExecutor(4) as pool:
            working = [pool.submit(work) for _ in range(4)]
            time.sleep(0.05)
            host.link.stop()
            for one in working:
                one.result(10)
        assert kinds == {Kind.UNREACHABLE}


def test_a_link_can_be_stopped_before_it_was_started_and_twice() -> None:
    hosts = Hosts([embedded_node()], HostSettings())
    hosts.hosts[0].link.stop()
    hosts.start()
    assert hosts.wait(10)
    hosts.stop()
    hosts.hosts[0].link.stop()


CODES = [
    ("no-domain", lambda c: c.lookupByName("nobody"), Kind.NOT_FOUND),
    ("no-pool", lambda c: c.storagePoolLookupByName("nobody"), Kind.NOT_FOUND),
    ("no-network", lambda c: c.networkLookupByName("nobody"), Kind.NOT_FOUND),
    ("no-device", lambda c: c.nodeDeviceLookupByName("nobody"), Kind.NOT_FOUND),
    ("bad-uuid", lambda c: c.lookupByUUIDString("zz"), Kind.INVALID),
    ("bad-xml", lambda c: c.defineXML("<domain"), Kind.INVALID),
    ("bad-content", lambda c: c.defineXML("<domain type='test'/>"), Kind.INVALID),
    ("no-such-call", lambda c: c.getDomainCapabilities(), Kind.NOT_SUPPORTED),
    ("no-such-flag", lambda c: c.lookupByName("test").createWithFlags(1), Kind.NOT_SUPPORTED),
    ("exclusive-flags", lambda c: c.lookupByName("test").setMemoryFlags(1, 3), Kind.NOT_SUPPORTED),
    ("state", lambda c: c.lookupByName("test").rename("x"), Kind.INVALID_STATE),
    ("closed", lambda c: (c.close(), c.getHostname()), Kind.UNREACHABLE),
    ("other", lambda c: c.lookupByName("test").create(), Kind.FAILED),
]


@pytest.mark.parametrize(("call", "kind"), [row[1:] for row in CODES], ids=[row[0] for row in CODES])
def test_an_error_of_libvirt_becomes_one_of_ours(call: object, kind: Kind) -> None:
    assert callable(call)
    connection = libvirt.open("test:///default")
    with pytest.raises(HostError, match=r"^libvirt: ") as error, libvirt_errors():
        call(connection)
    assert error.value.kind is kind
    assert isinstance(error.value.__cause__, libvirt.libvirtError)
    assert error.value.code == error.value.__cause__.get_error_code()
