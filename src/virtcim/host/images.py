"""Which storage pools hold the images of domains: documents name most of them by path alone."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping
from typing import Protocol

SOURCE = re.compile(r"<source (?:file|dev)='([^']*)'")
NO_IMAGES: Mapping[str, str] = {}


class Volume(Protocol):
    @property
    def path(self) -> str: ...


class Store(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def volumes(self) -> Iterable[Volume]: ...


def paths_in(*documents: str | None) -> frozenset[str]:
    """The paths that domain documents name as sources."""
    return frozenset(html.unescape(path) for text in documents if text for path in SOURCE.findall(text))


class Images:
    """Path of each volume -> name of its storage pool, over all pools of a host. Replaced when it changes."""

    def __init__(self) -> None:
        self._known: Mapping[str, str] = NO_IMAGES

    def among(self, paths: frozenset[str]) -> Mapping[str, str]:
        """Those of the paths that are volumes, with their pools."""
        known = self._known
        return {path: known[path] for path in paths if path in known}

    def changed(self, old: Store | None, new: Store | None) -> frozenset[str]:
        """Take a change of a pool; the paths that are in another pool now, or in none."""
        before, after = _of(old), _of(new)
        moved = frozenset(path for path, _ in before.items() ^ after.items())
        if moved:
            kept = {path: name for path, name in self._known.items() if path not in before}
            self._known = {**kept, **after}
        return moved


def _of(pool: Store | None) -> Mapping[str, str]:
    return {volume.path: pool.name for volume in pool.volumes} if pool else NO_IMAGES
