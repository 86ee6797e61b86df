"""What the emulators of a host offer, asked of libvirt once."""

from __future__ import annotations

import libvirt

from virtcim.host.errors import unsupported
from virtcim.host.link import Link
from virtcim.model.capabilities import DomainCapabilities


class Emulators:
    """Domain capabilities, remembered until the link comes up anew."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._known: dict[tuple[str | None, ...], DomainCapabilities | None] = {}
        self._most: dict[str | None, int] = {}

    def forget(self) -> None:
        self._known, self._most = {}, {}

    def max_vcpus(self, virt_type: str | None = None) -> int:
        """The most virtual processors of a guest on any machine. Asks libvirt the first time."""
        if virt_type not in self._most:
            with self._link.reading() as connection:
                self._most[virt_type] = int(connection.getMaxVcpus(virt_type))
        return self._most[virt_type]

    def capabilities(
        self,
        virt_type: str | None = None,
        arch: str | None = None,
        machine: str | None = None,
        emulator: str | None = None,
    ) -> DomainCapabilities | None:
        """What an emulator and machine offer, libvirt's choice where None; None where the driver cannot say.

        Asks libvirt the first time.
        """
        key = (virt_type, arch, machine, emulator)
        if key not in self._known:
            xml = self._ask(*key)
            self._known[key] = None if xml is None else DomainCapabilities.parse(xml)
        return self._known[key]

    def _ask(self, virt_type: str | None, arch: str | None, machine: str | None, emulator: str | None) -> str | None:
        with self._link.reading() as connection:
            try:
                return connection.getDomainCapabilities(emulator, arch, machine, virt_type)
            except libvirt.libvirtError as error:
                if unsupported(error):
                    return None
                raise
