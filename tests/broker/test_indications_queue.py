"""From the engine into the queues: late, once, and not what another server tells."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

import pytest
from tests.broker.test_indications import ANY, CREATED, RENAMED, STARTED, Filter, Rig, destination, make_rig, rig

from virtcim.broker.call import CIMError, Status
from virtcim.broker.indications_lifecycle import Notice
from virtcim.broker.indications_told import Unread
from virtcim.broker.store import digest
from virtcim.broker.store_queue import Beside, Draft

__all__ = ["make_rig", "rig"]  # fixtures


def test_what_the_store_does_not_take_is_queued_later(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    take, failures = rig.store.queue.enqueue, iter((True, True, False))

    def enqueue(drafts: Sequence[Draft], beside: Beside, batch: int) -> None:
        if next(failures):
            raise CIMError(Status.FAILED, "the store is full")
        take(drafts, beside, batch)

    monkeypatch.setattr(rig.store.queue, "enqueue", enqueue)
    rig.subscribe(Filter(ANY))
    rig.tell(STARTED)
    deadline = time.monotonic() + 5
    while not rig.woken and time.monotonic() < deadline:
        time.sleep(0.01)
    assert len(rig.queued()) == 1


def test_a_cause_that_the_store_cannot_tell_yet_is_asked_again(rig: Rig) -> None:
    """As what was told, while a database server starts again; all that comes later waits behind it."""
    failures = iter((True, True, False))

    def cause() -> list[Notice]:
        if next(failures):
            raise Unread("the database is away")
        return [STARTED]

    rig.subscribe(Filter(ANY))
    rig.engine.note(cause)
    rig.tell(RENAMED)
    assert rig.engine.settle(5)
    names = [one.classname for one in rig.queued()]
    assert names == [STARTED.indication.classname, RENAMED.indication.classname]


def test_what_was_queued_without_an_answer_is_not_queued_again(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """As when a connection breaks between the commit and its answer."""
    take, failures = rig.store.queue.enqueue, iter((True, False))

    def enqueue(drafts: Sequence[Draft], beside: Beside, batch: int) -> None:
        take(drafts, beside, batch)
        if next(failures):
            raise CIMError(Status.FAILED, "the connection is gone")

    monkeypatch.setattr(rig.store.queue, "enqueue", enqueue)
    rig.subscribe(Filter(ANY))
    rig.tell(STARTED)
    assert rig.engine.settle(5)
    assert len(rig.queued()) == 1


def test_what_was_made_under_a_lease_that_is_lost_is_not_queued(rig: Rig) -> None:
    rig.subscribe(Filter(ANY))
    started, go, closed = threading.Event(), threading.Event(), []
    rig.engine.note(lambda: started.set() or (go.wait() and ()))  # type: ignore[func-returns-value, arg-type, return-value]
    started.wait(5)
    rig.engine.note(lambda: [STARTED], "lease")
    rig.engine.note(lambda: [RENAMED], "other")
    rig.engine.drop("lease", lambda: closed.append("lease"))
    rig.engine.note(lambda: [CREATED], "lease")
    go.set()
    names = [one.classname for one in rig.queued()]
    assert closed == ["lease"]
    assert names == [RENAMED.indication.classname, CREATED.indication.classname]


def test_what_has_settled_is_queued(rig: Rig) -> None:
    assert rig.engine.settle()  # nobody subscribed
    rig.subscribe(Filter(ANY))
    rig.tell(STARTED)
    assert rig.engine.settle()
    assert len(rig.store.queue.queued(digest(destination()), 10)) == 1


def test_settling_does_not_take_for_ever(rig: Rig) -> None:
    rig.subscribe(Filter(ANY))
    rig.engine.note(lambda: time.sleep(0.5) or ())  # type: ignore[func-returns-value]
    assert not rig.engine.settle(0.1)
