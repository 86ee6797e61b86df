"""DSP1053 Base Metrics: definitions, values and what ties them to elements."""

from __future__ import annotations

from collections import Counter

from pywbem import CIMInstance

from virtcim.conformance.check import check
from virtcim.conformance.metrics import (
    COUNTER,
    ENABLE,
    INTERVAL,
    MEANT,
    MEASURED,
    NAME,
    OFFERED,
    POINT,
    SIMPLE_FUNCTION,
    STARTUP,
    UNSIGNED,
    began,
    definitions,
    faults_of_text,
    read_again,
    seconds,
    values,
)
from virtcim.conformance.paths import Key, key, local, show
from virtcim.conformance.pools import by_key, linked, parsed_unit
from virtcim.conformance.site import Site
from virtcim.conformance.verdict import expect, expect_none, skip_unless

NOT_APPLICABLE, NON_CALCULABLE = 2, 1  # ChangeType, Calculable
UNCOUNTABLE = (1, 2, 3, 10)  # DataType: boolean, char16, datetime, string
CLOCKS_DIFFER = 2.0  # seconds
WRAPS = 2**64
FUNCTIONS = range(2, 7)


@check("DSP1053-R01")
def registered(site: Site) -> None:
    """Base Metrics is registered by the DMTF, in a version 1.0."""
    found = [str(one.get("RegisteredVersion")) for one in site.require_profile(NAME)]
    expect(any(version.startswith("1.0.") for version in found), f"the versions registered are {found}")


@check("DSP1053-R02")
def definitions_say_what_is_measured(site: Site) -> None:
    """Each definition has an Id of its own, a name, a type and a programmatic unit."""
    found = definitions(site).values()
    faults = [f"{one['Id']} is defined twice" for one in found if Counter(map(_id, found))[_id(one)] > 1]
    for one in found:
        lacking = [name for name in ("Id", "Name", "DataType", "ProgrammaticUnits") if not one.get(name)]
        unit = parsed_unit(one.get("ProgrammaticUnits"))
        faults += [f"{one.get('Id')} lacks {lacking}, its unit being {unit}"] if lacking or unit is None else []
    expect_none(faults)


def _id(one: CIMInstance) -> str:
    return str(one.get("Id"))


@check("DSP1053-R03")
def continuous(site: Site) -> None:
    """What is not continuous has no kind of change, and what is no number is not calculated with."""
    faults = []
    for name, one in definitions(site).items():
        if (one.get("IsContinuous") is False) != (one.get("ChangeType") == NOT_APPLICABLE):
            faults.append(f"{name}: IsContinuous {one.get('IsContinuous')}, ChangeType {one.get('ChangeType')}")
        if one.get("DataType") in UNCOUNTABLE and one.get("Calculable") != NON_CALCULABLE:
            faults.append(f"{name}: DataType {one.get('DataType')}, Calculable {one.get('Calculable')}")
    expect_none(faults)


@check("DSP1053-R04")
def counters_are_unsigned(site: Site) -> None:
    """Counters are of an unsigned type."""
    found = [one for one in definitions(site).values() if one.get("ChangeType") == COUNTER]
    expect_none([f"{_id(one)} is of DataType {one['DataType']}" for one in found if one["DataType"] not in UNSIGNED])


@check("DSP1053-R05")
def values_have_a_definition(site: Site) -> None:
    """Each value is tied to one definition, that which its MetricDefinitionId names."""
    links, known = linked(site, MEANT, "Dependent", "Antecedent"), by_key(site, list(definitions(site).values()))
    faults = []
    for one in values(site):
        tied = links.get(key(one.path, site.namespace), [])
        meant = [_id(known[key(path, site.namespace)]) for path in tied if key(path, site.namespace) in known]
        faults += [f"{show(one)} is tied to {meant}"] if meant != [one.get("MetricDefinitionId")] else []
    expect_none(faults)


@check("DSP1053-R06")
def values_have_an_element(site: Site) -> None:
    """Each value is tied to one element, of which the metric is collected."""
    elements, known = linked(site, MEASURED, "Dependent", "Antecedent"), definitions(site)
    collected = {
        (key(link["Antecedent"], site.namespace), key(link["Dependent"], site.namespace))
        for link in site.instances(OFFERED)
        if link.get("MetricCollectionEnabled") == ENABLE
    }
    faults = []
    for one in values(site):
        meant = key(known[str(one["MetricDefinitionId"])].path, site.namespace)
        tied = [key(path, site.namespace) for path in elements.get(key(one.path, site.namespace), [])]
        if len(tied) != 1 or (tied[0], meant) not in collected:
            faults.append(f"{show(one)} is of {len(tied)} elements, or not collected")
    expect_none(faults)


@check("DSP1053-R07")
def values_are_of_their_type(site: Site) -> None:
    """MetricValue is a value of the type that the definition says."""
    known = definitions(site)
    found = ((one, faults_of_text(one, int(known[str(one["MetricDefinitionId"])]["DataType"]))) for one in values(site))
    expect_none([f"{show(one)}: {fault}" for one, fault in found if fault])


def _scoped(site: Site, scope: int) -> set[str]:
    return {name for name, one in definitions(site).items() if one.get("TimeScope") == scope}


