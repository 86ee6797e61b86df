"""Every transition of DSP1057 and DSP1027 on a real QEMU guest, each step checked through libvirt itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import libvirt
import pytest
from tests.live.conftest import PREFIX, DefineDomain, wait_until
from tests.profiles.client import Client, out, running_client, system_path

from virtcim.broker import call
from virtcim.broker.call import Item
from virtcim.broker.provider import Job
from virtcim.broker.schema import Schema

OK, FAILED, JOB, TRANSITION, BUSY = 0, 4, 4096, 4097, 4099
COMPLETED, EXCEPTION, TERMINATED = 7, 10, 8  # JobState
ENABLED, DISABLED, SHUT_DOWN, OFFLINE, QUIESCE, REBOOT, RESET = 2, 3, 4, 6, 9, 10, 11
BOOT_SECONDS = 60


@pytest.fixture
def client(kvm_schema: Schema, libvirtd: str) -> Iterator[Client]:
    with running_client(kvm_schema, libvirtd, shutdown_timeout=3.0) as client:
        yield client


class Guest:
    """A guest of the test: asked through CIM, looked at through libvirt."""

    def __init__(self, client: Client, domain: libvirt.virDomain, serial: Path) -> None:
        self.client, self.domain, self.name, self.serial = client, domain, domain.name(), serial
        self.path = system_path(self.name, "KVM")
        wait_until(self.known, 5)

    def known(self) -> bool:
        return bool(self.client.world.vm_by_key(self.name))

    def ask(self, state: int) -> tuple[int, Job | None]:
        """RequestStateChange and, where it became a job, the job after its end."""
        answer = self.client.invoke(self.path, "RequestStateChange", RequestedState=str(state))
        return int(str(answer.value)), self.client.job_of(answer) if answer.value == JOB else None

    def ask_power(self, state: int) -> tuple[int, Job | None]:
        """RequestPowerStateChange, likewise."""
        service = self.link().properties["ServiceProvided"]
        assert isinstance(service, call.Path)
        answer = self.client.invoke(service, "RequestPowerStateChange", PowerState=str(state), ManagedElement=self.path)
        return int(str(answer.value)), self.client.job_of(answer) if answer.value == JOB else None

    def link(self) -> Item:
        (found,) = self.client.links(self.path, "CIM_AssociatedPowerManagementService")
        return found

    def shown(self) -> tuple[object, object, object]:
        """EnabledState, RequestedState, PowerState."""
        system = self.client.get(self.path).properties
        return system["EnabledState"], system["RequestedState"], self.link().properties["PowerState"]

    def state(self) -> int:
        return int(self.domain.state()[0])

    def run(self) -> int:
        """The number of this run; a handle keeps the number it was made with."""
        return int(self.domain.connect().lookupByName(self.name).ID())

    def ready(self) -> None:
        """Wait until the guest has said on its serial port that it listens to the power button."""
        wait_until(lambda: b"GUEST-READY" in self.serial.read_bytes(), BOOT_SECONDS)


MakeGuest = Callable[..., Guest]


@pytest.fixture
def make_guest(client: Client, define_domain: DefineDomain, scratch_dir: Path) -> MakeGuest:
    """make_guest(name, **guest_xml arguments) -> a guest that writes its serial port into a file."""

    def make(name: str, devices: str = "", **arguments: Any) -> Guest:
        serial = scratch_dir / f"{name}.log"
        port = f"<serial type='file'><source path='{serial}' append='on'/><target port='0'/></serial>"
        return Guest(client, define_domain(name, devices=devices + port, **arguments), serial)

    return make


@pytest.fixture
def guest(make_guest: MakeGuest) -> Guest:
    """A guest without an operating system that is up at once and obeys the power button."""
    return make_guest("states", linux=False, memory_mib=16)


def test_life_of_a_guest(guest: Guest) -> None:
    """Activate, pause, resume, suspend, restore, reboot, reset, deactivate (R09, R17, R18, R24)."""
    assert guest.shown() == (DISABLED, 0, 8)
    assert guest.ask(ENABLED) == (OK, None)
    assert (guest.state(), guest.shown()) == (libvirt.VIR_DOMAIN_RUNNING, (ENABLED, ENABLED, 2))
    run = guest.run()
    assert guest.ask(QUIESCE) == (OK, None)
    assert (guest.state(), guest.shown()) == (libvirt.VIR_DOMAIN_PAUSED, (QUIESCE, QUIESCE, 3))
    assert guest.ask(ENABLED) == (OK, None)
    assert (guest.state(), guest.run()) == (libvirt.VIR_DOMAIN_RUNNING, run)
    code, job = guest.ask(OFFLINE)
    assert (code, job and job.state) == (JOB, COMPLETED)
    assert guest.domain.hasManagedSaveImage() == 1
    assert guest.shown() == (OFFLINE, OFFLINE, 7)
    assert guest.ask(ENABLED) == (OK, None)
    assert (guest.domain.hasManagedSaveImage(), guest.shown()) == (0, (ENABLED, ENABLED, 2))
    guest.ready()
    run = guest.run()
    code, job = guest.ask(REBOOT)
    assert (code, job and job.error, guest.run()) == (JOB, "", run)
    assert guest.shown() == (ENABLED, REBOOT, 2)
    assert guest.ask(RESET) == (OK, None)
    assert (guest.state(), guest.run()) == (libvirt.VIR_DOMAIN_RUNNING, run)
    assert guest.ask(DISABLED) == (OK, None)
    assert (guest.state(), guest.shown()) == (libvirt.VIR_DOMAIN_SHUTOFF, (DISABLED, DISABLED, 8))


def test_reset_of_a_paused_guest_lets_it_run(guest: Guest) -> None:
    guest.ask(ENABLED)
    guest.ask(QUIESCE)
    assert guest.ask(RESET) == (OK, None)
    assert (guest.state(), guest.shown()) == (libvirt.VIR_DOMAIN_RUNNING, (ENABLED, RESET, 2))


def test_suspend_of_a_paused_guest(guest: Guest) -> None:
    guest.ask(ENABLED)
    guest.ask(QUIESCE)
    code, job = guest.ask(OFFLINE)
    assert (code, job and job.state, guest.domain.hasManagedSaveImage()) == (JOB, COMPLETED, 1)
    assert guest.ask(ENABLED) == (OK, None)
    assert (guest.state(), guest.shown()) == (libvirt.VIR_DOMAIN_RUNNING, (ENABLED, ENABLED, 2))
    guest.ask(OFFLINE)
    assert guest.ask(DISABLED) == (OK, None)
    assert (guest.domain.hasManagedSaveImage(), guest.shown()) == (0, (DISABLED, DISABLED, 8))


def test_state_wishes_live_in_the_metadata(guest: Guest) -> None:
    """In the definition and in the running domain, also after it was restored from an older image."""
    for state in (ENABLED, OFFLINE, ENABLED):
        guest.ask(state)
    for flags in (0, libvirt.VIR_DOMAIN_XML_INACTIVE):
        assert "<virtcim:RequestedState>2</virtcim:RequestedState>" in guest.domain.XMLDesc(flags)
    with_wish = guest.domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)
    assert guest.ask(ENABLED) == (TRANSITION, None)
    assert guest.domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE) == with_wish


def test_shut_down_by_acpi(make_guest: MakeGuest) -> None:
    """A Linux guest that has booted obeys."""
    guest = make_guest("acpi")
    assert guest.ask(ENABLED) == (OK, None)
    guest.ready()
    code, job = guest.ask(SHUT_DOWN)
    assert (code, job and job.state) == (JOB, COMPLETED)
    assert guest.state() == libvirt.VIR_DOMAIN_SHUTOFF
    assert guest.domain.state()[1] == libvirt.VIR_DOMAIN_SHUTOFF_SHUTDOWN
    assert guest.shown() == (DISABLED, SHUT_DOWN, 8)
    assert guest.link().properties["RequestedPowerState"] == 13


@pytest.fixture
def stubborn(make_guest: MakeGuest) -> Guest:
    """A guest that does not listen: firmware without anything to boot."""
    guest = make_guest("stubborn", linux=False, memory_mib=16)
    xml = guest.domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)
    start, end = xml.index("<disk "), xml.index("</disk>") + len("</disk>")
    guest.domain.connect().defineXML(xml[:start] + xml[end:])
    assert guest.ask(ENABLED) == (OK, None)
    return guest


def test_uncooperative_guest(stubborn: Guest) -> None:
    """The job ends in Exception, the system is still active and the wish remains (R19)."""
    code, job = stubborn.ask(SHUT_DOWN)
    assert job is not None
    assert (code, job.state) == (JOB, EXCEPTION)
    assert "not done within 3 s" in job.error
    assert stubborn.shown() == (ENABLED, SHUT_DOWN, 2)
    assert stubborn.client.get(stubborn.path).properties["TransitioningToState"] == 5


def test_while_a_guest_takes_its_time(stubborn: Guest) -> None:
    """Other requests are refused meanwhile, but it can be turned off, and then the job is done."""
    client = stubborn.client
    answer = client.invoke(stubborn.path, "RequestStateChange", RequestedState=str(SHUT_DOWN))
    assert answer.value == JOB
    assert client.get(stubborn.path).properties["TransitioningToState"] == SHUT_DOWN
    assert stubborn.link().properties["TransitioningToPowerState"] == 12
    assert stubborn.ask(QUIESCE)[0] == BUSY
    assert stubborn.ask(DISABLED) == (OK, None)
    assert client.job_of(answer).state == COMPLETED
    assert stubborn.shown() == (DISABLED, DISABLED, 8)


def test_a_job_that_is_cancelled(stubborn: Guest) -> None:
    client = stubborn.client
    answer = client.invoke(stubborn.path, "RequestStateChange", RequestedState=str(SHUT_DOWN))
    path = out(answer, "Job")
    assert isinstance(path, call.Path)
    job = next(job for job in client.jobs if str(path.key("InstanceID")).endswith(job.id))
    assert client.jobs.terminate(job)
    assert client.job_of(answer).state == TERMINATED
    assert stubborn.shown()[0] == ENABLED
    assert client.get(stubborn.path).properties["TransitioningToState"] == 5


def test_start_that_fails(client: Client, make_guest: MakeGuest) -> None:
    """Code 4 with libvirt's reason; the wish is not kept."""
    disk = "<disk type='file'><source file='/var/tmp/virtcim-test-nothing.img'/><target dev='vdb' bus='virtio'/></disk>"
    guest = make_guest("broken", linux=False, memory_mib=16, devices=disk)
    answer = client.invoke(guest.path, "RequestStateChange", RequestedState="2")
    assert answer.value == FAILED
    assert "virtcim-test-nothing.img" in answer.reason
    assert guest.shown() == (DISABLED, 0, 8)


