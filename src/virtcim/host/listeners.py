"""Who wants to know of every object that is replaced."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from virtcim.host.events import Topic

log = logging.getLogger(__name__)

OnChange = Callable[[Topic, Any, Any], None]


class Listeners:
    """Callbacks (topic, old, new); old or new None: appeared or gone."""

    def __init__(self) -> None:
        self._callbacks: list[OnChange] = []

    def add(self, callback: OnChange) -> None:
        self._callbacks.append(callback)

    def tell(self, topic: Topic, old: object, new: object) -> None:
        """A listener that fails is logged and stops nobody."""
        for callback in self._callbacks:
            try:
                callback(topic, old, new)
            except Exception:
                log.exception("a listener failed for a changed %s", topic.value)
