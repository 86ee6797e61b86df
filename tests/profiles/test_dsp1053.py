"""DSP1053: what is measured on the embedded node, what it costs, and what the metric service shows and refuses."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from pywbem import CIMClassName, CIMError, CIMInstanceName, Uint16, WBEMConnection
from tests.conftest import StartServer, connect
from tests.counting import counted_calls
from tests.profiles.measuring import (
    COUNT,
    CPU,
    ENABLE,
    FAILED,
    FUNCTIONS,
    LONG_AGO,
    OK,
    ONE_SECOND,
    PRESENTED,
    Metrics,
)

from virtcim.host import figures

POOLED = ("Capacity", "Reserved", "Available", "Consumed", "OvercommitRatio")
# What needs no statistics of domains, which the test driver has not, nor the memory of a kernel.
OFFERED = {
    *(f"VirtualSystem.{name}" for name in ("ProcessorCount", "MaxProcessorCount")),
    *(f"Memory.{name}" for name in ("Configured", "Presented")),
    *(f"Host.{name}" for name in ("CPUTime", "CPUUtilization", "RunningVirtualSystems", "DefinedVirtualSystems")),
    *(f"{word}Pool.{name}" for word in ("Processor", "Memory", "Storage", "Device") for name in POOLED),
}
AGGREGATED = (
    "Memory.Presented",
    "Host.CPUUtilization",
    *(f"{one}.Consumed" for one in ("ProcessorPool", "MemoryPool")),
)
AGGREGATED += ("StoragePool.Consumed", "DevicePool.Consumed")
OFFERED |= {f"{name}.{function}" for name in AGGREGATED for function in FUNCTIONS}
OF_SYSTEM = {"Memory.Presented", "VirtualSystem.ProcessorCount", "Memory.Configured", "VirtualSystem.MaxProcessorCount"}
NOWHERE = CIMInstanceName("Test_ComputerSystem", {"CreationClassName": "Test_ComputerSystem", "Name": "nowhere"})
UNKNOWN = CIMInstanceName("Virt_BaseMetricDefinition", {"Id": "virtcim:metric/Nothing"})


@pytest.fixture(scope="module")
def seen(shared_conn: WBEMConnection) -> Metrics:
    """For what only reads."""
    return Metrics(shared_conn)


# What is measured


def test_what_the_driver_cannot_measure_is_not_offered(seen: Metrics) -> None:
    assert {one["Name"] for one in seen.conn.EnumerateInstances("CIM_BaseMetricDefinition")} == OFFERED
    links = seen.conn.ReferenceNames(seen.service, "CIM_ServiceAffectsElement")
    assert {one["AffectedElement"]["Id"].partition("/")[2] for one in links} == OFFERED
    with pytest.raises(CIMError, match="no such instance"):
        seen.conn.GetInstance(seen.definition("VirtualSystem.CPUTime"))


def test_a_system_is_measured_by_its_settings(seen: Metrics) -> None:
    found = seen.values(seen.system("web1"))
    memory = seen.conn.GetInstance(CIMInstanceName("Test_MemResourceAllocationSettingData", {"InstanceID": "web1/mem"}))
    number = seen.conn.GetInstance(
        CIMInstanceName("Test_ProcResourceAllocationSettingData", {"InstanceID": "web1/proc"})
    )
    assert int(found[PRESENTED]["MetricValue"]) == memory["VirtualQuantity"]
    assert int(found[COUNT]["MetricValue"]) == number["VirtualQuantity"]
    assert found[COUNT]["MeasuredElementName"] == seen.conn.GetInstance(seen.system("web1"))["ElementName"]


def test_pools_are_measured_by_what_they_say(seen: Metrics) -> None:
    compared = 0
    for pool in seen.conn.EnumerateInstances("CIM_ResourcePool"):
        told = {name.partition(".")[2]: one["MetricValue"] for name, one in seen.values(pool.path).items()}
        if told:
            compared += 1
            assert int(told["Reserved"]) == pool["Reserved"]
            assert int(told["Consumed"]) == pool["CurrentlyConsumedResource"]
            assert ("Capacity" in told) == (pool["Capacity"] is not None)
            assert pool["Capacity"] is None or int(told["Available"]) == max(0, pool["Capacity"] - pool["Reserved"])
    assert compared > 10


def test_a_host_counts_its_systems_and_breaks_its_time_down(seen: Metrics) -> None:
    found = seen.values(seen.host())
    states = [one["EnabledState"] for one in seen.conn.EnumerateInstances("Test_ComputerSystem")]
    assert int(found["Host.DefinedVirtualSystems"]["MetricValue"]) == len(states)
    assert int(found["Host.RunningVirtualSystems"]["MetricValue"]) == states.count(2)
    assert {one for one in found if one.startswith(CPU)} == {
        f"{CPU}{mode}" for mode in ("User", "System", "Idle", "IOWait")
    }
    assert found[f"{CPU}User"]["BreakdownDimension"] == "Mode"


def test_of_a_system_that_is_off_nothing_is_told(seen: Metrics) -> None:
    off = next(one for one in seen.conn.EnumerateInstances("Test_ComputerSystem") if one["EnabledState"] == 3)
    assert seen.values(off.path) == {}
    assert set(seen.states(off.path)) == OF_SYSTEM | {f"{PRESENTED}.{function}" for function in FUNCTIONS}


def test_each_value_is_found_by_its_path(seen: Metrics) -> None:
    found = seen.conn.EnumerateInstances("CIM_BaseMetricValue")
    assert len(found) > 50
    for one in found:
        again = seen.conn.GetInstance(one.path)
        assert (again["InstanceID"], again["MetricDefinitionId"]) == (one["InstanceID"], one["MetricDefinitionId"])


@pytest.mark.parametrize(
    "name", ["nonsense", "metric/Nothing/web1", f"metric/{COUNT}/nowhere", f"metric/{CPU}/x/Mode/Y"]
)
def test_a_value_that_is_not_there(seen: Metrics, name: str) -> None:
    with pytest.raises(CIMError, match="no such instance"):
        seen.conn.GetInstance(CIMInstanceName("Test_BaseMetricValue", {"InstanceID": name}))


# What it costs


def test_values_of_all_systems_take_one_call_of_libvirt(
    start_server: StartServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was measured a moment ago, here for as long as the test takes, is told again."""
    monkeypatch.setattr(figures, "FRESH", 600.0)
    with start_server(reconcile_interval=3600) as server, connect(server.url) as conn, counted_calls() as calls:
        conn.EnumerateInstances("CIM_BaseMetricValue")
        assert calls.counted["virConnectGetAllDomainStats"] == 1
        assert not calls.of_domains()
        conn.EnumerateInstances("CIM_BaseMetricValue")
        conn.EnumerateInstances("CIM_MetricForME")
        assert calls.counted["virConnectGetAllDomainStats"] == 1


