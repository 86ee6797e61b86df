"""What profile modules write: instances, associations and methods as declarations over plain objects.

An object is anything with a `__dict__` that never changes (or, with `volatile=True`, is asked anew each time).
One with a `platform` attribute ("KVM", "Test", ...) is served under the platform's leaf of the declared Virt_ class.
All words that such a module needs are here, wherever in the broker they are defined.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from virtcim.broker.call import Properties
from virtcim.broker.declared import (
    Announcement,
    Association,
    Central,
    End,
    Follows,
    Hanging,
    InstanceProvider,
    Keys,
    Lasts,
    MethodProvider,
    Runs,
    Stored,
    Writer,
)
from virtcim.broker.outcome import (
    As,
    ClassNamed,
    Fault,
    Intent,
    Job,
    Progress,
    Reference,
    Refused,
    Remembered,
    Resume,
    Returned,
    Translate,
    Unknown,
    Work,
)
from virtcim.broker.requests import renamed
from virtcim.broker.uris import model_path, path_in

__all__ = [
    "INTEROP",
    "VIRT",
    "Announcement",
    "As",
    "Association",
    "Central",
    "ClassNamed",
    "End",
    "Fault",
    "Follows",
    "Hanging",
    "InstanceProvider",
    "Intent",
    "Job",
    "Keys",
    "Lasts",
    "MethodProvider",
    "Profile",
    "Progress",
    "Reference",
    "Refused",
    "Remembered",
    "Resume",
    "Returned",
    "Runs",
    "Stored",
    "Translate",
    "Unknown",
    "Work",
    "Writer",
    "model_path",
    "path_in",
    "renamed",
]

T = TypeVar("T")
U = TypeVar("U")

VIRT = "root/virt"
INTEROP = "interop"


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
        self.joins: list[tuple[type, type, Callable[[Any, Any], Iterable[object]]]] = []
        self.runs: dict[type, Runs] = {}
        self.hanging: dict[type, Hanging] = {}
        self.follows: dict[type, Follows] = {}
        self.lasts: dict[type, Lasts] = {}
        self.resumptions: dict[str, Resume] = {}

    def source(
        self,
        kind: type[T],
        objects: Callable[[Any], Iterable[T]],
        runs: Runs | None = None,
        follows: Follows | None = None,
        lasts: Callable[[Any, T], bool] | None = None,
    ) -> None:
        """Say where all objects of a type come from: a function of the world (host.inventory.Hosts).

        `runs(world)` tells the same objects as pairs of a name and a tuple of objects that are always enumerated
        together: as long as a tuple is equal, so is all that was made from it. `follows(world)` tells when the
        objects have changed, where they come in no runs: as long as it is equal, all of them are the same.
        `lasts(world, object)` tells of one, known by identity, whether its keys still lead to it.
        """
        self.sources[kind] = objects
        if follows is not None:
            self.follows[kind] = follows
        if lasts is not None:
            self.lasts[kind] = lasts
        if runs is not None:
            self.runs[kind] = runs
            self.hanging[kind] = Hanging(kind, lambda one: (one,), lambda one: one)

    def hangs_off(
        self,
        root: type[T],
        kind: type[U],
        parts: Callable[[T], Iterable[U]],
        back: Callable[[U], T] | None = None,
    ) -> None:
        """Say that all objects of a type are made from those of another type that has runs: `parts` of each.

        Associations between what hangs off one type lead from what hangs off an object to what hangs off the same.
        `back` is the way to that object.
        """
        self.hanging[kind] = Hanging(root, parts, back)

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
        gauges: Callable[[T], Properties] | None = None,
        measured: Follows | None = None,
        keys: Callable[[T], Keys] | None = None,
    ) -> Callable[[Callable[[T], Properties]], Callable[[T], Properties]]:
        """Declare an instance provider.

        `find(world, keys)` leads from key values to the few objects that can have them; without it all are compared.
        `among(world)` leads to the objects that pass `when`, where the source of the type has many others;
        `parts(root)` to those that hang off one object, see hangs_off. `gauges(object)` are properties beside the
        others that change by themselves, are asked anew each time, and are not told of in indications; the value of
        `measured(world)` is another one once they have changed. `keys(object)` are the keys but CreationClassName, for
        who wants nothing but the path.
        """

        def declare(make: Callable[[T], Properties]) -> Callable[[T], Properties]:
            leads = when, find, namespace, volatile, among, parts
            self.instances.append(InstanceProvider(classname, of, make, *leads, gauges, measured, keys))
            return make

        return declare

    def associate(
        self, classname: str, a: End, b: End, properties: Callable[[Any, Any], Properties] | None = None
    ) -> None:
        self.associations.append(Association(classname, a, b, properties))

    def method(
        self, classname: str, name: str, kills: bool = False
    ) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Declare who does a method; see MethodProvider."""

        def declare(run: Callable[..., Any]) -> Callable[..., Any]:
            self.methods.append(MethodProvider(classname, name, run, kills))
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

    def comes_between(self, one: type[T], other: type[U], parts: Callable[[T, U], Iterable[object]]) -> None:
        """As `comes_with`, for what is there because of two objects: it is told of with the one that changes."""
        self.joins.append((one, other, parts))

    def resumes(self, kind: str, resume: Resume) -> None:
        """Say how the next run of the server finds out what became of work with an intent of this kind."""
        self.resumptions[kind] = resume
