"""What is wrong with a query, and where."""

from __future__ import annotations

from virtcim.broker.query_tree import Place


class QueryFault(Exception):
    """The reason, in words, and the place in the query text."""

    def __init__(self, place: Place, reason: str) -> None:
        super().__init__(f"{place}: {reason}")
        self.place = place
        self.reason = reason


class Invalid(QueryFault):
    """The query breaks the language's rules, or names what does not exist."""


class Unsupported(QueryFault):
    """The query is right, and uses a feature that is not served."""
