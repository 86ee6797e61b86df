"""Replies that are made before they are asked for: the next ones of pulled enumerations, for a moment."""

from __future__ import annotations

from collections import OrderedDict
from typing import NamedTuple

from virtcim.broker.call import Answer

MOST = 4_000_000  # bytes of all
LARGEST = 1_000_000  # bytes of one


class Made(NamedTuple):
    """A reply but for its head, in parts of `size` bytes together; paths in it are of a namespace."""

    answer: Answer
    namespace: str
    parts: list[bytes]
    size: int


class Coming:
    """Replies by the answer, the very object, that they are made of; what was made first goes first."""

    def __init__(self) -> None:
        self._made: OrderedDict[int, Made] = OrderedDict()  # by the id of the answer, which lives as long
        self.size = 0

    def put(self, made: Made) -> None:
        self.take(made.answer, made.namespace)
        self._made[id(made.answer)] = made
        self.size += made.size
        while self.size > MOST:
            self.size -= self._made.popitem(last=False)[1].size

    def take(self, answer: Answer, namespace: str) -> Made | None:
        """The reply to be sent, which is not kept any longer."""
        made = self._made.pop(id(answer), None)
        if made is None:
            return None
        self.size -= made.size
        return made if made.namespace == namespace else None

    def clear(self) -> None:
        self._made.clear()
        self.size = 0
