"""DSP1053 Base Metrics: the metric service, what it shows, and how it switches collecting on and off."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager

from pywbem import CIMDateTime, CIMInstance, CIMInstanceName

from virtcim.conformance.check import check
from virtcim.conformance.methods import Answer, expect_code, invoke, wait_until
from virtcim.conformance.metrics import (
    COUNTER,
    DEFINITION,
    DISABLE,
    DONE,
    ENABLE,
    FAILED,
    MAXIMUM,
    MEASURED,
    METHODS,
    MINIMUM,
    OFFERED,
    RESET,
    STARTUP,
    UNSUPPORTED,
    VALUE,
    control,
    definitions,
    greatest,
    need,
    offered,
    read_again,
    refused_without_definition,
    seconds,
    service,
    supported,
    values,
)
from virtcim.conformance.metrics import show as ask
from virtcim.conformance.paths import key, keys, local, show
from virtcim.conformance.pools import MEMORY as MEMORY_TYPE
from virtcim.conformance.pools import PROCESSOR, active_systems, in_base, linked, of_type
from virtcim.conformance.site import Site
from virtcim.conformance.verdict import expect, expect_none, skip_unless

MANAGES = 5  # ElementEffects
CONTROL, SHOW, GET = 2, 4, 6  # SupportedMethods
FEW = 3
PATIENCE = 10.0  # seconds in which what is collected has to show
NEW = 5.0  # seconds that a start may lie back that is new


def controlled(site: Site) -> list[CIMInstanceName]:
    """The definitions that the service affects."""
    found = site.links(service(site), "CIM_ServiceAffectsElement", "AffectingElement")
    return [
        local(one["AffectedElement"], site.namespace)
        for one in found
        if site.is_a(one["AffectedElement"].classname, DEFINITION) and MANAGES in (one.get("ElementEffects") or [])
    ]


@check("DSP1053-R11")
def capabilities(site: Site) -> None:
    """The service has capabilities; each metric that they list is a definition which the service manages."""
    found = site.across(service(site), "CIM_ElementCapabilities", "CIM_MetricServiceCapabilities", "ManagedElement")
    expect(len(found) == 1, f"the service has {len(found)} capabilities")
    listed, types = found[0].get("ControllableMetrics") or [], found[0].get("MetricsControlTypes") or []
    expect(len(listed) == len(types), f"{len(listed)} metrics have {len(types)} types")
    paths = [local(CIMInstanceName.from_wbem_uri(f"/{one}".replace("//", "/")), site.namespace) for one in listed]
    missing = keys(paths, site.namespace) - keys(controlled(site), site.namespace)
    expect(not missing, f"{sorted(str(dict(one[2])) for one in missing)} are not managed")


@check("DSP1053-R12")
def something_has_to_be_named(site: Site) -> None:
    """Without Subject and Definition the methods fail."""
    claimed, faults = supported(site), []
    if SHOW in claimed:
        faults += [f"{one}" for one in (ask(site, None, None),) if one.code != FAILED]
    if CONTROL in claimed:
        faults += [f"{one}" for one in (control(site, None, None, ENABLE),) if one.code != FAILED]
    if GET in claimed and not refused_without_definition(site):
        faults.append("GetMetricValues did not fail")
    expect_none(faults)


@check("DSP1053-R13")
def what_is_shown(site: Site) -> None:
    """ShowMetrics of an element lists the definitions that it is tied to, with their names and states."""
    need(site, SHOW)
    managed, known = keys(controlled(site), site.namespace), definitions(site)
    names = {key(one.path, site.namespace): one.get("Name") for one in known.values()}
    faults = []
    for path in _elements(site):
        out = _shown(ask(site, path, None))
        tied = keys(site.across_names(path, OFFERED, DEFINITION, "Antecedent"), site.namespace) & managed
        listed = [key(one, site.namespace) for one in out.out.get("DefinitionList") or []]
        told, states = out.out.get("MetricNames") or [], out.out.get("MetricCollectionEnabled") or []
        if set(listed) != tied or [names[one] for one in listed] != told or len(states) != len(listed):
            faults.append(f"{show(path)} is tied to {len(tied)}, and shows {told}, {len(states)} states")
    expect_none(faults)


def _shown(answer: Answer) -> Answer:
    expect_code(answer, DONE)
    return answer


def _elements(site: Site) -> list[CIMInstanceName]:
    """One element of each class that has metrics."""
    found = {link["Antecedent"].classname: local(link["Antecedent"], site.namespace) for link in offered(site)}
    return list(found.values())


def _collected(site: Site) -> tuple[CIMInstanceName, CIMInstanceName]:
    """An element and a counter of it that is collected and told, of what an active system is, best."""
    known = {name for name, one in definitions(site).items() if one.get("ChangeType") == COUNTER}
    known = {name for name in known if definitions(site)[name].get("TimeScope") == STARTUP}
    elements = linked(site, MEASURED, "Dependent", "Antecedent")
    for one in values(site):
        if one["MetricDefinitionId"] in known and one.get("Duration") is not None and not one.get("BreakdownValue"):
            definition = definitions(site)[str(one["MetricDefinitionId"])].path
            return elements[key(one.path, site.namespace)][0], local(definition, site.namespace)
    return _any(site)


def _any(site: Site) -> tuple[CIMInstanceName, CIMInstanceName]:
    elements = linked(site, MEASURED, "Dependent", "Antecedent")
    found = values(site)[0]
    definition = definitions(site)[str(found["MetricDefinitionId"])].path
    return elements[key(found.path, site.namespace)][0], local(definition, site.namespace)


def _value(site: Site, element: CIMInstanceName, definition: CIMInstanceName) -> CIMInstance | None:
    """What was measured now."""
    found = site.across(element, MEASURED, VALUE, "Antecedent")
    return next((one for one in found if one["MetricDefinitionId"] == definition["Id"]), None)


def _state(site: Site, element: CIMInstanceName, definition: CIMInstanceName) -> int:
    (found,) = (
        link
        for link in site.links(element, OFFERED, "Antecedent")
        if key(link["Dependent"], site.namespace) == key(definition, site.namespace)
    )
    return int(found["MetricCollectionEnabled"])


@contextmanager
def _switched_off(site: Site, element: CIMInstanceName, definition: CIMInstanceName) -> Iterator[None]:
    expect_code(control(site, element, definition, DISABLE), DONE)
    try:
        yield
    finally:
        expect_code(control(site, element, definition, ENABLE), DONE)


@check("DSP1053-R14", write=True)
def switching(site: Site) -> None:
    """What is switched off has no value any more; what is switched on has one again."""
    need(site, CONTROL)
    element, definition = _collected(site)
    with _switched_off(site, element, definition):
        expect(_state(site, element, definition) == DISABLE, "it is still collected")
        expect(_value(site, element, definition) is None, "it still has a value")
    expect(_state(site, element, definition) == ENABLE, "it is not collected again")
    wait_until(site, lambda: _value(site, element, definition) is not None, "a value", PATIENCE)


@check("DSP1053-R15", write=True)
def resetting(site: Site) -> None:
    """What is reset is collected, from now on."""
    need(site, CONTROL)
    element, definition = _collected(site)
    expect_code(control(site, element, definition, RESET), DONE)
    expect(_state(site, element, definition) == ENABLE, "it is not collected")
    wait_until(site, lambda: _value(site, element, definition) is not None, "a value", PATIENCE)
    found = _value(site, element, definition)
    length = seconds(found.get("Duration")) if found else None
    skip_unless(length is not None, "it does not tell how long it has been counting")
    expect((length or 0) <= NEW, f"it has been counting for {length} s")


@check("DSP1053-R16", write=True)
def what_is_not_offered(site: Site) -> None:
    """ControlMetrics fails for an element and a definition that are not tied."""
    need(site, CONTROL)
    known = {key(one.path, site.namespace): one.path for one in definitions(site).values()}
    element = _elements(site)[0]
    tied = keys(site.across_names(element, OFFERED, DEFINITION, "Antecedent"), site.namespace)
    others = [path for name, path in known.items() if name not in tied]
    skip_unless(others, "every element has every metric")
    expect_code(control(site, element, local(others[0], site.namespace), DISABLE), FAILED)


@check("DSP1053-R17")
def what_is_not_supported(site: Site) -> None:
    """A method that the capabilities do not list is not supported."""
    left = [METHODS[number] for number in METHODS if number not in supported(site)]
    skip_unless("ControlSampleTimes" in left, "ControlSampleTimes is supported")
    given = (
        ("StartSampleTime", CIMDateTime("20260101000000.000000+000")),
        ("PreferredSampleInterval", CIMDateTime("00000000000010.000000:000")),
        ("RestartGathering", False),
    )
    expect_code(invoke(site, service(site), "ControlSampleTimes", *given), UNSUPPORTED)


@check("DSP1053-R18")
def ordered_values(site: Site) -> None:
    """GetMetricValues gives no more values than asked for, in order, and of the definition alone."""
    need(site, GET)
    faults = []
    for path in controlled(site)[:5]:
        for order in (MINIMUM, MAXIMUM):
            answer = greatest(site, path, order, FEW)
            expect_code(answer, DONE)
            known = read_again(site)
            found = [known.get(key(one, site.namespace)) for one in answer.out.get("Values") or []]
            told = [one for one in found if one is not None]
            numbers = [float(one["MetricValue"]) for one in told]
            wrong = [one for one in told if one["MetricDefinitionId"] != path["Id"]]
            if len(found) > FEW or wrong or not _nearly_sorted(numbers, order):
                faults.append(f"{path['Id']}: {numbers} in order {order}")
    expect_none(faults)


def _nearly_sorted(numbers: list[float], order: int) -> bool:
    """They were read after they were ordered, so that they may have changed by little."""
    pairs = itertools.pairwise(numbers)
    most = max(map(abs, numbers), default=0.0)
    slack = most / 10
    return all(one <= other + slack if order == MINIMUM else other <= one + slack for one, other in pairs)


@check("DSP1053-R21")
def amounts(site: Site) -> None:
    """The memory and the processors that a system is said to have are those of its settings."""
    elements, names = linked(site, MEASURED, "Dependent", "Antecedent"), {}
    for name, one in definitions(site).items():
        names[name] = one
    faults, compared = [], 0
    for metric, number in (("Memory.Presented", MEMORY_TYPE), ("VirtualSystem.ProcessorCount", PROCESSOR)):
        told = {
            key(elements[key(one.path, site.namespace)][0], site.namespace): one
            for one in values(site)
            if names[str(one["MetricDefinitionId"])].get("Name") == metric
        }
        for system in active_systems(site):
            found = told.get(key(system.path, site.namespace))
            if found is not None:
                compared += 1
                units = names[str(found["MetricDefinitionId"])]["ProgrammaticUnits"]
                faults += _differing(site, system, number, found, str(units))
    skip_unless(compared, "no metric of that name")
    expect_none(faults)


def _differing(site: Site, system: CIMInstance, number: int, value: CIMInstance, units: str) -> list[str]:
    settings = of_type(site, system.path, number)
    amounts = [in_base(one.get("VirtualQuantity"), one.get("VirtualQuantityUnits")) for one in settings]
    wanted, told = sum(one[1] for one in amounts if one), in_base(value["MetricValue"], units)
    return [] if told is not None and told[1] == wanted else [f"{show(value)} is {told}, not {wanted}"]
