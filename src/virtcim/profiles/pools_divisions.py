"""Pools of processors and memory made, resized and removed: partitions of the host, and its huge pages."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from fractions import Fraction
from typing import Any

from virtcim.broker.provider import Refused
from virtcim.host import dividing
from virtcim.host.errors import HostError, Kind
from virtcim.host.inventory import Host
from virtcim.mapping import divisions
from virtcim.mapping.divisions import CELL, GROUP, PARTITION, Division
from virtcim.mapping.memory import BASE_MEMORY, PAGES, page_word
from virtcim.mapping.processor import LEAST_WEIGHT, PROCESSORS
from virtcim.mapping.resources import SUBTYPE_PREFIX
from virtcim.mapping.table import LABELS, BadProperty, Incompatible
from virtcim.mapping.units import KIB, PERCENT, UnitError, convert
from virtcim.messages import message
from virtcim.profiles.placing import max_weight
from virtcim.profiles.pools import ResourcePool, pools_of
from virtcim.profiles.requests import refusing

FIXED = {CELL: "NUMA cell", GROUP: "group of devices"}
Wanted = Mapping[str, Any]
NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")  # libvirt takes a dot for a suffix of its own
SUB_TYPE = re.compile(rf"{PAGES}-(\d{{1,9}})")
COMMON = LABELS | {"ResourceType", "PoolID", "AllocationUnits", "VirtualQuantityUnits"}
OF_PARTITION = COMMON | {"VirtualQuantity", "Limit", "Weight"}
OF_PAGES = COMMON | {"ResourceSubType", "VirtualQuantity", "Reservation", "Limit"}


def divisible(pool: ResourcePool) -> bool:
    """Whether pools can be made below it: below all memory, all processors, and partitions."""
    partition = isinstance(pool.source, Division) and pool.source.sort == PARTITION
    return partition or pool.pool_id in (PROCESSORS.pool, BASE_MEMORY.pool)


def create(where: str, parent: ResourcePool, name: str, wanted: Wanted, named: bool) -> str:
    """A partition, or huge pages, which are resized where there are some; the PoolID. Errors: Refused, HostError.

    `named`: whether the client has chosen the name.
    """
    if parent.type.id == PROCESSORS.pool:
        return _create_partition(where, parent, name, wanted)
    return _set_pages(where, parent, name if named else None, wanted)


def _create_partition(where: str, parent: ResourcePool, name: str, wanted: Wanted) -> str:
    if not NAME.fullmatch(name):
        raise Refused("Invalid Parameter", f"ElementName: {name!r} has other than letters, digits, _ and -")
    above = parent.source.key if isinstance(parent.source, Division) else divisions.DEFAULT_PARTITION
    path = f"{above}/{name}"
    with refusing(where):
        _only(wanted, OF_PARTITION)
        limit, weight = _limit(wanted), _weight(wanted, max_weight(parent.host))
    if limit is not None and limit > (parent.capacity or 0):
        raise Refused(
            "Insufficient Resources",
            message("POOL_INSUFFICIENT", f"{where}.Limit", parent.id, f"{parent.capacity} percent"),
        )
    dividing.make_partition(parent.host, path, limit, weight)
    return divisions.pool_of(PROCESSORS.pool, PARTITION, path)


def _only(wanted: Wanted, known: frozenset[str]) -> None:
    for name, value in wanted.items():
        if name not in known and value not in (0, [], ""):
            raise BadProperty(name, "means nothing for such a pool")


def _limit(wanted: Wanted) -> int | None:
    """In percent of a processor."""
    if not wanted.get("Limit"):
        return None
    try:
        limit = convert(wanted["Limit"], str(wanted.get("AllocationUnits") or PERCENT), PERCENT)
    except UnitError as error:
        raise BadProperty("AllocationUnits", f"cannot be used: {error}") from error
    if limit.denominator != 1 or limit < 1:
        raise BadProperty("Limit", f"{limit} is no whole number of percents")
    return int(limit)


def _weight(wanted: Wanted, most: int) -> int | None:
    weight = wanted.get("Weight")
    if weight is not None and not LEAST_WEIGHT <= weight <= most:
        raise BadProperty("Weight", f"{weight} is not from {LEAST_WEIGHT} to {most}")
    return None if weight is None else int(weight)


def _set_pages(where: str, parent: ResourcePool, name: str | None, wanted: Wanted) -> str:
    host = parent.host
    known = divisions.page_counts(host.capabilities)
    with refusing(where):
        _only(wanted, OF_PAGES)
        size = _page_size(wanted, list(known))
        count = _pages(wanted, size)
    pool_id = divisions.pool_of(BASE_MEMORY.pool, PAGES, str(size))
    if name not in (None, divisions.page_label(size)):
        raise Refused("Invalid Parameter", f"ElementName: {pool_id} can only be named {divisions.page_label(size)!r}")
    if count * size > (parent.capacity or 0):
        raise Refused(
            "Insufficient Resources", message("POOL_INSUFFICIENT", where, parent.id, f"{parent.capacity} KiB")
        )
    present = pools_of(host).get(pool_id)
    if present is not None and count * size < (present.reserved or 0):
        raise Refused("In Use", f"{where}: systems use {present.reserved} KiB of {pool_id}")
    _resize(host, pool_id, size, count, known[size], "Insufficient Resources")
    return pool_id


def _page_size(wanted: Wanted, sizes: list[int]) -> int:
    text = SUBTYPE_PREFIX.sub("", str(wanted.get("ResourceSubType") or ""))
    found = SUB_TYPE.fullmatch(text)
    if found is None or int(found[1]) not in sizes:
        known = ", ".join(map(page_word, sizes)) or "nothing: the host tells no huge pages"
        raise BadProperty("ResourceSubType", f"{text!r} is not one of {known}")
    return int(found[1])


def _pages(wanted: Wanted, size: int) -> int:
    """How many pages the amount asked for is: Reservation, VirtualQuantity or Limit, which may not contradict."""
    amounts = {name: _kib(name, wanted) for name in ("Reservation", "VirtualQuantity", "Limit") if wanted.get(name)}
    if not amounts:
        raise BadProperty("Reservation", "is missing: it is the size of the pool")
    if len(set(amounts.values())) > 1:
        raise Incompatible("Reservation", f"contradicts another of {', '.join(amounts)}")
    count = next(iter(amounts.values())) / size
    if count.denominator != 1:
        raise BadProperty(next(iter(amounts)), f"is no whole number of pages of {size} KiB")
    return int(count)


def _kib(name: str, wanted: Wanted) -> Fraction:
    unit = wanted.get("AllocationUnits")
    if name == "VirtualQuantity":
        unit = wanted.get("VirtualQuantityUnits") or unit
    if not unit:
        raise BadProperty("AllocationUnits", f"is missing: {name} is in no unit")
    try:
        return Fraction(convert(wanted[name], str(unit), KIB))
    except UnitError as error:
        raise BadProperty("AllocationUnits", f"cannot be used: {error}") from error


def _resize(host: Host, pool_id: str, size: int, count: int, before: int, failure: str) -> None:
    with _busy_is(failure, pool_id):
        dividing.set_pages(host, size, count, before)


@contextmanager
def _busy_is(answer: str, pool_id: str) -> Iterator[None]:
    try:
        yield
    except HostError as error:
        if error.kind is not Kind.BUSY:
            raise
        raise Refused(answer, f"{pool_id}: {error.message}") from error


def remove(pool: ResourcePool, part: Division) -> None:
    """Remove a division that no system uses; huge pages go back to the host. Errors: Refused, HostError."""
    if part.sort in (CELL, GROUP):
        raise Refused("Not Supported", f"{pool.id} is a {FIXED[part.sort]} of the host")
    if part.sort == PARTITION:
        with _busy_is("In Use", pool.pool_id):
            dividing.remove_partition(pool.host, part.key)
    else:
        size = int(part.key)
        _resize(pool.host, pool.pool_id, size, 0, divisions.page_counts(pool.host.capabilities)[size], "In Use")
