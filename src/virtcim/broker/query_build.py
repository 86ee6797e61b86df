"""Grammar rules -> tree: one method a rule or alias of query_grammar."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from lark import Token, Transformer, v_args

from virtcim.broker.query_faults import Invalid
from virtcim.broker.query_tree import (
    EACH,
    And,
    ArrayLiteral,
    Column,
    Compare,
    Concat,
    Expression,
    Function,
    Isa,
    IsNull,
    Like,
    Literal,
    Not,
    Or,
    Place,
    Property,
    Quantified,
    Select,
    Step,
    Symbol,
)

ELEMENT = "\0"  # the variable of a quantifier that names none
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)|(''|\"\")", re.DOTALL)
_ESCAPED = {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r", "\\": "\\", "'": "'", '"': '"'}


def place(token: Token) -> Place:
    return Place(token.line or 1, token.column or 1)


def _unescaped(text: str) -> str:
    """A string without its quotes and escapes; an escape of no meaning stays, for it may be one of a pattern."""

    def one(match: re.Match[str]) -> str:
        if match[2]:  # a quote written twice, where it is the one that encloses the string
            return match[2].replace(text[0] * 2, text[0])
        code = match[1]
        return chr(int(code[1:], 16)) if len(code) == 5 else _ESCAPED.get(code, match[0])

    return _ESCAPE.sub(one, text[1:-1])


@v_args(inline=True)
class Builder(Transformer[Token, Any]):
    """Makes the tree while the parser runs."""

    def __init__(self, double_quotes: bool) -> None:
        super().__init__()
        self._double_quotes = double_quotes

    # Whole queries

    def wql(self, columns: Sequence[Column] | None, name: Token, *rest: Any) -> Select:
        return Select(place(name), rest[-1], str(name), None, columns)

    def cql(self, columns: Sequence[Column] | None, name: Token, *rest: Any) -> Select:
        return Select(place(name), rest[-1], str(name), rest[0] if len(rest) > 1 else None, columns)

    def within(self, seconds: Token) -> None:
        """How often to look for changes: events are not polled for."""

    def alias(self, name: Token) -> str:
        return str(name)

    def where(self, condition: Expression | None) -> Expression | None:
        return condition

    def fql(self, where: Expression) -> Select:
        return Select(Place(1, 1), where)

    def columns(self, *columns: Any) -> tuple[Column, ...] | None:
        """None for all properties, which `alias.*` means as well while there is one class only."""
        return None if any(isinstance(one, Token) for one in columns) else columns

    def column(self, value: Expression, alias: Token | None) -> Column:
        return Column(value.place, value, alias and str(alias))

    def all_of(self, prefix: Property, star: Token) -> Column:
        return Column(prefix.place, Property(prefix.place, (*prefix.steps, Step(place(star), "*"))), None)

    # Conditions

    def disjunction(self, *operands: Expression) -> Or:
        return Or(operands[0].place, operands)

    def conjunction(self, *operands: Expression) -> And:
        return And(operands[0].place, operands)

    fql_or, fql_and = disjunction, conjunction

    def negated(self, operand: Expression) -> Expression:
        return operand.operand if isinstance(operand, Not) else Not(operand.place, operand)

    def compare(self, left: Expression, operator: Token, right: Expression) -> Compare:
        return Compare(left.place, "<>" if operator == "!=" else str(operator), left, right)

    def compare_array(self, left: Expression, operator: Token, *elements: Literal | None) -> Compare:
        given = [element for element in elements if element is not None]
        return self.compare(left, operator, ArrayLiteral(place(operator), given))

    def is_null(self, operand: Expression, _: Token) -> IsNull:
        return IsNull(operand.place, operand)

    def is_not_null(self, operand: Expression, _: Token) -> Not:
        return Not(operand.place, IsNull(operand.place, operand))

    def isa(self, operand: Expression, classname: str) -> Isa:
        return Isa(operand.place, operand, classname)

    def classname(self, name: Token) -> str:
        return str(name) if name.type == "NAME" else _unescaped(name)

    def like(self, operand: Expression, pattern: Expression) -> Like:
        return Like(operand.place, operand, pattern)

    def not_like(self, operand: Expression, pattern: Expression) -> Not:
        return Not(operand.place, self.like(operand, pattern))

    def fql_like(self, operand: Expression, pattern: Token) -> Like:
        return self.like(operand, self.string(pattern))

    def fql_not_like(self, operand: Expression, pattern: Token) -> Not:
        return self.not_like(operand, self.string(pattern))

    # Quantifiers

    def any_in(self, name: Token, array: Property, condition: Expression) -> Quantified:
        return Quantified(place(name), False, str(name), array, condition)

    def every_in(self, name: Token, array: Property, condition: Expression) -> Quantified:
        return Quantified(place(name), True, str(name), array, condition)

    def any_of(self) -> tuple[bool, bool]:
        """Whether every element has to fulfil the condition, and whether the whole is negated."""
        return False, False

    def every_of(self) -> tuple[bool, bool]:
        return True, False

    def not_any_of(self) -> tuple[bool, bool]:
        return False, True

    def not_every_of(self) -> tuple[bool, bool]:
        return True, True

    def quantified_compare(
        self, kind: tuple[bool, bool], array: Property, operator: Token, operand: Expression
    ) -> Expression:
        return self._quantified(kind, array, self.compare(_element(array), operator, operand))

    def quantified_like(self, kind: tuple[bool, bool], array: Property, pattern: Token) -> Expression:
        return self._quantified(kind, array, self.fql_like(_element(array), pattern))

    def quantified_not_like(self, kind: tuple[bool, bool], array: Property, pattern: Token) -> Expression:
        return self._quantified(kind, array, self.fql_not_like(_element(array), pattern))

    def _quantified(self, kind: tuple[bool, bool], array: Property, condition: Expression) -> Expression:
        every, negated = kind
        whole = Quantified(array.place, every, ELEMENT, array, condition)
        return Not(array.place, whole) if negated else whole

    # Values

    def sum(self, *parts: Expression) -> Concat:
        return Concat(parts[0].place, parts)

    def symbol(self, token: Token) -> Symbol:
        return Symbol(place(token), _unescaped(token[1:]))

    def symbol_of(self, owner: Property, token: Token) -> Symbol:
        return Symbol(place(token), _unescaped(token[1:]), owner)

    def call(self, name: Token, *arguments: Expression | None) -> Function:
        return Function(place(name), str(name), [one for one in arguments if one is not None])

    def star(self, token: Token) -> Literal:
        return Literal(place(token), "*")

    def first_step(self, step: Step) -> Property:
        return Property(step.place, (step,))

    def next_step(self, before: Property, step: Step) -> Property:
        return Property(before.place, (*before.steps, step))

    def step(self, name: Token, scoped: Token | None, index: int | None) -> Step:
        if scoped is None:
            return Step(place(name), str(name), None, index)
        return Step(place(name), str(scoped), str(name), index)

    def fql_step(self, name: Token, index: Token | None) -> Step:
        return Step(place(name), str(name), None, None if index is None else int(index))

    def index(self, token: Token) -> int:
        return EACH if token == "*" else int(token)

    def string(self, token: Token) -> Literal:
        return Literal(place(token), _unescaped(token))

    def quoted(self, token: Token) -> Literal:
        if not self._double_quotes:
            raise Invalid(place(token), "a string stands between single quotes in this language")
        return self.string(token)

    def integer(self, sign: Token | None, digits: Token) -> Literal:
        return Literal(place(digits), int(f"{sign or ''}{digits}"))

    def binary(self, sign: Token | None, digits: Token) -> Literal:
        return Literal(place(digits), int(f"{sign or ''}{digits[:-1]}", 2))

    def hexadecimal(self, sign: Token | None, digits: Token) -> Literal:
        return Literal(place(digits), int(f"{sign or ''}{digits}", 16))

    def real(self, sign: Token | None, digits: Token) -> Literal:
        return Literal(place(digits), float(f"{sign or ''}{digits}"))

    def true(self, token: Token) -> Literal:
        return Literal(place(token), True)

    def false(self, token: Token) -> Literal:
        return Literal(place(token), False)

    def null(self, token: Token) -> Literal:
        return Literal(place(token), None)


def _element(array: Property) -> Property:
    return Property(array.place, (Step(array.place, ELEMENT),))
