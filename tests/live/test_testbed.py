"""The test bed itself: the tiny guests boot and obey, and libvirtd comes back after what the tests do to it."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable

import libvirt
import pytest
from tests.live.conftest import TESTBED, URI, DefineDomain, answers, wait_until


@pytest.mark.parametrize("linux", [False, True], ids=["boot-disk", "linux"])
def test_a_guest_boots_and_obeys_the_power_button(define_domain: DefineDomain, linux: bool) -> None:
    domain = define_domain(f"boots-{linux}".lower(), linux=linux, memory_mib=128 if linux else 16)
    domain.create()
    wait_until_it_obeys(domain)
    assert domain.state() == [libvirt.VIR_DOMAIN_SHUTOFF, libvirt.VIR_DOMAIN_SHUTOFF_SHUTDOWN]


def wait_until_it_obeys(domain: libvirt.virDomain) -> None:
    """Press the power button until the guest is far enough to notice."""

    def pressed() -> bool:
        if not domain.isActive():
            return True
        domain.shutdown()
        time.sleep(0.5)
        return False

    wait_until(pressed, seconds=60)


@pytest.mark.parametrize("action", ["kill", "stop"])
def test_libvirtd_comes_back_and_guests_live_on(
    define_domain: DefineDomain, testbed: Callable[[str], None], action: str
) -> None:
    domain = define_domain("survives", linux=False, memory_mib=16)
    domain.create()
    testbed(action)
    if action == "stop":
        time.sleep(0.5)
        with pytest.raises(libvirt.libvirtError, match="Failed to connect socket"):
            libvirt.open(URI)
        testbed("start")
    wait_until(answers, seconds=20)
    again = libvirt.open(URI)
    assert again.lookupByName(domain.name()).isActive()
    again.close()


def test_a_frozen_libvirtd_thaws(testbed: Callable[[str], None]) -> None:
    testbed("freeze")
    testbed("thaw")
    assert answers()


@pytest.mark.skipif(os.geteuid() != 0, reason="rooms need root")
def test_a_room_has_a_libvirt_and_a_network_of_its_own(define_domain: DefineDomain) -> None:
    outside = define_domain("outside", linux=False, memory_mib=16)
    seen = (
        "virsh -c qemu:///system list --all --name; virsh -c qemu:///system net-list --name; ls /sys/class/net; exit 7"
    )
    done = subprocess.run([TESTBED / "room.sh", "bash", "-c", seen], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.split()) == (7, ["default", "lo", "virbr0"]), done.stderr
    assert outside.name() in [one.name() for one in outside.connect().listAllDomains()]
