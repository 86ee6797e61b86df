"""What can be asked of a pool: request types, states, and the ranges of sample settings (DSP1043)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from virtcim.mapping import pools
from virtcim.mapping.documents import blank
from virtcim.mapping.graphics import GRAPHICAL_CONSOLE, VIDEO
from virtcim.mapping.graphics import TYPES as CONSOLES
from virtcim.mapping.hostdev import HOST_DEVICES
from virtcim.mapping.inputs import KEYBOARD, POINTING_DEVICE
from virtcim.mapping.kind import Kind
from virtcim.mapping.memory import DEFAULT_SIZE, ELASTIC
from virtcim.mapping.processor import LEAST_WEIGHT
from virtcim.mapping.resources import new_element
from virtcim.mapping.table import BadProperty, Properties
from virtcim.mapping.units import BLOCK, BYTE, COUNT, KIB, PERCENT
from virtcim.mapping.volumes import FILES
from virtcim.model.capabilities import Capabilities, DomainCapabilities

SPECIFIC, GENERAL, BOTH = 2, 3, 4  # RequestTypesSupported
DEDICATED, SHARED = 2, 3  # SharingMode
ENABLED, DISABLED, NOT_APPLICABLE, QUIESCE = 2, 3, 5, 9  # SupportedAddStates, SupportedRemoveStates
NEVER = (NOT_APPLICABLE,)

REQUESTS = {
    pools.STORAGE: BOTH, pools.LUNS: SPECIFIC, pools.HOST_DEVICES: SPECIFIC, "Filesystem": SPECIFIC,
    "DVD": BOTH, "Floppy": BOTH, pools.PROCESSORS: BOTH, pools.MEMORIES: BOTH,
}  # fmt: skip
SHARING = {
    pools.PROCESSORS: SHARED, pools.MEMORIES: SHARED, pools.STORAGE: SHARED, pools.LUNS: SHARED,
    pools.NETWORKS: SHARED, "Filesystem": SHARED, "DVD": SHARED, "Floppy": SHARED,
}  # fmt: skip
PLUGGING = frozenset({"KVM"})  # platforms whose guests take and give devices while they run
ALWAYS_ONE = frozenset({"proc", "mem"})  # every system has them, and none has more
ONE_OF_QEMU = frozenset({"ide", "balloon"})  # nor has one of QEMU more of these
PTY, UNIX = 2, 9  # SourceType

# What has to be said to get a device of a kind; kinds that are not named need nothing said.
LEAST: Mapping[str, Properties] = {
    "graphics": {"ResourceSubType": "vnc"},
    "input": {"ResourceSubType": "tablet", "BusType": "usb"},
    "console": {"SourceType": PTY, "TargetType": "virtio"},
    "serial": {"SourceType": PTY},
    "parallel": {"SourceType": UNIX, "BindURL": "file:///run/virtcim/parallel"},
    "channel": {"SourceType": PTY, "TargetName": "org.virtcim.channel"},
    "ide": {"ResourceSubType": "ide"},
    "scsi": {"ResourceSubType": "scsi"},
    "usb": {"ResourceSubType": "usb"},
    "controller": {"ResourceSubType": "virtio-serial"},
    "pci": {"ResourceSubType": "pci"},
    "net": {"NetworkType": "user"},
}
BLOCK_SIZE, SAMPLE_BLOCKS = 512, 16 * 1024 * 1024
MIB = 1024  # KiB
MODULE_STEP, MODULE_SIZE = 2 * MIB, 128 * MIB


@dataclass(frozen=True)
class Offer:
    """What a hypervisor offers: the most processors and weight of a guest; its domain capabilities where known."""

    platform: str
    capabilities: Capabilities
    max_vcpus: int
    max_weight: int
    emulator: DomainCapabilities | None


@dataclass(frozen=True)
class Sample:
    """A sample setting: `role` is Default, Minimum, Maximum, Increment or Supported, `variant` tells those apart."""

    role: str
    variant: str
    classname: str
    properties: Properties

    @property
    def name(self) -> str:
        return f"{self.role}/{self.variant}" if self.variant else self.role


def request_types(word: str, storage_type: str | None = None) -> int:
    """`storage_type`: what libvirt calls a storage pool, empty for the primordial one: volumes are made below that."""
    if storage_type == "" or storage_type in pools.READY_MADE:
        return SPECIFIC
    return REQUESTS.get(word, GENERAL)


def sharing_mode(word: str) -> int:
    return SHARING.get(word, DEDICATED)


def add_states(kind: Kind[Any], offer: Offer) -> tuple[int, ...]:
    """The states of a system in which the least of a kind can be added."""
    if _always_one(kind, offer) or not _offered(kind.name, offer):
        return NEVER
    return (ENABLED, DISABLED, QUIESCE) if kind.attachable and _plugged(kind, offer) else (DISABLED,)


def remove_states(kind: Kind[Any], offer: Offer) -> tuple[int, ...]:
    """The states in which it can be removed; a guest that is paused cannot let go of it."""
    if _always_one(kind, offer) and kind.name != "ide":  # which goes when no drive is on it
        return NEVER
    return (ENABLED, DISABLED) if kind.detachable and _plugged(kind, offer) else (DISABLED,)


def _always_one(kind: Kind[Any], offer: Offer) -> bool:
    return kind.name in ALWAYS_ONE or (kind.name in ONE_OF_QEMU and offer.platform in PLUGGING)


def _offered(name: str, offer: Offer) -> bool:
    """A new TPM is an emulated one, which takes a program that not every host has."""
    return name != "tpm" or offer.emulator is None or "emulator" in offer.emulator.values("tpm", "backendModel")


def _plugged(kind: Kind[Any], offer: Offer) -> bool:
    if offer.platform not in PLUGGING:
        return False
    try:
        document = blank(offer.platform, offer.capabilities, {})
        return kind.bound(new_element(kind, dict(LEAST.get(kind.name, {})), document)) is None
    except BadProperty:
        return True  # it is what has to be named besides that is missing


# Ranges


Range = Mapping[str, Properties]  # role -> properties


def processor_range(capacity: int, offer: Offer) -> Range:
    """Of virtual processors, of their Limit in percent of host processors, and of their Weight."""
    return {
        "Default": {"VirtualQuantity": 1},
        "Minimum": {"VirtualQuantity": 1, "Limit": 1, "Weight": LEAST_WEIGHT},
        "Maximum": {"VirtualQuantity": offer.max_vcpus, "Limit": max(1, capacity), "Weight": offer.max_weight},
        "Increment": {"VirtualQuantity": 1, "Limit": 1, "Weight": 1},
    }


def memory_range(capacity: int, default: int = DEFAULT_SIZE, step: int = MIB) -> Range:
    """Of memory in KiB, in steps of a MiB."""
    most = max(step, capacity // step * step)
    usual = min(default, most)
    return {
        "Default": {"VirtualQuantity": usual, "Limit": usual},
        "Minimum": {"VirtualQuantity": step},
        "Maximum": {"VirtualQuantity": most},
        "Increment": {"VirtualQuantity": step},
    }


def module_range(capacity: int) -> Range:
    ranges = memory_range(capacity, MODULE_SIZE, MODULE_STEP)
    usual = ranges["Default"]["VirtualQuantity"]
    return {**ranges, "Default": {"VirtualQuantity": usual, "ResourceSubType": "dimm"}}


def elastic_module_range(capacity: int) -> Range:
    """A new module of which its guest may have all or nothing."""
    ranges = module_range(capacity)
    usual = ranges["Default"]["VirtualQuantity"]
    default = {"VirtualQuantity": usual, "Limit": usual, "ResourceSubType": ELASTIC}
    return {**ranges, "Default": default, "Minimum": {"VirtualQuantity": 0}}


def elastic_range(size: int, step: int) -> Range:
    """Of what a guest may have of an elastic module, in KiB."""
    none, all_of_it, by = ({"VirtualQuantity": kib} for kib in (0, size, step))
    return {"Minimum": none, "Maximum": all_of_it, "Increment": by}


def storage_range(capacity: int, storage_type: str = "") -> Range:
    """Of images in blocks; none while the size of the pool is not known. Thin ones can be larger than their pool."""
    most = capacity // BLOCK_SIZE
    usual = {"VirtualResourceBlockSize": BLOCK_SIZE}
    if not most:
        return {"Default": usual}
    return {
        "Default": usual | {"VirtualQuantity": min(SAMPLE_BLOCKS, most)},
        "Minimum": {"VirtualQuantity": 1},
        **({} if storage_type in FILES else {"Maximum": {"VirtualQuantity": most}}),
        "Increment": {"VirtualQuantity": 1},
    }


def device_range(kind: Kind[Any]) -> Range:
    """One device a setting."""
    one = {"VirtualQuantity": 1}
    return {"Default": one | LEAST.get(kind.name, {}), "Minimum": one, "Maximum": one}


def nothing_to_pass(kind: Kind[Any]) -> Range:
    """Of a host that has no device to pass through."""
    none = {"VirtualQuantity": 0}
    return {"Default": LEAST.get(kind.name, {}), "Minimum": none, "Maximum": none}


ALLOCATION_UNITS = {pools.PROCESSORS: PERCENT, pools.MEMORIES: KIB, pools.STORAGE: BYTE}
QUANTITY_UNITS = {pools.MEMORIES: KIB, pools.STORAGE: BLOCK}


def units(word: str) -> Properties:
    """The units that all samples of a pool are in."""
    return {
        "AllocationUnits": ALLOCATION_UNITS.get(word, COUNT),
        "VirtualQuantityUnits": QUANTITY_UNITS.get(word, COUNT),
    }


def samples(kind: Kind[Any], ranges: Range) -> Iterator[Sample]:
    return (Sample(role, "", kind.setting_class, properties) for role, properties in ranges.items())


# Choices


def _models(kind: Kind[Any], device: str, attribute: str, known: Callable[[str], bool] = lambda _: True) -> Any:
    def choices(offer: Offer) -> Iterator[Sample]:
        values = offer.emulator.values(device, attribute) if offer.emulator and _offered(kind.name, offer) else []
        for value in filter(known, values):
            properties = LEAST.get(kind.name, {}) | {"VirtualQuantity": 1, "ResourceSubType": value}
            yield Sample("Supported", f"{kind.name}-{value}", kind.setting_class, properties)

    return choices


def _inputs(offer: Offer) -> Iterator[Sample]:
    pointers = [("mouse", "ps2"), ("mouse", "usb"), ("tablet", "usb"), ("keyboard", "usb")]
    for word, bus in pointers if offer.platform == "KVM" else ():
        kind = KEYBOARD if word == "keyboard" else POINTING_DEVICE
        properties = {"VirtualQuantity": 1, "ResourceSubType": word, "BusType": bus}
        yield Sample("Supported", f"{word}-{bus}", kind.setting_class, properties)


def _kinds(word: str) -> tuple[Kind[Any], ...]:
    return next(one.kinds for one in pools.TYPES.values() if one.word == word)


PASSED = ("pci", "usb")
CHOICES: Mapping[str, tuple[Callable[[Offer], Iterator[Sample]], ...]] = {
    "Graphics": (
        _models(GRAPHICAL_CONSOLE, "graphics", "type", lambda word: word in CONSOLES),
        _models(VIDEO, "video", "modelType", lambda word: word != "none"),
    ),
    "Input": (_inputs,),
    "RNG": (_models(_kinds("RNG")[0], "rng", "model"),),
    "TPM": (_models(_kinds("TPM")[0], "tpm", "model"),),
    pools.HOST_DEVICES: (_models(HOST_DEVICES[0], "hostdev", "subsysType", lambda word: word in PASSED),),
}


def choices(word: str, kinds: Sequence[Kind[Any]], offer: Offer) -> Iterator[Sample]:
    """The further classes of devices in a pool, and the models that the hypervisor offers, as far as libvirt tells."""
    for kind in {one.setting_class: one for one in kinds if one.setting_class != kinds[0].setting_class}.values():
        yield Sample("Supported", kind.name, kind.setting_class, {"VirtualQuantity": 1, **LEAST.get(kind.name, {})})
    for choice in CHOICES.get(word, ()):
        yield from choice(offer)
