"""How items are written in each form of answer (DSP0201), as pieces to be joined."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from virtcim.broker.call import EVERYTHING, Call, Form, Item, Path, Selection
from virtcim.wire.instances import InstanceEncoder
from virtcim.wire.kept import Kept
from virtcim.wire.paths import namespace_path

Pieces = Iterator[tuple[bytes, ...]]
Writer = Callable[[Iterable[Item], Call, Selection], Pieces]

_NAME = "INSTANCENAME"
_INSTANCE = "INSTANCE"


class ItemForms:
    """Writes items. `kept`, when given, keeps the encoding of each; `host` is what paths name, escaped."""

    def __init__(self, instances: InstanceEncoder, host: str, kept: Kept | None) -> None:
        self._instances = instances
        self._host = host
        self._kept = kept
        self.writers: dict[Form, Writer] = {
            Form.INSTANCE: self._bare_instances,
            Form.NAMED_INSTANCE: self._named_instances,
            Form.INSTANCE_NAME: self._names,
            Form.OBJECT_WITH_PATH: self._objects_with_path,
            Form.OBJECT_PATH: self._object_paths,
            Form.OBJECT: self._objects,
            Form.INSTANCE_WITH_PATH: self._instances_with_path,
            Form.INSTANCE_PATH: self._instance_paths,
        }

    def name(self, item: Item | Path) -> bytes:
        """INSTANCENAME."""
        if isinstance(item, Path):
            return self._instances.instance_name(item).encode()
        if self._kept is None:
            return self._instances.instance_name(item.path, item.cls).encode()
        key = (item, _NAME)
        found = self._kept.get(key)
        if found is None:
            found = self._instances.instance_name(item.path, item.cls).encode()
            self._kept.put(key, found)
        return found

    def instance(self, item: Item, selection: Selection) -> bytes:
        """INSTANCE."""
        if self._kept is None:
            return self._instances.instance(item.cls, item.properties, selection).encode()
        key = (item, _INSTANCE if selection is EVERYTHING else selection)
        found = self._kept.get(key)
        if found is None:
            found = self._instances.instance(item.cls, item.properties, selection).encode()
            self._kept.put(key, found)
        return found

    def space(self, namespace: str) -> bytes:
        """NAMESPACEPATH."""
        return namespace_path(self._host, namespace).encode()

    def _bare_instances(self, items: Iterable[Item], _call: Call, selection: Selection) -> Pieces:
        return ((self.instance(item, selection),) for item in items)

    def _named_instances(self, items: Iterable[Item], _call: Call, selection: Selection) -> Pieces:
        start, end = b"<VALUE.NAMEDINSTANCE>", b"</VALUE.NAMEDINSTANCE>"
        return ((start, self.name(item), self.instance(item, selection), end) for item in items)

    def _names(self, items: Iterable[Item | Path], _call: Call, _selection: Selection) -> Pieces:
        return ((self.name(item),) for item in items)

    def _objects(self, items: Iterable[Item], _call: Call, selection: Selection) -> Pieces:
        start, end = b"<VALUE.OBJECT>", b"</VALUE.OBJECT>"
        return ((start, self.instance(item, selection), end) for item in items)

    def _objects_with_path(self, items: Iterable[Item], call: Call, selection: Selection) -> Pieces:
        return self._with_path(b"VALUE.OBJECTWITHPATH", items, call, selection)

    def _instances_with_path(self, items: Iterable[Item], call: Call, selection: Selection) -> Pieces:
        return self._with_path(b"VALUE.INSTANCEWITHPATH", items, call, selection)

    def _with_path(self, tag: bytes, items: Iterable[Item], call: Call, selection: Selection) -> Pieces:
        head, middle, end = b"<" + tag + b"><INSTANCEPATH>", b"</INSTANCEPATH>", b"</" + tag + b">"
        for item in items:
            start = head + self.space(item.path.namespace or call.namespace)
            yield start, self.name(item), middle, self.instance(item, selection), end

    def _object_paths(self, items: Iterable[Item | Path], call: Call, _selection: Selection) -> Pieces:
        end = b"</INSTANCEPATH></OBJECTPATH>"
        for item in items:
            path = item if isinstance(item, Path) else item.path
            start = b"<OBJECTPATH><INSTANCEPATH>" + self.space(path.namespace or call.namespace)
            yield start, self.name(item), end

    def _instance_paths(self, items: Iterable[Item | Path], call: Call, _selection: Selection) -> Pieces:
        for item in items:
            path = item if isinstance(item, Path) else item.path
            space = self.space(path.namespace or call.namespace)
            yield b"<INSTANCEPATH>", space, self.name(item), b"</INSTANCEPATH>"