def test_metrics_are_kept_while_somebody_asks(start_server: StartServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "WANTED", 0.5)
    with start_server() as server, connect(server.url) as conn:
        (host,) = server.hosts.hosts
        conn.EnumerateInstances("CIM_ComputerSystem")
        conn.EnumerateInstances("CIM_Processor")
        host.reconcile()
        assert host.figures.measured is None
        conn.EnumerateInstances("CIM_BaseMetricValue")
        assert host.figures.measured is not None
        while host.gauges.is_wanted():
            time.sleep(0.05)
        host.reconcile()
        assert host.figures.measured is None


# Showing


def test_metrics_of_an_element_are_shown(seen: Metrics) -> None:
    code, out = seen.call("ShowMetrics", Subject=seen.system("web1"))
    assert code == OK
    assert {
        name for name, state in zip(out["MetricNames"], out["MetricCollectionEnabled"], strict=True) if state == 2
    } == OF_SYSTEM
    assert [one["Id"].partition("/")[2] for one in out["DefinitionList"]] == out["MetricNames"]
    assert "ManagedElements" not in out


def test_elements_of_a_metric_are_shown(seen: Metrics) -> None:
    code, out = seen.call("ShowMetrics", Definition=seen.definition(CPU))
    assert (code, out) == (OK, {"ManagedElements": [seen.host()], "MetricCollectionEnabled": [2]})
    code, out = seen.call("ShowMetrics", Definition=seen.definition(COUNT))
    assert {one["Name"] for one in out["ManagedElements"]} == {
        one["Name"] for one in seen.conn.EnumerateInstanceNames("Test_ComputerSystem")
    }


def test_one_metric_of_one_element_is_shown(seen: Metrics) -> None:
    code, out = seen.call("ShowMetrics", Subject=seen.system("web1"), Definition=seen.definition(COUNT))
    assert (code, out) == (OK, {"MetricCollectionEnabled": [2]})


