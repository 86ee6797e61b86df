"""Which answers hold until the world changes: those made of nothing but what follows it, see Profile.source."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from weakref import ref

from virtcim.broker.associations import Associations, Wanted
from virtcim.broker.call import Holds, Path
from virtcim.broker.provider import Follows, Hanging, InstanceProvider, Lasts

_OBJECT = {"get_instance": "instance_name", "associators": "object_name", "associator_names": "object_name"}
_OBJECT |= {"references": "object_name", "reference_names": "object_name"}
Want = Callable[[str | None, str | None, str | None, str | None], Wanted]
Canonical = Callable[[Path, str], Path]
MAX_KNOWN = 1024


@dataclass(frozen=True)
class Steady:
    """What answers to a read follow: the world, and figures of it. `root` is the type of the one object that they are
    made from, if there is one."""

    world: Follows
    gauges: tuple[Follows, ...]
    root: type | None


class Steadiness:
    """Tells what the answer to a read follows."""

    def __init__(self, associations: Associations, want: Want, canonical: Canonical) -> None:
        self._associations = associations
        self._catalog = associations.catalog
        self._want = want
        self._canonical = canonical
        self._known: dict[tuple[str, str, Wanted | None], Steady] = {}  # declarations do not change

    def of(self, run: str, given: Mapping[str, Any]) -> Steady | None:
        """What answers to an operation follow; None: nothing tells whether they are still the same."""
        source = given.get(_OBJECT.get(run, ""))
        declared = self._associations.schema.find(source.classname) if isinstance(source, Path) else None
        if declared is None or declared.is_association:
            return None
        asked = run, declared.name, None if run == "get_instance" else self._wanted(run, given)
        steady = self._known.get(asked) or self._of(*asked)
        if steady is not None:
            if len(self._known) >= MAX_KNOWN:
                self._known.clear()
            self._known[asked] = steady
        return steady

    def _of(self, run: str, classname: str, wanted: Wanted | None) -> Steady | None:
        providers = list(self._serving(classname))
        shown = run in ("get_instance", "associators")
        if wanted is not None:
            providers += self._reached(providers, wanted)
        common = {self._follows(provider) for provider in providers}
        gauges = {provider.measured for provider in providers if shown and provider.gauges} - common
        known = tuple(one for one in gauges if one is not None)
        if len(common) != 1 or len(known) < len(gauges):
            return None
        world = common.pop()
        return Steady(world, known, self._root(providers)) if world else None

    def holds(self, steady: Steady, run: str, namespace: str, given: Mapping[str, Any]) -> Holds:
        """Tells from now on whether what is answered next is still the same."""
        world = self._associations.instances.world
        root = self._found(given[_OBJECT[run]], namespace) if steady.root else None
        return Lasting(world, steady, root, self._catalog.lasts[steady.root] if steady.root else _never)

    def _found(self, source: Path, namespace: str) -> object | None:
        """The object that an instance is made from."""
        found = self._associations.instances.find(self._canonical(Path(source.classname, source.keys), namespace))
        hanging = found and self._hanging(found.provider)
        return hanging.back(found.target) if found and hanging and hanging.back else None

    def _wanted(self, run: str, given: Mapping[str, Any]) -> Wanted:
        if run.startswith("reference"):
            return self._want(given["result_class"], None, given["role"], None)
        return self._want(given["assoc_class"], given["result_class"], given["role"], given["result_role"])

    def _reached(self, near: Iterable[InstanceProvider], wanted: Wanted) -> list[InstanceProvider]:
        ends = {(far.classname, far.of) for one in near for far in self._associations.far_ends(one.classname, wanted)}
        return [
            provider
            for classname, of in ends
            for provider in self._serving(classname)
            if of is None or issubclass(provider.of, of)
        ]

    def _serving(self, classname: str) -> Iterable[InstanceProvider]:
        return (provider for provider, _ in self._catalog.serving(classname))

    def _hanging(self, provider: InstanceProvider) -> Hanging | None:
        return self._catalog.hanging.get(provider.of)

    def _follows(self, provider: InstanceProvider) -> Follows | None:
        hanging = self._hanging(provider)
        kind = hanging.root if hanging else provider.of
        return None if provider.volatile else self._catalog.follows.get(kind)

    def _root(self, providers: Iterable[InstanceProvider]) -> type | None:
        """What all of them hang off, if it can be told whether that lasts."""
        roots = {hanging.root if (hanging := self._hanging(provider)) else None for provider in providers}
        root = roots.pop()
        return root if not roots and root in self._catalog.lasts else None


def _never(_world: Any, _root: object) -> bool:
    return False


class Lasting:
    """Whether an answer holds that was made after this was."""

    __slots__ = ("_figures", "_lasts", "_root", "_state", "_steady", "_world")

    def __init__(self, world: Any, steady: Steady, root: object | None, lasts: Lasts) -> None:
        self._world, self._steady, self._lasts = world, steady, lasts
        self._root = None if root is None else ref(root)
        self._state = steady.world(world)
        self._figures = [one(world) for one in steady.gauges]

    def __call__(self) -> bool:
        """As long as nothing has changed; or else as what it was made from is still there."""
        world, steady = self._world, self._steady
        if self._figures != [one(world) for one in steady.gauges]:
            return False
        state = steady.world(world)
        if state != self._state:
            root = None if self._root is None else self._root()
            if root is None or not self._lasts(world, root):
                return False
            self._state = state
        return True
