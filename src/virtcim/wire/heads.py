"""Headers of requests that came before on a connection: the same bytes mean the same, and need not be parsed again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

MOST = 16  # of one connection; its client sends a few, which differ by operation and length
LONGEST = 2048  # bytes of one
END = b"\r\n\r\n"

Parts = tuple[bytes, Iterator[bytes]]  # the end of the header of a reply, and its body


class Soon:
    """A thread makes the reply, which will be handed over in the loop."""


SOON = Soon()
Ready = Callable[[dict[str, Any], bytes, Callable[[Parts], None]], Parts | Soon | None]
"""The reply at hand to a scope and a whole body, or that it is handed to the callable; None: it takes a task."""


class Known(NamedTuple):
    """What a header was parsed to; the body begins at `start`, and the request has so many bytes in all."""

    scope: dict[str, Any]
    start: int
    size: int


class Heads:
    """The headers of one connection."""

    def __init__(self) -> None:
        self._known: dict[bytes, Known] = {}

    def learn(self, piece: bytes, length: int, scope: Mapping[str, Any]) -> None:
        """A request came, whose first piece was its header, with its body or without; anything else is not learnt."""
        end = piece.find(END)
        start = end + len(END)
        headers = dict(scope["headers"])
        if headers.get(b"content-length") != b"%d" % length or b"expect" in headers or not length:
            return
        if not 0 < end <= LONGEST or len(piece) not in (start, start + length):
            return
        if len(self._known) >= MOST:
            self._known.clear()
        self._known[piece[:start]] = Known(dict(scope), start, start + length)

    def find(self, data: bytes) -> Known | None:
        """What is known of a header, if the data is that alone or the whole request."""
        start = data.find(END, 0, LONGEST + len(END)) + len(END)
        known = self._known.get(data[:start])
        return known if known is not None and len(data) in (known.start, known.size) else None
