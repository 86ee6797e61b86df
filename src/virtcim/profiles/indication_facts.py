"""What the indication service is, what it is made of, and how it tells time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from virtcim.broker.call import Path
from virtcim.broker.provider import Stored

OnShelf = Callable[[tuple[Stored, ...], tuple[Stored, ...]], None]


class Shelf(Protocol):
    """The stored instances."""

    @property
    def lock(self) -> AbstractContextManager[Any]: ...
    def catch_up(self) -> None: ...
    def on_foreign(self, callback: OnShelf) -> None: ...
    def of_class(self, classname: str) -> list[Stored]: ...
    def count(self, classname: str) -> int: ...
    def find(self, path: Path) -> Stored | None: ...
    def referring(self, path: Path) -> list[Stored]: ...
    def add(self, one: Stored) -> None: ...
    def replace(self, old: Stored, new: Stored) -> None: ...
    def remove(self, *gone: Stored) -> None: ...


class Running(Protocol):
    """A subscription that is at work; `last` are identifier and time of the indication made last."""

    @property
    def last(self) -> tuple[Any, Any]: ...


class Engine(Protocol):
    """Where indications are matched and queued."""

    def subscribe(
        self, path: Path, filters: Iterable[Any], destination: Path, url: str, until: float | None
    ) -> bool: ...
    def unsubscribe(self, path: Path) -> None: ...
    def subscription(self, path: Path) -> Running | None: ...


@dataclass(frozen=True, kw_only=True)
class ServiceFacts:
    """The indication service; times in seconds. `namespaces` are those served, in lower case, with their real names."""

    system_name: str
    namespaces: Mapping[str, str]
    retry_attempts: int = 3
    retry_interval: int = 30
    removal_interval: int = 2_592_000
    max_destinations: int = 10_000
    max_subscriptions: int = 100_000


@dataclass(frozen=True)
class DynamicFilter:
    """A stored filter as the engine sees it."""

    name: str
    query: str
    language: str
    namespaces: Sequence[str]


def reference(one: Stored, name: str) -> Path:
    """A reference of a subscription."""
    value = one.properties.get(name)
    if not isinstance(value, Path):
        raise TypeError(f"{one.path} has no {name}")
    return value


def cim_now() -> str:
    """This moment as CIM datetime, in UTC."""
    return datetime.now(UTC).strftime("%Y%m%d%H%M%S.%f+000")


def seconds(text: str) -> float:
    """A CIM datetime in UTC as seconds since 1970."""
    return datetime.strptime(text[:21], "%Y%m%d%H%M%S.%f").replace(tzinfo=UTC).timestamp()
