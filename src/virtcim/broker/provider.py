"""What profile modules write: instances, associations and methods as declarations over plain objects.

An object is anything with a `__dict__` that never changes (or, with `volatile=True`, is asked anew each time).
One with a `platform` attribute ("KVM", "Test", ...) is served under the platform's leaf of the declared Virt_ class.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Event
from typing import Any, TypeVar

from virtcim.broker.call import CIMError, Path, Properties, Value

T = TypeVar("T")
Keys = Mapping[str, Value]

VIRT = "root/virt"
INTEROP = "interop"


@dataclass(frozen=True, eq=False)
class InstanceProvider:
    """How objects of one Python type become instances of one class."""

    classname: str
    of: type
    make: Callable[[Any], Properties]
    when: Callable[[Any], bool]
    find: Callable[[Any, Keys], Iterable[object]] | None
    namespace: str
    volatile: bool
    among: Callable[[Any], Iterable[object]] | None = None
    parts: Callable[[Any], Iterable[object]] | None = None


@dataclass(frozen=True)
class As:
    """An object as the instance of one class, where its type is served as several; stands wherever an object may."""

    target: object
    classname: str


@dataclass(frozen=True)
class End:
    """One end of an association: `across` leads from an object at this end to the objects at the other one.

    With `candidates` it leads to all that may be there: linked are those that lead back to the instance it began at.
    With `of` only objects of that type stand at this end, where others are instances of the class as well.
    """

    role: str
    classname: str
    across: Callable[[Any], Iterable[object]]
    candidates: bool = False
    of: type | None = None


@dataclass(frozen=True)
class Central:
    """The instances of one class, made from one type, that a profile is about (CIM_ElementConformsToProfile)."""

    classname: str
    of: type


@dataclass(frozen=True, eq=False)
class Association:
    """An association between two ends, walked both ways; `properties(a, b)` adds what it has beyond the references."""

    classname: str
    a: End
    b: End
    properties: Callable[[Any, Any], Properties] | None = None


@dataclass(frozen=True, eq=False)
class MethodProvider:
    """A method of a class: `run(object, **parameters)` answers Returned or Work, or raises Refused."""

    classname: str
    name: str
    run: Callable[..., Returned | Work]


@dataclass(frozen=True, eq=False)
class Stored:
    """A durable instance that a client created: canonical path with namespace, typed properties. Never changed."""

    path: Path
    properties: Properties

    @property
    def classname(self) -> str:
        return self.path.classname


@dataclass(frozen=True, eq=False)
class Writer:
    """How instances of one class are created, changed and deleted; what is None is NOT_SUPPORTED.

    `create` gets typed properties by declared name and answers the path; `modify` the object, or for a link its path,
    and the properties that change, all of them among `changes`; `delete` the object or path. Any raises CIMError and
    has then changed nothing. `resolve` names the instance that a path is meant for.
    """

    classname: str
    namespace: str
    create: Callable[[Properties], Path] | None = None
    modify: Callable[[Any, Properties], None] | None = None
    changes: tuple[str, ...] = ()
    delete: Callable[[Any], None] | None = None
    resolve: Callable[[Path], Path] | None = None


@dataclass(frozen=True, eq=False)
class Announcement:
    """The indication classes, below CIM_InstCreation and so on, that tell of the life of a class's instances."""

    classname: str
    created: str
    modified: str
    deleted: str


@dataclass(frozen=True)
class Reference:
    """A REF parameter: the canonical path and the object it names, None when there is none."""

    path: Path
    target: object | None


class Returned:
    """What a method returns: its value and out parameters by name. A REF is given as the object itself."""

    def __init__(self, value: int = 0, **out: object) -> None:
        self.value = value
        self.out = out


class Refused(Exception):
    """A method's own failure: a Values entry of its return ValueMap (e.g. "Invalid Parameter") and the reason."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name}: {reason}")
        self.name = name
        self.reason = reason


@dataclass(frozen=True)
class Fault:
    """What an exception from below means: a CIM error, and the Values entries a method may answer instead."""

    error: CIMError
    names: tuple[str, ...] = ()


Translate = Callable[[Exception], Fault | None]


@dataclass(frozen=True)
class Work:
    """Work that takes long: the broker runs it as a CIM_ConcreteJob and answers 4096 with the Job (DSP1103).

    `run` gets a `Progress` and returns what the method would have returned; `affects` are pairs of object and
    ElementEffects value, and `run` may add what it creates; `cancel`, when given, asks for the work to end early:
    `run` then raises, or returns if it was done before.
    """

    name: str
    affects: Sequence[tuple[object, int]]
    run: Callable[[Progress], Returned]
    cancel: Callable[[], None] | None = None
    patience: float = 0.0


@dataclass(frozen=True, eq=False)
class Remembered:
    """An object as an earlier run of the server knew it; `find` leads from its path to what it is now, or to None."""

    path: Path
    platform: str | None
    find: Callable[[Path], object | None]

    def now(self) -> object | None:
        return self.find(self.path)


@dataclass
class Progress:
    """Where running work tells how far it is: 0..100."""

    percent: int = 0


@dataclass(eq=False)
class Job:
    """A job's present state; made and changed by broker.jobs alone. `owner` is the instance whose method began it."""

    id: str
    work: Work
    owner: As
    method: str
    started: str
    progress: Progress = field(default_factory=Progress)
    state: int = 3  # JobState: 3 Starting, 4 Running, 6 Shutting Down, 7 Completed, 8 Terminated, 10 Exception
    changed: str = ""
    error: str = ""
    returned: Returned | None = None
    ended: Event = field(default_factory=Event)
    cancelled: bool = False

    @property
    def platform(self) -> str | None:
        """That of the owner: its job is served under the same platform's leaf class."""
        return getattr(self.owner.target, "platform", None)


