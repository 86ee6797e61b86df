"""What services say of their jobs: CIM_JobCapabilities, CIM_JobSettingData; and the host that a job works on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.profiles.client import Client, out, system_path
from tests.profiles.eventful import eventful_running

from virtcim.broker.call import Path, Value
from virtcim.broker.schema import Schema


@pytest.fixture(scope="module")
def client(repository: Schema, node_uri: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with eventful_running(repository, node_uri, tmp_path_factory.mktemp("state")) as client:
        yield client


# Service -> requested states of its jobs -> methods that begin them.
JOBS: dict[str, dict[tuple[int, ...], set[str]]] = {
    "Test_VirtualSystemManagementService": {
        (4,): {"DefineSystem", "DestroySystem", "AddResourceSettings", "RemoveResourceSettings"},
        (4, 5): {"CopyImage", "CommitImage", "PullImage"},
    },
    "Test_ResourcePoolConfigurationService": {(4,): {"CreateChildResourcePool", "CreateResourceInPool"}},
    "Test_PowerManagementService": {(4, 5): {"RequestPowerStateChange"}},
    "Test_VirtualSystemMigrationService": {(4, 5): {"MigrateVirtualSystemToHost", "MigrateVirtualSystemToSystem"}},
    "Test_VirtualSystemSnapshotService": {(4,): {"CreateSnapshot", "ApplySnapshot", "DestroySnapshot"}},
    "Test_VirtualEthernetSwitchManagementService": {},
}


@pytest.mark.parametrize("classname", JOBS)
def test_a_service_tells_of_its_jobs(client: Client, classname: str) -> None:
    (service,) = client.instances(classname)
    found = client.across(service.path, "CIM_ElementCapabilities", "CIM_JobCapabilities")
    told = {tuple(one.properties["RequestedStatesSupported"]): one for one in found}  # type: ignore[arg-type]
    assert {states: set(one.properties["ApplicableMethods"]) for states, one in told.items()} == JOBS[classname]  # type: ignore[arg-type]
    methods = client.broker.instances.schema.get(classname).methods
    for one in found:
        assert all(name.lower() in methods for name in one.properties["ApplicableMethods"])  # type: ignore[union-attr]
        assert one.properties["DeleteJobSupported"] is True
        (back,) = client.across(one.path, "CIM_ElementCapabilities", "CIM_Service")
        assert back.path == service.path


def test_each_has_its_own_key(client: Client) -> None:
    for classname in ("CIM_JobCapabilities", "CIM_JobSettingData"):
        found = client.instances(classname)
        assert len({one.path for one in found}) == len(found) > 2
        assert all(client.get(one.path).properties == one.properties for one in found)


def test_a_job_begins_as_its_service_says_and_works_on_a_host(client: Client) -> None:
    (service,) = client.instances("Test_PowerManagementService")
    (setting,) = client.across(service.path, "CIM_ElementSettingData", "CIM_JobSettingData")
    given: dict[str, Value] = {"PowerState": "12", "ManagedElement": system_path("web2")}
    path = out(client.invoke(service.path, "RequestPowerStateChange", **given), "Job")
    assert isinstance(path, Path)
    job = client.get(path).properties
    for name in ("TimeBeforeRemoval", "DeleteOnCompletion"):
        assert job[name] == setting.properties[name]
    (host,) = client.across(path, "CIM_HostedDependency")
    assert host.path.classname == "Test_HostSystem"
    assert path in [one.path for one in client.across(host.path, "CIM_HostedDependency", "CIM_ConcreteJob")]
