"""Metrics as a client sees them: definitions and values, the service, and what it is asked."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from pywbem import CIMClassName, CIMDateTime, CIMInstance, CIMInstanceName, Uint16

from virtcim.conformance.methods import Answer, invoke
from virtcim.conformance.paths import Key, key, local
from virtcim.conformance.site import Site
from virtcim.conformance.verdict import skip_unless

NAME = "Base Metrics"
DEFINITION, VALUE, SERVICE = "CIM_BaseMetricDefinition", "CIM_BaseMetricValue", "CIM_MetricService"
OFFERED, MEASURED, MEANT = "CIM_MetricDefForME", "CIM_MetricForME", "CIM_MetricInstance"
COUNTER, SIMPLE_FUNCTION = 3, 5  # ChangeType
POINT, INTERVAL, STARTUP = 2, 3, 4  # TimeScope
ENABLE, DISABLE, RESET = 2, 3, 4  # MetricCollectionEnabled
MINIMUM, MAXIMUM = 2, 3  # Range
DONE, UNSUPPORTED, FAILED = 0, 1, 2
UNSIGNED = {11: 16, 12: 32, 13: 64, 14: 8}
SIGNED = {6: 16, 7: 32, 8: 64, 9: 8}
REALS = (4, 5)
# SupportedMethods of CIM_MetricServiceCapabilities
METHODS = {
    2: "ControlMetrics",
    3: "ControlMetricsByClass",
    4: "ShowMetrics",
    5: "ShowMetricsByClass",
    6: "GetMetricValues",
    7: "ControlSampleTimes",
}
_MOMENT = re.compile(r"\d{14}\.\d{6}[+-]\d{3}")


def definitions(site: Site) -> dict[str, CIMInstance]:
    """By Id; the check is skipped where there are none."""
    found = site.instances(DEFINITION)
    skip_unless(found, "the server defines no metrics")
    return {str(one.get("Id")): one for one in found}


def values(site: Site) -> list[CIMInstance]:
    """All that has been measured, or the check is not applicable."""
    found = site.instances(VALUE)
    skip_unless(found, "nothing is measured")
    return found


def read_again(site: Site) -> dict[Key, CIMInstance]:
    """All values as they are now."""
    found = site.cim.EnumerateInstances(VALUE, site.namespace, LocalOnly=False)
    return {key(one.path, site.namespace): one for one in found}


def service(site: Site) -> CIMInstanceName:
    """A metric service, or the check is not applicable."""
    found = site.names(SERVICE)
    skip_unless(found, "the server has no metric service")
    return local(found[0], site.namespace)


def supported(site: Site) -> set[int]:
    """The methods that the capabilities of the service list."""
    found = site.across(service(site), "CIM_ElementCapabilities", "CIM_MetricServiceCapabilities", "ManagedElement")
    return {int(number) for one in found for number in one.get("SupportedMethods") or []}


def need(site: Site, number: int) -> None:
    """Skip the check where a method is not supported."""
    skip_unless(number in supported(site), f"{METHODS[number]} is not supported")


def offered(site: Site) -> list[CIMInstance]:
    """The links of elements and what can be measured of them."""
    found = site.instances(OFFERED)
    skip_unless(found, "no element has metrics")
    return found


def show(site: Site, subject: CIMInstanceName | None, definition: CIMInstanceName | None) -> Answer:
    return invoke(site, service(site), "ShowMetrics", ("Subject", subject), ("Definition", definition))


def show_class(site: Site, classname: str) -> Answer:
    named = CIMClassName(classname, namespace=site.namespace)
    return invoke(site, service(site), "ShowMetricsByClass", ("Subject", named))


def control(site: Site, subject: CIMInstanceName | None, definition: CIMInstanceName | None, state: int) -> Answer:
    given = ("MetricCollectionEnabled", Uint16(state))
    return invoke(site, service(site), "ControlMetrics", ("Subject", subject), ("Definition", definition), given)


def greatest(site: Site, definition: CIMInstanceName | None, order: int, count: int) -> Answer:
    """GetMetricValues of a definition in an order."""
    given = (("Range", Uint16(order)), ("Count", Uint16(count)))
    return invoke(site, service(site), "GetMetricValues", ("Definition", definition), *given)


def refused_without_definition(site: Site) -> bool:
    """Whether GetMetricValues fails without its Definition, as a method or as a call that lacks a parameter."""
    return greatest(site, None, MAXIMUM, 1).code == FAILED


def seconds(interval: CIMDateTime | None) -> float | None:
    """How long an interval is."""
    return None if interval is None or interval.timedelta is None else interval.timedelta.total_seconds()


def began(value: CIMInstance) -> float | None:
    """When what is counted began to be, in seconds since 1970; None where that is not told."""
    length, at = seconds(value.get("Duration")), value.get("TimeStamp")
    return None if length is None or at is None else _since_1970(at) - length


def _since_1970(at: Any) -> float:
    return float(at.datetime.timestamp())


def faults_of_text(value: CIMInstance, data_type: int) -> str:
    """What is wrong with MetricValue as a value of its type; empty if nothing is."""
    given = str(value.get("MetricValue"))
    reader = _readers().get(data_type)
    return "" if reader is None or reader(given) else f"{given!r} is not of DataType {data_type}"


def _readers() -> Mapping[int, Callable[[str], bool]]:
    unsigned = {number: _within(0, 2**bits) for number, bits in UNSIGNED.items()}
    signed = {number: _within(-(2 ** (bits - 1)), 2 ** (bits - 1)) for number, bits in SIGNED.items()}
    others: dict[int, Callable[[str], bool]] = {
        1: lambda text: text.lower() in ("true", "false"),
        2: lambda text: len(text) == 1,
        3: lambda text: _MOMENT.fullmatch(text) is not None,
    }
    return {**unsigned, **signed, **dict.fromkeys(REALS, _is_real), **others}


def _within(low: int, high: int) -> Callable[[str], bool]:
    return lambda text: re.fullmatch(r"[+-]?\d+", text) is not None and low <= int(text) < high


def _is_real(text: str) -> bool:
    return re.fullmatch(r"[+-]?\d*\.?\d+([eE][+-]?\d+)?", text) is not None
