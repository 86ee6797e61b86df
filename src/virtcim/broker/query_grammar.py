"""One grammar for WQL, CQL (DSP0202) and FQL (DSP0212): query text -> tree, with limits on size and nesting."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from virtcim.broker.query_faults import Invalid, Unsupported
from virtcim.broker.query_tree import Place, Select
from virtcim.later import Later

if TYPE_CHECKING:
    import lark

    from virtcim.broker import query_build
else:
    lark = Later("lark")
    query_build = Later("virtcim.broker.query_build")

MAX_TEXT = 65_536
MAX_TOKENS = 4_096
MAX_DEPTH = 32

GRAMMAR = r"""
wql: _SELECT _other? columns _FROM NAME within? where
cql: _SELECT _other? columns _FROM NAME alias? where
fql: fql_or

within: _WITHIN (INTEGER | REAL)
alias: _AS? NAME
where: _other? [_WHERE disjunction _other?]
columns: STAR | column ("," column)*
column: sum [_AS NAME]
      | property "." STAR -> all_of

?disjunction: conjunction (_OR conjunction)*
?conjunction: negation (_AND negation)*
?negation: _NOT negation -> negated
         | comparison
?comparison: sum
           | sum OPERATOR sum -> compare
           | sum _IS NULL -> is_null
           | sum _IS _NOT NULL -> is_not_null
           | sum _ISA classname -> isa
           | sum _LIKE sum -> like
           | sum _NOT _LIKE sum -> not_like
           | _ANY NAME _IN property _SATISFIES "(" disjunction ")" -> any_in
           | _EVERY NAME _IN property _SATISFIES "(" disjunction ")" -> every_in
classname: NAME | STRING | QUOTED
?sum: primary (_CONCAT primary)*
?primary: "(" disjunction ")"
        | "(" SELECT ")"
        | literal
        | SYMBOL -> symbol
        | property
        | property SYMBOL -> symbol_of
        | call
        | primary _arithmetic
call: NAME "(" [argument ("," argument)*] ")"
?argument: disjunction | STAR -> star
property: step -> first_step
        | property "." step -> next_step
step: NAME [_SCOPE NAME] ["[" index "]"]
index: INTEGER _range? | STAR
_range: RANGE | MORE

?fql_or: fql_and (_OR fql_and)*
?fql_and: fql_one (_AND fql_one)*
?fql_one: "(" fql_or ")"
        | fql_property OPERATOR fql_operand -> compare
        | fql_property OPERATOR "{" [literal ("," literal)*] "}" -> compare_array
        | fql_property _LIKE STRING -> fql_like
        | fql_property _NOT _LIKE STRING -> fql_not_like
        | quantifier fql_property OPERATOR fql_operand -> quantified_compare
        | quantifier fql_property _LIKE STRING -> quantified_like
        | quantifier fql_property _NOT _LIKE STRING -> quantified_not_like
quantifier: _ANY -> any_of
          | _EVERY -> every_of
          | _NOT _ANY -> not_any_of
          | _NOT _EVERY -> not_every_of
?fql_operand: fql_property | literal
fql_property: fql_step -> first_step
            | fql_property "." fql_step -> next_step
fql_step: NAME ["[" INTEGER "]"]

literal: STRING -> string
       | QUOTED -> quoted
       | [SIGN] INTEGER -> integer
       | [SIGN] BINARY -> binary
       | [SIGN] HEX -> hexadecimal
       | [SIGN] REAL -> real
       | TRUE -> true
       | FALSE -> false
       | NULL -> null

_other: DISTINCT | FIRST | JOIN | INNER | LEFT | RIGHT | FULL | CROSS | ORDER | GROUP | HAVING | UNION | JOINED
_arithmetic: PLUS | MINUS | TIMES | DIVIDE | IN

_SELECT: "SELECT"i
_FROM: "FROM"i
_WHERE: "WHERE"i
_WITHIN: "WITHIN"i
_AS: "AS"i
_AND: "AND"i
_OR: "OR"i
_NOT: "NOT"i
_IS: "IS"i
_ISA: "ISA"i
_LIKE: "LIKE"i
_ANY: "ANY"i
_EVERY: "EVERY"i
_IN: "IN"i
_SATISFIES: "SATISFIES"i
NULL: "NULL"i
TRUE: "TRUE"i
FALSE: "FALSE"i
_SCOPE: "::"
_CONCAT: "||"
STAR: "*"
SIGN: "+" | "-"
OPERATOR: "=" | "<>" | "!=" | "<=" | ">=" | "<" | ">"

SELECT: "SELECT"i
DISTINCT: "DISTINCT"i
FIRST: "FIRST"i
JOIN: "JOIN"i
INNER: "INNER"i
LEFT: "LEFT"i
RIGHT: "RIGHT"i
FULL: "FULL"i
CROSS: "CROSS"i
ORDER: "ORDER"i
GROUP: "GROUP"i
HAVING: "HAVING"i
UNION: "UNION"i
JOINED: /,/
IN: "IN"i
PLUS: "+"
MINUS: "-"
TIMES: "*"
DIVIDE: "/"
RANGE: ".."
MORE: /,/

