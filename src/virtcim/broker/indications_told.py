"""What was told last of each object, in the store: the next run, or another server, tells what is different since."""

from __future__ import annotations

import hashlib
import json
import logging
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from virtcim.broker.call import CIMError, Item, Path
from virtcim.broker.indications_lifecycle import Lifecycle, Notice
from virtcim.broker.store import Store
from virtcim.broker.store_json import BadDocument, dumps, loads, path_of, path_text
from virtcim.broker.store_queue import Beside, Told

log = logging.getLogger(__name__)

Key = tuple[str, str]  # kind and key of an object, unique in its place
LEASE = "host:"  # what the name of a lease on a host begins with
_REST: Key = ("rest", "")  # what hangs off the place itself


class Unread(Exception):
    """The store cannot tell at present what was told."""


@dataclass(frozen=True)
class Place:
    """Where objects are, as a host: `lease` names it, `rest` is the object that its other parts hang off.

    `objects` are what is there now; `document` and `restored` make JSON values of an object and an object of these,
    the latter None for those of no use.
    """

    lease: str
    rest: object
    objects: Callable[[], Mapping[Key, object]]
    document: Callable[[object], Any]
    restored: Callable[[str, Any], object | None]


class _Objects:
    """What was told last, by key and by type."""

    def __init__(self) -> None:
        self._by_key: dict[Key, object] = {}
        self._by_type: dict[type, dict[Key, object]] = {}

    def get(self, key: Key) -> object | None:
        return self._by_key.get(key)

    def of(self, kind: type) -> Iterable[object]:
        return self._by_type.get(kind, {}).values()

    def put(self, key: Key, one: object | None) -> None:
        """None for gone."""
        before = self._by_key.pop(key, None)
        if before is not None:
            del self._by_type[type(before)][key]
        if one is not None:
            self._by_key[key] = self._by_type.setdefault(type(one), {})[key] = one


