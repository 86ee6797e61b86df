"""Collections of filters that clients make: filters and collections of them, put in and taken out one by one."""

from __future__ import annotations

from collections.abc import Iterator

from virtcim.broker.call import CIMError, Path, Properties, Status, Value
from virtcim.broker.provider import INTEROP, Keys, Stored
from virtcim.profiles import subscription_rules as rules
from virtcim.profiles.indication_facts import reference
from virtcim.profiles.static_filters import Collection, StaticFilter
from virtcim.profiles.subscriptions import Subscriptions

CHANGES = ("CollectionName", "ElementName", "Caption", "Description")


class Collections:
    """Errors of all that changes something: CIMError."""

    def __init__(self, subscriptions: Subscriptions) -> None:
        self._all = subscriptions
        self._shelf = subscriptions.shelf

    def create(self, given: Properties) -> Path:
        """An empty one; its InstanceID is the server's."""
        path = Path(rules.COLLECTION, (("InstanceID", rules.name_of({}, "filter-collection")),), INTEROP)
        properties = {name: value for name, value in given.items() if name in CHANGES and value is not None}
        self._shelf.add(Stored(path, {**properties, **dict(path.keys)}))
        return path

    def modify(self, one: Stored | Collection, changes: Properties) -> None:
        with self._shelf.lock:
            old = self._own(one)
            self._shelf.replace(old, Stored(old.path, {**old.properties, **changes}))

    def delete(self, one: Stored | Collection) -> None:
        """One that nobody has subscribed to, and that is in no other; its filters stay."""
        with self._shelf.lock:
            old = self._own(one)
            referring = self._shelf.referring(old.path)
            links = [each for each in referring if each.properties.get("Collection") == old.path]
            users = [each for each in referring if each not in links]
            if users:
                text = f"{old.path} is in use by {len(users)} subscriptions or collections: {users[0].path}"
                raise CIMError(Status.FAILED, text)
            self._shelf.remove(old, *links)

    def put_in(self, given: Properties) -> Path:
        """A filter, or a collection, into a collection."""
        keys = tuple((name, given.get(name)) for name in ("Collection", "Member"))
        path = self.resolve(Path(rules.MEMBERSHIP, keys, INTEROP))
        collection, member = path.key("Collection"), path.key("Member")
        with self._shelf.lock:
            if collection in self._all.collections:
                raise CIMError(Status.NOT_SUPPORTED, f"{collection} belongs to its profile: it stays as it is")
            if not self._is(collection, rules.COLLECTION):
                text = f"Collection names no collection of filters: {given.get('Collection')}"
                raise CIMError(Status.INVALID_PARAMETER, text)
            if not self._is(member, rules.FILTER) and not self._is(member, rules.COLLECTION):
                raise CIMError(Status.INVALID_PARAMETER, f"Member names no filter or collection: {given.get('Member')}")
            if isinstance(member, Path) and collection in self._inside(member):
                raise CIMError(Status.INVALID_PARAMETER, f"Member: {collection} would be in itself")
            one = Stored(path, dict(path.keys))
            self._shelf.add(one)
            self._all.put_to_work_again(reference(one, "Collection"))
        return path

    def _is(self, path: Value, classname: str) -> bool:
        there = isinstance(path, Path) and (path in self._all.collections or self._all.source(path) is not None)
        return there and isinstance(path, Path) and path.classname == classname

    def _inside(self, path: Path) -> set[Path]:
        """A collection, and all that is in it at any depth."""
        return {path}.union(*(self._inside(member) for member in self._all.members(path)))

    def take_out(self, path: Path) -> None:
        with self._shelf.lock:
            found = self._shelf.find(path)
            if found is None:
                raise CIMError(Status.NOT_SUPPORTED, f"{path} belongs to its profile: it stays as it is")
            self._shelf.remove(found)
            self._all.put_to_work_again(reference(found, "Collection"))

    def resolve(self, path: Path) -> Path:
        """The membership that a path is meant for."""
        return self._all.resolve_link(path, ("Collection", "Member"))

    def find(self, keys: Keys) -> list[Stored]:
        found = self._shelf.find(Path(rules.COLLECTION, (("InstanceID", str(keys["InstanceID"])),), INTEROP))
        return [found] if found else []

    # What leads where

    def members(self, one: Stored | Collection) -> list[Stored | StaticFilter]:
        """The filters in it itself."""
        if isinstance(one, Collection):
            return list(one.filters)
        paths = (path for path in self._all.members(one.path) if path.classname == rules.FILTER)
        return [found for path in paths if (found := self._all.source(path)) is not None]

    def collections_in(self, one: Stored | Collection) -> list[Stored | Collection]:
        if isinstance(one, Collection):
            return []
        found = (self._collection(path) for path in self._all.members(one.path) if path.classname == rules.COLLECTION)
        return [each for each in found if each is not None]

    def _collection(self, path: Path) -> Stored | Collection | None:
        return self._all.collections.get(path) or self._shelf.find(path)

    def holding(self, one: Stored | StaticFilter) -> Iterator[Stored | Collection]:
        """The collections that a filter is in itself."""
        yield from (each for each in self._all.collections.values() if one in each.filters)
        yield from self._with_member(self._all.filter_path(one))

    def around(self, one: Stored | Collection) -> Iterator[Stored]:
        """The collections that a collection is in itself."""
        return self._with_member(self._all.collection_path(one) if isinstance(one, Collection) else one.path)

    def _with_member(self, path: Path) -> Iterator[Stored]:
        for link in self._shelf.referring(path):
            if link.classname == rules.MEMBERSHIP and reference(link, "Member") == path:
                found = self._shelf.find(reference(link, "Collection"))
                if found is not None:
                    yield found

    def everything(self) -> Iterator[Stored | Collection]:
        yield from self._all.collections.values()
        yield from self._shelf.of_class(rules.COLLECTION)

    def _own(self, one: Stored | Collection) -> Stored:
        if isinstance(one, Collection):
            raise CIMError(Status.NOT_SUPPORTED, f"collection {one.name} belongs to its profile: it stays as it is")
        return one
