"""AssociatorNames answers the paths that Associators would, without instances where paths can be told without."""

from __future__ import annotations

import pytest
from tests.profiles.client import Client, system_path

from virtcim.broker.call import ClassPath, Path
from virtcim.profiles.elements import configurations, devices, settings


def test_names_are_the_paths_of_the_instances_from_everywhere(everything: Client) -> None:
    faults = []
    for source in everything.broker.instances.all_found("CIM_ManagedElement", "root/virt"):
        names = everything.call("AssociatorNames", ObjectName=source.path)
        paths = [item.path for item in everything.call("Associators", ObjectName=source.path)]
        faults += [f"{source.path}: {names} rather than {paths}"] if names != paths else []
    assert faults == []


def test_names_of_devices_make_no_instances(client: Client) -> None:
    assert client.call("AssociatorNames", ObjectName=system_path("web1"), AssocClass=ClassPath("CIM_SystemDevice"))
    assert [device.dev for device in devices(client.vm("web1")) if vars(device).get("_items")] == []


@pytest.mark.parametrize("name", ["Test:web1", "Test:web1/defined"], ids=["state", "defined"])
def test_names_of_settings_make_no_instances(client: Client, name: str) -> None:
    path = Path("Test_VirtualSystemSettingData", (("InstanceID", name),), "root/virt")
    assert client.call(
        "AssociatorNames", ObjectName=path, AssocClass=ClassPath("CIM_VirtualSystemSettingDataComponent")
    )
    made = [one for each in configurations(client.vm("web1")) for one in settings(each) if vars(one).get("_items")]
    assert [one.id for one in made] == []
