"""The encoder of each namespace: clients make some with classes that others have by the same name."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from virtcim.wire.encode import Encoder
from virtcim.wire.paths import Classes

ClassesIn = Callable[[str], Classes | None]
"""The classes of a namespace that has its own; None for the model's."""

MAX_KEPT = 256  # encoders, of which none keeps what it has encoded


class _Own(NamedTuple):
    classes: Classes
    encoder: Encoder


class Encoders:
    """The encoder of the model, and those of other namespaces."""

    def __init__(self, classes: Classes, host: str | None, classes_in: ClassesIn) -> None:
        self._classes = classes
        self._host = host
        self._classes_in = classes_in
        self.model = Encoder(classes, host, self._elsewhere)
        self._own: dict[str, _Own] = {}

    def of(self, namespace: str) -> Encoder:
        classes = self._classes_in(namespace)
        if classes is None:
            return self.model
        own = self._own.get(namespace)
        if own is None or own.classes != classes:
            if len(self._own) >= MAX_KEPT:
                self._own.clear()
            own = self._own[namespace] = _Own(classes, Encoder(classes, self._host, self._elsewhere, kept=0))
        return own.encoder

    def _elsewhere(self, namespace: str) -> Classes:
        return self._classes_in(namespace) or self._classes
