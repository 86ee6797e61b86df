"""Which answers hold until the world changes: those made of nothing but what follows it, see Profile.source."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from virtcim.broker.associations import Associations, Wanted
from virtcim.broker.call import Path
from virtcim.broker.provider import Follows, InstanceProvider

_OBJECT = {"get_instance": "instance_name", "associators": "object_name", "associator_names": "object_name"}
_OBJECT |= {"references": "object_name", "reference_names": "object_name"}
Want = Callable[[str | None, str | None, str | None, str | None], Wanted]


class Steadiness:
    """Tells what the answer to a read follows."""

    def __init__(self, associations: Associations, want: Want) -> None:
        self._associations = associations
        self._catalog = associations.catalog
        self._want = want

    def of(self, run: str, given: Mapping[str, Any]) -> Follows | None:
        """What tells whether the answer to an operation is still the same; None: nothing does."""
        source = given.get(_OBJECT.get(run, ""))
        declared = self._associations.schema.find(source.classname) if isinstance(source, Path) else None
        if declared is None or declared.is_association:
            return None
        providers = list(self._serving(declared.name))
        shown = run in ("get_instance", "associators")
        if run != "get_instance":
            providers += self._reached(providers, self._wanted(run, given))
        gauged = {provider.measured for provider in providers if shown and provider.gauges}
        return _together(self._common(providers), gauged)

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

    def _common(self, providers: Iterable[InstanceProvider]) -> Follows | None:
        found = {self._follows(provider) for provider in providers}
        return found.pop() if len(found) == 1 else None

    def _follows(self, provider: InstanceProvider) -> Follows | None:
        hanging = self._catalog.hanging.get(provider.of)
        kind = hanging.root if hanging else provider.of
        return None if provider.volatile else self._catalog.follows.get(kind)


def _together(common: Follows | None, gauged: set[Follows | None]) -> Follows | None:
    """What all of it follows; None as soon as nothing tells of a part."""
    parts = [common, *(gauged - {common})]
    known = [one for one in parts if one is not None]
    if len(known) < len(parts):
        return None
    return (lambda world: [one(world) for one in known]) if gauged else common
