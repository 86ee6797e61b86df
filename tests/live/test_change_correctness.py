"""The same over a libvirtd: another process changes things, and the daemon hangs."""

from __future__ import annotations

import http.client
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import libvirt
import pytest
from bench.messages import Service
from tests.conftest import running_server
from tests.live.conftest import wait_until
from tests.live.host.private_libvirtd import CAN_RUN, PrivateLibvirtd, private_libvirtd
from tests.served import model, reading, service_of

from virtcim.host.inventory import Hosts
from virtcim.host.settings import HostSettings

pytestmark = pytest.mark.skipif(not CAN_RUN, reason="needs root and libvirtd, to start one of the test's own")
ROOT = Path(__file__).resolve().parents[2]
LIMIT = 8.0  # stale_limit
PROMPT = 1.0  # seconds that a read may take while libvirtd hangs
GUEST = (
    "<domain type='qemu'><name>{name}</name><title>v0</title><description>v0</description><memory>16384</memory>"
    "<vcpu current='1'>2</vcpu><os><type arch='x86_64' machine='pc'>hvm</type></os><devices>"
    "<interface type='user'><mac address='52:54:00:cc:00:01'/></interface></devices></domain>"
)


@pytest.fixture(scope="module")
def daemon() -> Iterator[PrivateLibvirtd]:
    with private_libvirtd() as daemon:
        yield daemon


def churning(uri: str, seed: int, steps: int) -> int:
    """Change things from another process; how many kinds of changes succeeded."""
    command = [sys.executable, "-m", "tests.churn", uri, str(seed), str(steps)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=True)
    return int(done.stdout)


@pytest.mark.parametrize("driver", ["qemu", "test"])
def test_after_another_process_changed_things_all_is_as_in_a_server_that_starts_now(
    daemon: PrivateLibvirtd, tmp_path: Path, driver: str
) -> None:
    uri = daemon.uri if driver == "qemu" else daemon.test_uri
    keep = libvirt.open(uri)  # the test driver's node lives as long as somebody is connected
    settings = {"connect": uri, "reconcile_interval": 0.5, "reread_interval": 2}
    with running_server(tmp_path / "state", **settings) as server:
        with reading(server.url) as readers:
            assert churning(uri, 11, 250) > 8
        assert readers.seen == []
        assert readers.replies > 2
        with running_server(tmp_path / "fresh", **settings) as fresh:
            expected = model(fresh.url)
        wait_until(lambda: model(server.url) == expected, 8)
    keep.close()


CONFIG, LIVE = libvirt.VIR_DOMAIN_AFFECT_CONFIG, libvirt.VIR_DOMAIN_AFFECT_LIVE
DISK = "<disk type='file' device='disk'><source file='/srv/x.img'/><target dev='vdq' bus='virtio'/></disk>"
NIC = "<interface type='user'><mac address='52:54:00:cc:00:09'/></interface>"
LINK_DOWN = "<interface type='user'><mac address='52:54:00:cc:00:01'/><link state='down'/></interface>"

# What no event announces: which reading finds it, whether the domain is running, the change.
Change = Callable[[libvirt.virDomain], object]
SILENT: dict[str, tuple[str, str, Change]] = {
    "maximum memory": ("look", "off", lambda domain: domain.setMaxMemory(32768)),
    "memory of the definition": ("look", "off", lambda domain: domain.setMemoryFlags(8192, CONFIG)),
    "vCPUs of the definition": ("look", "off", lambda domain: domain.setVcpusFlags(2, CONFIG)),
    "vCPUs of a running domain": ("look", "on", lambda domain: domain.setVcpusFlags(2, LIVE)),
    "autostart": ("look", "off", lambda domain: domain.setAutostart(1)),
    "a disk attached to the definition": ("look", "off", lambda domain: domain.attachDeviceFlags(DISK, CONFIG)),
    "an interface attached to the definition": ("reread", "off", lambda domain: domain.attachDeviceFlags(NIC, CONFIG)),
    "an interface attached to what a running domain is defined as": (
        "reread", "on", lambda domain: domain.attachDeviceFlags(NIC, CONFIG)
    ),
    "a link taken down": ("reread", "on", lambda domain: domain.updateDeviceFlags(LINK_DOWN, LIVE)),
    "memory of a running domain's definition": ("reread", "on", lambda domain: domain.setMemoryFlags(8192, CONFIG)),
    "memory tuning": ("reread", "off", lambda domain: domain.setMemoryParameters({"hard_limit": 65536}, CONFIG)),
}  # fmt: skip


