"""What comes of a method: a value, a refusal, a fault from below, or work that takes long and the job it becomes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Event
from typing import Any

from virtcim.broker.call import CIMError, ClassPath, Instance, Path, Properties


@dataclass(frozen=True)
class As:
    """An object as the instance of one class, where its type is served as several; stands wherever an object may."""

    target: object
    classname: str


@dataclass(frozen=True)
class ClassNamed:
    """A class that a REF parameter names: the classes, as profiles declare them, whose instances are of it.

    With a platform, where only those of its leaf are.
    """

    name: str
    declared: tuple[tuple[str, str | None], ...]

    def classes(self, platform: str) -> frozenset[str]:
        """Those whose instances on a platform are of the class."""
        return frozenset(classname for classname, only in self.declared if only in (None, platform))


@dataclass(frozen=True)
class Reference:
    """A REF parameter: the canonical path and the object it names, None when there is none.

    Of a class it is the path of that, with a ClassNamed.
    """

    path: Path | ClassPath
    target: object | None


class Returned:
    """What a method returns: its value and out parameters by name. A REF is given as the object itself.

    `reason` says what the value and the parameters cannot: why the answer to a question is no.
    """

    def __init__(self, value: int = 0, **out: object) -> None:
        self.value = value
        self.out = out
        self.reason = ""

    def because(self, reason: str) -> Returned:
        self.reason = reason
        return self


class Refused(Exception):
    """A method's own failure: a Values entry of its return ValueMap (e.g. "Invalid Parameter") and the reason."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name}: {reason}")
        self.name = name
        self.reason = reason


class Unknown(Exception):
    """Nobody can tell any more whether the work was done; the message says why."""


@dataclass(frozen=True)
class Fault:
    """What an exception from below means: a CIM error, and the Values entries a method may answer instead."""

    error: CIMError
    names: tuple[str, ...] = ()


Translate = Callable[[Exception], Fault | None]


@dataclass
class Progress:
    """Where running work tells how far it is: 0..100."""

    percent: int = 0


@dataclass(frozen=True)
class Intent:
    """What work is heading for, kept from before it begins: the next run of the server finds out by it what came of it.

    `kind` is one that a profile resumes; `facts` are plain values.
    """

    kind: str
    facts: Properties


@dataclass(frozen=True)
class Work:
    """Work that takes long: the broker runs it as a CIM_ConcreteJob and answers 4096 with the Job (DSP1103).

    `run` gets a `Progress` and returns what the method would have returned; `affects` are pairs of object and
    ElementEffects value, and `run` may add what it creates; `cancel`, when given, asks for the work to end early:
    `run` then raises, or returns if it was done before. `kill`, when given, ends it at once in the same way.
    `leave` asks `run` to return or raise because the server ends, while what was begun goes on without it; work with an
    `intent` is found again at the next start.
    """

    name: str
    affects: Sequence[tuple[object, int]]
    run: Callable[[Progress], Returned]
    cancel: Callable[[], None] | None = None
    patience: float = 0.0
    kill: Callable[[], None] | None = None
    leave: Callable[[], None] | None = None
    intent: Intent | None = None


Resume = Callable[[Any, Properties], Work]
"""(world, facts of an intent) -> the work of finding out what became of it; its name and affects are not looked at."""


@dataclass(frozen=True, eq=False)
class Remembered:
    """An object as an earlier run of the server knew it; `find` leads from its path to what it is now, or to None."""

    path: Path
    platform: str | None
    find: Callable[[Path], object | None]

    def now(self) -> object | None:
        return self.find(self.path)


@dataclass(frozen=True)
class Request:
    """The method call that a job came from: as instances, its parameters, and its results of what work has returned.

    `refusal` gives the return value for a Values entry, None where the method has none of that name; `source` is the
    instance it was called on.
    """

    method: str
    source: Path
    inputs: Instance
    outputs: Callable[[Returned], Instance]
    refusal: Callable[[str], int | None]
    user: str = ""


@dataclass(eq=False)
class Job:
    """A job's present state; made and changed by broker.jobs alone. `owner` is the instance whose method began it.

    `keep`: seconds that it stays after its end unless `remove` is False; `value` is what the method returned at last.
    """

    id: str
    work: Work
    owner: As
    method: str
    started: str
    keep: float = 0.0
    remove: bool = True
    user: str = ""
    source: Path | None = None
    inputs: Instance | None = None
    outputs: Instance | None = None
    value: int | None = None
    progress: Progress = field(default_factory=Progress)
    state: int = 3  # JobState, see broker.jobs
    changed: str = ""
    error: str = ""
    uncertain: bool = False
    fault: Exception | None = None
    returned: Returned | None = None
    ended: Event = field(default_factory=Event)
    cancelled: bool = False
    killed: bool = False

    @property
    def platform(self) -> str | None:
        """That of the owner: its job is served under the same platform's leaf class."""
        return getattr(self.owner.target, "platform", None)
