"""DSP1053: what is measured on the embedded node, and what the metric service does when it is asked."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pywbem import (
    CIMClassName,
    CIMError,
    CIMInstance,
    CIMInstanceName,
    CIMParameter,
    Uint16,
    Uint64,
    WBEMConnection,
)
from tests.conftest import StartServer, connect, running_server
from tests.counting import counted_calls

from virtcim.host import figures
from virtcim.profiles.metrics_control import BASES, CLASS_RULES, RULES, TIMES

OK, FAILED = 0, 2
ENABLE, DISABLE, RESET = 2, 3, 4
CPU, PRESENTED, COUNT = "Host.CPUTime", "Memory.Presented", "VirtualSystem.ProcessorCount"
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
FUNCTIONS = {"Minimum": 2, "Maximum": 3, "Average": 4}
OFFERED |= {f"{name}.{function}" for name in AGGREGATED for function in FUNCTIONS}
OF_SYSTEM = {"Memory.Presented", "VirtualSystem.ProcessorCount", "Memory.Configured", "VirtualSystem.MaxProcessorCount"}
LONG_AGO, ONE_SECOND = "20260101000000.000000+000", "00000000000001.000000:000"
NOWHERE = CIMInstanceName("Test_ComputerSystem", {"CreationClassName": "Test_ComputerSystem", "Name": "nowhere"})
UNKNOWN = CIMInstanceName("Virt_BaseMetricDefinition", {"Id": "virtcim:metric/Nothing"})


class Metrics:
    """A client of the metric service."""

    def __init__(self, conn: WBEMConnection) -> None:
        self.conn = conn
        (self.service,) = conn.EnumerateInstanceNames("CIM_MetricService")

    def call(self, method: str, /, **given: Any) -> tuple[int, dict[str, Any]]:
        code, out = self.conn.InvokeMethod(method, self.service, Params=list(given.items()))
        return int(code), dict(out)

    def control(self, state: int, **given: Any) -> int:
        return self.call("ControlMetrics", MetricCollectionEnabled=Uint16(state), **given)[0]

    def control_class(self, state: int, classname: str, **given: Any) -> int:
        named = {"Subject": CIMClassName(classname), **given}
        return self.call("ControlMetricsByClass", MetricCollectionEnabled=Uint16(state), **named)[0]

    def definition(self, name: str) -> CIMInstanceName:
        kind = "Aggregation" if name.rpartition(".")[2] in FUNCTIONS else "Base"
        keys = {"Id": f"virtcim:metric/{name}"}
        return CIMInstanceName(f"Virt_{kind}MetricDefinition", keys, namespace="root/virt")

    def system(self, name: str) -> CIMInstanceName:
        found = self.conn.EnumerateInstanceNames("CIM_ComputerSystem")
        return next(one for one in found if one["Name"] == name)

    def sample(self, start: str | None, interval: str | None, restart: bool = False) -> int:
        given = {"StartSampleTime": start, "PreferredSampleInterval": interval}
        known = {name: CIMParameter(name, "datetime", value=text) for name, text in given.items() if text}
        params = [*known.values(), ("RestartGathering", restart)]
        return int(self.conn.InvokeMethod("ControlSampleTimes", self.service, Params=params)[0])

    def host(self) -> CIMInstanceName:
        return self.conn.EnumerateInstanceNames("Test_HostSystem")[0]

    def values(self, element: CIMInstanceName) -> dict[str, CIMInstance]:
        """By name of the metric, with the value of its dimension."""
        found = self.conn.Associators(element, "CIM_MetricForME", ResultClass="CIM_BaseMetricValue")
        return {f"{one['ElementName']}{one['BreakdownValue'] or ''}": one for one in found}

    def states(self, element: CIMInstanceName) -> dict[str, int]:
        links = self.conn.References(element, "CIM_MetricDefForME")
        return {one["Dependent"]["Id"].partition("/")[2]: one["MetricCollectionEnabled"] for one in links}


@pytest.fixture(scope="module")
def seen(shared_conn: WBEMConnection) -> Metrics:
    """For what only reads."""
    return Metrics(shared_conn)


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A server for what switches."""
    with running_server(tmp_path_factory.mktemp("own")) as server:
        yield server