class Ledger:
    """Compares with what was told, and keeps what is told now. Used in the engine's thread, but for `snapshot`.

    `held` answers the epoch of the lease on a place, None when another server has it.
    """

    def __init__(self, store: Store, lifecycle: Lifecycle, held: Callable[[str], int | None]) -> None:
        self._store = store
        self._lifecycle = lifecycle
        self._held = held
        self._told: dict[str, _Objects] = {}
        self._open: set[str] = set()
        self._beside = Beside()

    def unopened(self) -> list[str]:
        """The places of other servers that do not know yet that somebody listens."""
        return self._store.queue.untold(LEASE, _REST[0])

    def beside(self) -> Beside:
        """What is to be kept since this was asked last."""
        taken, self._beside = self._beside, Beside()
        return taken

    def close(self, lease: str) -> None:
        """Another server tells of the place from now on."""
        self._told.pop(lease, None)
        self._open.discard(lease)
        self._beside = self._beside.without(lease)

    def forget(self) -> None:
        """Nobody listens: what was told is no more than history."""
        for lease in self._open:
            self._told.pop(lease, None)
            self._drop(lease)
        self._open.clear()

    def snapshot(self, place: Place) -> Callable[[], Iterable[Notice]]:
        """A cause that takes what is there at this moment for told."""
        objects, items = dict(place.objects()), self._lifecycle.items(place.rest)

        def begin() -> Iterable[Notice]:
            if self._drop(place.lease):
                self._begin(place, objects, items)
            return ()

        return begin

    def open(self, place: Place) -> Iterator[Notice]:
        """What has changed since the last server told; at the very first time nothing has. Errors: Unread, at once."""
        if place.lease in self._open or not self.tells(place.lease):
            return
        kept = {(row.kind, row.key): row.document for row in self._read(place.lease)}
        before = {key: _value(document) for key, document in kept.items()}
        objects, items = dict(place.objects()), self._lifecycle.items(place.rest)
        if _REST not in before:
            self._begin(place, objects, items)
            return
        rest = self._items(before.pop(_REST))
        restored = {key: place.restored(key[0], value) for key, value in before.items() if value is not None}
        told = self._told[place.lease] = _Objects()
        for key, one in restored.items():
            told.put(key, one)
        self._open.add(place.lease)
        for key in dict.fromkeys((*before, *objects)):
            if key not in before or restored.get(key) is not None or key not in objects:
                yield from self._changed(place, key, objects.get(key))
            else:  # not readable any more: as it is now it is taken for told
                self._keep(place, key, objects[key])
        self._lifecycle.remember(place.rest, rest)
        yield from self.look(place)

    def _read(self, lease: str) -> list[Told]:
        try:
            return list(self._store.queue.told(lease))
        except CIMError as error:
            raise Unread(error.message) from error

    def changed(self, place: Place, key: Key, old: object | None, new: object | None) -> Iterator[Notice]:
        """An object has come, has been replaced, or is gone."""
        if place.lease not in self._open or not self.tells(place.lease):
            return
        if not self._lifecycle.tells(old if new is None else new):
            return
        if self._told[place.lease].get(key) is old:  # else it was seen already when the place was opened
            yield from self._changed(place, key, new)

    def look(self, place: Place) -> Iterator[Notice]:
        """What has become of what hangs off the place itself."""
        if place.lease not in self._open or not self.tells(place.lease):
            return
        before = self._lifecycle.seen(place.rest)
        yield from self._lifecycle.look(place.rest)
        if self._lifecycle.seen(place.rest) != before:
            self._write_rest(place)

    def _write_rest(self, place: Place) -> None:
        items = self._lifecycle.seen(place.rest)
        self._write(place.lease, _REST, [[path_text(path), dumps(item.properties)] for path, item in items.items()])

    def _begin(self, place: Place, objects: Mapping[Key, object], items: Mapping[Path, Item]) -> None:
        """Take all for told."""
        self._told[place.lease] = _Objects()
        for key, one in objects.items():
            self._keep(place, key, one)
        self._open.add(place.lease)
        self._lifecycle.remember(place.rest, items)
        self._write_rest(place)

    def _changed(self, place: Place, key: Key, new: object | None) -> Iterator[Notice]:
        """What it shares with others is compared with these as they were told, whatever they have become since."""
        told = self._told[place.lease]
        try:
            yield from self._lifecycle.compare(told.get(key), new, told.of)
        except Exception:  # of one object: the others have news as well
            log.exception("no indications could be made of a change of %s %s", *key)
        self._keep(place, key, new)

    def _keep(self, place: Place, key: Key, one: object | None) -> None:
        if one is not None and not self._lifecycle.tells(one):
            return
        self._told[place.lease].put(key, one)
        self._write(place.lease, key, None if one is None else place.document(one))

    def _drop(self, lease: str) -> bool:
        """What was written of a place is to go; False when that is not this server's to say."""
        self._beside = self._beside.without(lease)
        if not self.tells(lease):
            return False
        self._beside.forgotten.add(lease)
        return True

    def tells(self, lease: str) -> bool:
        """Whether this server tells of a place; what is written depends on it."""
        epoch = self._held(lease)
        if epoch is not None:
            self._beside.leases[lease] = epoch
        return epoch is not None

    def _write(self, lease: str, key: Key, value: Any) -> None:
        name = hashlib.sha256(json.dumps([lease, *key]).encode()).hexdigest()
        document = None if value is None else zlib.compress(json.dumps(value).encode(), 1)
        self._beside.told[name] = Told(name, lease, *key, document)

    def _items(self, listed: Any) -> dict[Path, Item]:
        found = {}
        for path, properties in listed or ():
            item = self._item(path, properties)
            if item is not None:
                found[item.path] = item
        return found

    def _item(self, path: str, properties: str) -> Item | None:
        try:
            return self._lifecycle.item(path_of(path), loads(properties))
        except (BadDocument, CIMError) as error:
            log.warning("an instance that was told cannot be read any more: %s", error)
            return None


def _value(document: bytes | None) -> Any:
    """What was written; None for what cannot be read."""
    try:
        return None if document is None else json.loads(zlib.decompress(document))
    except (ValueError, zlib.error):
        return None
