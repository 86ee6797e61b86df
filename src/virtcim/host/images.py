"""Which volumes the images of domains are: documents name most of them by path alone."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping
from typing import Protocol

from virtcim.model.storage import Image, volume_key

SOURCE = re.compile(r"<(?:source|memory snapshot='external') (?:file|dev)='([^']*)'")
NAMED = re.compile(r"<source pool='([^']*)' volume='([^']*)'")
PATH, FORMAT = re.compile("<path>([^<]*)</path>"), re.compile("<format type='([^']*)'/>")
NO_IMAGES: Mapping[str, Image] = {}


class Volume(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def path(self) -> str: ...
    @property
    def key(self) -> str: ...
    @property
    def is_directory(self) -> bool: ...
    @property
    def capacity(self) -> int: ...
    @property
    def allocation(self) -> int: ...
    @property
    def xml(self) -> str: ...


class Store(Protocol):
    @property
    def key(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def volumes(self) -> Iterable[Volume]: ...


def paths_in(*documents: str | None) -> frozenset[str]:
    """What domain documents name as sources: paths, and volumes by the keys of `volume_key`."""
    texts = {text for text in documents if text}  # mostly one: what a domain that is off shows is its definition
    paths = {html.unescape(path) for text in texts for path in SOURCE.findall(text)}
    named = {volume_key(*map(html.unescape, names)) for text in texts for names in NAMED.findall(text)}
    return frozenset(paths | named)


class Images:
    """Path and key of each volume -> what it is, over all pools of a host. Replaced when it changes.

    A path that several pools list is a volume of the one whose name comes first, whichever was read first.
    """

    def __init__(self) -> None:
        self._in: dict[str, tuple[str, Mapping[str, Image]]] = {}  # key of a pool -> its name, and those in it
        self._known: Mapping[str, Image] = NO_IMAGES

    def among(self, paths: frozenset[str]) -> Mapping[str, Image]:
        """Those of the paths that are volumes."""
        known = self._known
        return {path: known[path] for path in paths if path in known}

    def changed(self, old: Store | None, new: Store | None) -> frozenset[str]:
        """Take a change of a pool; the paths that are another volume now, of another size, or none."""
        gone, come = _of(old), _of(new)
        changed = {path for path, _ in gone.items() ^ come.items()}
        if not changed:
            return frozenset()
        if old is not None:
            self._in.pop(old.key, None)
        if new is not None:
            self._in[new.key] = new.name, come
        before = self._known
        self._known = known = self._merged()
        return frozenset(path for path in changed if before.get(path) != known.get(path))

    def _merged(self) -> Mapping[str, Image]:
        found: dict[str, Image] = {}
        for _, images in sorted(self._in.values(), key=lambda pair: pair[0], reverse=True):
            found.update(images)
        return found


def _of(pool: Store | None) -> Mapping[str, Image]:
    if pool is None:
        return NO_IMAGES
    found: dict[str, Image] = {}
    for volume in pool.volumes:
        found[volume.path] = found[volume_key(pool.name, volume.name)] = image_of(pool.name, volume)
    return found


def image_of(pool: str, volume: Volume) -> Image:
    """What a disk on a volume has."""
    own, _, last = volume.xml.partition("<backingStore>")
    backing, _, rest = last.partition("</backingStore>")
    return Image(
        pool=pool,
        volume=volume.name,
        capacity=volume.capacity,
        full=volume.allocation >= volume.capacity,
        key=None if volume.is_directory else volume.key,
        format=_found(FORMAT, f"{own}{rest}"),
        backing=_found(PATH, backing),
        backing_format=_found(FORMAT, backing),
        path=volume.path,
    )


def _found(pattern: re.Pattern[str], text: str) -> str | None:
    match = pattern.search(text)
    return html.unescape(match[1]) if match else None
