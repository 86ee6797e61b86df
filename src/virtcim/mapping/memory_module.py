"""Modules of memory plugged beside that of a virtual system: of a fixed size, or elastic (DSP1045)."""

from __future__ import annotations

from typing import Any

from virtcim.mapping.kind import MEMORY, VIRTUALIZED, Kind, check_address, common, unit_of
from virtcim.mapping.memory import ELASTIC, converted, extent, in_pages
from virtcim.mapping.table import BadProperty, Incompatible, Properties, Row, fixed
from virtcim.mapping.units import KIB
from virtcim.model.devices import MemoryDevice
from virtcim.model.domain import Domain

ELASTIC_BLOCK = 2048  # KiB, the step in which an elastic module grows
PERSISTENT_MODELS = ("nvdimm", "virtio-pmem")


def set_slot(view: MemoryDevice, text: str | None) -> None:
    if text is not None and not text.isdigit():
        raise BadProperty("AddressOnParent", f"{text!r} is not the number of a slot")
    view.address = {"type": "dimm", "slot": text} if text is not None else {}


def module_quantity(view: MemoryDevice) -> int | None:
    """The size; of an elastic module what the guest has of it, or what it is asked to take up."""
    if view.model != ELASTIC:
        return view.size
    return view.requested if view.current is None else view.current


def set_module_quantity(view: MemoryDevice, kib: int | None) -> None:
    if view.model == ELASTIC:
        raise Incompatible("VirtualQuantity", f"{kib} contradicts RequestedQuantity {view.requested}")
    view.size = kib


def set_requested(view: MemoryDevice, kib: int | None) -> None:
    """What the guest of an elastic module is asked to take up; it is up to the guest when it does."""
    if view.model != ELASTIC:
        raise BadProperty("RequestedQuantity", f"means nothing for a module of model {view.model!r}")
    if (kib or 0) % step_of(view):
        raise BadProperty("VirtualQuantity", f"{kib} {KIB} is no multiple of {step_of(view)}")
    if (kib or 0) > (view.size or 0):
        raise BadProperty("VirtualQuantity", f"{kib} {KIB} is more than Limit {view.size}")
    view.requested = kib or 0


def step_of(view: MemoryDevice) -> int:
    """In KiB, in which an elastic module grows and shrinks."""
    return view.block_size or ELASTIC_BLOCK


def elastic_extent(view: object) -> tuple[int, int] | None:
    """How large an elastic module can become, and in what steps, in KiB; None for anything else."""
    if not isinstance(view, MemoryDevice) or view.model != ELASTIC:
        return None
    return view.size or 0, step_of(view)


def set_module_limit(view: MemoryDevice, kib: int | None) -> None:
    """How large an elastic module can become; others are as large as they are."""
    if view.model == ELASTIC:
        view.size = kib


def key(view: MemoryDevice, index: int) -> str:
    """By slot; an elastic module takes none."""
    if view.model == ELASTIC:
        return f"virtiomem{index}"
    return f"dimm{view.slot if view.slot is not None else index}"


MODULE: tuple[Row[Any], ...] = (
    *common("MemoryPool/0", MEMORY),
    fixed("ConsumerVisibility", VIRTUALIZED),
    fixed("AllocationUnits", KIB),
    fixed("VirtualQuantityUnits", KIB),
    Row("ResourceSubType", MemoryDevice.model),
    Row("Limit", MemoryDevice.size, set_module_limit, exact=False),
    Row("VirtualQuantity", module_quantity, set_module_quantity, exact=False),
    Row("RequestedQuantity", MemoryDevice.requested, set_requested),
    Row("Reservation", module_quantity),
    Row("Node", MemoryDevice.node),
    Row("AddressOnParent", unit_of, set_slot),
)


def prepare_module(given: Properties, view: MemoryDevice, _domain: Domain) -> Properties:
    prepared = converted(given, "byte" if view.size is None else KIB)
    if view.size is None and prepared.get("VirtualQuantity") is None:
        prepared["VirtualQuantity"] = prepared.get("Reservation") or prepared.get("Limit")
    if view.model == ELASTIC or prepared.get("ResourceSubType") == ELASTIC:
        quantity = prepared.pop("VirtualQuantity", None)
        prepared.setdefault("Limit", view.size or quantity)
        if quantity is not None and prepared.setdefault("RequestedQuantity", quantity) != quantity:
            raise Incompatible("VirtualQuantity", f"{quantity} contradicts RequestedQuantity")
        return {name: value for name, value in prepared.items() if name != "Reservation"}
    return {name: value for name, value in prepared.items() if name not in ("Reservation", "Limit")}


def begin_module(view: MemoryDevice, given: Properties, domain: Domain) -> None:
    if domain.max_memory is None:
        raise BadProperty("ResourceSubType", "names a memory module, but the system has no MaxMemory and MaxSlots")
    elastic = given.get("ResourceSubType") == ELASTIC
    view.model = ELASTIC if elastic else "dimm"
    view.block_size = ELASTIC_BLOCK if elastic else None
    view.node = 0 if domain.guest_cells else None


def finish_module(view: MemoryDevice, _domain: Domain) -> None:
    if not view.size:
        raise BadProperty("VirtualQuantity", "is missing: it is the size of the memory module")
    check_address(view)


MEMORY_MODULE = Kind(
    name="dimm",
    label="Memory module",
    view=MemoryDevice,
    setting_class="Virt_MemResourceAllocationSettingData",
    resource_type=MEMORY,
    rows=MODULE,
    key=key,
    device_class="Virt_Memory",
    device=lambda view, _: extent(module_quantity(view) or 0, view.model not in PERSISTENT_MODELS),
    selects=lambda given: bool(given.get("ResourceSubType")) and not in_pages(given),
    prepare=prepare_module,
    begin=begin_module,
    finish=finish_module,
    pool="MemoryPool/0",
    attachable=True,
    detachable=True,
)
