"""Counts the calls of libvirt that a piece of work makes. Every call goes through: nothing is put in its place."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

import libvirt

# What a handle of libvirt-python answers by itself, without asking the driver.
LOCAL = frozenset({"virDomainGetUUIDString", "virDomainGetName", "virDomainGetUUID", "virDomainGetID", "virDomainFree"})


class Calls:
    """Names of the C functions called, as virDomainGetXMLDesc."""

    def __init__(self) -> None:
        self.counted: Counter[str] = Counter()

    def of_domains(self) -> Counter[str]:
        """Those made for one domain each."""
        return Counter(
            {
                name: count
                for name, count in self.counted.items()
                if name.startswith("virDomain") and name not in LOCAL and not name.startswith("virDomainSnapshot")
            }
        )

    def counting(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def counted(*args: Any) -> Any:
            self.counted[name] += 1
            return function(*args)

        return counted


@contextmanager
def counted_calls() -> Iterator[Calls]:
    """The calls made while the block runs, in all threads."""
    calls = Calls()
    module: Any = libvirt.libvirtmod
    functions = {name: found for name in dir(module) if callable(found := getattr(module, name))}
    for name, function in functions.items():
        setattr(module, name, calls.counting(name, function))
    try:
        yield calls
    finally:
        for name, function in functions.items():
            setattr(module, name, function)
