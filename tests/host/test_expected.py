"""What a verb of ours causes is read once, by the verb; what others do meanwhile or later is seen as ever."""

from __future__ import annotations

import time
import uuid

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
    known = Expected()
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
    known = Expected()
    with known.change(UUID, ADDED):
        assert not known.covers(event)
    assert known.covers(lifecycle())


def test_nothing_is_expected_of_what_failed() -> None:
    known = Expected()
    with pytest.raises(ValueError, match="no"), known.change(UUID, ADDED):
        raise ValueError("no")
    assert not known.covers(lifecycle())


def test_nothing_is_expected_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expected, "LASTING", 0.0)
    known = Expected()
    for number in range(10):
        with known.change(f"{number}", ADDED):
            pass
    assert not known.covers(lifecycle("9"))
    assert len(known._until) <= 1


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
        "virDomainLookupByUUIDString": 2,
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
