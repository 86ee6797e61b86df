"""Replies to requests that come again and again, kept within a budget for as long as their answers hold."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Any, NamedTuple

from virtcim.broker.call import Holds
from virtcim.wire.kept import OVERHEAD, PACKABLE, packed, unpacked

LARGEST = 64 * 1024  # bytes of one reply
SHARED = "shared"  # in Call.memo: calls of the same text will have the same memo
_BODY = "body"  # in Call.memo


class _Held(NamedTuple):
    holds: Holds
    body: bytes
    packed: bool


class Again:
    """What was encoded of answers, in the memo of the calls that they answer; what was not used for longest goes."""

    def __init__(self, budget: int) -> None:
        self._budget = budget
        self._memos: OrderedDict[int, dict[str, Any]] = OrderedDict()
        self._lock = threading.Lock()
        self.size = 0

    def get(self, memo: dict[str, Any]) -> bytes | None:
        """The encoding of the last answer to calls of this memo, if it still holds."""
        held: _Held | None = memo.get(_BODY)
        if held is None or not held.holds():
            return None
        with self._lock:
            if id(memo) in self._memos:
                self._memos.move_to_end(id(memo))
        return unpacked(held.body) if held.packed else held.body

    def put(self, memo: dict[str, Any], holds: Holds, body: bytes) -> None:
        """Keep an encoding, unless it is large or nobody will come with this memo again."""
        with self._lock:
            self._drop(memo)
            if SHARED not in memo or len(body) > LARGEST:
                return
            pack = len(body) >= PACKABLE
            held = memo[_BODY] = _Held(holds, packed(body) if pack else body, pack)
            self._memos[id(memo)] = memo
            self.size += len(held.body) + OVERHEAD
            while self.size > self._budget:
                self._drop(next(iter(self._memos.values())))

    def _drop(self, memo: dict[str, Any]) -> None:
        if self._memos.pop(id(memo), None) is not None:
            self.size -= len(memo.pop(_BODY).body) + OVERHEAD