Runs = Callable[[Any], Iterable[tuple[Hashable, tuple[object, ...]]]]
Follows = Callable[[Any], object]


@dataclass(frozen=True)
class Hanging:
    """That objects are made from others, `parts` of each `root`."""

    root: type
    parts: Callable[[Any], Iterable[object]]


class Profile:
    """The declarations of one profile; `facts` names its file in profiles/ (without .yaml)."""

    def __init__(self, facts: str) -> None:
        self.facts = facts
        self.sources: dict[type, Callable[[Any], Iterable[object]]] = {}
        self.instances: list[InstanceProvider] = []
        self.associations: list[Association] = []
        self.methods: list[MethodProvider] = []
        self.unsupported: list[tuple[str, str, str]] = []
        self.centrals: list[Central] = []
        self.writers: list[Writer] = []
        self.announcements: list[Announcement] = []
        self.parts: dict[type, Callable[[Any], Iterable[object]]] = {}
        self.runs: dict[type, Runs] = {}
        self.hanging: dict[type, Hanging] = {}
        self.follows: dict[type, Follows] = {}

    def source(
        self,
        kind: type[T],
        objects: Callable[[Any], Iterable[T]],
        runs: Runs | None = None,
        follows: Follows | None = None,
    ) -> None:
        """Say where all objects of a type come from: a function of the world (host.inventory.Hosts).

        `runs(world)` tells the same objects as pairs of a name and a tuple of objects that are always enumerated
        together: as long as a tuple is equal, so is all that was made from it. `follows(world)` tells when the
        objects have changed, where they come in no runs: as long as it is equal, all of them are the same.
        """
        self.sources[kind] = objects
        if follows is not None:
            self.follows[kind] = follows
        if runs is not None:
            self.runs[kind] = runs
            self.hanging[kind] = Hanging(kind, lambda one: (one,))

    def hangs_off(self, root: type[T], kind: type, parts: Callable[[T], Iterable[object]]) -> None:
        """Say that all objects of a type are made from those of another type that has runs: `parts` of each."""
        self.hanging[kind] = Hanging(root, parts)

    def central(self, classname: str, of: type) -> None:
        """Say that the instances of a class made from a type conform to this profile (DSP1033)."""
        self.centrals.append(Central(classname, of))

    def instance(
        self,
        classname: str,
        of: type[T],
        when: Callable[[T], bool] = lambda _: True,
        find: Callable[[Any, Keys], Iterable[T]] | None = None,
        namespace: str = VIRT,
        volatile: bool = False,
        among: Callable[[Any], Iterable[T]] | None = None,
        parts: Callable[[Any], Iterable[T]] | None = None,
    ) -> Callable[[Callable[[T], Properties]], Callable[[T], Properties]]:
        """Declare an instance provider.

        `find(world, keys)` leads from key values to the few objects that can have them; without it all are compared.
        `among(world)` leads to the objects that pass `when`, where the source of the type has many others;
        `parts(root)` to those that hang off one object, see hangs_off.
        """

        def declare(make: Callable[[T], Properties]) -> Callable[[T], Properties]:
            self.instances.append(InstanceProvider(classname, of, make, when, find, namespace, volatile, among, parts))
            return make

        return declare

    def associate(
        self, classname: str, a: End, b: End, properties: Callable[[Any, Any], Properties] | None = None
    ) -> None:
        self.associations.append(Association(classname, a, b, properties))

    def method(self, classname: str, name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        def declare(run: Callable[..., Any]) -> Callable[..., Any]:
            self.methods.append(MethodProvider(classname, name, run))
            return run

        return declare

    def leaves_out(self, classname: str, method: str, reason: str) -> None:
        """Say that a method of a served class is not done here, and why: it answers METHOD_NOT_AVAILABLE."""
        self.unsupported.append((classname, method, reason))

    def writes(self, writer: Writer) -> None:
        """Say that instances of a class can be created, modified or deleted by the intrinsic operations."""
        self.writers.append(writer)

    def announces(self, classname: str, created: str, modified: str, deleted: str) -> None:
        """Say by which indication classes the life of a class's instances is told; else by CIM_InstCreation etc."""
        self.announcements.append(Announcement(classname, created, modified, deleted))

    def comes_with(self, kind: type[T], parts: Callable[[T], Iterable[object]]) -> None:
        """Say which other objects come, change and go with one of a type: their instances are told of as well."""
        self.parts[kind] = parts
