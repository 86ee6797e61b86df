"""How often libvirt's functions are called, and how long they take: measured in one place, below its Python classes."""

from __future__ import annotations

import re
import threading
import time
from bisect import bisect_left
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import libvirt

BOUNDS = (0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10.0, 60.0)  # seconds

# Not the functions of the event loop, which wait, nor those that only let go of an object or tell what a handle knows.
_MEASURED = re.compile(r"vir(Connect|Domain|Interface|Network|Node|NWFilter|Secret|Storage|Stream)\w*(?<!Free)")
_KNOWN = re.compile(r"virConnectIsAlive|virDomainGetID|vir\w+Get(Name|UUID|UUIDString)")


@dataclass
class Times:
    """The calls of one function: how many took up to each of BOUNDS but longer than the one before, or longer still."""

    buckets: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))
    seconds: float = 0.0


class CallTimes:
    """The calls by the name of the function."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._times: dict[str, Times] = {}

    def add(self, name: str, seconds: float) -> None:
        with self._lock:
            times = self._times.setdefault(name, Times())
            times.buckets[bisect_left(BOUNDS, seconds)] += 1
            times.seconds += seconds

    def so_far(self) -> Mapping[str, Times]:
        with self._lock:
            return {name: Times(list(one.buckets), one.seconds) for name, one in self._times.items()}


def _timed(times: CallTimes, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    def call(*args: Any) -> Any:
        started = time.perf_counter()
        try:
            return function(*args)
        finally:
            times.add(name, time.perf_counter() - started)

    return call


def _asks(name: str) -> bool:
    return _MEASURED.fullmatch(name) is not None and _KNOWN.fullmatch(name) is None


def _measured(functions: ModuleType, times: CallTimes) -> ModuleType:
    """The same module, with the functions that ask libvirt for something replaced."""
    made = ModuleType(functions.__name__)
    for name, value in vars(functions).items():
        setattr(made, name, _timed(times, name, value) if _asks(name) else value)
    return made


_TIMES = CallTimes()
_FUNCTIONS = "libvirtmod"  # what libvirt's Python classes call
_ours: list[ModuleType] = []


def measured() -> CallTimes:
    """The calls of this process, measured from the first time that this is asked for."""
    if not _ours:
        _ours.append(_measured(vars(libvirt)[_FUNCTIONS], _TIMES))
        setattr(libvirt, _FUNCTIONS, _ours[0])
    return _TIMES
