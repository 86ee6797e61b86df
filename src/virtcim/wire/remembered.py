"""Passwords found right a moment ago, so that not each request costs a slow hash; kept as keyed digests only."""

from __future__ import annotations

import hmac
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

MOST = 1000


class Proof(NamedTuple):
    """What was found right: the password of a user, given at an address. `stored` changes when the password does."""

    user: str
    password: str
    stored: str
    address: str


class Remembered:
    """Remembers proofs for `seconds`."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._key = os.urandom(32)
        self._until: OrderedDict[bytes, float] = OrderedDict()
        self._lock = threading.Lock()

    def knows(self, proof: Proof) -> bool:
        digest = self._digest(proof)
        with self._lock:
            return self._until.get(digest, 0.0) > self._clock()

    def add(self, proof: Proof) -> None:
        digest = self._digest(proof)
        with self._lock:
            self._until[digest] = self._clock() + self._seconds
            self._until.move_to_end(digest)
            if len(self._until) > MOST:
                self._until.popitem(last=False)

    def _digest(self, proof: Proof) -> bytes:
        parts = [text.encode(errors="surrogatepass") for text in proof]
        framed = b"".join(len(part).to_bytes(8) + part for part in parts)
        return hmac.digest(self._key, framed, "sha256")
