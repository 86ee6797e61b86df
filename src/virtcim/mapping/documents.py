"""Documents of new virtual systems: from a platform's defaults, or copied from a reference configuration (DSP1042)."""

from __future__ import annotations

import re
from functools import cache, lru_cache
from uuid import uuid4

from virtcim.mapping.graphics import GRAPHICAL_CONSOLE, default_console
from virtcim.mapping.inputs import POINTING_DEVICE, default_input
from virtcim.mapping.memory import DEFAULT_SIZE
from virtcim.mapping.resources import new_element
from virtcim.mapping.table import BadProperty, Properties
from virtcim.mapping.vssd import change_head, check_system_type
from virtcim.model.capabilities import Arch, Capabilities, Guest
from virtcim.model.chardevs import Console
from virtcim.model.domain import Domain, Metadata
from virtcim.model.fields import View
from virtcim.model.peripherals import Graphics, Input

OS_TYPES = {"KVM": "hvm", "LXC": "exe", "Xen": "xen", "Test": "hvm"}
DOMAIN_TYPES = {"KVM": ("kvm", "qemu"), "LXC": ("lxc",), "Xen": ("xen",), "Test": ("test",)}
BOARDS = {"aarch64": "virt", "armv7l": "virt", "riscv64": "virt"}  # where the emulator's own default cannot run a guest
X86 = ("x86_64", "i686")
CHOSEN = ("VirtualSystemIdentifier", "UUID", "DomainType", "OSType", "IsFullVirt", "Arch")  # before the rest is written
GENERATED_CHANNEL = re.compile(r"/(var|run)/.*/libvirt/.*|/run/libvirt/.*")
GENERATED_TARGET = re.compile(r"(vnet|vif|macvtap|macvlan)\d.*")


def blank(platform: str, capabilities: Capabilities, properties: Properties, created: str | None = None) -> Domain:
    """A document with what a VSSD asks for and the platform's defaults, without memory and devices.

    `created` is a CIM datetime. Raises BadProperty.
    """
    check_system_type(properties, platform)
    guest = _guest(platform, capabilities, properties)
    domain_type = _domain_type(platform, guest.arch, properties.get("DomainType"))
    document = _pattern(guest, domain_type, bool(properties.get("Kernel")), bool(properties.get("Bootloader"))).copy()
    names = _names(properties)
    given = {name: value for name, value in properties.items() if value is not None and name not in CHOSEN}
    if given.get("ElementName") == names["VirtualSystemIdentifier"]:
        del given["ElementName"]  # there is no title then
    change_head(document, names | given)
    document.own_metadata.creation_time = created
    return document


@lru_cache(maxsize=16)
def _pattern(guest: Guest, domain_type: str, kernel: bool, bootloader: bool) -> Domain:
    """What new systems of a kind begin with, with room for what is their own; to be copied."""
    document = Domain.new()
    document.type = domain_type
    for own in (Domain.name, Domain.uuid, Metadata.creation_time, Domain.memory):
        own.place.make(document.element)
    document.vcpu = 1
    _machine(document, guest)
    _platform_defaults(document, kernel, bootloader)
    document.clock_offset, document.on_poweroff, document.on_reboot, document.on_crash = (
        "utc", "destroy", "restart", "destroy",
    )  # fmt: skip
    return document


def _guest(platform: str, capabilities: Capabilities, properties: Properties) -> Guest:
    os_type = properties.get("OSType") or ("hvm" if properties.get("IsFullVirt") else OS_TYPES[platform])
    arch = properties.get("Arch")
    guest = capabilities.guest(os_type, arch)
    if guest is not None:
        return guest
    if arch and capabilities.guest(os_type):
        raise BadProperty("Arch", f"cannot be {arch!r}: the host runs no such {os_type} guests")
    raise BadProperty("OSType", f"cannot be {os_type!r}: the host runs no such guests")


