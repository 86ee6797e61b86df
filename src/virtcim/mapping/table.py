"""CIM properties over a libvirt document as rows that run both ways."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property
from typing import Any, Generic, TypeVar

from virtcim.model.fields import Field, ModelError, View

V = TypeVar("V", bound=View)
Properties = dict[str, Any]

# What a client may send along with a setting but not choose: identity and labels are ours.
LABELS = frozenset({"InstanceID", "ElementName", "Caption", "Description", "Generation", "ChangeableType"})


class BadProperty(ValueError):
    """A property that cannot have the value given, and why; `symbol` is that of the message about it."""

    symbol = "SETTING_UNSUPPORTED_VALUE"

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name} {reason}")
        self.name = name
        self.reason = reason


class Incompatible(BadProperty):
    """A property that does not go with another one."""

    symbol = "SETTING_INCOMPATIBLE"


class UnknownPool(BadProperty):
    """A PoolID that names no pool, or none that the resource can come from."""

    symbol = "RESOURCE_POOL_UNKNOWN"


class UnknownType(BadProperty):
    """A VirtualSystemType that the host does not have."""

    symbol = "VS_TYPE_UNSUPPORTED"


class Row(Generic[V]):
    """One property: where it is read, and how it is written.

    `source` is a Field, a function of the view, or None when someone else answers for the property. A function
    alone makes a row that cannot be written. `out` and `back` convert between the field's value and CIM's.
    `exact=False`: what is written may read back in another form, so it is not compared.
    """

    def __init__(
        self,
        name: str,
        source: Field[Any] | Callable[[V], Any] | None,
        write: Callable[[V, Any], None] | None = None,
        out: Callable[[Any], Any] | None = None,
        back: Callable[[Any], Any] | None = None,
        exact: bool = True,
    ) -> None:
        self.name = name
        self.source = source
        self.writer = write
        self.out = out
        self.back = back
        self.exact = exact
        self.elsewhere = source is None and write is None
        self.writable = write is not None or isinstance(source, Field)
        self._read = source.read if isinstance(source, Field) else source

    def get(self, view: V) -> Any:
        if self._read is None:
            return None
        value = self._read(view)
        return value if self.out is None or value is None else self.out(value)

    def set(self, view: V, value: Any) -> None:
        """Write a value, None to clear. Raises BadProperty."""
        try:
            converted = value if self.back is None or value is None else self.back(value)
            if self.writer is not None:
                self.writer(view, converted)
            elif isinstance(self.source, Field):
                self.source.write(view, converted)
        except ModelError as error:
            if self.source is None:  # a secret: neither it nor the error that quotes it may be shown
                raise BadProperty(self.name, "cannot have the value given") from None
            raise BadProperty(self.name, f"cannot be {value!r}: {error}") from error


class Table(tuple[Row[V], ...]):
    """Rows in their order, which is known of each property."""

    @cached_property
    def places(self) -> dict[str, int]:
        return {row.name: place for place, row in enumerate(self)}


def fixed(name: str, value: Any) -> Row[Any]:
    """A property that always has the same value."""
    return Row(name, lambda _: value)


def elsewhere(name: str) -> Row[Any]:
    """A property that whoever calls reads and writes, because it is not in the document."""
    return Row(name, None)


def to_cim(rows: Iterable[Row[V]], view: V) -> Properties:
    """The properties that are not NULL."""
    values = ((row.name, row.get(view)) for row in rows)
    return {name: value for name, value in values if value is not None and value != []}


def same(left: Any, right: Any) -> bool:
    """Whether two values say the same: NULL, empty text and empty array are one."""
    return left == right or (left in (None, "", []) and right in (None, "", []))


def to_xml(table: Table[V], properties: Properties, view: V, new: bool = False) -> None:
    """Write properties into a view: absent = keep, None = clear, equal to what is there = nothing to do.

    Raises BadProperty for a property without a row, a value that cannot be, a fixed property given another value and
    properties that contradict each other. The view is then half changed: work on a document that can be dropped.
    In a change, a property given as it was may follow from the changed ones; in a new element all must hold.
    """
    given = _given(table, properties)
    changed = [row for row in given if row.writable and not same(row.get(view), properties[row.name])]
    written, holding = False, []
    for row in changed:
        if written and same(row.get(view), properties[row.name]):  # an earlier row has said it
            holding.append(row)
        else:
            row.set(view, properties[row.name])
            written, holding = True, []
    for row in given:
        if row not in holding and (new or row in changed or not row.writable):
            check(row, properties[row.name], view)


def _given(table: Table[V], properties: Properties) -> list[Row[V]]:
    """The rows of the properties given, in the order of the table, without those that whoever calls sees to."""
    places = table.places
    named = []
    for name, value in properties.items():
        if name in places:
            named.append(places[name])
        elif name not in LABELS and not same(value, None):
            raise BadProperty(name, "is not supported for this kind of resource")
    return [row for row in map(table.__getitem__, sorted(named)) if not row.elsewhere]


def check(row: Row[V], value: Any, view: V) -> None:
    """Refuse what was given and is not so now."""
    if not row.exact or same(row.get(view), value):
        return
    if row.writable:
        raise Incompatible(row.name, f"{value!r} contradicts another property given")
    if value is not None:
        raise BadProperty(row.name, f"cannot be {value!r}: it is {row.get(view)!r} and cannot be set")
