"""Which processors of the host the virtual ones may run on, and which are theirs alone (DSP1044)."""

from __future__ import annotations

import re
from collections.abc import Iterable

from virtcim.mapping.kind import DEDICATED
from virtcim.mapping.table import BadProperty, Properties
from virtcim.model.domain import CpuPin, Domain

CPU_SET = re.compile(r"\^?\d{1,5}(-\d{1,5})?(,\^?\d{1,5}(-\d{1,5})?)*")
HOST_PROCESSOR = re.compile(r"cpu[:/](\d+)")
YES = "yes"  # in the metadata
HARD_AFFINITY = 5  # MappingBehavior


def cpus_of(text: str | None) -> set[int]:
    """The numbers in libvirt's way to write a set of them, such as 0-3,^2,8."""
    found: set[int] = set()
    for part in filter(None, (text or "").replace(" ", "").split(",")):
        first, _, last = part.removeprefix("^").partition("-")
        numbers = range(int(first), int(last or first) + 1)
        found = found - {*numbers} if part.startswith("^") else found | {*numbers}
    return found


def set_cpuset(domain: Domain, text: str | None) -> None:
    if text and not CPU_SET.fullmatch(text):
        raise BadProperty("CPUSet", f"{text!r} is no set of host processors such as 0-3,^2,8")
    domain.cpuset = text or None


def host_processors(domain: Domain) -> list[str]:
    """The processors of the host that the virtual ones may run on, when they are bound to some."""
    return [f"cpu:{number}" for number in sorted(bound_cpus(domain))]


def _bound(domain: Domain) -> list[set[int]]:
    """What each virtual processor may run on, in their order; empty for one that is bound to none."""
    pinned = {pin.vcpu: pin.cpuset for pin in domain.vcpu_pins}
    return [cpus_of(pinned.get(number) or domain.cpuset) for number in range(domain.vcpu or 1)]


def present_pins(domain: Domain) -> list[set[int]]:
    """As the present virtual processors are bound; empty for one that may run anywhere."""
    return _bound(domain)[: domain.current_vcpu or domain.vcpu or 1]


def set_host_processors(domain: Domain, values: list[str] | None) -> None:
    """Bind all virtual processors alike, dedicated ones one to each; `values` refer to processors of the host."""
    found = [HOST_PROCESSOR.search(text) for text in values or []]
    if None in found:
        raise BadProperty("HostResource", f"{values!r} does not refer to processors of the host")
    for pin in domain.vcpu_pins:
        pin.remove()
    domain.cpuset = ",".join(str(number) for number in sorted({int(one[1]) for one in found if one})) or None
    if asked(domain):
        _pair(domain)


def allowed_cpus(domain: Domain) -> frozenset[int]:
    """All processors of the host that any virtual one may run on; none where one is bound to none."""
    sets = _bound(domain)
    return frozenset[int]().union(*sets) if all(sets) else frozenset()


def bound_cpus(domain: Domain) -> frozenset[int]:
    """The processors of the host that any virtual one is bound to."""
    return frozenset[int]().union(*_bound(domain))


def cpus_named(given: Properties) -> set[int] | None:
    """The processors of the host that a request binds to; None when it binds to none."""
    if given.get("HostResource"):
        return {int(found[1]) for text in given["HostResource"] if (found := HOST_PROCESSOR.search(str(text)))}
    return cpus_of(given["CPUSet"]) if CPU_SET.fullmatch(given.get("CPUSet") or "") else None


def cpu_list(cpus: Iterable[int]) -> str:
    """A set of processors as libvirt writes it, such as 0-3,8."""
    runs: list[list[int]] = []
    for number in sorted(cpus):
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in runs)


def pins(domain: Domain) -> list[str]:
    """What virtual processors may run where: `<number>=<host processors>`."""
    return [f"{pin.vcpu}={pin.cpuset}" for pin in domain.vcpu_pins]


def asked(domain: Domain) -> bool:
    """Whether dedicated processors were asked for; anybody can write into the metadata: other words are no."""
    return domain.own_metadata.dedicated_processors == YES


def dedicated(domain: Domain) -> frozenset[int]:
    """The processors of the host that were asked for as dedicated, one for each virtual one; mostly there are none."""
    sets = _bound(domain) if asked(domain) else []
    found = frozenset[int]().union(*sets)
    return found if len(found) == len(sets) and all(len(one) == 1 for one in sets) else frozenset()


def mapping(domain: Domain) -> int | None:
    if dedicated(domain):
        return DEDICATED
    return HARD_AFFINITY if domain.cpuset or domain.vcpu_pins else None


def set_mapping(domain: Domain, behavior: int | None) -> None:
    """Dedicate the processors that all virtual ones are bound to, one to each, or let others have them as well."""
    if behavior == DEDICATED:
        domain.own_metadata.dedicated_processors = YES
        _pair(domain)
        return
    domain.own_metadata.dedicated_processors = None
    if behavior != mapping(domain):
        raise BadProperty("MappingBehavior", f"cannot be {behavior}: it follows from HostResource, but for {DEDICATED}")


def _pair(domain: Domain) -> None:
    cpus = sorted(allowed_cpus(domain))
    if len(cpus) != (domain.vcpu or 1):
        reason = f"names {len(cpus)} processors; dedicated ones are as many as MaxVirtualQuantity, {domain.vcpu or 1}"
        raise BadProperty("HostResource", reason)
    for pin in domain.vcpu_pins:
        pin.remove()
    for number, cpu in enumerate(cpus):
        pin = CpuPin.new()
        pin.vcpu, pin.cpuset = number, str(cpu)
        domain.add(pin, inside="cputune")


def check_dedicated(domain: Domain) -> None:
    """Dedicated processors that were asked for are one for each virtual one. Raises BadProperty."""
    if not dedicated(domain):
        raise BadProperty("HostResource", f"takes {domain.vcpu or 1} processors, or a MappingBehavior that shares them")
