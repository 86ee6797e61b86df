"""Verbs that change numbers and texts of a domain without its whole definition."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

import libvirt

from virtcim.host.calls import affect, change, require_active, require_persistent
from virtcim.host.errors import HostError, Kind
from virtcim.host.system import Vm
from virtcim.model.domain import Metadata
from virtcim.model.tree import NAMESPACE, PREFIX


def set_autostart(vm: Vm, autostart: bool) -> Vm | None:
    """Whether libvirt starts the domain with the host."""

    def call(domain: libvirt.virDomain) -> None:
        require_persistent(domain, "set the autostart of")
        domain.setAutostart(int(autostart))

    return change(vm, call)


def set_memory(vm: Vm, kib: int, live: bool, config: bool) -> Vm | None:
    """Set the memory a domain uses; live this is the balloon, which the guest may follow slowly or not at all."""
    return _tune(vm, "set the memory of", live, config, lambda domain, flags: domain.setMemoryFlags(kib, flags))


def set_stats_period(vm: Vm, seconds: int) -> Vm | None:
    """How often the guest is asked for its memory; 0 not at all. It may have no driver that would answer."""

    def call(domain: libvirt.virDomain, flags: int) -> None:
        domain.setMemoryStatsPeriod(seconds, flags)

    return _tune(vm, "set the memory statistics of", vm.active, vm.persistent, call)


def set_vcpus(vm: Vm, count: int, live: bool, config: bool) -> Vm | None:
    """Set the number of virtual processors, up to the maximum defined.

    Taking one from a running guest needs the guest's help. Under emulation (TCG) QEMU 7.2 refuses it after five
    seconds and has been seen to crash afterwards: offer it to KVM guests only.
    """
    return _tune(vm, "set the processors of", live, config, lambda domain, flags: domain.setVcpusFlags(count, flags))


def set_pins(vm: Vm, pins: Sequence[Collection[int]], live: bool, config: bool) -> Vm | None:
    """Bind virtual processors, in their order, to processors of the host; an empty set binds to none of them."""

    def call(domain: libvirt.virDomain, flags: int) -> None:
        present = range(domain.connect().getCPUMap(0)[0])
        absent = sorted({number for allowed in pins for number in allowed if number not in present})
        if absent:
            raise HostError(Kind.INVALID, f"the host of domain {vm.name} has no processors {absent}")
        for number, allowed in enumerate(pins):
            domain.pinVcpuFlags(number, tuple(not allowed or one in allowed for one in present), flags)

    return _tune(vm, "bind the processors of", live, config, call)


def set_memory_limits(vm: Vm, parameters: Mapping[str, int], live: bool, config: bool) -> Vm | None:
    """Set memory parameters as libvirt names them, in KiB: hard_limit, soft_limit, swap_hard_limit."""

    def call(domain: libvirt.virDomain, flags: int) -> None:
        domain.setMemoryParameters(dict(parameters), flags)

    return _tune(vm, "set the memory limits of", live, config, call)


def set_scheduler(vm: Vm, parameters: Mapping[str, int], live: bool, config: bool) -> Vm | None:
    """Set scheduler parameters as libvirt names them: cpu_shares, vcpu_period, vcpu_quota, ..."""

    def call(domain: libvirt.virDomain, flags: int) -> None:
        try:
            domain.setSchedulerParametersFlags(dict(parameters), flags)
        except LookupError as error:  # libvirt-python's own, before libvirt is asked
            raise HostError(Kind.INVALID, f"scheduling of domain {vm.name}: {error}") from error

    return _tune(vm, "set the scheduling of", live, config, call)


def set_metadata(vm: Vm, xml: str | None, key: str, uri: str, live: bool, config: bool) -> Vm | None:
    """Replace the metadata element of a namespace, the prefix being `key`; None removes it."""

    def call(domain: libvirt.virDomain, flags: int) -> None:
        domain.setMetadata(libvirt.VIR_DOMAIN_METADATA_ELEMENT, xml, key, uri, flags)

    return _tune(vm, "set the metadata of", live, config, call)


def set_labels(vm: Vm, title: str | None, description: str | None) -> Vm | None:
    """Set title and description of the running domain; None removes them."""

    def call(domain: libvirt.virDomain, flags: int) -> None:
        for kind, text in (
            (libvirt.VIR_DOMAIN_METADATA_TITLE, title),
            (libvirt.VIR_DOMAIN_METADATA_DESCRIPTION, description),
        ):
            domain.setMetadata(kind, text, None, None, flags)

    return _tune(vm, "set the title of", True, False, call)


def change_own_metadata(vm: Vm, change: Callable[[Metadata], None]) -> Vm | None:
    """Change what we keep in the domain's metadata, in its definition and, when it runs, in the running domain."""
    with vm.host.lock(vm.uuid):
        vm = vm.host.vm(vm.uuid) or vm
        own = (vm.defined_document or vm.state_document).copy().own_metadata
        change(own)
        return set_metadata(vm, own.plain, PREFIX, NAMESPACE, live=vm.active, config=vm.persistent)


def _tune(vm: Vm, verb: str, live: bool, config: bool, call: Callable[[libvirt.virDomain, int], object]) -> Vm | None:
    """The call for the running domain, then for the definition, as asked; nothing when one of them is not there."""

    def calls(domain: libvirt.virDomain) -> None:
        flags = affect(live, config)
        if live:
            require_active(domain, verb)
        if config:
            require_persistent(domain, verb)
        for flag in flags:
            call(domain, flag)

    with vm.host.lock(vm.uuid):
        return change(vm, calls)
