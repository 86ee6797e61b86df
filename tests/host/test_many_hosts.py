"""One server in front of many hosts: what each of them costs while nothing happens, and while some are away."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import libvirt
import pytest
from tests.counting import counted_calls
from tests.host.conftest import NEVER, minimal, wait_until

from virtcim.host import inventory, link
from virtcim.host.connected import Connected
from virtcim.host.gauges import AT_ONCE
from virtcim.host.inventory import Hosts
from virtcim.host.opening import Opening
from virtcim.host.settings import HostSettings

MANY = 30


@pytest.fixture
def uris(tmp_path: Path) -> list[str]:
    """Hosts with a guest each."""
    found: list[str] = []
    for number in range(MANY):
        node = tmp_path / f"host{number:02}.xml"
        node.write_text(f"<node>{minimal(f'guest{number:02}')}</node>")
        found.append(f"test://{node}")
    return found


@contextmanager
def started(uris: list[str]) -> Iterator[Hosts]:
    hosts = Hosts(uris, HostSettings(reconcile_interval=NEVER, storage_refresh_interval=NEVER, naming="uuid"))
    hosts.start()
    try:
        yield hosts
    finally:
        hosts.stop()


def test_hosts_at_rest_hold_no_threads(uris: list[str]) -> None:
    before = threading.active_count()
    with started(uris) as hosts:
        assert hosts.wait(30)
        wait_until(lambda: threading.active_count() - before < MANY // 3, 10)


def test_asking_again_looks_at_no_host(uris: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inventory, "STANDING", NEVER)
    looked: list[Connected] = []
    readable = Connected.readable.fget  # type: ignore[attr-defined]
    monkeypatch.setattr(Connected, "readable", property(lambda host: looked.append(host) or readable(host)))  # type: ignore[func-returns-value]
    with started(uris) as hosts:
        assert hosts.wait(30)
        assert len(hosts.reachable()) == MANY
        looked.clear()
        for _ in range(100):
            assert len(hosts.reachable()) == MANY
            assert hosts.age == 0
        assert looked == []


def test_a_host_that_changes_or_goes_is_noticed_at_once(uris: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inventory, "STANDING", NEVER)
    with started(uris) as hosts:
        assert hosts.wait(30)
        assert len(hosts.reachable()) == MANY
        version, host = hosts.version, hosts.hosts[7]
        with host.link.reading() as connection:
            guest = connection.lookupByName("guest07")
            guest.undefine()
            guest.destroy()
        wait_until(lambda: not host.vms)
        assert hosts.version > version
        version = hosts.version
        host.link._drop(host.link._life, "lost")  # the test driver loses no connection by itself
        assert host not in hosts.reachable()
        assert hosts.version > version
        wait_until(lambda: host in hosts.reachable())


def test_looking_at_figures_reads_a_few_hosts_at_a_time(uris: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("virtcim.host.gauges.FRESH", 0.0)
    monkeypatch.setattr("virtcim.host.gauges.PACE", NEVER)
    monkeypatch.setattr("virtcim.host.figures.FRESH", 0.0)
    with started(uris) as hosts:
        assert hosts.wait(30)
        samples = hosts.gauges._samples.value
        with counted_calls() as calls:
            for _ in range(20):
                assert hosts.gauges.samples >= samples
            wait_until(lambda: hosts.gauges._samples.value == samples + AT_ONCE)
            assert calls.counted["virConnectGetAllDomainStats"] == AT_ONCE


@pytest.mark.parametrize("ways", [1, 3], ids=["once", "again and again"])
def test_a_frozen_daemon_holds_one_thread(tmp_path: Path, ways: int) -> None:
    with socket.socket(socket.AF_UNIX) as frozen:
        frozen.bind(str(tmp_path / "frozen"))
        frozen.listen()
        opening = Opening(f"qemu:///system?socket={tmp_path}/frozen")
        before = _opening()
        for _ in range(ways):
            with pytest.raises(TimeoutError, match=r"no answer within 0\.05 s"):
                opening.within(0.05)
        assert _opening() == before + 1
    with pytest.raises(libvirt.libvirtError):  # the one that was waited for all the time has its answer
        opening.within(10)
    wait_until(lambda: _opening() == before)


def _opening() -> int:
    return sum(thread.name == "libvirt-open" for thread in threading.enumerate())


def test_a_host_that_stays_away_delays_the_start_no_longer_than_it_must(
    uris: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inventory, "GRACE", 0.1)
    with started([*uris[:4], f"test://{tmp_path}/nobody.xml"]) as hosts:
        hosts.settle(NEVER)
        assert [host.reachable for host in hosts.hosts] == [True] * 4 + [False]


def test_the_log_says_once_that_a_host_is_away_and_once_that_it_is_back(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO, "virtcim.host")
    monkeypatch.setattr(link, "LAST_DELAY", 0.02)
    monkeypatch.setattr(link, "FIRST_DELAY", 0.02)
    node = tmp_path / "node.xml"
    with started([f"test://{node}"]) as hosts:
        host = hosts.hosts[0]
        wait_until(lambda: host.reason != "not connected yet")
        for content in ("", "<node>", "<nodes/>"):  # other reasons
            before = host.reason
            node.write_text(content)
            wait_until(lambda before=before: host.reason != before)  # type: ignore[misc]
        node.write_text("<node/>")
        assert hosts.wait(10)
        host.link._drop(host.link._life, "lost")
        wait_until(lambda: host.reason == "")
        assert hosts.wait(10)
    said = [record.message.partition(str(node))[2] for record in caplog.records if record.levelno > logging.DEBUG]
    assert len(said) == 4, said
    assert said[0].startswith(": ")
    assert said[1].startswith(" after ")
    assert said[2] == ": lost"
    assert said[3].startswith(" after ")
