"""The verbs on the test driver: from which states they work, what they refuse and how, and that their effect shows."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import libvirt
import pytest
from tests.host.conftest import behind, minimal, named, wait_until
from tests.told import symbol_of

from virtcim.host import domains
from virtcim.host.errors import HostError, Kind
from virtcim.host.inventory import Host, Vm
from virtcim.host.states import DomainState
from virtcim.model.domain import Domain

RUNNING, PAUSED, OFF, SAVED, CRASHED = "web1", "mail1", "desktop1", "archive1", "legacy1"
Verb = Callable[[Vm], Vm | None]
R, P, S = DomainState.RUNNING, DomainState.PAUSED, DomainState.SHUTOFF
NO = Kind.INVALID_STATE

# verb -> what comes of it for a domain that is running, paused, off, saved, crashed
TRANSITIONS: dict[Verb, tuple[DomainState | Kind, ...]] = {
    domains.start: (NO, NO, R, R, NO),
    domains.resume: (NO, R, NO, NO, NO),
    domains.pause: (P, NO, NO, NO, NO),
    domains.destroy: (S, S, NO, NO, S),
    domains.save: (S, S, NO, NO, NO),
    domains.discard_saved: (NO, NO, NO, S, NO),
    domains.shutdown: (S, NO, NO, NO, NO),
    domains.reboot: (R, NO, NO, NO, NO),
    domains.reset: (R, P, NO, NO, NO),
    domains.inject_nmi: (R, NO, NO, NO, NO),
    domains.wakeup: (NO, NO, NO, NO, NO),
}
CASES = [
    pytest.param(verb, name, result, id=f"{verb.__name__}-{state}")
    for verb, results in TRANSITIONS.items()
    for (state, name), result in zip(
        [("running", RUNNING), ("paused", PAUSED), ("off", OFF), ("saved", SAVED), ("crashed", CRASHED)],
        results,
        strict=True,
    )
]


@pytest.mark.parametrize(("verb", "name", "result"), CASES)
def test_verb_in_state(host: Host, verb: Verb, name: str, result: DomainState | Kind) -> None:
    before = named(host, name)
    if isinstance(result, Kind):
        with pytest.raises(HostError, match=f"domain {name}: it is") as error:
            verb(before)
        assert error.value.kind is result
        assert host.vm(before.uuid) is before
        return
    after = verb(before)
    assert after is not None
    assert after is host.vm(before.uuid)
    assert after.state is result
    assert behind(host, name).state()[0] == result
    assert after.managed_save == (verb is domains.save)


@pytest.mark.parametrize("verb", [*TRANSITIONS, domains.undefine], ids=lambda verb: verb.__name__)
def test_verb_on_a_domain_that_is_gone(host: Host, verb: Verb) -> None:
    vm = domains.define(host, minimal("gone"))
    behind(host, "gone").undefine()
    with pytest.raises(HostError) as error:
        verb(vm)
    assert error.value.kind is Kind.NOT_FOUND


def test_a_transient_domain_is_gone_when_destroyed_and_has_no_definition_to_change(host: Host) -> None:
    vm = named(host, "probe1")
    for verb in (domains.save, domains.undefine, lambda vm: domains.set_autostart(vm, True)):
        with pytest.raises(HostError, match="it is transient") as error:
            verb(vm)
        assert error.value.kind is Kind.INVALID_STATE
        assert symbol_of(error.value.message) == "VS_STATE_REFUSED"
    assert domains.destroy(vm) is None
    assert host.vm_named("probe1") is None


def test_undefine_takes_the_saved_image_along_and_leaves_a_running_domain_running(host: Host) -> None:
    assert domains.undefine(named(host, SAVED)) is None
    assert host.vm_named(SAVED) is None
    left = domains.undefine(named(host, RUNNING))
    assert left is not None
    assert (left.active, left.persistent, left.defined_xml) == (True, False, None)


def test_define_shows_at_once_and_again_redefines(host: Host) -> None:
    vm = domains.define(host, minimal("fresh"))
    assert host.vm_named("fresh") is vm
    assert vm.state is DomainState.SHUTOFF
    again = domains.define(host, minimal("fresh", f"<uuid>{vm.uuid}</uuid><title>Renewed</title>"))
    assert again.uuid == vm.uuid
    assert again.state_document.title == "Renewed"


UUID = "3b0a7c1e-52d4-4f0e-9a61-6f1d2c8e0107"  # of desktop1
REFUSED_DOCUMENTS = [
    ("not-xml", "<domain", False, Kind.INVALID, "refused"),
    (
        "entity",
        "<!DOCTYPE d [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><domain>&x;</domain>",
        False,
        Kind.INVALID,
        "validate",
    ),
    ("no-name", "<domain type='test'><memory>1</memory></domain>", False, Kind.INVALID, "name"),
    ("bad-uuid", minimal("x", "<uuid>one</uuid>"), False, Kind.INVALID, "UUID"),
    ("unknown-element", minimal("x", "<bogus/>"), False, Kind.INVALID, "bogus"),
    ("name-taken", minimal("desktop1"), False, Kind.ALREADY_EXISTS, "desktop1"),
    ("uuid-taken", minimal("x", f"<uuid>{UUID}</uuid>"), False, Kind.ALREADY_EXISTS, "desktop1"),
    ("itself-but-new", minimal("desktop1", f"<uuid>{UUID}</uuid>"), True, Kind.ALREADY_EXISTS, "desktop1"),
]


@pytest.mark.parametrize(
    ("xml", "new", "kind", "says"), [row[1:] for row in REFUSED_DOCUMENTS], ids=[row[0] for row in REFUSED_DOCUMENTS]
)
def test_define_refuses(host: Host, xml: str, new: bool, kind: Kind, says: str) -> None:
    before = host.vms
    with pytest.raises(HostError, match=says) as error:
        domains.define_new(host, Domain.parse(xml)) if new else domains.define(host, xml)
    assert error.value.kind is kind
    host.reconcile()
    assert host.vms is before


def test_rename(host: Host) -> None:
    vm = domains.rename(named(host, OFF), "desk")
    assert (vm.name, host.vm_named("desk"), host.vm_named(OFF)) == ("desk", vm, None)
    assert domains.rename(vm, "desk") is vm
    with pytest.raises(HostError, match=RUNNING) as taken:
        domains.rename(vm, RUNNING)
    assert taken.value.kind is Kind.ALREADY_EXISTS
    with pytest.raises(HostError, match="it is running") as active:
        domains.rename(named(host, RUNNING), "other")
    assert active.value.kind is Kind.INVALID_STATE


def test_memory_and_processors_of_the_running_domain_and_of_its_definition(host: Host) -> None:
    vm = named(host, RUNNING)
    live = domains.set_memory(vm, 1048576, live=True, config=False)
    assert live is not None
    assert live.defined_document is not None
    assert live.state_document.current_memory == 1048576
    assert live.defined_document.current_memory != 1048576
    both = domains.set_memory(vm, 524288, live=True, config=True)
    assert both is not None
    assert both.defined_document is not None
    assert both.state_document.current_memory == both.defined_document.current_memory == 524288
    fewer = domains.set_vcpus(vm, 1, live=False, config=True)
    assert fewer is not None
    assert fewer.defined_document is not None
    assert fewer.defined_document.current_vcpu == 1


@pytest.mark.parametrize(
    ("name", "live", "config", "kind"),
    [
        pytest.param(OFF, True, False, Kind.INVALID_STATE, id="live-but-off"),
        pytest.param(OFF, True, True, Kind.INVALID_STATE, id="both-but-off"),
        pytest.param("probe1", True, True, Kind.INVALID_STATE, id="both-but-transient"),
        pytest.param(RUNNING, False, False, Kind.INVALID, id="neither"),
    ],
)
def test_a_change_that_cannot_be_made_everywhere_is_made_nowhere(
    host: Host, name: str, live: bool, config: bool, kind: Kind
) -> None:
    before = named(host, name)
    with pytest.raises(HostError) as error:
        domains.set_memory(before, 65536, live=live, config=config)
    assert error.value.kind is kind
    assert host.refresh(before.uuid) is before


def test_too_much_memory_is_refused_with_libvirts_words(host: Host) -> None:
    with pytest.raises(HostError, match=r"libvirt: .*memory") as error:
        domains.set_memory(named(host, OFF), 2**40, live=False, config=True)
    assert error.value.kind is Kind.INVALID


def test_metadata_of_the_running_domain_and_its_definition(host: Host) -> None:
    uri = "http://example.com/test"
    vm = domains.set_metadata(named(host, RUNNING), "<note>hello</note>", "t", uri, live=True, config=True)
    assert vm is not None
    assert vm.defined_xml is not None
    assert all(f'xmlns:t="{uri}">hello' in xml for xml in (vm.state_xml, vm.defined_xml))
    gone = domains.set_metadata(vm, None, "t", uri, live=True, config=True)
    assert gone is not None
    assert uri not in gone.state_xml


@pytest.mark.parametrize("verb", [domains.attach, domains.update, domains.detach], ids=lambda verb: verb.__name__)
def test_what_the_driver_cannot_do_is_not_supported(host: Host, verb: Callable[..., object]) -> None:
    before = named(host, OFF)
    with pytest.raises(HostError) as error:
        verb(before, "<rng model='virtio'><backend model='random'>/dev/random</backend></rng>", False, True)
    assert error.value.kind is Kind.NOT_SUPPORTED
    assert host.refresh(before.uuid) is before


def test_a_shutdown_that_is_not_obeyed_times_out_or_is_cancelled(host: Host) -> None:
    vm = named(host, RUNNING)
    with host.watch(vm.uuid) as watch:
        begun = time.monotonic()
        with pytest.raises(HostError, match=r"not done within 0\.2 s") as late:
            watch.wait(lambda event: False, 0.2, lambda: False, "shutting down")
        assert time.monotonic() - begun >= 0.2
        with pytest.raises(HostError, match="shutting down: cancelled") as cancelled:
            watch.wait(lambda event: False, 60, lambda: True, "shutting down")
    assert (late.value.kind, cancelled.value.kind) == (Kind.TIMEOUT, Kind.CANCELLED)


def test_a_wait_ends_with_the_event_not_with_the_next_look(host: Host) -> None:
    vm, domain = named(host, RUNNING), behind(host, RUNNING)
    with host.watch(vm.uuid) as watch:
        threading.Timer(0.05, domain.suspend).start()
        begun = time.monotonic()
        watch.wait(lambda event: event is not None, 10, lambda: False, "waiting")
        assert time.monotonic() - begun < 9  # the wait itself would last 10


def test_many_threads_may_use_the_verbs_at_once(host: Host) -> None:
    """Every thread has a domain of its own and one that all fight for, where each attempt succeeds or is refused."""
    shared = domains.define(host, minimal("shared"))

    def life(number: int) -> None:
        vm = domains.define(host, minimal(f"own{number}"))
        for verb in (domains.start, domains.pause, domains.resume, domains.destroy):
            after = verb(vm)
            assert after is host.vm(vm.uuid)
            for fought in (domains.start, domains.destroy):
                try:
                    fought(shared)
                except HostError as error:
                    assert error.kind is Kind.INVALID_STATE or "already running" in error.message  # noqa: PT017
        with domains.edit(shared) as document:
            document.description = f"{int(document.description or 0) + 1}"
        assert domains.undefine(vm) is None

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(life, range(24)))
    after = host.vm(shared.uuid)
    assert after is not None
    assert after.defined_document is not None
    assert after.defined_document.description == "24"
    assert not [vm for vm in host.vms if vm.name.startswith("own")]


def test_a_watch_ends_with_its_block(host: Host) -> None:
    vm = named(host, RUNNING)
    with host.watch(vm.uuid) as watch:
        domains.pause(vm)
        wait_until(lambda: watch.events.qsize() == 1)
    domains.resume(vm)
    wait_until(lambda: named(host, RUNNING).state is R)
    assert watch.events.qsize() == 1


def test_no_thread_is_left_behind(host: Host) -> None:
    before = {thread.name for thread in threading.enumerate()}
    vm = named(host, RUNNING)
    domains.shutdown(vm)
    domains.start(vm)
    host.reconcile()
    assert {thread.name for thread in threading.enumerate()} <= before
    assert behind(host, RUNNING).state()[0] == libvirt.VIR_DOMAIN_RUNNING
