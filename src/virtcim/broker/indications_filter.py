"""Queries of indication filters: compiled once, with what they can be found by and what they leave of an indication."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from virtcim.broker.call import CIMError, Instance, Properties, Status
from virtcim.broker.query import SELECTS, Query, parse_select
from virtcim.broker.query_grammar import read
from virtcim.broker.query_tree import And, Column, Expression, Isa, Property, Select
from virtcim.broker.schema import Schema

INDICATION = "CIM_Indication"
_SOURCES = ("sourceinstance", "targetinstance")  # the latter as WMI calls it
Shown = Mapping[str, frozenset[str] | None]  # lower-case property -> properties of the embedded instance, None for all


@dataclass(frozen=True, eq=False)
class CompiledFilter:
    """A query over indications; `source` is the class that SourceInstance has to be of, "" for any."""

    query: Query
    source: str
    shown: Shown | None

    def narrowed(self, indication: Instance, always: frozenset[str]) -> Instance:
        """The indication with the selected properties, and those that the service fills in."""
        if self.shown is None:
            return indication
        kept: Properties = {}
        for name, value in indication.properties.items():
            lower = name.lower()
            if lower in self.shown:
                inner = self.shown[lower]
                kept[name] = _part(value, inner) if isinstance(value, Instance) and inner is not None else value
            elif lower in always:
                kept[name] = value
        return Instance(indication.classname, kept)


def compile_filter(schema: Schema, language: str, text: str) -> CompiledFilter:
    """A filter's query. Errors: CIMError QUERY_LANGUAGE_NOT_SUPPORTED, INVALID_QUERY, QUERY_FEATURE_NOT_SUPPORTED."""
    query = parse_select(schema, language, text)
    tree = read(SELECTS[language.strip().lower()], text)
    if not schema.is_a(query.classname, INDICATION):
        text = f"{query.language} query, {tree.place}: {query.classname} is no indication class"
        raise CIMError(Status.INVALID_QUERY, text)
    return CompiledFilter(query, next(_sources(schema, tree), ""), _shown(query, tree))


def _sources(schema: Schema, tree: Select) -> Iterator[str]:
    """The classes that SourceInstance must be of whatever else the condition says."""
    for node in _conjuncts(tree.where):
        if isinstance(node, Isa) and isinstance(node.operand, Property):
            steps = _own_steps(tree, node.operand)
            if len(steps) == 1 and steps[0] in _SOURCES:
                yield schema.get(node.classname).name


def _conjuncts(node: Expression | None) -> Iterator[Expression]:
    if isinstance(node, And):
        for one in node.operands:
            yield from _conjuncts(one)
    elif node is not None:
        yield node


def _own_steps(tree: Select, path: Property) -> list[str]:
    """The names of a path without the class or alias that it may begin with."""
    names = [step.name.lower() for step in path.steps]
    prefixes = {tree.classname.lower(), (tree.alias or "").lower()}
    return names[1:] if len(names) > 1 and names[0] in prefixes else names


def _shown(query: Query, tree: Select) -> Shown | None:
    if query.outputs is None and query.shown is None:
        return None
    shown: dict[str, frozenset[str] | None] = {}
    for column in tree.columns or ():
        name, *inner = _column(query, tree, column)
        before = shown.get(name, frozenset())
        shown[name] = None if before is None or not inner else before | {inner[0]}
    return shown


def _column(query: Query, tree: Select, column: Column) -> list[str]:
    if (
        column.alias
        or not isinstance(column.value, Property)
        or any(step.index is not None for step in column.value.steps)
    ):
        text = f"{query.language} query, {column.place}: an indication filter selects properties as they are"
        raise CIMError(Status.QUERY_FEATURE_NOT_SUPPORTED, text)
    names = _own_steps(tree, column.value)
    return ["sourceinstance" if names[0] in _SOURCES else names[0], *names[1:]]


def _part(instance: Instance, names: frozenset[str]) -> Instance:
    kept = {name: value for name, value in instance.properties.items() if name.lower() in names}
    return Instance(instance.classname, kept, instance.path)
