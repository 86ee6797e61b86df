"""A libvirtd that is killed under the server: a clear CIM error at once, and service again by itself."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import libvirt
import pytest
import pywbem
from tests.live.cim import ENABLED, NAMES, OK, QUIESCE, Cim, Look, boot_disk, cim_server, memory
from tests.live.conftest import Guest, wait_until
from tests.live.host.private_libvirtd import CAN_RUN, PrivateLibvirtd, private_libvirtd

pytestmark = pytest.mark.skipif(not CAN_RUN, reason="needs root and libvirtd, to start one of the test's own")
PROMPT = 3.0  # seconds that an answer may take while libvirtd is away
SYSTEM = "KVM_ComputerSystem"


@pytest.fixture(scope="module")
def daemon() -> Iterator[PrivateLibvirtd]:
    with private_libvirtd() as daemon:
        yield daemon


@pytest.fixture
def cim(daemon: PrivateLibvirtd, tmp_path: Path) -> Iterator[Cim]:
    with cim_server(tmp_path, daemon.uri) as cim:
        yield cim
        daemon.release()
        daemon.wait()


@pytest.fixture
def guest(cim: Cim, daemon: PrivateLibvirtd, guest_image: Guest) -> pywbem.CIMInstanceName:
    """A guest that runs, with its disk where this libvirtd may change its owner."""
    disk = daemon.path / "lib/images/boot.img"
    disk.write_bytes(guest_image.boot_disk.read_bytes())
    own = Guest(guest_image.kernel, guest_image.initrd, Path("/var/lib/libvirt/images/boot.img"))
    system = cim.define(f"{NAMES}survivor", memory(16), boot_disk(own))
    cim.request(system, ENABLED)
    return system


def refused(cim: Cim, system: pywbem.CIMInstanceName) -> list[tuple[int, str, float]]:
    """What reads and methods answer now: CIM status, text, seconds."""
    calls = (
        lambda: cim.connection.GetInstance(system),
        lambda: cim.connection.EnumerateInstanceNames(SYSTEM),
        lambda: cim.connection.EnumerateInstances("CIM_SettingData"),
        lambda: cim.call("RequestStateChange", system, RequestedState=pywbem.Uint16(QUIESCE)),
        lambda: cim.call("DestroySystem", AffectedSystem=system),
        lambda: cim.call("DefineSystem"),
    )
    found = []
    for call in calls:
        began = time.monotonic()
        with pytest.raises(pywbem.CIMError) as error:
            call()
        found.append((error.value.status_code, error.value.status_description, time.monotonic() - began))
    return found


def test_killed_and_kept_down(cim: Cim, guest: pywbem.CIMInstanceName, daemon: PrivateLibvirtd) -> None:
    """Every call is answered by an error that says so; what there is of the model without libvirt is still there."""
    daemon.hold()
    daemon.signal(signal.SIGKILL)
    wait_until(lambda: not answers(cim, guest), PROMPT)
    for status, text, seconds in refused(cim, guest):
        assert status == pywbem.CIM_ERR_FAILED, text
        assert "not reachable" in text
        assert seconds < PROMPT
    (host,) = cim.connection.EnumerateInstances("KVM_HostSystem")
    assert host["OperationalStatus"] == [13]  # Lost Communication
    (service,) = cim.connection.EnumerateInstances("KVM_VirtualSystemManagementService")
    assert service["OperationalStatus"] == [13]
    daemon.release()
    wait_until(lambda: answers(cim, guest), 15)
    connection = libvirt.open(daemon.uri)
    assert Look(connection, guest["Name"]).state == libvirt.VIR_DOMAIN_RUNNING
    connection.close()
    cim.request(guest, QUIESCE)


def test_killed_and_restarted(cim: Cim, guest: pywbem.CIMInstanceName, daemon: PrivateLibvirtd) -> None:
    """As systemd does it: service is back without help, the guest has not noticed, and everything can be done."""
    connection = libvirt.open(daemon.uri)
    run = Look(connection, guest["Name"]).domain.ID()
    daemon.signal(signal.SIGKILL)
    daemon.wait()
    wait_until(lambda: answers(cim, guest), 15)
    again = libvirt.open(daemon.uri)
    assert Look(again, guest["Name"]).domain.ID() == run
    again.close()
    assert cim.call("DestroySystem", AffectedSystem=guest) == (OK, {})


def answers(cim: Cim, guest: pywbem.CIMInstanceName) -> bool:
    try:
        return cim.enabled_state(guest) == ENABLED
    except pywbem.CIMError:
        return False


def test_killed_in_the_middle_of_a_method(cim: Cim, guest: pywbem.CIMInstanceName, daemon: PrivateLibvirtd) -> None:
    """libvirt 9.0 ends with a segmentation fault where a guest with an interface of type null starts."""
    name = f"{NAMES}null"
    xml = f"<domain type='qemu'><name>{name}</name><memory>16384</memory><os><type arch='x86_64'>hvm</type></os>"
    connection = libvirt.open(daemon.uri)
    connection.defineXML(f"{xml}<devices><interface type='null'/></devices></domain>")
    wait_until(lambda: any(one["Name"] == name for one in cim.connection.EnumerateInstanceNames(SYSTEM)), 5)
    (system,) = (one for one in cim.connection.EnumerateInstanceNames(SYSTEM) if one["Name"] == name)
    began = time.monotonic()
    with pytest.raises(pywbem.CIMError) as error:
        cim.request(system, ENABLED)
    assert error.value.status_code == pywbem.CIM_ERR_FAILED
    assert time.monotonic() - began < 10
    wait_until(lambda: answers(cim, guest), 15)
