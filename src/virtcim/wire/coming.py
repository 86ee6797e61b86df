"""Replies that are made before they are asked for: the next ones of pulled enumerations, for a moment."""

from __future__ import annotations

from collections import OrderedDict
from typing import NamedTuple

from virtcim.broker.call import Ahead, Answer, Call

MOST = 4_000_000  # bytes of all
LARGEST = 1_000_000  # bytes of one
_CONTEXT = "EnumerationContext"


class Made(NamedTuple):
    """A reply but for its head, in parts of `size` bytes together: to a call that is like the last one of its session.

    Paths in it are of the namespace of that one.
    """

    last: Call
    ahead: Ahead
    parts: list[bytes]
    size: int

    def fits(self, call: Call) -> bool:
        """Whether a call with the context is like the last one but for that."""
        last = self.last
        if call.name != last.name or call.namespace != last.namespace or call.user != last.user:
            return False
        return call.parameters == {**last.parameters, _CONTEXT: self.ahead[0]}


class Coming:
    """Replies by the context of the call that they are for; what was made first goes first."""

    def __init__(self) -> None:
        self._made: OrderedDict[str, Made] = OrderedDict()
        self.size = 0

    def put(self, made: Made) -> None:
        self._drop(made.ahead[0])
        self._made[made.ahead[0]] = made
        self.size += made.size
        while self.size > MOST:
            self._drop(next(iter(self._made)))

    def find(self, call: Call) -> Ahead | None:
        """What is to be done for a call that was expected as it is."""
        context = call.parameters.get(_CONTEXT)
        made = self._made.get(context) if isinstance(context, str) else None
        return made.ahead if made is not None and made.fits(call) else None

    def take(self, call: Call, answer: Answer) -> Made | None:
        """The reply of the very answer, to be sent: it is not kept any longer."""
        context = call.parameters.get(_CONTEXT)
        made = self._drop(context) if isinstance(context, str) else None
        return made if made is not None and made.ahead[1] is answer and made.last.namespace == call.namespace else None

    def clear(self) -> None:
        self._made.clear()
        self.size = 0

    def _drop(self, context: str) -> Made | None:
        made = self._made.pop(context, None)
        if made is not None:
            self.size -= made.size
        return made