STRING: /'(?:[^'\\]|\\.|'')*'/s
QUOTED: /"(?:[^"\\]|\\.|"")*"/s
SYMBOL: /#'(?:[^'\\]|\\.|'')*'/s
REAL.2: /[0-9]*\.[0-9]+(e[+-]?[0-9]+)?/i
BINARY.2: /[01]+b/i
HEX.2: /0x[0-9a-f]+/i
INTEGER: /[0-9]{1,20}/
NAME: /[a-z_\x80-\U0010ffff][\w]*/i

%ignore /\s+/
"""

UNSUPPORTED = {
    "DISTINCT": "DISTINCT",
    "FIRST": "FIRST",
    "ORDER": "ORDER BY",
    "GROUP": "GROUP BY",
    "HAVING": "HAVING",
    "UNION": "set operations",
    "SELECT": "subqueries",
    "IN": "IN without ANY or EVERY",
    "RANGE": "array ranges",
    "MORE": "array ranges",
    **dict.fromkeys(("JOIN", "INNER", "LEFT", "RIGHT", "FULL", "CROSS", "JOINED"), "joins"),
    **dict.fromkeys(("PLUS", "MINUS", "TIMES", "DIVIDE"), "arithmetic"),
}


@dataclass(frozen=True)
class Dialect:
    """What sets a language apart.

    `wmi`: double quotes, wildcards in LIKE, and the names that WMI gives events and system properties.
    `tests_null`: `p = NULL` means `p IS NULL`. `null_is_false`: any other comparison with NULL is false, not unknown.
    """

    name: str
    start: str
    reserved: frozenset[str] = frozenset()
    wmi: bool = False
    tests_null: bool = False
    null_is_false: bool = False


_RESERVED = frozenset({"SELECT", "FROM", "WHERE", "AND", "OR", "NOT", "LIKE", "IS", "ISA"})
WQL = Dialect("WQL", "wql", _RESERVED, wmi=True, tests_null=True)
CQL = Dialect("DMTF:CQL", "cql", _RESERVED)
FQL = Dialect("DMTF:FQL", "fql", tests_null=True, null_is_false=True)


class _Guard:
    """Passes tokens on to the parser; raises for too many, too deep nesting, and features that are not supported."""

    always_accept = ()

    def __init__(self, reserved: frozenset[str]) -> None:
        self._reserved = reserved

    def process(self, tokens: Iterator[lark.Token]) -> Iterator[lark.Token]:
        depth = 0
        for number, token in enumerate(tokens):
            depth += {"LPAR": 1, "RPAR": -1}.get(token.type, 0)
            if number >= MAX_TOKENS:
                raise Invalid(_place(token), f"the query has more than {MAX_TOKENS} words")
            if depth > MAX_DEPTH:
                raise Invalid(_place(token), f"parentheses are nested deeper than {MAX_DEPTH} levels")
            if token.type in UNSUPPORTED:
                raise Unsupported(_place(token), f"{UNSUPPORTED[token.type]} not supported")
            if token.type == "NAME" and token.upper() in self._reserved:
                raise Invalid(_place(token), f"{token.upper()} is not expected here")
            yield token


@cache
def _parser(dialect: Dialect) -> lark.Lark:
    return lark.Lark(
        GRAMMAR,
        parser="lalr",
        start=dialect.start,
        postlex=_Guard(dialect.reserved),
        transformer=query_build.Builder(dialect.wmi),
        propagate_positions=False,
    )


def read(dialect: Dialect, text: str) -> Select:
    """The tree of a query. Errors: Invalid, Unsupported."""
    if len(text) > MAX_TEXT:
        raise Invalid(Place(1, 1), f"the query is longer than {MAX_TEXT} characters")
    try:
        tree = _parser(dialect).parse(text)
    except lark.UnexpectedInput as error:
        raise _invalid(error, text, dialect) from error
    if not isinstance(tree, Select):
        raise TypeError(f"the grammar made {tree!r} of a query")
    return tree


def _place(token: lark.Token) -> Place:
    return Place(token.line or 1, token.column or 1)


def _invalid(error: lark.UnexpectedInput, text: str, dialect: Dialect) -> Invalid:
    if isinstance(error, lark.UnexpectedCharacters):
        return Invalid(Place(error.line, error.column), f"{text[error.pos_in_stream or 0]!r} is not expected here")
    if not isinstance(error, lark.UnexpectedToken):
        return Invalid(Place(error.line, error.column), "not understood")
    expected = ", ".join(sorted({_shown(dialect, name) for name in error.accepts or error.expected} - {""}))
    if error.token.type == "$END":
        return Invalid(_end(text), f"the query ends where one of these is expected: {expected}")
    return Invalid(_place(error.token), f"{str(error.token)[:40]!r} is not expected here, but one of: {expected}")


def _shown(dialect: Dialect, terminal: str) -> str:
    """A terminal as a message names it; nothing for one that is refused anyway."""
    if terminal in UNSUPPORTED or terminal == "$END":
        return ""
    pattern = _parser(dialect).get_terminal(terminal).pattern
    return pattern.value if isinstance(pattern, lark.lexer.PatternStr) else terminal.lower()


def _end(text: str) -> Place:
    lines = text.split("\n")
    return Place(len(lines), len(lines[-1]) + 1)
