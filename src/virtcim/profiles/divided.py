"""What the processors, the memory and the devices of a host are divided into now."""

from __future__ import annotations

from collections.abc import Iterator

from virtcim.host.inventory import Host, Vm
from virtcim.host.partitions import Partition
from virtcim.mapping import divisions
from virtcim.mapping.divisions import DEFAULT_PARTITION, PARTITION, Division
from virtcim.mapping.pools import WHOLE_PROCESSOR
from virtcim.mapping.processor import PROCESSORS
from virtcim.profiles import pools_host as hardware
from virtcim.profiles.elements import kept

MARKS = ("<partition>", "<hugepages")


def divisions_of(host: Host) -> Iterator[Division]:
    """NUMA cells, huge pages, partitions and IOMMU groups: those the host has, and those that a system names."""
    capabilities, node = host.capabilities, host.facts.node
    yield from divisions.processor_divisions(capabilities, node.cpus)
    used = {name for vm in host.vms for name in named(vm)}
    yield from divisions.memory_divisions(capabilities, node.memory, used)
    yield from partitions(host, used)
    yield from divisions.group_divisions(one.device.group for one in hardware.passed(host))


def named(vm: Vm) -> frozenset[str]:
    """The PoolIDs of huge pages and partitions that the documents of a system name; few documents have any."""
    return kept(vm, "_divisions", lambda: frozenset(_named(vm)))


def _named(vm: Vm) -> Iterator[str]:
    texts = {vm.state_xml: vm.state_document} if _marked(vm.state_xml) else {}
    if vm.defined_xml is not None and _marked(vm.defined_xml) and vm.defined_document is not None:
        texts[vm.defined_xml] = vm.defined_document
    for document in texts.values():
        yield divisions.memory_from(document, vm.host.capabilities)
        yield divisions.processors_from(document, vm.host.capabilities, vm.host.facts.node.cpus)


def _marked(xml: str) -> bool:
    return any(mark in xml for mark in MARKS)


def partitions(host: Host, used: set[str]) -> Iterator[Division]:
    """The partitions, with those that they are in; one that nothing bounds has the capacity of the host."""
    known = {one.path: one for one in host.divisions.partitions}
    asked = [found[2] for name in used if (found := divisions.parsed(name)) and found[1] == PARTITION]
    paths = {*known, *asked, *(outer for path in asked for outer in divisions.outer(path))}
    most = host.facts.node.cpus * WHOLE_PROCESSOR
    for path in sorted(paths - {DEFAULT_PARTITION}):
        one = known.get(path, Partition(path))
        pool_id = divisions.pool_of(PROCESSORS.pool, PARTITION, path)
        capacity = most if one.limit is None else one.limit
        yield Division(pool_id, PARTITION, path, path, capacity, weight=one.weight, limit=one.limit)