@pytest.mark.parametrize("change", SILENT)
def test_what_no_event_announces_is_found_within_its_bound(daemon: PrivateLibvirtd, change: str) -> None:
    finds, state, call = SILENT[change]
    connection = libvirt.open(daemon.uri)
    domain = connection.defineXML(GUEST.format(name="silent"))
    if state == "on":
        domain.createWithFlags(libvirt.VIR_DOMAIN_START_PAUSED)
    reread = 3600.0 if finds == "look" else 1.0
    hosts = Hosts([daemon.uri], HostSettings(reconcile_interval=0.2, reread_interval=reread))
    hosts.start()
    try:
        assert hosts.wait(30)
        host = hosts.hosts[0]
        first = host.read_at
        wait_until(lambda: host.read_at > first, 5)
        before = host.vm_named("silent")
        time.sleep(0.3)
        assert host.vm_named("silent") is before, "it changes by itself, so nothing would be shown"
        call(domain)
        wait_until(lambda: host.vm_named("silent") is not before, 3)
    finally:
        hosts.stop()
        if domain.isActive():
            domain.destroy()
        domain.undefine()
        connection.close()


# A daemon that hangs


def ask(service: Service, request: bytes) -> tuple[float, dict[str, str], bytes]:
    """Seconds, header and body of one answer."""
    head, _, body = request.partition(b"\r\n\r\n")
    given = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
    connection = http.client.HTTPConnection(service.target.host, service.target.port, timeout=30)
    start = time.monotonic()
    connection.request("POST", "/cimom", body, given)
    response = connection.getresponse()
    found = response.read()
    connection.close()
    return time.monotonic() - start, {name.lower(): text for name, text in response.getheaders()}, found


def silence(url: str) -> float:
    """How long libvirt has been silent, as /metrics tells it."""
    with urllib.request.urlopen(f"{url}/metrics", timeout=PROMPT) as reply:
        lines = reply.read().decode().splitlines()
    return max(float(line.split()[-1]) for line in lines if line.startswith("virtcim_libvirt_silence_seconds"))


def test_reads_are_answered_from_memory_while_libvirtd_hangs(daemon: PrivateLibvirtd, tmp_path: Path) -> None:
    before = libvirt.open(daemon.uri)
    before.defineXML(GUEST.format(name="hanging"))
    before.close()  # a connection that lives through the pause may be lost to it
    settings: dict[str, object] = {"connect": daemon.uri, "stale_limit": LIMIT, "open_metrics": True}
    settings |= {"keepalive_interval": 1, "keepalive_count": 2}
    with running_server(tmp_path / "state", **settings) as server:
        service = service_of(server.url)
        request = service.enumerate("KVM_ComputerSystem")  # of the host itself it says that it is lost
        _, headers, fresh = ask(service, request)
        assert "age" not in headers
        assert "warning" not in headers
        daemon.signal(signal.SIGSTOP)
        try:
            began = time.monotonic()
            while time.monotonic() - began < LIMIT - 1:
                seconds, headers, body = ask(service, request)
                assert body == fresh
                assert seconds < PROMPT
                if time.monotonic() - began > 5:
                    assert 2 < int(headers["age"]) <= LIMIT
                    assert headers["warning"].startswith("110 ")
                    assert 2 < silence(server.url) <= LIMIT
                time.sleep(0.2)
            time.sleep(3)
            seconds, _, body = ask(service, request)
            assert seconds < PROMPT
            assert b"<ERROR CODE=" in body
            assert b"has not answered for" in body
        finally:
            daemon.signal(signal.SIGCONT)
        wait_until(lambda: ask(service, request)[2] == fresh, 20)
        assert "age" not in ask(service, request)[1]
        assert silence(server.url) == 0
    libvirt.open(daemon.uri).lookupByName("hanging").undefine()