@pytest.fixture
def metrics(own: Any) -> Iterator[Metrics]:
    """Of a server where nothing is switched before and after."""
    with connect(own.url) as conn:
        yield Metrics(conn)
    shelf = own._events.shelf
    shelf.remove(*(one for kind in (RULES, CLASS_RULES, BASES, TIMES) for one in shelf.of_class(kind)))


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
    with start_server() as server, connect(server.url) as conn, counted_calls() as calls:
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


# Switching


def test_a_metric_of_an_element_is_switched_off_and_on(metrics: Metrics) -> None:
    web1, web2, wanted = metrics.system("web1"), metrics.system("web2"), metrics.definition(PRESENTED)
    assert metrics.control(DISABLE, Subject=web1, Definition=wanted) == OK
    assert metrics.states(web1)[PRESENTED] == DISABLE
    assert PRESENTED not in metrics.values(web1)
    assert COUNT in metrics.values(web1)
    assert PRESENTED in metrics.values(web2)
    assert metrics.control(ENABLE, Subject=web1, Definition=wanted) == OK
    assert PRESENTED in metrics.values(web1)


def test_all_metrics_of_an_element_are_switched(metrics: Metrics) -> None:
    web1 = metrics.system("web1")
    assert metrics.control(DISABLE, Subject=web1) == OK
    assert set(metrics.states(web1).values()) == {DISABLE}
    assert metrics.values(web1) == {}


def test_the_latest_word_counts_whatever_it_is_about(metrics: Metrics) -> None:
    web1, wanted = metrics.system("web1"), metrics.definition(COUNT)
    calls: list[Callable[[], int]] = [
        lambda: metrics.control(DISABLE, Subject=web1, Definition=wanted),
        lambda: metrics.control_class(ENABLE, "CIM_System"),
        lambda: metrics.control(DISABLE, Definition=wanted),
        lambda: metrics.control_class(ENABLE, "Test_ComputerSystem", Definition=wanted),
        lambda: metrics.control_class(DISABLE, "Test_ComputerSystem"),
        lambda: metrics.control(ENABLE, Subject=web1),
    ]
    states = []
    for call in calls:
        assert call() == OK
        states.append(metrics.states(web1)[COUNT])
    assert states == [DISABLE, ENABLE, DISABLE, ENABLE, DISABLE, ENABLE]
    code, out = metrics.call("ShowMetricsByClass", Subject=CIMClassName("Test_ComputerSystem"), Definition=wanted)
    assert (code, out) == (OK, {"MetricCollectionEnabled": [ENABLE]})  # of one of them
    assert metrics.states(metrics.system("web2"))[COUNT] == DISABLE


def test_what_is_switched_for_a_class_holds_for_those_that_come(metrics: Metrics) -> None:
    (management,) = metrics.conn.EnumerateInstanceNames("Test_VirtualSystemManagementService")
    assert metrics.control_class(DISABLE, "CIM_ComputerSystem", Definition=metrics.definition(COUNT)) == OK
    head = CIMInstance("Test_VirtualSystemSettingData", {"ElementName": "late"})
    code, out = metrics.conn.InvokeMethod("DefineSystem", management, SystemSettings=head)
    assert code == OK
    assert metrics.states(out["ResultingSystem"])[COUNT] == DISABLE


def test_what_is_switched_outlives_the_server(start_server: StartServer) -> None:
    for turn in range(2):
        with start_server() as server, connect(server.url) as conn:
            metrics = Metrics(conn)
            if turn == 0:
                assert (
                    metrics.control(DISABLE, Subject=metrics.system("web1"), Definition=metrics.definition(COUNT)) == OK
                )
                assert metrics.control_class(DISABLE, "Test_MemoryPool") == OK
                assert metrics.sample(LONG_AGO, ONE_SECOND) == OK
            assert metrics.states(metrics.system("web1"))[COUNT] == DISABLE
            pool = conn.EnumerateInstanceNames("Test_MemoryPool")[0]
            assert set(metrics.states(pool).values()) == {DISABLE}
            (host,) = server.hosts.hosts
            assert host.gauges.sampler.times.interval == 1


