"""DSP1053: what is collected, of which elements, from when on, and what readings come to."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pywbem import CIMClassName, CIMError, CIMInstance, CIMInstanceName, Uint64
from tests.conftest import StartServer, connect, running_server
from tests.profiles.measuring import (
    COUNT,
    CPU,
    DISABLE,
    ENABLE,
    FUNCTIONS,
    LONG_AGO,
    OK,
    ONE_SECOND,
    PRESENTED,
    RESET,
    Metrics,
)

from virtcim.profiles.metrics_control import BASES, CLASS_RULES, RULES, TIMES


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
    one = found[f"{PRESENTED}.Average"]
    assert metrics.conn.GetInstance(one.path)["InstanceID"] == one["InstanceID"]
    with pytest.raises(CIMError, match="no such instance"):
        metrics.conn.GetInstance(CIMInstanceName("Test_BaseMetricValue", {"InstanceID": one["InstanceID"]}))
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
