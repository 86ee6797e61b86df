"""Instances and links in the namespaces that clients make: all of them stored, none made by a provider."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from weakref import WeakKeyDictionary

from virtcim.broker.associations import Associations, Step, Wanted
from virtcim.broker.batches import Batch
from virtcim.broker.call import CIMError, ClassDef, Item, Path, Properties, Status, Value
from virtcim.broker.catalog import Catalog
from virtcim.broker.class_writes import UserSchema
from virtcim.broker.instances import Found, Instances
from virtcim.broker.provider import Association, End, InstanceProvider, Profile, Stored, Writer
from virtcim.broker.store_shelf import Shelf
from virtcim.broker.values import Typing


class UserCatalog(Catalog):
    """No profile declares anything here; every class can be written to."""

    def __init__(self, schema: UserSchema, writer: UserWriter) -> None:
        super().__init__(schema, [Profile("user")])
        self._writer = writer

    def writer(self, classname: str) -> Writer | None:
        return self._writer.of(self.schema.get(classname))


class UserInstances(Instances):
    """The stored instances of one namespace."""

    def __init__(self, catalog: Catalog, shelf: Shelf, namespace: str) -> None:
        super().__init__(catalog, SimpleNamespace())
        self._shelf = shelf
        self._namespace = namespace
        self._served: WeakKeyDictionary[Stored, tuple[ClassDef, Item]] = WeakKeyDictionary()

    def stored(self, classname: str) -> Iterator[Stored]:
        """Those of a class and all below it."""
        cls = self.schema.get(classname)
        for name in (cls.name, *self.schema.below(cls.name)):
            yield from (one for one in self._shelf.of_class(name) if one.path.namespace == self._namespace)

    def made(self, one: Stored) -> Item:
        """A stored instance as it is served."""
        cls = self.schema.get(one.classname)
        kept = self._served.get(one)
        if kept is None or kept[0] is not cls:
            kept = self._served[one] = (cls, Item(cls, one.path, one.properties))
        return kept[1]

    def batches(self, namespace: str, classname: str, paths: bool = False) -> Iterator[Batch]:
        """All in one."""
        yield Batch(lambda: iter([self.made(one) for one in self.stored(classname)]))

    def all_found(self, classname: str, namespace: str | None = None) -> Iterator[Found]:
        return (self.found(one) for one in self.stored(classname))

    def find(self, path: Path) -> Found | None:
        one = self._shelf.find(path)
        return self.found(one) if one is not None and path.namespace == self._namespace else None

    def found(self, one: Stored) -> Found:
        provider = InstanceProvider(
            one.classname, Stored, lambda target: dict(target.properties), bool, None, self._namespace, False
        )
        return Found(provider, one, self.made(one))


@dataclass(frozen=True)
class UserStep(Step):
    """A link that is itself stored."""

    item: Item


class UserAssociations(Associations):
    """Links between stored instances: whatever stored instance of an association refers to one."""

    def __init__(self, instances: UserInstances, shelf: Shelf) -> None:
        super().__init__(instances)
        self._stored = instances
        self._shelf = shelf

    def walk(self, source: Found, wanted: Wanted) -> Iterator[Step]:
        for one in self._shelf.referring(source.item.path):
            link = self._stored.made(one) if one.path.namespace == source.item.path.namespace else None
            if link is not None and link.cls.is_association and self._passes(wanted.association, link.cls.name):
                yield from self._steps(source, link, wanted)

    def _steps(self, source: Found, link: Item, wanted: Wanted) -> Iterator[Step]:
        ends = [(name, value) for name, value in link.properties.items() if isinstance(value, Path)]
        for near, here in ends:
            for far, there in ends:
                target = self._stored.find(there) if here == source.item.path and near != far else None
                if target is not None and self._fitting_ends(near, far, target, wanted):
                    end, other = End(near, link.cls.name, lambda _: ()), End(far, link.cls.name, lambda _: ())
                    yield UserStep(Association(link.cls.name, end, other), end, other, source, target, link)

    def _fitting_ends(self, near: str, far: str, target: Found, wanted: Wanted) -> bool:
        return (
            wanted.role in (None, near.lower())
            and wanted.result_role in (None, far.lower())
            and self._passes(wanted.result, target.item.cls.name)
        )

    def link(self, step: Step, namespace: str) -> Item:
        if not isinstance(step, UserStep):
            raise TypeError(f"{step} is of no stored link")
        return step.item

    def of_class(self, namespace: str, classname: str) -> Iterator[Item]:
        """None: the instances have them already."""
        return iter(())

    def find(self, path: Path, namespace: str) -> Item | None:
        found = self._stored.find(path)
        return found.item if found else None


class UserWriter:
    """Creates, changes and deletes stored instances of any class, `most` at the same time."""

    def __init__(self, shelf: Shelf, namespace: str, most: int) -> None:
        self._shelf = shelf
        self._most = most
        self._namespace = namespace
        self.typing: Typing | None = None
        self.count = 0

    def of(self, cls: ClassDef) -> Writer:
        """The writer of a class; how it is declared may have changed since the last one."""
        keys = {key.name for key in cls.keys}
        return Writer(
            cls.name,
            self._namespace,
            create=lambda properties: self._create(cls, properties),
            modify=self._modify,
            changes=tuple(p.name for p in cls.properties.values() if p.name not in keys),
            delete=self._delete,
        )

    def _create(self, cls: ClassDef, given: Properties) -> Path:
        if cls.is_abstract:
            raise CIMError(Status.NOT_SUPPORTED, f"class {cls.name} is abstract and has no instances of its own")
        if not cls.keys:
            raise CIMError(Status.NOT_SUPPORTED, f"class {cls.name} has no keys, so its instances have no paths")
        if self.count >= self._most:
            raise CIMError(Status.SERVER_LIMITS_EXCEEDED, f"a namespace holds {self._most} instances at most")
        properties = self._complete(cls, given)
        path = Path(cls.name, tuple((key.name, properties.get(key.name)) for key in cls.keys), self._namespace)
        self._shelf.add(Stored(path, properties))
        self.count += 1
        return path

    def _complete(self, cls: ClassDef, given: Properties) -> Properties:
        defaults = {p.name: p.default for p in cls.properties.values() if p.default is not None}
        if "creationclassname" in cls.properties:
            defaults["CreationClassName"] = cls.name
        properties = {**defaults, **{name: self._local(value) for name, value in given.items()}}
        for declared in cls.properties.values():
            if (declared.is_key or declared.required) and properties.get(declared.name) is None:
                raise CIMError(Status.INVALID_PARAMETER, f"{declared.name} of {cls.name} must have a value")
        return properties

    def _local(self, value: Value) -> Value:
        """References to instances of the namespace in the form that their own paths have."""
        if not isinstance(value, Path) or self.typing is None:
            return value
        here = (value.namespace or self._namespace).lower() == self._namespace.lower()
        known = self.typing.schema.find(value.classname) is not None
        return self.typing.path(value, self._namespace) if here and known else value

    def _modify(self, target: Stored | Path, changes: Properties) -> None:
        old = self._now(target)
        cls = self.typing.schema.get(old.classname) if self.typing else None
        new = {**old.properties, **{name: self._local(value) for name, value in changes.items()}}
        for declared in cls.properties.values() if cls else ():
            if declared.required and new.get(declared.name) is None:
                raise CIMError(Status.INVALID_PARAMETER, f"{declared.name} of {old.classname} must have a value")
        self._shelf.replace(old, Stored(old.path, new))

    def _delete(self, target: Stored | Path) -> None:
        self._shelf.remove(self._now(target))
        self.count -= 1

    def _now(self, target: Stored | Path) -> Stored:
        """A link is named by its path."""
        found = self._shelf.find(target) if isinstance(target, Path) else target
        if found is None:
            raise CIMError(Status.NOT_FOUND, f"{target} is gone")
        return found
