"""Instances: made from objects by providers, kept as long as the object lives, found by path and by class."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from functools import partial
from itertools import chain
from typing import Any

from virtcim.broker.batches import Batch, Batches
from virtcim.broker.call import CIMError, ClassDef, Item, Path, Status
from virtcim.broker.catalog import Catalog
from virtcim.broker.provider import As, Hanging, InstanceProvider
from virtcim.broker.schema import leaf_name

MAX_SIZES = 4096
Parts = Callable[[Any], Iterable[object]]
_Making = tuple[InstanceProvider, str | None, Parts]


class Found:
    """An instance together with the object and the provider it comes from; it may be made when it is looked at, and so
    may its path, which can be told without it where `path` is given.
    """

    __slots__ = ("_item", "_path", "provider", "target")

    def __init__(
        self,
        provider: InstanceProvider,
        target: object,
        item: Item | Callable[[], Item],
        path: Path | Callable[[], Path] | None = None,
    ) -> None:
        self.provider = provider
        self.target = target
        self._item = item
        self._path = path

    @property
    def item(self) -> Item:
        if not isinstance(self._item, Item):
            self._item = self._item()
        return self._item

    @property
    def path(self) -> Path:
        if isinstance(self._item, Item) or self._path is None:
            return self.item.path
        if not isinstance(self._path, Path):
            self._path = self._path()
        return self._path


class Instances:
    """The instances of the model over a world of objects."""

    def __init__(self, catalog: Catalog, world: Any) -> None:
        self.catalog = catalog
        self.schema = catalog.schema
        self.world = world
        self._sizes: dict[Hashable, tuple[object, int]] = {}  # of batches, by place, for a state

    def item(self, provider: InstanceProvider, target: object) -> Item:
        """The instance that a provider makes of an object; kept with the object unless it is volatile."""
        if provider.volatile:
            return self._make(provider, target)
        return _gauged(provider, target, self.steady(provider, target))

    def steady(self, provider: InstanceProvider, target: object) -> Item:
        """As `item`, of a provider that is not volatile, without its gauges."""
        kept: dict[object, Item] = vars(target).setdefault("_items", {})
        item = kept.get(provider)
        if item is None:
            item = kept[provider] = self._make(provider, target)
        return item

    def _passing(self, provider: InstanceProvider, target: object) -> Item:
        """As `item`, but not kept: of an enumeration the wire keeps what it needs."""
        kept: dict[object, Item] | None = vars(target).get("_items")
        return (kept and kept.get(provider)) or self._make(provider, target)

    def _make(self, provider: InstanceProvider, target: object) -> Item:
        cls = self._class(provider, target)
        properties = provider.make(target)
        if "creationclassname" in cls.properties:
            properties.setdefault("CreationClassName", cls.name)
        if not properties.keys() <= cls.names:
            raise LookupError(f"{cls.name} has no property {sorted(properties.keys() - cls.names)}")
        keys = tuple((key.name, properties.get(key.name)) for key in cls.keys)
        return Item(cls, Path(cls.name, keys, provider.namespace), properties)

    def named(self, target: object, classname: str) -> Found | None:
        """An object as instance of a class; None when no provider makes it one."""
        if isinstance(target, As):
            found = self.named(target.target, target.classname)
            return found if found and self.schema.is_a(found.provider.classname, classname) else None
        provider = self._provider(target, classname)
        if provider is None:
            return None
        path = partial(self._path, provider, target) if provider.keys else None
        return Found(provider, target, partial(self.item, provider, target), path)

    def path_of(self, target: object, classname: str) -> Path | None:
        """The path of what `named` answers; the instance is made only if there is no other way to tell."""
        provider = None if isinstance(target, As) else self._provider(target, classname)
        if provider is None or provider.keys is None:
            found = self.named(target, classname)
            return found.path if found else None
        return self._path(provider, target)

    def _path(self, provider: InstanceProvider, target: object) -> Path:
        """Of an instance whose provider tells keys."""
        assert provider.keys is not None
        cls = self._class(provider, target)
        given = {"CreationClassName": cls.name, **provider.keys(target)}
        return Path(cls.name, tuple((key.name, given.get(key.name)) for key in cls.keys), provider.namespace)

    def _provider(self, target: object, classname: str) -> InstanceProvider | None:
        known: dict[str, InstanceProvider | None] = vars(target).setdefault("_providers", {})
        if classname not in known:
            known[classname] = self.catalog.provider(target, classname)
        return known[classname]

    def _class(self, provider: InstanceProvider, target: object) -> ClassDef:
        return self.schema.get(leaf_name(provider.classname, getattr(target, "platform", None)))

    def of_class(self, namespace: str, classname: str) -> Iterator[Item]:
        """Every instance of a class and its subclasses in a namespace."""
        return iter(Batches(self.batches(namespace, classname)))

    def batches(self, namespace: str, classname: str, paths: bool = False) -> Iterator[Batch]:
        """As `of_class`; where objects come in runs, a batch for all that hangs off a run.

        With `paths` nothing else of the items will be looked at, so that they come without gauges.
        """
        rooted: dict[type, list[_Making]] = {}
        for provider, platform in self.catalog.serving(classname):
            if provider.namespace != namespace:
                continue
            hanging = None if _changes(provider, paths) else self.catalog.hanging.get(provider.of)
            if hanging is None:
                yield self._batch(provider, platform, paths)
            else:
                rooted.setdefault(hanging.root, []).append((provider, platform, self._parts(provider, hanging)))
        for root, makings in rooted.items():
            runs = tuple(self.catalog.runs[root](self.world))
            parts = partial(self._runs, makings, runs, (namespace, classname, paths))
            yield Batch(partial(_flat, parts), (namespace, classname, paths, root), runs, parts=parts)

    def _runs(
        self, makings: list[_Making], runs: Iterable[tuple[Hashable, tuple[object, ...]]], where: Hashable
    ) -> Iterator[Batch]:
        for name, run in runs:
            place = where, name
            known, size = self._sizes.get(place, (None, None))
            yield Batch(partial(self._counted, makings, run, place), place, run, size if known == run else None)

    def _batch(self, provider: InstanceProvider, platform: str | None, paths: bool) -> Batch:
        items = partial(self._items, provider, platform)
        follows = None if _changes(provider, paths) else self.catalog.follows.get(provider.of)
        return Batch(items, (provider, platform), follows(self.world)) if follows else Batch(items)

    def _parts(self, provider: InstanceProvider, hanging: Hanging) -> Parts:
        return provider.parts or (lambda root: filter(provider.when, hanging.parts(root)))

    def _items(self, provider: InstanceProvider, platform: str | None) -> Iterator[Item]:
        item = self.item if provider.gauges is None else self._now
        return (item(provider, target) for target in self._objects(provider, platform))

    def _now(self, provider: InstanceProvider, target: object) -> Item:
        return _gauged(provider, target, self._passing(provider, target))

    def _counted(self, makings: list[_Making], run: tuple[object, ...], place: Hashable) -> list[Item]:
        items = list(self._of_run(makings, run))
        if len(self._sizes) >= MAX_SIZES:
            self._sizes.clear()
        self._sizes[place] = run, len(items)
        return items

    def _of_run(self, makings: list[_Making], run: tuple[object, ...]) -> Iterator[Item]:
        for root in run:
            for provider, platform, parts in makings:
                if platform in (None, getattr(root, "platform", None)):
                    for target in parts(root):
                        yield self.steady(provider, target) if target is root else self._passing(provider, target)

    def all_found(self, classname: str, namespace: str | None = None) -> Iterator[Found]:
        """Every instance of a class and its subclasses; in whatever namespace, where none is given."""
        for provider, platform in self.catalog.serving(classname):
            if namespace in (None, provider.namespace):
                for target in self._objects(provider, platform):
                    yield Found(provider, target, self.item(provider, target))

    def _objects(self, provider: InstanceProvider, platform: str | None) -> Iterable[object]:
        hanging = self.catalog.hanging.get(provider.of)
        if provider.parts is not None and hanging is not None:
            roots = self.catalog.sources[hanging.root](self.world)
            targets: Iterable[object] = chain.from_iterable(map(provider.parts, roots))
        elif provider.among is not None:
            targets = provider.among(self.world)
        else:
            targets = filter(provider.when, self.catalog.sources[provider.of](self.world))
        return (t for t in targets if platform in (None, getattr(t, "platform", None)))

    def find(self, path: Path) -> Found | None:
        """The instance of a canonical path with namespace, by its creation class; None when there is none."""
        for provider, platform in self.catalog.serving(path.classname):
            if provider.namespace == path.namespace:
                for target in self._candidates(provider, platform, path):
                    found = Found(provider, target, partial(self.item, provider, target), path)
                    if path == (self._path(provider, target) if provider.keys else found.item.path):
                        return found
        return None

    def _candidates(self, provider: InstanceProvider, platform: str | None, path: Path) -> Iterable[object]:
        if provider.find is None:
            return self._objects(provider, platform)
        found = provider.find(self.world, dict(path.keys))
        return (t for t in found if provider.when(t) and platform in (None, getattr(t, "platform", None)))

    def get(self, path: Path) -> Found:
        """As `find`. Errors: CIMError NOT_FOUND naming the path."""
        found = self.find(path)
        if found is None:
            missing = ", ".join(name for name, value in path.keys if value is None)
            text = f"the path of {path.classname} lacks {missing}" if missing else f"no such instance: {path}"
            raise CIMError(Status.NOT_FOUND, text)
        return found


def _changes(provider: InstanceProvider, paths: bool) -> bool:
    """Whether what is looked at of its instances changes by itself."""
    return provider.volatile if paths else provider.passing


def _gauged(provider: InstanceProvider, target: object, item: Item) -> Item:
    """The item as it is now; the same one where there are no figures."""
    now = provider.gauges(target) if provider.gauges else None
    return Item(item.cls, item.path, {**item.properties, **now}) if now else item


def _flat(parts: Callable[[], Iterable[Batch]]) -> Batches:
    return Batches(parts())
