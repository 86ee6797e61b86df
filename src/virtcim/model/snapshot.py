"""The document of a domain's snapshot: what libvirt kept of it, and where."""

from __future__ import annotations

from virtcim.model.codecs import TEXT
from virtcim.model.domain import Domain
from virtcim.model.fields import Field, Many, View, integer, text
from virtcim.model.tree import remove, serialise

INTERNAL, EXTERNAL, NOT_KEPT = "internal", "external", "no"  # where a disk or the memory is kept
DISK_SNAPSHOT, SHUTOFF = "disk-snapshot", "shutoff"  # DomainSnapshot.state, beside running and paused


class SnapshotDisk(View):
    """A disk in a snapshot; of an external one `file` is the image that is written to from then on."""

    tag = "disk"
    name = text("@name")
    kept = text("@snapshot")
    type = text("@type")
    format = text("driver@type")
    file = text("source@file")


class DomainSnapshot(View):
    """A snapshot; `created` in seconds since 1970."""

    tag = "domainsnapshot"
    name = Field("name", TEXT)
    description = text("description")
    state = text("state")
    parent = text("parent/name")
    created = integer("creationTime")
    memory = text("memory@snapshot")
    memory_file = text("memory@file")
    disks = Many(SnapshotDisk, inside="disks")

    @property
    def domain(self) -> Domain | None:
        """The domain as it was then."""
        found = self.element.find("domain")
        return None if found is None else Domain(found)

    def take_domain(self, definition: bool = False) -> str | None:
        """Take the domain out of the document, which without it is small; its text.

        `definition`: that of a domain which ran may have been another one, and is told then.
        """
        found = {tag: self.element.find(tag) for tag in ("domain", "inactiveDomain")}
        texts = {tag: serialise(element) for tag, element in found.items() if element is not None}
        for element in found.values():
            if element is not None:
                remove(element)
        inactive = texts.get("inactiveDomain", "").replace("<inactiveDomain", "<domain", 1)
        inactive = inactive.removesuffix("</inactiveDomain>")
        return f"{inactive}</domain>" if definition and inactive else texts.get("domain")
