"""What domain documents use of the host they are on: volumes as images, and devices that are passed through."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from virtcim.host.images import Images, paths_in
from virtcim.model.nodedev import NodeDevice, Passable
from virtcim.model.storage import Image

MARKS = ("<hostdev ", "<interface type='hostdev'")
NO_DEVICES: Mapping[str, Passable] = {}


@dataclass(frozen=True, kw_only=True)
class Used:
    """`paths`: the images that documents name, those of snapshots too; `images`: those of them that are volumes.

    `passing`: whether they pass devices of the host through; `passed`: what the host then has to pass, by place.
    """

    paths: frozenset[str] = field(default=frozenset(), repr=False)
    images: Mapping[str, Image] = field(default_factory=dict, repr=False)
    passing: bool = False
    passed: Mapping[str, Passable] = field(default_factory=dict, repr=False)


class Kept(Protocol):
    """A snapshot's documents."""

    @property
    def xml(self) -> str: ...
    @property
    def domain_xml(self) -> str: ...


class Documents(Protocol):
    """A domain's documents."""

    @property
    def state_xml(self) -> str: ...
    @property
    def defined_xml(self) -> str | None: ...
    @property
    def snapshots(self) -> Sequence[Kept]: ...


class Described(Protocol):
    """A device of the host."""

    @property
    def name(self) -> str: ...
    @property
    def xml(self) -> str: ...


class Passables:
    """The devices of a host that can be passed through, by where domains say that they are. Replaced on change.

    Of two in one place, as mediated devices of one UUID that are defined below two others, it is the one whose name
    comes first, whichever was read first.
    """

    def __init__(self) -> None:
        self.known: Mapping[str, Passable] = NO_DEVICES
        self._at: dict[str, dict[str, Passable]] = {}  # place -> name -> device

    def changed(self, old: Described | None, new: Described | None) -> bool:
        """Take a change of a device; whether there is another one to be passed through now, or one less."""
        before, after = _passable(old), _passable(new)
        if before == after:
            return False
        if before is not None:
            self._at.setdefault(before.place, {}).pop(before.name, None)
        if after is not None:
            self._at.setdefault(after.place, {})[after.name] = after
        known = dict(self.known)
        for place in {one.place for one in (before, after) if one is not None}:
            known.pop(place, None)
            if there := self._at[place]:
                known[place] = there[min(there)]
            else:
                del self._at[place]
        self.known, was = known, self.known
        return known != was


def _passable(device: Described | None) -> Passable | None:
    return NodeDevice.parse(device.xml).passable if device else None


class Uses:
    """What is known of a host that documents name; `devices.known`: what can be passed through, by place."""

    def __init__(self) -> None:
        self.images = Images()
        self.devices = Passables()

    def of(self, documents: Documents, same: Used | None) -> dict[str, Any]:
        """The fields of Used; `same`: what was known of the same documents."""
        texts = (documents.state_xml, documents.defined_xml)
        kept = [text for one in documents.snapshots for text in (one.xml, one.domain_xml)]
        paths = same.paths if same else paths_in(*texts, *kept)
        passing = same.passing if same else any(mark in text for text in {*texts} if text for mark in MARKS)
        passed = self.devices.known if passing else NO_DEVICES
        return {"paths": paths, "images": self.images.among(paths), "passing": passing, "passed": passed}
