"""What a hypervisor offers: the capabilities of a host, and of one emulator and machine (domain capabilities)."""

from __future__ import annotations

from functools import cached_property

from virtcim.model.codecs import TEXT
from virtcim.model.fields import Each, Many, Presence, View, integer, one_of, size_kib, text, texts


class Cpu(View):
    tag = "cpu"
    id = integer("@id")
    socket = integer("@socket_id")
    die = integer("@die_id")
    core = integer("@core_id")
    siblings = text("@siblings")


class PageSize(View):
    """A page size of the host; `size` in `unit` (KiB), `count` only inside a NUMA cell."""

    tag = "pages"
    size = integer("@size")
    unit = text("@unit")
    count = integer("")


class Cell(View):
    """A NUMA cell; memory in KiB."""

    tag = "cell"
    id = integer("@id")
    memory = size_kib("memory")
    pages = Many(PageSize)
    cpus = Many(Cpu, inside="cpus")


class DomainType(View):
    """A way to run guests: qemu, kvm, lxc, xen, test."""

    tag = "domain"
    type = text("@type")
    emulator = text("emulator")


class Arch(View):
    """An architecture of guests; the first machine is the emulator's own default."""

    tag = "arch"
    name = text("@name")
    word_size = integer("wordsize")
    emulator = text("emulator")
    machines = texts("machine")
    machine = text("machine")
    domains = Many(DomainType)


class Guest(View):
    tag = "guest"
    os_type = text("os_type")
    archs = Many(Arch)

    @cached_property
    def arch(self) -> Arch:
        """The architecture: libvirt gives each guest element exactly one."""
        return self.archs[0]


class Capabilities(View):
    """virConnectGetCapabilities."""

    tag = "capabilities"
    host_uuid = text("host/uuid")
    host_arch = text("host/cpu/arch")
    cpu_model = text("host/cpu/model")
    cpu_vendor = text("host/cpu/vendor")
    pages = Many(PageSize, inside="host/cpu")
    tsc_frequency = integer("host/cpu/counter@frequency")
    migration_live = Presence("host/migration_features/live")
    migration_transports: Each[str] = Each("host/migration_features/uri_transports/uri_transport", TEXT)
    cells = Many(Cell, inside="host/topology/cells")
    guests = Many(Guest)

    def guest(self, os_type: str | None = None, arch: str | None = None) -> Guest | None:
        """The guest of a kind of OS and an architecture; by default the host's own architecture, else the first."""
        known: dict[tuple[str | None, str | None], Guest | None] = vars(self).setdefault("_known", {})
        if (os_type, arch) not in known:
            known[os_type, arch] = self._guest(os_type, arch)
        return known[os_type, arch]

    def _guest(self, os_type: str | None, arch: str | None) -> Guest | None:
        found = [guest for guest in self.guests if os_type in (None, guest.os_type)]
        wanted = arch or self.host_arch
        exact = [guest for guest in found if guest.arch.name == wanted]
        return next(iter(exact if arch else exact + found), None)


class Enumeration(View):
    """The values a device attribute can take."""

    tag = "enum"
    name = text("@name")
    values = texts("value")


class CpuMode(View):
    tag = "mode"
    name = text("@name")
    supported = one_of("@supported", "yes", "no")
    models = texts("model")


class DomainCapabilities(View):
    """virConnectGetDomainCapabilities."""

    tag = "domainCapabilities"
    path = text("path")
    domain = text("domain")
    machine = text("machine")
    arch = text("arch")
    max_vcpus = integer("vcpu@max")
    os_supported = one_of("os@supported", "yes", "no")
    os_enums = Many(Enumeration, inside="os")
    loaders = texts("os/loader/value")
    cpu_modes = Many(CpuMode, inside="cpu")

    def values(self, device: str, attribute: str) -> list[str]:
        """The values of an attribute of a device, such as ("disk", "bus"); empty when the device is not offered."""
        holder = self.element.find(f"devices/{device}")
        if holder is None or holder.get("supported") == "no":
            return []
        found = (Enumeration(element) for element in holder.findall("enum"))
        return next((enum.values or [] for enum in found if enum.name == attribute), [])
