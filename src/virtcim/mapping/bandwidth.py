"""Bandwidths of interfaces and of groups of ports: bits and bytes in CIM, libvirt's units in documents (DSP1050)."""

from __future__ import annotations

from typing import Any

from virtcim.mapping.table import BadProperty, Properties, Row
from virtcim.mapping.units import BITS_PER_SECOND, COUNT, UnitError, convert
from virtcim.model.adapter import Interface
from virtcim.model.fields import Field

BITS = 8000  # bit/s in libvirt's unit of bandwidth, 1000 byte/s
KIBIBYTE = 1024  # libvirt's unit of a burst
UNBOUNDED = ("hostdev", "user")  # types of interfaces
KILOBYTES_PER_SECOND = "kilobytes per second"


def bandwidth(name: str, field: Field[int]) -> Row[Any]:
    """A bandwidth in bit / second over a field in units of 1000 byte/s."""

    def rounded(bits: int) -> int:
        if not isinstance(bits, int) or bits < BITS:
            raise BadProperty(name, f"cannot be {bits!r}: the least bandwidth is {BITS} bit / second")
        return bits // BITS

    return Row(name, field, out=lambda kilobytes: kilobytes * BITS, back=rounded, exact=False)


def burst(name: str, field: Field[int]) -> Row[Any]:
    """What may pass at the peak at once, in bytes, over a field in KiB."""

    def rounded(size: int) -> int:
        if not isinstance(size, int) or size < KIBIBYTE:
            raise BadProperty(name, f"cannot be {size!r}: the least burst is {KIBIBYTE} bytes")
        return size // KIBIBYTE

    return Row(name, field, out=lambda kibibytes: kibibytes * KIBIBYTE, back=rounded, exact=False)


BANDWIDTH: tuple[Row[Any], ...] = (
    bandwidth("Limit", Interface.out_average),
    bandwidth("TransmitBandwidthPeak", Interface.out_peak),
    burst("TransmitBurstSize", Interface.out_burst),
    bandwidth("ReceiveBandwidthLimit", Interface.in_average),
    bandwidth("ReceiveBandwidthPeak", Interface.in_peak),
    burst("ReceiveBurstSize", Interface.in_burst),
    bandwidth("ReceiveBandwidthReservation", Interface.in_floor),
)


def check_bandwidth(view: Interface) -> None:
    """Refuse what libvirt takes and never sets. Raises BadProperty."""
    bounded = next((row.name for row in BANDWIDTH if row.get(view) is not None), None)
    if bounded and view.type in UNBOUNDED:
        raise BadProperty(bounded, f"cannot be set: libvirt bounds no interface of type {view.type}")


def convert_bandwidths(prepared: Properties) -> None:
    """The bandwidths given, in bit / second, without the unit that they were given in. Raises BadProperty."""
    unit = prepared.pop("AllocationUnits", None)
    if unit is None or unit.strip().lower() == COUNT:
        return
    if unit.strip().lower() == KILOBYTES_PER_SECOND:
        _convert_old_bandwidths(prepared)
        return
    for name in ("Limit", "ReceiveBandwidthLimit", "ReceiveBandwidthReservation", "Reservation"):
        if prepared.get(name) is not None:
            try:
                prepared[name] = int(convert(prepared[name], unit, BITS_PER_SECOND))
            except UnitError as error:
                raise BadProperty("AllocationUnits", f"cannot be used: {error}") from error


def _convert_old_bandwidths(prepared: Properties) -> None:
    """libvirt-cim's reading: Reservation is the average and Limit the peak towards the guest, in units of libvirt."""
    for old, new in (("Reservation", "ReceiveBandwidthLimit"), ("Limit", "ReceiveBandwidthPeak")):
        value = prepared.pop(old, None)
        if value is not None:
            prepared[new] = value * BITS
