"""What /metrics tells of a server at work: requests, calls of libvirt, the inventory, enumerations, jobs."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
import pywbem
from prometheus_client.parser import text_string_to_metric_families
from tests.conftest import StartServer, connect, running_server

Samples = dict[tuple[str, str], float]


@pytest.fixture
def open_server(start_server: StartServer) -> Iterator[Any]:
    with start_server(open_metrics=True) as running:
        yield running


def samples(url: str) -> Samples:
    """By name and the value of the first label."""
    with urllib.request.urlopen(f"{url}/metrics", timeout=60) as reply:
        families = text_string_to_metric_families(reply.read().decode())
        return {
            (one.name, next(iter(one.labels.values()), "")): one.value for family in families for one in family.samples
        }


def test_requests_and_how_long_they_take(open_server: Any) -> None:
    with connect(open_server.url) as conn:
        conn.EnumerateInstanceNames("CIM_ComputerSystem")
        conn.EnumerateInstanceNames("CIM_ComputerSystem")
        found = samples(open_server.url)
    assert found["virtcim_requests_total", "EnumerateInstanceNames"] == 2
    assert found["virtcim_request_seconds_count", "EnumerateInstanceNames"] == 2
    assert found["virtcim_request_seconds_sum", "EnumerateInstanceNames"] > 0


def test_calls_of_libvirt_by_function(open_server: Any) -> None:
    count, took = "virtcim_libvirt_call_seconds_count", "virtcim_libvirt_call_seconds_sum"
    before = samples(open_server.url)
    with connect(open_server.url) as conn:
        path = next(
            one.path
            for one in conn.EnumerateInstances("CIM_ComputerSystem")
            if one.classname == "Test_ComputerSystem" and one["EnabledState"] == 2
        )
        for state in (3, 2):  # Disabled, Enabled
            assert conn.InvokeMethod("RequestStateChange", path, RequestedState=pywbem.Uint16(state))[0] in (0, 4096)
    after = samples(open_server.url)
    assert after[count, "virConnectListAllDomains"] >= 1
    assert after[count, "virDomainCreate"] > before.get((count, "virDomainCreate"), 0)
    assert after[took, "virDomainCreate"] > before.get((took, "virDomainCreate"), 0)
    known = ("virEvent", "virDomainGetName", "virDomainGetUUID", "virDomainGetID", "virConnectIsAlive")
    assert not any(function.startswith(known) for name, function in after if name == count)


def test_enumerations_come_and_go(open_server: Any) -> None:
    with connect(open_server.url) as conn:
        context = conn.OpenEnumerateInstances("CIM_SettingData", MaxObjectCount=1).context
        assert samples(open_server.url)["virtcim_enumerations", ""] == 1
        conn.CloseEnumeration(context)
    assert samples(open_server.url)["virtcim_enumerations", ""] == 0


@pytest.mark.parametrize(
    "name",
    [
        "virtcim_host_reachable",
        "virtcim_inventory_age_seconds",
        "virtcim_virtual_systems",
        "virtcim_in_flight",
        "virtcim_connections",
        "virtcim_authentication_failures",
        "virtcim_jobs",
        "process_resident_memory_bytes",
    ],
)
def test_is_told(shared_metrics: Samples, name: str) -> None:
    assert any(found == name for found, _ in shared_metrics)


@pytest.fixture(scope="module")
def shared_metrics(tmp_path_factory: pytest.TempPathFactory) -> Samples:
    with running_server(tmp_path_factory.mktemp("state"), open_metrics=True) as server:
        return samples(server.url)
