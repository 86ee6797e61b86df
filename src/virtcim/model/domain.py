"""The domain document: a virtual system as libvirt describes it."""

from __future__ import annotations

from virtcim.model.codecs import TEXT, UUID, Integer
from virtcim.model.device import Device
from virtcim.model.devices import (
    DEVICES,
    Controller,
    Disk,
    Filesystem,
    Graphics,
    Input,
    Interface,
    MemoryDevice,
)
from virtcim.model.fields import (
    Each,
    Field,
    Many,
    Presence,
    View,
    integer,
    on_off,
    one_of,
    size_kib,
    text,
    texts,
    yes_no,
)

SYSTEM = "metadata/virtcim:system"


class Metadata(View):
    """What CIM has and libvirt has not, kept in the domain's own metadata so that it travels with it."""

    tag = "domain"
    notes = texts(f"{SYSTEM}/virtcim:Notes")
    creation_time = text(f"{SYSTEM}/virtcim:CreationTime")  # CIM datetime
    requested_state = integer(f"{SYSTEM}/virtcim:RequestedState", 0, 65535)
    state_changed = text(f"{SYSTEM}/virtcim:TimeOfLastStateChange")  # CIM datetime
    last_snapshot = text(f"{SYSTEM}/virtcim:LastAppliedSnapshot")
    startup_action = integer(f"{SYSTEM}/virtcim:AutomaticStartupAction", 0, 65535)
    shutdown_action = integer(f"{SYSTEM}/virtcim:AutomaticShutdownAction", 0, 65535)
    recovery_action = integer(f"{SYSTEM}/virtcim:AutomaticRecoveryAction", 0, 65535)


class CpuFeature(View):
    tag = "feature"
    name = text("@name")
    policy = one_of("@policy", "force", "require", "optional", "disable", "forbid")


class CpuPin(View):
    tag = "vcpupin"
    vcpu = integer("@vcpu")
    cpuset = text("@cpuset")


class Domain(View):
    """A domain; memory sizes in KiB."""

    tag = "domain"
    type = text("@type")
    id = integer("@id")
    name = Field("name", TEXT)
    uuid = Field("uuid", UUID)
    title = text("title")
    description = text("description")
    genid = text("genid")

    max_memory = size_kib("maxMemory")
    memory_slots = integer("maxMemory@slots")
    memory = size_kib("memory")
    dump_core = on_off("memory@dumpCore")
    current_memory = size_kib("currentMemory")
    hugepages = Presence("memoryBacking/hugepages")
    hard_limit = size_kib("memtune/hard_limit")
    numa_mode = text("numatune/memory@mode")
    numa_nodes = text("numatune/memory@nodeset")

    vcpu = integer("vcpu", 1, 2**16)
    current_vcpu = integer("vcpu@current", 1, 2**16)
    cpuset = text("vcpu@cpuset")
    vcpu_pins = Many(CpuPin, inside="cputune")
    shares = integer("cputune/shares", 2, 262144)
    period = integer("cputune/period")
    quota = Field("cputune/quota", Integer(-(2**63), 2**63 - 1))
    global_period = integer("cputune/global_period")
    global_quota = Field("cputune/global_quota", Integer(-(2**63), 2**63 - 1))
    partition = text("resource/partition")

    os_type = text("os/type")
    arch = text("os/type@arch")
    machine = text("os/type@machine")
    firmware = one_of("os@firmware", "bios", "efi")
    loader = text("os/loader")
    loader_readonly = yes_no("os/loader@readonly")
    loader_type = one_of("os/loader@type", "rom", "pflash")
    loader_secure = yes_no("os/loader@secure")
    nvram = text("os/nvram")
    nvram_template = text("os/nvram@template")
    kernel = text("os/kernel")
    initrd = text("os/initrd")
    cmdline = text("os/cmdline")
    boot_devices: Each[str] = Each("os/boot@dev", TEXT)
    boot_menu = yes_no("os/bootmenu@enable")
    init = text("os/init")
    init_arguments = texts("os/initarg")
    bootloader = text("bootloader")
    bootloader_arguments = text("bootloader_args")

    acpi = Presence("features/acpi")
    apic = Presence("features/apic")
    pae = Presence("features/pae")
    hyperv_mode = one_of("features/hyperv@mode", "custom", "passthrough")
    hidden_kvm = on_off("features/kvm/hidden@state")
    smm = on_off("features/smm@state")

    cpu_mode = text("cpu@mode")
    cpu_match = text("cpu@match")
    cpu_check = text("cpu@check")
    cpu_model = text("cpu/model")
    cpu_fallback = one_of("cpu/model@fallback", "allow", "forbid")
    cpu_features = Many(CpuFeature, inside="cpu")
    sockets = integer("cpu/topology@sockets", 1)
    dies = integer("cpu/topology@dies", 1)
    cores = integer("cpu/topology@cores", 1)
    threads = integer("cpu/topology@threads", 1)

    clock_offset = one_of("clock@offset", "utc", "localtime", "timezone", "variable", "absolute")
    timezone = text("clock@timezone")
    on_poweroff = text("on_poweroff")
    on_reboot = text("on_reboot")
    on_crash = text("on_crash")

    emulator = text("devices/emulator")
    disks = Many(Disk, inside="devices")
    filesystems = Many(Filesystem, inside="devices")
    interfaces = Many(Interface, inside="devices")
    graphics = Many(Graphics, inside="devices")
    inputs = Many(Input, inside="devices")
    controllers = Many(Controller, inside="devices")
    memory_devices = Many(MemoryDevice, inside="devices")

    @property
    def devices(self) -> tuple[Device, ...]:
        """Every device of a kind we know, in document order."""
        holder = self.element.find("devices")
        found = () if holder is None else holder.iterchildren()
        return tuple(DEVICES[child.tag](child) for child in found if child.tag in DEVICES)

    @property
    def own_metadata(self) -> Metadata:
        """Our own part of the metadata; reading it adds nothing to the document."""
        return Metadata(self.element)

    @property
    def hyperv(self) -> list[str]:
        """The Hyper-V enlightenments that are on, by libvirt's names."""
        holder = self.element.find("features/hyperv")
        return [] if holder is None else [str(child.tag) for child in holder if child.get("state") == "on"]
