"""The virtual processors of a virtual system: one setting for all of them (DSP1044)."""

from __future__ import annotations

import re
from typing import Any

from virtcim.mapping.affinity import (
    asked,
    check_dedicated,
    dedicated,
    host_processors,
    mapping,
    pins,
    set_cpuset,
    set_host_processors,
    set_mapping,
)
from virtcim.mapping.guest_cells import fit_cells
from virtcim.mapping.kind import DEDICATED, PROCESSOR, VIRTUALIZED, Kind, common
from virtcim.mapping.table import BadProperty, Properties, Row, fixed
from virtcim.mapping.units import COUNT, PERCENT, UnitError, convert
from virtcim.model.domain import Domain

LEAST_WEIGHT, MOST_WEIGHT, MOST_WEIGHT_2 = 2, 262144, 10000  # of control groups, the last of version 2
PERIOD = 100_000  # microseconds, libvirt's default
UNLIMITED = (None, 0, -1)
DEFAULT_QUANTITY = 1
WHOLE = 100  # percent of a processor
# ProcessorArchitecture and InstructionSet (CIM_ProcessorAllocationSettingData) by libvirt's name of the architecture.
ARCHITECTURES = {
    "x86_64": ("DMTF:x86", "DMTF:x86:64"),
    "i686": ("DMTF:x86", "DMTF:x86:i686"),
    "aarch64": ("DMTF:ARM", "DMTF:ARM:A64"),
    "armv7l": ("DMTF:ARM", "DMTF:ARM:A32"),
    "s390x": ("DMTF:S/390", "DMTF:S/390:z/Architecture_2"),
    "ppc64": ("DMTF:Power", "DMTF:Power:Power_2.06"),
    "ppc64le": ("DMTF:Power", "DMTF:Power:Power_2.06"),
}
WIDTHS = {"i686": 32, "armv7l": 32}
PARTITION = re.compile(r"(/[\w.-]{1,64}){1,9}")
OTHER_FAMILY = 1  # CIM_Processor.Family
CPU_ENABLED, CAPABLE_OF_64_BITS = 1, 2  # CIM_Processor.CPUStatus, .Characteristics


def quantity(domain: Domain) -> int:
    return domain.current_vcpu or maximum(domain)


def set_quantity(domain: Domain, number: int | None) -> None:
    """Processors now; a maximum above it is kept, and raised when the number exceeds it."""
    if number is None or number < 1:
        raise BadProperty("VirtualQuantity", f"cannot be {number}: a virtual system has at least one processor")
    if domain.current_vcpu is None or number >= (domain.vcpu or 0):
        domain.vcpu, domain.current_vcpu = number, None
    else:
        domain.current_vcpu = number


def maximum(domain: Domain) -> int:
    return domain.vcpu or DEFAULT_QUANTITY


def set_maximum(domain: Domain, number: int | None) -> None:
    present = quantity(domain)
    if number is not None and number < present:
        raise BadProperty("MaxVirtualQuantity", f"{number} is less than VirtualQuantity {present}")
    domain.vcpu = number or present
    domain.current_vcpu = present if present < domain.vcpu else None


def limit(domain: Domain) -> int | None:
    """The share of host processors all virtual ones together get at most; 100 is one host processor."""
    if domain.global_quota not in UNLIMITED:
        return (domain.global_quota or 0) * 100 // (domain.global_period or PERIOD)
    if domain.quota in UNLIMITED:
        return None
    number = 1 if domain.type == "lxc" else quantity(domain)
    return (domain.quota or 0) * 100 * number // (domain.period or PERIOD)


def set_limit(domain: Domain, percent: int | None) -> None:
    domain.global_quota = domain.global_period = domain.quota = domain.period = None
    if percent and domain.type == "lxc":
        domain.period, domain.quota = PERIOD, percent * PERIOD // 100
    elif percent:
        domain.global_period, domain.global_quota = PERIOD, percent * PERIOD // 100


def reservation(domain: Domain) -> int | None:
    """What is sure: all of the processors of the host that are theirs alone, nothing else."""
    return quantity(domain) * WHOLE if dedicated(domain) else None


def check(domain: Domain) -> None:
    """What the numbers have to do with each other. Raises BadProperty."""
    if not asked(domain):
        return
    check_dedicated(domain)
    most, sure = limit(domain), reservation(domain)
    if most is not None and sure is not None and most < sure:
        raise BadProperty("Limit", f"{most} is less than the Reservation of dedicated processors, {sure}")


