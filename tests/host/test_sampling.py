"""Readings at times of their own, and the CIM datetimes that say when."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime

import pytest

from virtcim.host.sampling import Sampler, Times
from virtcim.host.states import cim_datetime, cim_interval, length_of, seconds_of


@pytest.mark.parametrize(
    ("now", "left"), [(90.0, 10.0), (100.0, 5.0), (103.0, 2.0), (104.5, 0.5), (105.0, 5.0), (1001.0, 4.0)]
)
def test_when_the_next_one_is(now: float, left: float) -> None:
    assert Times(100.0, 5.0).left(now) == left


def test_readings_come_at_their_times_until_they_are_to_stop() -> None:
    read = threading.Semaphore(0)
    sampler = Sampler(read.release)
    sampler.set(None)
    sampler.set(Times(time.time() - 10, 0.05))
    assert all(read.acquire(timeout=10) for _ in range(3))
    sampler.set(Times(time.time() + 3600, 1.0))
    time.sleep(0.2)
    while read.acquire(blocking=False):
        pass
    assert not read.acquire(timeout=0.3)
    sampler.stop()
    sampler.set(Times(time.time() - 10, 0.05))
    assert not read.acquire(timeout=0.3)


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0.0, "00000000000000.000000:000"),
        (61.25, "00000000000101.250000:000"),
        (90061.5, "00000001010101.500000:000"),
        (-3.0, "00000000000000.000000:000"),
    ],
)
def test_intervals(seconds: float, shown: str) -> None:
    assert cim_interval(seconds) == shown
    assert length_of(shown) == max(0.0, seconds)


def test_moments() -> None:
    moment = datetime(2026, 1, 2, 3, 4, 5, 250000, UTC)
    assert seconds_of(cim_datetime(moment)) == moment.timestamp()
    assert seconds_of("20260102040405.250000+060") == moment.timestamp()
    assert seconds_of("20260102020405.250000-060") == moment.timestamp()


@pytest.mark.parametrize(
    "text", ["", "20260102030405.250000", "00000000000101.250000:000", "20260102******.******+000"]
)
def test_what_is_no_moment(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        seconds_of(text)


@pytest.mark.parametrize("text", ["", "20260102030405.250000+000", "0000000000010*.250000:000"])
def test_what_is_no_interval(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        length_of(text)
