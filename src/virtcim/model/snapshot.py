"""The document of a domain's snapshot: what libvirt kept of it, and where."""

from __future__ import annotations

from virtcim.model.codecs import TEXT
from virtcim.model.domain import Domain
from virtcim.model.fields import Field, Many, View, integer, text

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


def parted(text: str) -> tuple[str, str | None, str | None]:
    """A snapshot's document without its domain, that domain, and its definition where it ran with something else.

    All of them as libvirt wrote them, byte for byte.
    """
    rest, domain = _cut(text, "domain")
    rest, definition = _cut(rest, "inactiveDomain")
    return rest, domain, None if definition is None else _as_domain(definition)


def _cut(text: str, tag: str) -> tuple[str, str | None]:
    begin, end = text.find(f"<{tag} "), text.rfind(f"</{tag}>")
    if begin < 0 or end < begin:
        return text, None
    end += len(f"</{tag}>")
    return text[:begin] + text[end:], text[begin:end]


def _as_domain(definition: str) -> str:
    inside = definition.removeprefix("<inactiveDomain").removesuffix("</inactiveDomain>")
    return f"<domain{inside}</domain>"
