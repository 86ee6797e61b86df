"""Associations: one walk over the declarations; the four operations and enumerating links are projections of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from virtcim.broker.call import Item, Path
from virtcim.broker.instances import Found, Instances
from virtcim.broker.provider import Association, End, InstanceProvider
from virtcim.broker.schema import leaf_name


@dataclass(frozen=True)
class Wanted:
    """The filters of an association operation; None does not filter. Class names exist; roles are lower-case."""

    association: str | None = None
    result: str | None = None
    role: str | None = None
    result_role: str | None = None


@dataclass(frozen=True)
class Step:
    """One link met on a walk: from the source, standing at the near end, to the instance at the far end."""

    association: Association
    near: End
    far: End
    source: Found
    target: Found


Links = WeakKeyDictionary[object, dict[tuple[Association, InstanceProvider, InstanceProvider], Item]]


_Plan = tuple[tuple[Association, End, End], ...]
MAX_PLANS = 1024


class Associations:
    """Walks and links between the instances."""

    def __init__(self, instances: Instances) -> None:
        self.instances = instances
        self.catalog = instances.catalog
        self.schema = instances.schema
        self._plans: dict[tuple[str, Wanted], _Plan] = {}

    def walk(self, source: Found, wanted: Wanted) -> Iterator[Step]:
        """Every link from an instance that passes the filters, each declaration tried from both ends."""
        for association, near, far in self._plan(source.provider.classname, wanted):
            yield from self._across(association, near, far, source, wanted)

    def far_ends(self, classname: str, wanted: Wanted) -> Iterator[End]:
        """The ends that a walk from instances of a class can lead to."""
        return (far for _, _, far in self._plan(classname, wanted))

    def _plan(self, classname: str, wanted: Wanted) -> _Plan:
        """The ends that can lead from a class to what is wanted: declarations do not change."""
        plan = self._plans.get((classname, wanted))
        if plan is None:
            if len(self._plans) >= MAX_PLANS:
                self._plans.clear()
            plan = self._plans[classname, wanted] = tuple(self._fitting(classname, wanted))
        return plan

    def _fitting(self, classname: str, wanted: Wanted) -> Iterator[tuple[Association, End, End]]:
        linking = self.catalog.associations
        if wanted.association is not None:
            linking = list(dict.fromkeys(one for one, _ in self.catalog.linking(wanted.association)))
        for association in linking:
            for near, far in ((association.a, association.b), (association.b, association.a)):
                if self._fits(classname, near, far, wanted):
                    yield association, near, far

    def _fits(self, classname: str, near: End, far: End, wanted: Wanted) -> bool:
        result = wanted.result
        return (
            wanted.role in (None, near.role.lower())
            and wanted.result_role in (None, far.role.lower())
            and self.schema.is_a(classname, near.classname)
            and (result is None or self.schema.is_a(far.classname, result) or self.schema.is_a(result, far.classname))
        )

    def _across(self, association: Association, near: End, far: End, source: Found, wanted: Wanted) -> Iterator[Step]:
        for other in near.across(source.target) if isinstance(source.target, near.of or object) else ():
            target = self.instances.named(other, far.classname)
            if target is None or (near.candidates and not self._leads_back(target, near, far, source)):
                continue
            step = Step(association, near, far, source, target)
            fits = wanted.association is None or self._passes(wanted.association, self.classname(step))
            if fits and self._passes(wanted.result, target.path.classname):
                yield step

    def _leads_back(self, target: Found, near: End, far: End, source: Found) -> bool:
        back = (self.instances.named(one, near.classname) for one in far.across(target.target))
        return any(found is not None and found.path == source.path for found in back)

    def _passes(self, wanted: str | None, classname: str) -> bool:
        return wanted is None or self.schema.is_a(classname, wanted)

    def classname(self, step: Step) -> str:
        """The class of the link: the leaf of the platform that either end belongs to."""
        platform = getattr(step.source.target, "platform", None) or getattr(step.target.target, "platform", None)
        return leaf_name(step.association.classname, platform)

    def link(self, step: Step, namespace: str) -> Item:
        """The association instance, the same from either side. A link across namespaces is seen in both."""
        a, b = (step.source, step.target) if step.near is step.association.a else (step.target, step.source)
        passing = a.provider.volatile or b.provider.volatile
        if (passing and step.association.properties) or a.path.namespace != b.path.namespace:
            return self._make(step, a, b, namespace)
        kept: Links = vars(a.target).setdefault("_links", WeakKeyDictionary())
        links = kept.setdefault(b.target, {})
        key = (step.association, a.provider, b.provider)
        item = links.get(key)
        if item is None or (passing and not _joins(item, step.association, a, b)):
            item = links[key] = self._make(step, a, b, str(a.path.namespace))
        return item

    def _make(self, step: Step, a: Found, b: Found, namespace: str) -> Item:
        association = step.association
        cls = self.schema.get(self.classname(step))
        more = association.properties(a.target, b.target) if association.properties else {}
        references = {association.a.role: a.path, association.b.role: b.path}
        keys = tuple((key.name, references.get(key.name, more.get(key.name))) for key in cls.keys)
        return Item(cls, Path(cls.name, keys, namespace), {**references, **more})

    def of_class(self, namespace: str, classname: str) -> Iterator[Item]:
        """Every link of an association class and its subclasses that is seen in a namespace."""
        for association, platform in self.catalog.linking(classname):
            for step in self._all(association) if self._reaches(association, namespace) else ():
                if self._seen(step, namespace):
                    item = self.link(step, namespace)
                    if platform is None or self.schema.is_a(item.cls.name, classname):
                        yield item

    def _reaches(self, association: Association, namespace: str) -> bool:
        """Whether an end may be in the namespace: there is no need to walk what cannot be seen there."""
        ends = (association.a.classname, association.b.classname)
        return any(provider.namespace == namespace for end in ends for provider, _ in self.catalog.serving(end))

    def _all(self, association: Association) -> Iterator[Step]:
        for source in self.instances.all_found(association.a.classname):
            yield from self._across(association, association.a, association.b, source, Wanted())

    def find(self, path: Path, namespace: str) -> Item | None:
        """The link that a path of references names; None when there is none."""
        for association, _ in self.catalog.linking(path.classname):
            near = path.key(association.a.role)
            source = self.instances.find(near) if isinstance(near, Path) else None
            if source is None or not self.schema.is_a(source.provider.classname, association.a.classname):
                continue
            for step in self._across(association, association.a, association.b, source, Wanted()):
                if step.target.path == path.key(association.b.role) and self.classname(step) == path.classname:
                    return self.link(step, namespace) if self._seen(step, namespace) else None
        return None

    def _seen(self, step: Step, namespace: str) -> bool:
        return namespace in (step.source.path.namespace, step.target.path.namespace)


def _joins(link: Item, association: Association, a: Found, b: Found) -> bool:
    """Whether it still is a link of these: what changes by itself may be called otherwise by now."""
    references = link.properties
    return references[association.a.role] == a.path and references[association.b.role] == b.path
