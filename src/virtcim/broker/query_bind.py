"""Conditions of a query -> functions of an instance, in three-valued logic (DSP0202), checked against the schema."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from virtcim.broker.jobs import now
from virtcim.broker.query_faults import Invalid, Unsupported
from virtcim.broker.query_grammar import Dialect
from virtcim.broker.query_kinds import (
    CONVERTED,
    common,
    converted,
    decide,
    is_null_literal,
    itself,
    literal,
    same_elements,
    until,
    what,
)
from virtcim.broker.query_like import BadPattern, compile_pattern
from virtcim.broker.query_terms import Env, Get, Kind, Names, Term, classname_of, computed, constant
from virtcim.broker.query_tree import (
    And,
    ArrayLiteral,
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
    Property,
    Quantified,
    Symbol,
)
from virtcim.broker.query_values import EQUALITY, compare


class Binder:
    """Makes terms of expressions. Errors of all its methods: Invalid, Unsupported."""

    def __init__(self, names: Names, dialect: Dialect) -> None:
        self._names = names
        self._dialect = dialect
        self._makers: dict[type, Callable[[Any], Term]] = {
            Literal: literal,
            ArrayLiteral: self._array_literal,
            Property: names.term,
            Symbol: lambda node: self._symbol(node, None),
            Function: self._function,
            Concat: self._concat,
            Compare: self._compare,
            IsNull: self._is_null,
            Isa: self._isa,
            Like: self._like,
            Not: self._not,
            And: self._and,
            Or: self._or,
            Quantified: self._quantified,
        }

    def term(self, node: Expression) -> Term:
        """What an expression stands for."""
        return self._makers[type(node)](node)

    def condition(self, node: Expression) -> Get:
        """A function that answers True, False or, for unknown, None."""
        term = self.term(node)
        if term.kind not in (Kind.BOOLEAN, Kind.NULL) or term.is_array:
            raise Invalid(node.place, f"a condition is expected, this is {what(term)}")
        return term.get

    # Values

    def _array_literal(self, node: ArrayLiteral) -> Term:
        elements = [literal(one) for one in node.elements]
        kinds = {one.kind for one in elements} - {Kind.NULL}
        if len(kinds) > 1:
            raise Invalid(node.place, "the array has elements of several types")
        values = [one.value for one in node.elements]
        return Term(lambda _: values, kinds.pop() if kinds else Kind.ANY, is_array=True, constant=True)

    def _symbol(self, node: Symbol, other: Term | None) -> Term:
        declared = self._owner(node.of) if node.of else other.declared if other else None
        if declared is None or not declared.name:
            raise Invalid(node.place, f"#'{node.name}' stands beside no property that could have it as a value")
        entry = next((entry for entry, name in declared.values.items() if name == node.name), None)
        if entry is None:
            raise Invalid(node.place, f"{declared.name} has no value called '{node.name}'")
        if declared.type == "string":
            return constant(entry, "string", Kind.STRING)
        if not entry.lstrip("-").isdecimal():
            raise Invalid(node.place, f"'{node.name}' of {declared.name} is the range {entry}")
        return constant(int(entry), declared.type, Kind.NUMBER)

    def _owner(self, path: Property) -> Any:
        """The declaration of a property, given from the instance or as Class.Property."""
        cls = self._names.schema.find(path.steps[0].name) if len(path.steps) == 2 else None
        found = cls.properties.get(path.steps[1].name.lower()) if cls else None
        return found or self._names.term(path).declared

    def _function(self, node: Function) -> Term:
        name = node.name.lower()
        if name == "currentdatetime" and not node.arguments:
            return computed(lambda _: now(), "datetime")
        if name not in ("classname", "objectpath"):
            raise Unsupported(node.place, f"function {node.name} with {len(node.arguments)} arguments is not supported")
        if len(node.arguments) != 1:
            raise Invalid(node.place, f"{node.name} takes one argument")
        get = self._object(node.arguments[0]).get
        if name == "classname":
            return computed(lambda env: classname_of(get(env)), "string")
        return computed(lambda env: getattr(get(env), "path", None), "reference")

    def _object(self, node: Expression, *more: Kind) -> Term:
        term = self.term(node)
        if term.kind not in (Kind.OBJECT, Kind.ANY, *more) or term.is_array:
            raise Invalid(node.place, f"an instance is expected, this is {what(term)}")
        return term

    def _concat(self, node: Concat) -> Term:
        gets = [self._string(part).get for part in node.parts]

        def joined(env: Env) -> str | None:
            values = [get(env) for get in gets]
            return "".join(values) if all(isinstance(value, str) for value in values) else None

        return computed(joined, "string")

    def _string(self, node: Expression) -> Term:
        term = self.term(node)
        if term.kind not in (Kind.STRING, Kind.ANY) or term.is_array:
            raise Invalid(node.place, f"a string is expected, this is {what(term)}")
        return term

    # Comparisons

    def _answer(self, get: Get) -> Term:
        """A comparison: FQL has no unknown, what compares with NULL is false there."""
        return computed((lambda env: get(env) is True) if self._dialect.null_is_false else get, "boolean")

    def _compare(self, node: Compare) -> Term:
        if self._dialect.tests_null and (is_null_literal(node.left) or is_null_literal(node.right)):
            return self._null_test(node)
        left, right = self._sides(node)
        if left.is_array or right.is_array:
            return self._compare_arrays(node, left, right)
        kind = common(node, left, right)
        if kind is Kind.NULL:
            return self._answer(lambda _: None)
        how, a, b = node.operator, converted(node.left, left, kind), converted(node.right, right, kind)
        return self._answer(lambda env: compare(how, a(env), b(env)))

    def _null_test(self, node: Compare) -> Term:
        operand = node.right if is_null_literal(node.left) else node.left
        if node.operator not in EQUALITY:
            raise Invalid(node.place, "NULL is neither less nor greater than anything")
        test = IsNull(node.place, operand)
        return self.term(test if node.operator == "=" else Not(node.place, test))

    def _sides(self, node: Compare) -> tuple[Term, Term]:
        if isinstance(node.left, Symbol):
            right = self.term(node.right)
            return self._symbol(node.left, right), right
        left = self.term(node.left)
        return left, self._symbol(node.right, left) if isinstance(node.right, Symbol) else self.term(node.right)

    def _compare_arrays(self, node: Compare, left: Term, right: Term) -> Term:
        if not (left.is_array and right.is_array):
            raise Invalid(node.place, "an array and a single value are compared: one element needs an index or ANY")
        if node.operator not in EQUALITY:
            raise Invalid(node.place, f"arrays are not compared by {node.operator}")
        convert = CONVERTED.get(common(node, left, right), itself)
        wanted = node.operator == "="

        def equal(env: Env) -> bool | None:
            a, b = left.get(env), right.get(env)
            return None if a is None or b is None else same_elements(a, b, convert) is wanted

        return self._answer(equal)

    def _is_null(self, node: IsNull) -> Term:
        get = self.term(node.operand).get
        return computed(lambda env: get(env) is None, "boolean")

    def _isa(self, node: Isa) -> Term:
        get = self._object(node.operand, Kind.REFERENCE).get
        schema, wanted = self._names.schema, self._names.known(node.place, node.classname).name

        def isa(env: Env) -> bool | None:
            name = classname_of(get(env))
            return None if name is None else schema.is_a(name, wanted)

        return computed(isa, "boolean")

    def _like(self, node: Like) -> Term:
        get = self._string(node.operand).get
        if not (isinstance(node.pattern, Literal) and isinstance(node.pattern.value, str)):
            raise Unsupported(node.pattern.place, "a pattern that is no string literal is not supported")
        try:
            pattern = compile_pattern(node.pattern.value, self._dialect.wmi)
        except BadPattern as error:
            raise Invalid(node.pattern.place, str(error)) from error

        def like(env: Env) -> bool | None:
            value = get(env)
            return pattern.found_in(value) if isinstance(value, str) else None

        return self._answer(like)

    # Logic

    def _not(self, node: Not) -> Term:
        """In FQL NOT belongs to the comparison: what is compared with NULL stays false."""
        if self._dialect.null_is_false and isinstance(node.operand, Like):
            get, value = self.condition(node.operand), self.term(node.operand.operand).get
            return computed(lambda env: value(env) is not None and not get(env), "boolean")
        get = self.condition(node.operand)

        def inverted(env: Env) -> bool | None:
            value = get(env)
            return None if value is None else not value

        return computed(inverted, "boolean")

    def _and(self, node: And) -> Term:
        return computed(until(False, [self.condition(one) for one in node.operands]), "boolean")

    def _or(self, node: Or) -> Term:
        return computed(until(True, [self.condition(one) for one in node.operands]), "boolean")

    def _quantified(self, node: Quantified) -> Term:
        array = self._names.term(node.array)
        if not array.is_array:
            raise Invalid(node.array.place, f"an array is expected, this is {what(array)}")
        variable = f"{node.variable.lower()}@{node.place}"
        element = Term(lambda env: env[variable], array.kind, array.declared, False, array.classname)
        condition = Binder(self._names.with_variable(node.variable, element), self._dialect).condition(node.condition)
        unknown = False if self._dialect.null_is_false else None
        decided = not node.every

        def holds(env: Env) -> bool | None:
            values = array.get(env)
            if values is None:
                return unknown
            return decide(decided, (condition({**env, variable: value}) for value in values))

        return computed(holds, "boolean")
