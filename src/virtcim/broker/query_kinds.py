"""Which kinds of terms can be compared, as what, and the three-valued logic of AND, OR and the quantifiers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from virtcim.broker.query_faults import Invalid
from virtcim.broker.query_terms import Get, Kind, Term, constant
from virtcim.broker.query_tree import Compare, Expression, Literal
from virtcim.broker.query_values import EQUALITY, as_moment, as_named, compare

CONVERTED: dict[Kind, Callable[[Any], Any]] = {Kind.DATETIME: as_moment, Kind.REFERENCE: as_named}


def is_null_literal(node: Expression) -> bool:
    return isinstance(node, Literal) and node.value is None


def literal(node: Literal) -> Term:
    value = node.value
    if value is None:
        return constant(None, "string", Kind.NULL)
    if isinstance(value, bool):
        return constant(value, "boolean", Kind.BOOLEAN)
    if isinstance(value, int):
        return constant(value, "uint64" if value >= 0 else "sint64", Kind.NUMBER)
    return constant(value, *(("real64", Kind.NUMBER) if isinstance(value, float) else ("string", Kind.STRING)))


def what(term: Term) -> str:
    return f"an array, each element {term.kind.value}" if term.is_array else term.kind.value


def common(node: Compare, left: Term, right: Term) -> Kind:
    """The kind as which two sides are compared."""
    kinds = {left.kind, right.kind}
    kind = _joint(kinds, left, right)
    if kind is None:
        raise Invalid(node.place, f"{left.kind.value} cannot be compared with {right.kind.value}")
    if kind is Kind.OBJECT:
        raise Invalid(node.place, "embedded instances are compared by their properties only")
    if kind in (Kind.BOOLEAN, Kind.REFERENCE) and node.operator not in EQUALITY:
        raise Invalid(node.place, f"{kind.value} is not compared by {node.operator}")
    return kind


def _joint(kinds: set[Kind], left: Term, right: Term) -> Kind | None:
    if Kind.NULL in kinds:
        return Kind.NULL
    if len(kinds) == 1:
        return left.kind
    if Kind.ANY in kinds:
        return (kinds - {Kind.ANY}).pop()
    written = left if left.constant else right
    special = kinds & {Kind.DATETIME, Kind.REFERENCE}
    if written.constant and written.kind is Kind.STRING and special:
        return special.pop()
    return None


def converted(node: Expression, term: Term, kind: Kind) -> Get:
    convert = CONVERTED.get(kind)
    get = term.get
    if convert is None:
        return get
    if not term.constant:
        return lambda env: convert(get(env))
    value = convert(get({}))
    if value is None:
        raise Invalid(node.place, f"{get({})!r} is not {kind.value}")
    return lambda _: value


def itself(value: Any) -> Any:
    return value


def same_elements(a: Sequence[Any], b: Sequence[Any], convert: Callable[[Any], Any]) -> bool:
    if len(a) != len(b):
        return False
    return all(
        one is other if None in (one, other) else compare("=", convert(one), convert(other)) is True
        for one, other in zip(a, b, strict=True)
    )


def until(decisive: bool, conditions: Sequence[Get]) -> Get:
    return lambda env: decide(decisive, (condition(env) for condition in conditions))


def decide(decisive: bool, answers: Iterable[bool | None]) -> bool | None:
    """AND is decided by a False, OR by a True; an unknown answer leaves the rest unknown."""
    unknown = False
    for answer in answers:
        if answer is decisive:
            return decisive
        unknown = unknown or answer is None
    return None if unknown else not decisive