def test_a_counter_that_is_reset_begins_anew(metrics: Metrics) -> None:
    host = metrics.host()
    before = metrics.values(host)[f"{CPU}Idle"]
    assert int(before["MetricValue"]) > 0
    for state in (RESET, DISABLE, ENABLE):
        assert metrics.control(state, Subject=host, Definition=metrics.definition(CPU)) == OK
        found = metrics.values(host)
        assert (f"{CPU}Idle" in found) == (state != DISABLE)
        if state != DISABLE:
            assert int(found[f"{CPU}Idle"]["MetricValue"]) == 0  # of this driver time stands still
            assert found[f"{CPU}Idle"]["Duration"].timedelta.total_seconds() < 5


def test_what_is_kept_of_a_system_goes_with_it(metrics: Metrics, own: Any) -> None:
    shelf = own._events.shelf
    (management,) = metrics.conn.EnumerateInstanceNames("Test_VirtualSystemManagementService")
    wanted = metrics.definition(COUNT)
    head = CIMInstance("Test_VirtualSystemSettingData", {"ElementName": "brief"})
    out = metrics.conn.InvokeMethod("DefineSystem", management, SystemSettings=head)[1]
    assert metrics.control(DISABLE, Subject=out["ResultingSystem"], Definition=wanted) == OK
    assert shelf.count("#metrics") == 1
    assert metrics.conn.InvokeMethod("DestroySystem", management, AffectedSystem=out["ResultingSystem"])[0] == OK
    assert metrics.control(DISABLE, Subject=metrics.host(), Definition=metrics.definition(CPU)) == OK
    assert shelf.count("#metrics") == 1
    out = metrics.conn.InvokeMethod("DefineSystem", management, SystemSettings=head)[1]
    assert metrics.states(out["ResultingSystem"])[COUNT] == ENABLE


# What readings come to


def test_readings_are_aggregated_while_somebody_wants_it(metrics: Metrics, own: Any) -> None:
    """Of a system, and of a pool by its class: the least, the greatest and the mean of what there was."""
    (host,) = own.hosts.hosts
    web1 = metrics.system("web1")
    setting = CIMInstance("Test_MemResourceAllocationSettingData", {"InstanceID": "web1/mem"})
    assert not metrics.conn.EnumerateInstances("CIM_AggregationMetricValue")
    for function in FUNCTIONS:
        assert metrics.control(ENABLE, Subject=web1, Definition=metrics.definition(f"{PRESENTED}.{function}")) == OK
    before = int(metrics.values(web1)[PRESENTED]["MetricValue"])
    setting["VirtualQuantity"] = Uint64(before // 2)
    (management,) = metrics.conn.EnumerateInstanceNames("Test_VirtualSystemManagementService")
    assert metrics.conn.InvokeMethod("ModifyResourceSettings", management, ResourceSettings=[setting])[0] == OK
    host.reconcile()
    found = {name: one for name, one in metrics.values(web1).items() if name.startswith(f"{PRESENTED}.")}
    numbers = {name.rpartition(".")[2]: int(one["MetricValue"]) for name, one in found.items()}
    assert (numbers["Minimum"], numbers["Maximum"]) == (before // 2, before)
    assert before // 2 < numbers["Average"] < before
    assert {one.classname for one in found.values()} == {"Test_AggregationMetricValue"}
    assert all(one["AggregationDuration"].timedelta.total_seconds() > 0 for one in found.values())
    meant = metrics.conn.GetInstance(metrics.definition(f"{PRESENTED}.Average"))
    assert (meant["SimpleFunction"], meant["ChangeType"]) == (FUNCTIONS["Average"], 5)
    assert metrics.control(RESET, Subject=web1) == OK
    assert not {name for name in metrics.values(web1) if name.startswith(f"{PRESENTED}.")}


def test_what_is_aggregated_is_read_at_its_times(metrics: Metrics, own: Any) -> None:
    """By the clock and not because somebody asks; gathering begins anew when that is wanted."""
    (host,) = own.hosts.hosts
    web1 = metrics.system("web1")
    assert metrics.sample(LONG_AGO, ONE_SECOND) == OK
    assert not host.gauges.needs().always
    assert metrics.control(ENABLE, Subject=web1, Definition=metrics.definition(f"{PRESENTED}.Average")) == OK
    first = host.gauges.measure().taken
    deadline = time.monotonic() + 10
    while host.gauges._sample.taken == first:  # looking would bring on the next reading
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert f"{PRESENTED}.Average" in metrics.values(web1)
    assert metrics.sample(LONG_AGO, "00000001000000.000000:000", restart=True) == OK
    assert f"{PRESENTED}.Average" not in metrics.values(web1)


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