def _domain_type(platform: str, arch: Arch, wanted: str | None) -> str:
    offered = _offered(arch)
    known = [word for word in DOMAIN_TYPES[platform] if word in offered] or list(DOMAIN_TYPES[platform])
    if wanted is not None and wanted not in known:
        raise BadProperty("DomainType", f"{wanted!r} is not one of {', '.join(known)}")
    return wanted or known[0]


@lru_cache(maxsize=16)
def _offered(arch: Arch) -> tuple[str | None, ...]:
    return tuple(domain.type for domain in arch.domains)


def _names(properties: Properties) -> Properties:
    uuid = properties.get("UUID") or str(uuid4())
    wish = (properties.get("ElementName") or f"vs-{uuid[:8]}").replace("/", "-")
    return {"VirtualSystemIdentifier": properties.get("VirtualSystemIdentifier") or wish, "UUID": uuid}


def _machine(document: Domain, guest: Guest) -> None:
    arch = guest.arch
    own = next((domain for domain in arch.domains if domain.type == document.type), None)
    document.os_type, document.arch = guest.os_type, arch.name
    if document.type in ("kvm", "qemu"):
        board = BOARDS.get(arch.name or "")
        document.machine = board if board and board in (arch.machines or []) else arch.machine
    if document.type != "test" and guest.os_type in ("hvm", "exe"):
        document.emulator = (own.emulator if own else None) or arch.emulator


def _platform_defaults(document: Domain, kernel: bool, bootloader: bool) -> None:
    if document.os_type == "exe":
        document.init = "/bin/false"
    elif document.os_type == "hvm":
        document.acpi = document.arch in X86 and document.type != "test"
        document.apic = document.pae = document.type == "xen"
        document.boot_devices = None if kernel else ["hd"]
    elif not bootloader:
        document.kernel = "/dev/null"


def add_defaults(document: Domain, platform: str) -> None:
    """Give a new document what no setting asked for: memory, and something to see and to point with.

    The console and the mouse are libvirt-cim's defaults; containers have neither.
    """
    if document.memory is None:
        document.memory = document.current_memory = DEFAULT_SIZE
    if platform == "LXC":
        return
    present = {device.tag for device in document.devices}
    if present.isdisjoint((Graphics.tag, Console.tag)):
        document.add(_console().copy(), inside="devices")
    if Input.tag not in present:
        document.add(_input(document.os_type).copy(), inside="devices")


@cache
def _console() -> View:
    return new_element(GRAPHICAL_CONSOLE, default_console(), Domain.new())


@lru_cache(maxsize=16)
def _input(os_type: str | None) -> View:
    document = Domain.new()
    document.os_type = os_type
    return new_element(POINTING_DEVICE, default_input(document), document)


def as_copy(document: Domain) -> Domain:
    """A configuration as the pattern of a new system: without what belongs to the one system it was made for.

    Images stay: a copy has equal settings (DSP1042 clause 8.2.1). Who is active decides who may use them.
    """
    copy = document.copy()
    copy.id = copy.name = copy.uuid = copy.title = None
    copy.genid = str(uuid4()) if copy.genid else None
    _forget_history(copy)
    _forget_generated(copy)
    for interface in copy.interfaces:
        interface.mac = None
        if interface.network is not None:
            interface.bridge = None
        if GENERATED_TARGET.fullmatch(interface.target or ""):
            interface.target = None
    for graphics in copy.graphics:
        if graphics.autoport:
            graphics.port = graphics.tls_port = None
    return copy


def _forget_history(copy: Domain) -> None:
    own = copy.own_metadata
    own.creation_time = own.requested_state = own.state_changed = own.last_snapshot = None
    own.owned_images = []
    own.dedicated_processors = None


def _forget_generated(copy: Domain) -> None:
    copy.nvram = None
    for label in copy.labels:
        if label.type == "dynamic":
            label.remove()
    for device in copy.devices:
        if not (device.alias or "").startswith("ua-"):
            device.alias = None
    for channel in copy.channels:
        for source in channel.sources:
            if GENERATED_CHANNEL.fullmatch(source.path or ""):
                source.remove()
