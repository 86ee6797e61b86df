"""The tree that all query languages are read into."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

EACH = -1  # the index of [*]


@dataclass(frozen=True)
class Place:
    """Where in a query text, counted from 1."""

    line: int
    column: int

    def __str__(self) -> str:
        return f"line {self.line}, column {self.column}"


@dataclass(frozen=True)
class Literal:
    """A constant; a datetime or a reference is the string it was written as."""

    place: Place
    value: bool | int | float | str | None


@dataclass(frozen=True)
class ArrayLiteral:
    """The constants between braces."""

    place: Place
    elements: Sequence[Literal]


@dataclass(frozen=True)
class Step:
    """One name of a property path; `scope` is the class before `::`, `index` the one in brackets."""

    place: Place
    name: str
    scope: str | None = None
    index: int | None = None


@dataclass(frozen=True)
class Property:
    """Names that lead from the instance, an alias or a variable to a value."""

    place: Place
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class Symbol:
    """A value by its name in Values: of the property given, or of the one it is compared with."""

    place: Place
    name: str
    of: Property | None = None


@dataclass(frozen=True)
class Function:
    place: Place
    name: str
    arguments: Sequence[Expression]


@dataclass(frozen=True)
class Concat:
    place: Place
    parts: Sequence[Expression]


@dataclass(frozen=True)
class Compare:
    """`operator` is one of = <> < > <= >=."""

    place: Place
    operator: str
    left: Expression
    right: Expression


@dataclass(frozen=True)
class IsNull:
    place: Place
    operand: Expression


@dataclass(frozen=True)
class Isa:
    place: Place
    operand: Expression
    classname: str


@dataclass(frozen=True)
class Like:
    place: Place
    operand: Expression
    pattern: Expression


@dataclass(frozen=True)
class Not:
    place: Place
    operand: Expression


@dataclass(frozen=True)
class And:
    place: Place
    operands: Sequence[Expression]


@dataclass(frozen=True)
class Or:
    place: Place
    operands: Sequence[Expression]


@dataclass(frozen=True)
class Quantified:
    """Whether the condition holds for any, or every, element of an array that the variable stands for."""

    place: Place
    every: bool
    variable: str
    array: Property
    condition: Expression


Value = Literal | ArrayLiteral | Property | Symbol | Function | Concat
Expression = Value | Compare | IsNull | Isa | Like | Not | And | Or | Quantified


@dataclass(frozen=True)
class Column:
    """An element of a select list; without an alias it is called as the property it names."""

    place: Place
    value: Expression
    alias: str | None


@dataclass(frozen=True)
class Select:
    """A whole query; `columns` is None for all properties; a bare filter has neither class nor columns."""

    place: Place
    where: Expression | None
    classname: str = ""
    alias: str | None = None
    columns: Sequence[Column] | None = None