@check("DSP1053-R08")
def durations(site: Site) -> None:
    """Durations suit the scope: none for a point, some for an interval, since the same start for what is counted."""
    first, second = by_key(site, values(site)), read_again(site)
    points, intervals, startups = (_scoped(site, scope) for scope in (POINT, INTERVAL, STARTUP))
    faults = []
    for name, one in first.items():
        length, meant = seconds(one.get("Duration")), str(one["MetricDefinitionId"])
        if (meant in points and length) or (meant in intervals and not length):
            faults.append(f"{show(one)} has Duration {length}")
        starts = [began(each) for each in (one, second.get(name, one))]
        if meant in startups and None not in starts and abs((starts[0] or 0) - (starts[1] or 0)) > CLOCKS_DIFFER:
            faults.append(f"{show(one)} began at {starts}")
    expect_none(faults)


@check("DSP1053-R09")
def counters_grow(site: Site) -> None:
    """A counter does not get less from one reading to the next."""
    counters = {name for name, one in definitions(site).items() if one.get("ChangeType") == COUNTER}
    first, second = by_key(site, values(site)), read_again(site)
    skip_unless(counters, "no metric is a counter")
    expect_none(
        [f"{show(one)} fell" for name, one in first.items() if name in second and _fell(one, second, name, counters)]
    )


def _fell(one: CIMInstance, second: dict[Key, CIMInstance], name: Key, counters: set[str]) -> bool:
    if one["MetricDefinitionId"] not in counters:
        return False
    return (int(second[name]["MetricValue"]) - int(one["MetricValue"])) % WRAPS > WRAPS // 2


@check("DSP1053-R10")
def breakdowns(site: Site) -> None:
    """A value that is broken down says by which dimension of its definition, and to what."""
    known = definitions(site)
    found = [one for one in values(site) if one.get("BreakdownDimension") or one.get("BreakdownValue")]
    skip_unless(found, "no value is broken down")
    faults = []
    for one in found:
        dimensions = known[str(one["MetricDefinitionId"])].get("BreakdownDimensions") or []
        if one.get("BreakdownDimension") not in dimensions or not one.get("BreakdownValue"):
            faults.append(f"{show(one)} is {one.get('BreakdownDimension')} {one.get('BreakdownValue')}")
    expect_none(faults)


@check("DSP1053-R19")
def systems_that_are_off(site: Site) -> None:
    """Of a system that is off metrics are offered, and no counter has a value."""
    off = [one for one in site.require_virtual_systems() if one.get("EnabledState") == 3]
    skip_unless(off, "no virtual system is off")
    counters = {name for name, one in definitions(site).items() if one.get("ChangeType") == COUNTER}
    offered, measured = (linked(site, link, "Antecedent", "Dependent") for link in (OFFERED, MEASURED))
    known = by_key(site, values(site))
    faults = []
    for one in off:
        name = key(one.path, site.namespace)
        faults += [] if offered.get(name) else [f"{show(one)} has no metrics"]
        found = [known[each] for path in measured.get(name, ()) if (each := key(path, site.namespace)) in known]
        faults += [f"{show(each)} is told" for each in found if each["MetricDefinitionId"] in counters]
    expect_none(faults)


@check("DSP1053-R20")
def aggregations(site: Site) -> None:
    """What aggregates says by which function, and over how long its values do."""
    found = site.instances("CIM_AggregationMetricDefinition")
    skip_unless(found, "no metric aggregates others")
    faults = [f"{_id(one)} has no function" for one in found if one.get("SimpleFunction") not in FUNCTIONS]
    faults += [f"{_id(one)} changes otherwise" for one in found if one.get("ChangeType") != SIMPLE_FUNCTION]
    names = set(map(_id, found))
    for one in values(site):
        if one["MetricDefinitionId"] in names and not seconds(one.get("AggregationDuration")):
            faults.append(f"{show(one)} aggregates nothing")
    expect_none(faults)


def _named(site: Site, name: str) -> str:
    """The Id of a metric by its name, as far as that is one that the sheet of the metrics of virtual systems has."""
    found = [known for known, one in definitions(site).items() if one.get("Name") == name]
    skip_unless(found, f"there is no metric {name}")
    return found[0]


def _numbers(site: Site, name: str) -> dict[Key, int]:
    """By element: what a metric says."""
    wanted, elements = _named(site, name), linked(site, MEASURED, "Dependent", "Antecedent")
    found = [one for one in values(site) if one["MetricDefinitionId"] == wanted]
    skip_unless(found, f"nothing has the metric {name}")
    tied = [(elements.get(key(one.path, site.namespace), []), int(one["MetricValue"])) for one in found]
    return {key(path, site.namespace): number for paths, number in tied for path in paths}


@check("DSP1053-R22")
def running_systems(site: Site) -> None:
    """A host runs as many virtual systems as its metric says."""
    running = {key(one.path, site.namespace) for one in site.virtual_systems() if one.get("EnabledState") == 2}
    for host, number in _numbers(site, "Host.RunningVirtualSystems").items():
        hosted = linked(site, "CIM_HostedDependency", "Antecedent", "Dependent").get(host, ())
        count = sum(1 for path in hosted if key(local(path, site.namespace), site.namespace) in running)
        expect(count == number, f"{number} instead of {count}")
