"""What a verb of ours causes is read once, by the verb; what others do meanwhile or later is seen as ever."""

from __future__ import annotations

import time
import uuid
from itertools import count

import pytest
from tests.counting import counted_calls
from tests.host.conftest import behind, minimal, wait_until

from virtcim.host import domains, expected
from virtcim.host.events import Event, EventKind, Topic
from virtcim.host.expected import ADDED, REMOVED, Expected
from virtcim.host.inventory import Host
from virtcim.model.domain import Domain

UUID, OTHER = (str(uuid.uuid4()) for _ in range(2))


def lifecycle(key: str = UUID, values: tuple[int, int] = ADDED, topic: Topic = Topic.DOMAIN) -> Event:
    return Event(topic, EventKind.LIFECYCLE, key, "name", values)


def test_an_event_is_expected_once() -> None:
    known = Expected(count(1).__next__)
    with known.change(UUID, ADDED):
        pass
    assert [known.covers(lifecycle()) for _ in range(3)] == [True, False, False]


@pytest.mark.parametrize(
    "event",
    [
        lifecycle(OTHER),
        lifecycle(values=REMOVED),
        lifecycle(values=(0, 1)),
        lifecycle(topic=Topic.NETWORK),
        Event(Topic.DOMAIN, EventKind.REBOOT, UUID, "name", ()),
    ],
    ids=["another domain", "removed", "updated", "a network", "another kind"],
)
def test_other_events_are_not(event: Event) -> None:
    known = Expected(count(1).__next__)
    with known.change(UUID, ADDED):
        assert not known.covers(event)
    assert known.covers(lifecycle())


def test_nothing_is_expected_of_what_failed() -> None:
    known = Expected(count(1).__next__)
    with pytest.raises(ValueError, match="no"), known.change(UUID, ADDED):
        raise ValueError("no")
    assert not known.covers(lifecycle())


def test_nothing_is_expected_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expected, "LASTING", 0.0)
    known = Expected(count(1).__next__)
    for number in range(10):
        with known.change(f"{number}", ADDED):
            pass
    assert not known.covers(lifecycle("9"))
    assert len(known._coming) <= 1


def test_who_waits_is_told_when_it_came() -> None:
    tickets = count(1)
    known = Expected(tickets.__next__)
    with known.change(UUID, ADDED) as coming:
        next(tickets)
        assert known.covers(lifecycle())
    assert coming.ticket() == 2


def test_what_does_not_come_is_not_waited_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expected, "SOON", 0.01)
    with Expected(count(1).__next__).change(UUID, REMOVED) as coming:
        pass
    assert coming.ticket() is None


def test_gone_is_only_what_nothing_else_was_heard_of(host: Host) -> None:
    off, running = (next(vm for vm in host.vms if vm.active is active) for active in (False, True))
    ticket = host._domains.ticket()
    assert not host.take_gone(running.uuid, ticket)
    host.reread_soon(off.uuid)
    assert not host.take_gone(off.uuid, ticket)
    assert {off.uuid, running.uuid} <= {vm.uuid for vm in host.vms}
    wait_until(lambda: not host._keeper.wanted(Topic.DOMAIN, off.uuid))
    assert not host.take_gone(off.uuid, ticket)  # it has been seen since
    assert host.take_gone(off.uuid, host._domains.ticket())
    assert host.vm(off.uuid) is None


def test_without_events_it_is_looked_for(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host.expected, "covers", lambda event: False)
    vm = domains.define_new(host, fresh("fresh"), unique=True)
    assert domains.remove(vm)
    assert host.vm(vm.uuid) is None


def fresh(name: str) -> Domain:
    return Domain.parse(minimal(name, f"<uuid>{uuid.uuid4()}</uuid>"))


def test_nobody_reads_again_what_the_verb_has_read(host: Host) -> None:
    with counted_calls() as calls:
        vm = domains.define_new(host, fresh("fresh"), unique=True)
        time.sleep(0.1)
        assert domains.remove(vm)
        time.sleep(0.1)
    asked = calls.of_domains()
    assert asked.pop("virDomainUndefineFlags") <= 3
    assert asked == {
        "virDomainDefineXML": 1,
        "virDomainGetXMLDesc": 1,
        "virDomainLookupByUUIDString": 1,
    }


def test_what_others_do_to_it_is_seen(host: Host) -> None:
    vm = domains.define_new(host, fresh("fresh"), unique=True)
    domain = behind(host, "fresh")
    document = domain.XMLDesc()
    domain.undefine()
    wait_until(lambda: host.vm(vm.uuid) is None)
    with host.link.borrow() as connection:
        connection.defineXML(document.replace("<memory", "<title>again</title><memory", 1))
    wait_until(lambda: host.vm(vm.uuid) is not None)
    again = host.vm(vm.uuid)
    assert again is not None
    assert again.state_document.title == "again"
    behind(host, "fresh").create()
    wait_until(lambda: (found := host.vm(vm.uuid)) is not None and found.active)
