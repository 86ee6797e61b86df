"""What readings of metrics come to."""

from __future__ import annotations

from virtcim.mapping.metrics import FUNCTIONS
from virtcim.profiles.metrics_history import History

KEY, OTHER = ("host/vm/web1", "Memory.Presented"), ("host/vm/web2", "Memory.Presented")


def results(history: History) -> list[float]:
    course = history.of(KEY)
    return [course.result(function) for function in FUNCTIONS.values()] if course else []


def test_readings_come_to_something_from_the_second_on() -> None:
    history = History()
    history.take([(KEY, 4.0)], 10.0)
    assert results(history) == []
    history.take([(KEY, 9.0)], 10.0)  # the same reading again
    assert results(history) == []
    for at, number in ((11.0, 2.0), (13.0, 6.0)):
        history.take([(KEY, number), (OTHER, 1.0)], at)
    assert results(history) == [2.0, 6.0, 4.0]
    course = history.of(KEY)
    assert course is not None
    assert (course.since, course.at) == (10.0, 13.0)


def test_what_is_read_no_longer_begins_anew() -> None:
    history = History()
    for at in (1.0, 2.0):
        history.take([(KEY, 1.0), (OTHER, 1.0)], at)
    history.take([(OTHER, 1.0)], 3.0)
    assert results(history) == []
    history.take([(KEY, 5.0)], 4.0)
    assert results(history) == []
    history.take([(KEY, 5.0)], 5.0)
    assert results(history) == [5.0, 5.0, 5.0]
    history.forget(KEY)
    assert results(history) == []
