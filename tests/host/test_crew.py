"""Threads and times that all hosts share: what hangs delays nobody, and nothing is left when there is nothing to do."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from itertools import pairwise

import pytest
from tests.host.conftest import wait_until

from virtcim.host import crew as rooms
from virtcim.host.crew import Clock, Crew, Repeated, Turn


@pytest.fixture
def crew(monkeypatch: pytest.MonkeyPatch) -> Crew:
    monkeypatch.setattr(rooms, "LINGER", 0.1)
    return Crew()


@pytest.fixture
def clock(crew: Crew) -> Clock:
    return Clock(crew)


@pytest.fixture
def shared(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of whatever is repeated meanwhile, in what other tests have left as well."""
    monkeypatch.setattr(rooms, "clock", clock)
    return clock


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    opened = threading.Event()
    yield opened
    opened.set()


def noting(found: list[str], what: str) -> Callable[[], None]:
    return lambda: found.append(what)


def test_work_that_hangs_delays_no_other(crew: Crew, gate: threading.Event) -> None:
    found: list[str] = []
    for _ in range(5):
        crew.do(gate.wait)
    crew.do(noting(found, "done"))
    wait_until(lambda: found == ["done"])


def test_an_idle_thread_is_used_again_and_goes_when_nothing_comes(crew: Crew) -> None:
    threads: list[threading.Thread] = []
    for count in range(1, 6):
        crew.do(lambda: threads.append(threading.current_thread()))
        wait_until(lambda wanted=count: len(threads) == wanted and crew.idle == 1)  # type: ignore[misc]
    assert len(set(threads)) == 1
    wait_until(lambda: not threads[0].is_alive())


def test_work_that_fails_is_logged_and_stops_nobody(crew: Crew, caplog: pytest.LogCaptureFixture) -> None:
    found: list[str] = []
    crew.do(lambda: 1 // 0)
    crew.do(noting(found, "done"))
    wait_until(lambda: found == ["done"])
    wait_until(lambda: "ZeroDivisionError" in caplog.text)


def test_what_is_due_is_done_in_its_order(clock: Clock) -> None:
    found: list[str] = []
    for seconds, what in ((0.15, "third"), (0.0, "first"), (0.08, "second")):
        clock.after(seconds, noting(found, what))
    wait_until(lambda: found == ["first", "second", "third"])
    wait_until(lambda: not clock._running)


def test_what_is_called_off_is_not_done_and_holds_no_thread(clock: Clock) -> None:
    found: list[str] = []
    alarm = clock.after(60, noting(found, "never"))
    assert clock.cancel(alarm)
    assert not clock.cancel(alarm)
    wait_until(lambda: not clock._running)
    clock.after(0, noting(found, "next"))
    wait_until(lambda: found == ["next"])


def test_repeated_work_waits_for_itself_and_ends_when_stopped(shared: Clock, gate: threading.Event) -> None:
    found: list[str] = []

    def work() -> None:
        found.append("begun")
        gate.wait()

    repeated = Repeated(0.01, work, first=0.0)
    repeated.start()
    wait_until(lambda: bool(found))
    time.sleep(0.05)
    assert found == ["begun"]
    gate.set()
    wait_until(lambda: len(found) > 2)
    repeated.stop()
    done = len(found)
    time.sleep(0.05)
    assert len(found) <= done + 1  # which was under way


def test_repeated_work_that_fails_is_done_again(shared: Clock) -> None:
    found: list[str] = []

    def work() -> None:
        found.append("begun")
        raise ValueError

    repeated = Repeated(0.01, work)
    repeated.start()
    wait_until(lambda: len(found) > 1)
    repeated.stop()


def test_many_hosts_take_turns() -> None:
    turns = [Turn(number, 300) for number in range(300)]
    firsts = [turn.first(30.0) for turn in turns]
    gaps = [later - earlier for earlier, later in pairwise(firsts)]
    assert gaps == pytest.approx([0.1] * 299)
    assert max(firsts) == 30.0
    assert {turn.at_most(100, 1.0) for turn in turns} == {3.0}
    assert (Turn().first(30.0), Turn().at_most(100, 1.0)) == (30.0, 1.0)
