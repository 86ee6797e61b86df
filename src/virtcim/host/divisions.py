"""How a host is divided: its huge pages, and the partitions that systems are put into; as last read."""

from __future__ import annotations

from dataclasses import replace

import libvirt

from virtcim.host import partitions
from virtcim.host.partitions import Partition
from virtcim.host.records import HostFacts

WITH_PARTITIONS = frozenset({"KVM", "LXC"})  # platforms whose systems run in control groups


class Divisions:
    """What was last read; `version` grows with each change."""

    def __init__(self, platform: str, local: bool) -> None:
        self._grouped = local and platform in WITH_PARTITIONS
        self.version = 0
        self.partitions: tuple[Partition, ...] = ()

    @property
    def can_divide(self) -> bool:
        """Whether partitions can be made."""
        return self._grouped and partitions.possible()

    @property
    def groups_version(self) -> int | None:
        """Of the control groups that systems run in; None where they are not to be seen from here."""
        return partitions.version() if self._grouped else None

    def read(self, connection: libvirt.virConnect, facts: HostFacts) -> HostFacts:
        """Read again; the facts, with what libvirt says of the pages now."""
        capabilities = connection.getCapabilities()
        found = partitions.existing() if self._grouped else ()
        if (capabilities, found) == (facts.capabilities_xml, self.partitions):
            return facts
        self.partitions, self.version = found, self.version + 1
        same = capabilities == facts.capabilities_xml
        return facts if same else replace(facts, capabilities_xml=capabilities)
