"""The domain document: a virtual system as libvirt describes it."""

from __future__ import annotations

import copy
import re

from lxml import etree

from virtcim.model.adapter import Interface
from virtcim.model.chardevs import Channel, Console
from virtcim.model.codecs import TEXT, UUID, Integer
from virtcim.model.device import Device
from virtcim.model.devices import DEVICES, Disk, Filesystem, MemoryDevice
from virtcim.model.fields import (
    Ahead,
    Each,
    Field,
    Many,
    ModelError,
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
from virtcim.model.peripherals import Controller, Graphics, Input
from virtcim.model.tree import NAMESPACE, Place, first_child, make_child, remove, serialise

NAME = re.compile(r"[a-z][a-z0-9_-]*")
SYSTEM = "metadata/virtcim:system"


class Metadata(View):
    """What CIM has and libvirt has not, kept in the domain's own metadata so that it travels with it."""

    tag = "domain"
    notes = texts(f"{SYSTEM}/virtcim:Notes")
    creation_time = text(f"{SYSTEM}/virtcim:CreationTime")  # CIM datetime
    requested_state = integer(f"{SYSTEM}/virtcim:RequestedState", 0, 65535)
    requested_power_state = integer(f"{SYSTEM}/virtcim:RequestedPowerState", 0, 65535)
    state_changed = text(f"{SYSTEM}/virtcim:TimeOfLastStateChange")  # CIM datetime
    dedicated_processors = text(f"{SYSTEM}/virtcim:DedicatedProcessors")  # "yes": of the host, one for each virtual one
    last_snapshot = text(f"{SYSTEM}/virtcim:LastAppliedSnapshot")
    owned_images = texts(f"{SYSTEM}/virtcim:AutomaticDeallocation")  # where the images are that go with their disks

    @property
    def plain(self) -> str | None:
        """The metadata element without its namespace, which virDomainSetMetadata adds; None when there is none."""
        found = Place.of(SYSTEM).find(self.element)
        if found is None:
            return None
        own = copy.deepcopy(found)
        own.tail = None
        for child in own.iter(f"{{{NAMESPACE}}}*"):
            child.tag = child.tag.removeprefix(f"{{{NAMESPACE}}}")
        etree.cleanup_namespaces(own)
        return serialise(own)


class CpuFeature(View):
    tag = "feature"
    name = text("@name")
    policy = one_of("@policy", "force", "require", "optional", "disable", "forbid")


class CpuPin(View):
    tag = "vcpupin"
    vcpu = integer("@vcpu")
    cpuset = text("@cpuset")


class GuestCell(View):
    """A NUMA cell of the guest; `memory` in `unit`, which libvirt makes KiB."""

    tag = "cell"
    id = integer("@id")
    cpus = text("@cpus")
    memory = integer("@memory")
    unit = text("@unit")


class SecurityLabel(View):
    tag = "seclabel"
    type = text("@type")
    model = text("@model")


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
    hugepage_size = integer("memoryBacking/hugepages/page@size", 1)  # in hugepage_unit, which libvirt makes KiB
    hugepage_unit = text("memoryBacking/hugepages/page@unit")
    hard_limit = size_kib("memtune/hard_limit")
    soft_limit = size_kib("memtune/soft_limit")
    swap_hard_limit = size_kib("memtune/swap_hard_limit")
    min_guarantee = size_kib("memtune/min_guarantee")
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
    boot_menu_timeout = integer("os/bootmenu@timeout", 0, 65535)
    init = text("os/init")
    init_arguments = texts("os/initarg")
    bootloader = Ahead("bootloader", before="os")
    bootloader_arguments = Ahead("bootloader_args", before="os")

    acpi = Presence("features/acpi")
    apic = Presence("features/apic")
    pae = Presence("features/pae")
    hyperv_mode = one_of("features/hyperv@mode", "custom", "passthrough")
    hidden_kvm = on_off("features/kvm/hidden@state")
    smm = on_off("features/smm@state")
    hap = Presence("features/hap")
    viridian = Presence("features/viridian")
    pmu = on_off("features/pmu@state")
    vmport = on_off("features/vmport@state")

    cpu_mode = text("cpu@mode")
    cpu_match = text("cpu@match")
    cpu_check = text("cpu@check")
    cpu_model = text("cpu/model")
    cpu_fallback = one_of("cpu/model@fallback", "allow", "forbid")
    cpu_features = Many(CpuFeature, inside="cpu")
    guest_cells = Many(GuestCell, inside="cpu/numa")
    sockets = integer("cpu/topology@sockets", 1)
    dies = integer("cpu/topology@dies", 1)
    cores = integer("cpu/topology@cores", 1)
    threads = integer("cpu/topology@threads", 1)

    clock_offset = one_of("clock@offset", "utc", "localtime", "timezone", "variable", "absolute")
    timezone = text("clock@timezone")
    clock_basis = one_of("clock@basis", "utc", "localtime")
    clock_adjustment = Field("clock@adjustment", Integer(-(2**63), 2**63 - 1))
    on_poweroff = text("on_poweroff")
    on_reboot = text("on_reboot")
    on_crash = text("on_crash")
    on_lockfailure = text("on_lockfailure")
    suspend_to_memory = yes_no("pm/suspend-to-mem@enabled")
    suspend_to_disk = yes_no("pm/suspend-to-disk@enabled")
    iothreads = integer("iothreads")

    emulator = text("devices/emulator")
    disks = Many(Disk, inside="devices")
    filesystems = Many(Filesystem, inside="devices")
    interfaces = Many(Interface, inside="devices")
    graphics = Many(Graphics, inside="devices")
    inputs = Many(Input, inside="devices")
    controllers = Many(Controller, inside="devices")
    memory_devices = Many(MemoryDevice, inside="devices")
    consoles = Many(Console, inside="devices")
    channels = Many(Channel, inside="devices")
    labels = Many(SecurityLabel)

    @property
    def devices(self) -> tuple[Device, ...]:
        """Every device of a kind we know, in document order."""
        holder = first_child(self.element, "devices")
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

    def set_hyperv(self, names: list[str]) -> None:
        """Turn exactly these enlightenments on; those that are on keep their further attributes. Raises ModelError."""
        holder = Place.of("features/hyperv").make(self.element)
        for child in [child for child in holder if child.get("state") == "on" and child.tag not in names]:
            remove(child)
        for name in names:
            if NAME.fullmatch(name) is None:
                raise ModelError("domain/features/hyperv", name, "is not the name of a Hyper-V enlightenment")
            present = holder.find(name)
            element = make_child(holder, name) if present is None else present
            element.set("state", "on")
        Place.of("features/hyperv").prune(self.element, holder)
