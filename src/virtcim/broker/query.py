"""Queries and filters: WQL, DMTF:CQL (DSP0202) and DMTF:FQL (DSP0212) over instances, embedded ones included.

LIKE takes the regular expressions of DSP1001 in CQL and FQL, found anywhere in the text, and wildcards in WQL.
Strings compare by case. Not supported: joins, subqueries, arithmetic, DISTINCT, FIRST, ORDER BY, array ranges,
functions but ClassName, ObjectPath and CurrentDateTime.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from virtcim.broker.call import CIMError, ClassDef, Instance, Item, Path, Properties, PropertyDef, Status
from virtcim.broker.query_bind import Binder
from virtcim.broker.query_faults import Invalid, Unsupported
from virtcim.broker.query_grammar import CQL, FQL, WQL, Dialect, read
from virtcim.broker.query_terms import ROOT, Get, Names, Term, classname_of
from virtcim.broker.query_tree import Column, Property, Select
from virtcim.broker.schema import Schema

SELECTS = {"wql": WQL, "dmtf:cql": CQL, "cim:cql": CQL, "cql": CQL}
FILTERS = {"dmtf:fql": FQL}
RESULT_CLASS = "Virt_QueryResult"  # of rows; it is not in the schema
_WMI_EVENTS = {
    "__instancecreationevent": "CIM_InstCreation",
    "__instancedeletionevent": "CIM_InstDeletion",
    "__instancemodificationevent": "CIM_InstModification",
    "__instanceoperationevent": "CIM_InstIndication",
}


@dataclass(frozen=True)
class Output:
    """A column of the result rows."""

    declared: PropertyDef
    get: Get


@dataclass(frozen=True)
class Query:
    """A query over the instances of a class, or with an empty `classname` a filter over any.

    `outputs` is None where instances are selected as they are; `shown` are then the properties asked for, or None.
    """

    schema: Schema
    language: str
    text: str
    classname: str
    condition: Get | None
    outputs: tuple[Output, ...] | None = None
    shown: frozenset[str] | None = None

    def matches(self, instance: Item | Instance) -> bool | None:
        """Whether an instance is of the class and fulfils the condition; None when that is unknown, as with NULL."""
        if self.classname and not self.schema.is_a(classname_of(instance) or "", self.classname):
            return False
        return True if self.condition is None else self.condition({ROOT: instance})

    @property
    def result_class(self) -> ClassDef:
        """The class of what is selected: that of FROM, or of the rows."""
        if self.outputs is None:
            return self.schema.get(self.classname)
        properties = {output.declared.name.lower(): output.declared for output in self.outputs}
        return ClassDef(RESULT_CLASS, None, properties, {})

    def row(self, instance: Item | Instance, result_class: ClassDef, namespace: str) -> Item:
        """The columns of an instance as one of `result_class`, which has no keys."""
        properties: Properties = {output.declared.name: output.get({ROOT: instance}) for output in self.outputs or ()}
        return Item(result_class, Path(result_class.name, (), namespace), properties)


def parse_select(schema: Schema, language: str, text: str) -> Query:
    """A query of WQL or CQL.

    Errors: CIMError QUERY_LANGUAGE_NOT_SUPPORTED, INVALID_QUERY or QUERY_FEATURE_NOT_SUPPORTED with place and reason.
    """
    return _parse(schema, _dialect(language, SELECTS), text, None)


def parse_filter(schema: Schema, language: str, text: str, classname: str | None) -> Query:
    """A filter of FQL over instances of a class, which may be unknown. Errors: as parse_select."""
    return _parse(schema, _dialect(language, FILTERS), text, classname)


def _dialect(language: str, offered: dict[str, Dialect]) -> Dialect:
    found = offered.get(language.strip().lower())
    if found is None:
        known = ", ".join(sorted({dialect.name for dialect in offered.values()}))
        raise CIMError(
            Status.QUERY_LANGUAGE_NOT_SUPPORTED, f"query language {language!r} is not supported here, {known} is"
        )
    return found


def _parse(schema: Schema, dialect: Dialect, text: str, classname: str | None) -> Query:
    try:
        return _bound(schema, dialect, text, read(dialect, text), classname)
    except Invalid as fault:
        raise CIMError(Status.INVALID_QUERY, f"{dialect.name} query, {fault}") from fault
    except Unsupported as fault:
        raise CIMError(Status.QUERY_FEATURE_NOT_SUPPORTED, f"{dialect.name} query, {fault}") from fault


def _bound(schema: Schema, dialect: Dialect, text: str, tree: Select, classname: str | None) -> Query:
    prefixes = [name for name in (tree.classname, tree.alias) if name]
    names = Names(schema, classname, prefixes, dialect.wmi)
    if tree.classname:
        wanted = _WMI_EVENTS.get(tree.classname.lower(), tree.classname) if dialect.wmi else tree.classname
        classname = names.known(tree.place, wanted).name
        names = Names(schema, classname, prefixes, dialect.wmi)
    binder = Binder(names, dialect)
    where = None if tree.where is None else binder.condition(tree.where)
    query = Query(schema, dialect.name, text, classname or "" if tree.classname else "", where)
    return query if tree.columns is None else _with_columns(query, tree.columns, names, binder, dialect)


def _with_columns(query: Query, columns: Sequence[Column], names: Names, binder: Binder, dialect: Dialect) -> Query:
    """`alias.*` selects everything; plain properties in WQL narrow the instances; all else makes rows."""
    if any(_is_everything(column, names) for column in columns):
        return query
    outputs = [_output(column, binder.term(column.value)) for column in columns]
    if dialect.wmi and all(_is_plain(column, names) for column in columns):
        return replace(query, shown=frozenset(output.declared.name.lower() for output in outputs))
    taken: set[str] = set()
    for column, output in zip(columns, outputs, strict=True):
        if output.declared.name.lower() in taken:
            raise Invalid(column.place, f"{output.declared.name} is selected twice, AS gives one another name")
        taken.add(output.declared.name.lower())
    return replace(query, outputs=tuple(outputs))


def _is_everything(column: Column, names: Names) -> bool:
    if not isinstance(column.value, Property) or column.value.steps[-1].name != "*":
        return False
    if not names.is_root(Property(column.place, column.value.steps[:-1])):
        raise Unsupported(column.place, "all properties of an embedded instance as columns are not supported")
    return True


def _is_plain(column: Column, names: Names) -> bool:
    return column.alias is None and isinstance(column.value, Property) and names.is_own(column.value)


def _output(column: Column, term: Term) -> Output:
    if term.declared is None:
        raise Invalid(column.place, f"the column is {term.kind.value}: write the class before it, as Class::Property")
    name = column.alias or term.declared.name
    if not name:
        raise Invalid(column.place, "the column has no name: AS gives it one")
    declared = replace(term.declared, name=name, is_array=term.is_array, is_key=False, origin="")
    return Output(declared, term.get)