POWER_CYCLES = {"power cycle": (5, OK), "hard power cycle": (9, OK), "graceful power cycle": (15, JOB)}


@pytest.mark.parametrize(("power", "wanted"), POWER_CYCLES.values(), ids=POWER_CYCLES)
def test_power_cycles(guest: Guest, power: int, wanted: int) -> None:
    """A cycle starts the guest anew."""
    guest.ask_power(2)
    run = guest.run()
    guest.ready()
    code, job = guest.ask_power(power)
    assert (code, job.error if job else "") == (wanted, "")
    assert (guest.state(), guest.run() != run) == (libvirt.VIR_DOMAIN_RUNNING, True)
    assert guest.link().properties["RequestedPowerState"] == power + (power >= 12)


def test_interrupt(guest: Guest) -> None:
    guest.ask_power(2)
    assert guest.ask_power(11) == (OK, None)
    assert guest.state() == libvirt.VIR_DOMAIN_RUNNING


def test_changes_of_others_show(guest: Guest) -> None:
    """virsh changes the state: CIM shows it within the latency of the event (R20)."""
    guest.domain.create()
    wait_until(lambda: guest.shown()[0] == ENABLED, 2)
    guest.domain.suspend()
    wait_until(lambda: guest.shown()[0] == QUIESCE, 2)
    guest.domain.destroy()
    wait_until(lambda: guest.shown()[0] == DISABLED, 2)


def test_transient_guest(client: Client, guest: Guest, qemu: libvirt.virConnect) -> None:
    """It is gone when it is turned off (R21)."""
    xml = guest.domain.XMLDesc().replace(guest.name, f"{PREFIX}brief").replace(guest.domain.UUIDString(), "")
    brief = Guest(client, qemu.createXML(xml.replace("<uuid></uuid>", "")), guest.serial)
    assert brief.ask(OFFLINE)[0] == TRANSITION
    assert brief.ask(QUIESCE) == (OK, None)
    assert brief.shown() == (QUIESCE, QUIESCE, 3)
    assert brief.ask(DISABLED) == (OK, None)
    assert not brief.known()