def architecture(domain: Domain) -> str | None:
    return ARCHITECTURES[domain.arch][0] if domain.arch in ARCHITECTURES else None


def instruction_set(domain: Domain) -> str | None:
    return ARCHITECTURES[domain.arch][1] if domain.arch in ARCHITECTURES else None


def set_partition(domain: Domain, path: str | None) -> None:
    if path and not PARTITION.fullmatch(path):
        raise BadProperty("Partition", f"{path!r} is not the path of a partition such as /machine/batch")
    domain.partition = path or None


PROC: tuple[Row[Any], ...] = (
    *common("ProcessorPool/0", PROCESSOR),
    Row("Partition", Domain.partition, set_partition),
    fixed("ConsumerVisibility", VIRTUALIZED),
    Row("VirtualQuantity", quantity, set_quantity),
    Row("MaxVirtualQuantity", maximum, set_maximum),
    fixed("VirtualQuantityUnits", COUNT),
    fixed("AllocationUnits", PERCENT),
    Row("Reservation", reservation),
    Row("Limit", limit, set_limit),
    Row("Weight", Domain.shares),
    Row("HostResource", host_processors, set_host_processors, exact=False),
    Row("CPUSet", Domain.cpuset, set_cpuset),
    Row("MappingBehavior", mapping, set_mapping),
    Row("CPUPins", pins),
    Row("ProcessorArchitecture", architecture),
    Row("InstructionSet", instruction_set),
)


def prepare(given: Properties, domain: Domain, _document: Domain) -> Properties:
    """Words for units; zero where it means none. A weight of zero is what libvirt-cim clients send for none."""
    prepared = dict(given)
    if prepared.get("MappingBehavior", DEDICATED) != DEDICATED:
        domain.own_metadata.dedicated_processors = None  # before HostResource is taken for one to each
    if not prepared.get("Weight", 1):
        prepared["Weight"] = None
    if not prepared.get("Reservation", 1):
        del prepared["Reservation"]
    _convert_quantity(prepared)
    unit = prepared.pop("AllocationUnits", None)
    if not prepared.get("Limit", 1):
        prepared["Limit"] = None
    for name in ("Limit", "Reservation"):
        if unit is not None and prepared.get(name) is not None:
            prepared[name] = _percent(prepared[name], unit)
    return prepared


def _convert_quantity(prepared: Properties) -> None:
    unit = prepared.pop("VirtualQuantityUnits", None)
    if unit is None or prepared.get("VirtualQuantity") is None:
        return
    try:
        prepared["VirtualQuantity"] = int(convert(prepared["VirtualQuantity"], unit, COUNT))
    except UnitError as error:
        raise BadProperty("VirtualQuantityUnits", f"cannot be used: {error}") from error


def _percent(amount: int, unit: str) -> int:
    try:
        return int(convert(amount, unit, PERCENT))
    except UnitError as error:
        raise BadProperty("AllocationUnits", f"cannot be used: 100 percent is one host processor: {error}") from error


def widths(arch: str | None) -> Properties:
    """Of the registers and addresses of an architecture."""
    width = WIDTHS.get(arch or "", 64)
    return {
        "DataWidth": width,
        "AddressWidth": width,
        "Characteristics": [CAPABLE_OF_64_BITS] if width == 64 else None,
    }


def finish(document: Domain) -> None:
    check(document)
    fit_cells(document)


def device(domain: Domain, index: int) -> Properties:
    return {
        "Role": "CPU",
        "Family": OTHER_FAMILY,
        "OtherFamilyDescription": domain.cpu_model or domain.arch or "virtual",
        **widths(domain.arch),
        "CPUStatus": CPU_ENABLED,
        "NumberOfEnabledCores": 1,
        "UniqueID": str(index),
    }


PROCESSORS = Kind(
    name="proc",
    label="Processors",
    view=Domain,
    setting_class="Virt_ProcResourceAllocationSettingData",
    resource_type=PROCESSOR,
    rows=PROC,
    key=lambda _domain, _index: "proc",
    device_class="Virt_Processor",
    device=device,
    prepare=prepare,
    finish=lambda _view, document: finish(document),
    count=quantity,
    pool="ProcessorPool/0",
    single=True,
)
