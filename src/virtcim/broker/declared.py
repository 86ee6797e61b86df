"""Each declaration of a profile as the broker reads it: instances, ends and associations, methods, writers."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from virtcim.broker.call import Path, Properties, Value
from virtcim.broker.outcome import Returned, Work

Keys = Mapping[str, Value]
Runs = Callable[[Any], Iterable[tuple[Hashable, tuple[object, ...]]]]
Follows = Callable[[Any], object]
Lasts = Callable[[Any, Any], bool]


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
    gauges: Callable[[Any], Properties] | None = None
    measured: Follows | None = None
    keys: Callable[[Any], Keys] | None = None

    @property
    def passing(self) -> bool:
        """Whether an instance, or a part of it, changes by itself."""
        return self.volatile or self.gauges is not None


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
    """A method of a class: `run(object, **parameters)` answers Returned or Work, or raises Refused.

    `kills`: whether its work can be ended at once as well as early.
    """

    classname: str
    name: str
    run: Callable[..., Returned | Work]
    kills: bool = False


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
class Hanging:
    """That objects are made from others, `parts` of each `root`; `back` leads from one to what it was made from."""

    root: type
    parts: Callable[[Any], Iterable[object]]
    back: Callable[[Any], object] | None = None
