"""Domain states as libvirt numbers them, what leads from one to another, and the moments they change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from enum import IntEnum
from typing import NamedTuple, Protocol


class DomainState(IntEnum):
    """virDomainState; a number that libvirt adds later reads as NOSTATE."""

    NOSTATE = 0
    RUNNING = 1
    BLOCKED = 2
    PAUSED = 3
    SHUTDOWN = 4
    SHUTOFF = 5
    CRASHED = 6
    PMSUSPENDED = 7

    @classmethod
    def _missing_(cls, value: object) -> DomainState:
        return cls.NOSTATE


class Underway(NamedTuple):
    """What work in the background brings a domain to, as RequestedState and as PowerState are numbered in requests.

    `operating`: the OperatingStatus that shows meanwhile; 0 for that of its state.
    """

    requested: int
    power: int
    operating: int = 0


NO_CHANGE = (5, 19)  # Underway.requested and .power of what stays in its state
EMIGRATING, IMMIGRATING, SNAPSHOTTING = 10, 11, 12  # Underway.operating
_PAUSED_FOR_MOVE, _PAUSED_AT_START = 2, 11  # virDomainPausedReason


def emigrating() -> Underway:
    """What a domain shows that leaves for another host; each one is a mark of its own."""
    return Underway(*NO_CHANGE, EMIGRATING)


def snapshotting() -> Underway:
    """What a domain shows while a snapshot of it is taken, applied or deleted; each one is a mark of its own."""
    return Underway(*NO_CHANGE, SNAPSHOTTING)


ARRIVING = Underway(*NO_CHANGE, IMMIGRATING)


class _Stated(Protocol):
    @property
    def state(self) -> DomainState: ...
    @property
    def reason(self) -> int: ...


class _Shown(_Stated, Protocol):
    @property
    def underway(self) -> Underway | None: ...


def arriving(now: _Stated, before: _Shown | None) -> Underway | None:
    """What a domain shows that comes from another host: it is paused for that from its beginning.

    `before`: what it was until now, None if it was not there.
    """
    starting = before is not None and (before.state, before.reason) == (DomainState.PAUSED, _PAUSED_AT_START)
    begun = before is None or starting or before.underway is ARRIVING
    return ARRIVING if begun and (now.state, now.reason) == (DomainState.PAUSED, _PAUSED_FOR_MOVE) else None


def cim_datetime(moment: datetime) -> str:
    """A moment as CIM datetime text of 25 characters, in UTC."""
    at = moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    day, time = f"{at.year:04}{at.month:02}{at.day:02}", f"{at.hour:02}{at.minute:02}{at.second:02}"
    return f"{day}{time}.{at.microsecond:06}+000"  # strftime() takes three times as long


def moment(seconds: float) -> datetime:
    """The moment that many seconds after the beginning of 1970."""
    return datetime.fromtimestamp(seconds, UTC)


def now() -> str:
    """This moment as CIM datetime text."""
    return cim_datetime(datetime.now(UTC))


def seconds_of(text: str) -> float:
    """A moment as CIM datetime text, in seconds since 1970. Errors: ValueError for an interval, or with wildcards."""
    if len(text) != 25 or text[21] not in "+-":
        raise ValueError(f"{text!r} is not a point in time")
    away = timedelta(minutes=int(text[21:]))
    return (datetime.strptime(text[:21], "%Y%m%d%H%M%S.%f").replace(tzinfo=UTC) - away).timestamp()


def length_of(text: str) -> float:
    """An interval as CIM datetime text, in seconds. Errors: ValueError for a moment, or with wildcards."""
    if len(text) != 25 or text[21] != ":":
        raise ValueError(f"{text!r} is not an interval")
    days, hours, minutes = int(text[:8]), int(text[8:10]), int(text[10:12])
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=float(text[12:21])).total_seconds()


def cim_interval(seconds: float) -> str:
    """A stretch of time as CIM datetime text of 25 characters."""
    whole = timedelta(seconds=max(0.0, seconds))
    minutes, rest = divmod(whole.seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{whole.days:08}{hours:02}{minutes:02}{rest:02}.{whole.microseconds:06}:000"