@pytest.mark.parametrize(
    ("classname", "names"),
    [
        ("Test_HostSystem", {"Host"}),
        ("CIM_ComputerSystem", {"Host", "VirtualSystem", "Memory"}),
        ("Test_MemoryPool", {"MemoryPool"}),
        ("CIM_MemoryPool", None),
    ],
    ids=["host", "systems", "pools", "no such class"],
)
def test_metrics_of_a_class_are_shown(seen: Metrics, classname: str, names: set[str] | None) -> None:
    code, out = seen.call("ShowMetricsByClass", Subject=CIMClassName(classname))
    assert code == (FAILED if names is None else OK)
    assert {one.partition(".")[0] for one in out.get("MetricNames") or []} == (names or set())


def refused() -> Iterator[Any]:
    """Calls that are refused: the method, its parameters by what to ask `Metrics` for, the answer."""
    enable = {"MetricCollectionEnabled": Uint16(ENABLE)}
    wrong = {"Subject": ("system", "web1"), "Definition": ("definition", CPU)}
    for method, more in (("ShowMetrics", {}), ("ControlMetrics", enable)):
        yield method, more
        yield method, {"Subject": NOWHERE, **more}
        yield method, {"Subject": CIMClassName("CIM_ComputerSystem"), **more}
        yield method, {"Subject": ("service", None), **more}
        yield method, {"Definition": UNKNOWN, **more}
        yield method, {"Definition": ("definition", "VirtualSystem.CPUTime"), **more}
        yield method, {**wrong, **more}
    for method, more in (("ShowMetricsByClass", {}), ("ControlMetricsByClass", enable)):
        yield method, {"Subject": ("system", "web1"), **more}
        yield method, {"Subject": CIMClassName("CIM_Job"), **more}
        yield method, {"Subject": CIMClassName("CIM_NoSuchClass"), **more}
        yield method, {"Subject": CIMClassName("CIM_ComputerSystem"), "Definition": UNKNOWN, **more}
        yield method, {"Subject": CIMClassName("CIM_Memory"), "Definition": ("definition", COUNT), **more}
    for state in (0, 1, 5, 40000):
        yield "ControlMetrics", {"Subject": ("system", "web1"), "MetricCollectionEnabled": Uint16(state)}
    yield "GetMetricValues", {}
    yield "GetMetricValues", {"Definition": UNKNOWN}
    yield "GetMetricValues", {"Definition": ("definition", COUNT), "Range": Uint16(4)}


@pytest.mark.parametrize(
    ("method", "given"), [*refused()], ids=lambda one: one if isinstance(one, str) else ",".join(one)
)
def test_what_is_refused_fails_and_changes_nothing(seen: Metrics, method: str, given: dict[str, Any]) -> None:
    found = {name: made(seen, one) for name, one in given.items()}
    before = seen.states(seen.system("web1"))
    assert seen.call(method, **found) == (FAILED, {})
    assert seen.states(seen.system("web1")) == before


def made(seen: Metrics, given: Any) -> Any:
    """A parameter that needs the server to be made."""
    if not isinstance(given, tuple):
        return given
    what, name = given
    return seen.service if what == "service" else getattr(seen, what)(name)


def test_what_is_missing_is_named(seen: Metrics) -> None:
    assert seen.call("ControlMetrics", Subject=seen.system("web1")) == (FAILED, {})
    assert seen.call("ShowMetricsByClass") == (FAILED, {})


@pytest.mark.parametrize(
    ("start", "interval"),
    [
        (None, ONE_SECOND),
        (LONG_AGO, None),
        (ONE_SECOND, ONE_SECOND),
        (LONG_AGO, LONG_AGO),
        (LONG_AGO, "00000000000000.900000:000"),
        (LONG_AGO, "000000000000**.******:000"),
        ("2026010100****.******+000", ONE_SECOND),
    ],
)
def test_sample_times_that_cannot_be(seen: Metrics, start: str | None, interval: str | None) -> None:
    assert seen.sample(start, interval) == FAILED


# In order


@pytest.mark.parametrize(("order", "count"), [(3, 3), (2, 3), (3, None), (None, 2), (2, 0)])
def test_values_in_order(seen: Metrics, order: int | None, count: int | None) -> None:
    given = {"Range": order, "Count": count}
    wanted = {name: Uint16(number) for name, number in given.items() if number is not None}
    code, out = seen.call("GetMetricValues", Definition=seen.definition(PRESENTED), **wanted)
    numbers = [int(seen.conn.GetInstance(one)["MetricValue"]) for one in out.get("Values") or []]
    every = [int(one["MetricValue"]) for one in seen.conn.Associators(seen.definition(PRESENTED), "CIM_MetricInstance")]
    assert (code, len(numbers)) == (OK, len(every) if count is None else count)
    if order is not None:
        assert numbers == sorted(every, reverse=order == 3)[:count]
