"""DSP1033: the registered profiles in Interop, and what leads from them to the rest of the model and back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.profiles.client import Client, make_client, out
from tests.profiles.registration.registered import (
    CONFORMS,
    System,
    World,
    names_across,
    registered,
    system_profile,
)

from virtcim.broker.call import CIMError, ClassPath, Path, Status
from virtcim.broker.catalog import Catalog, CatalogError
from virtcim.broker.provider import Profile
from virtcim.broker.schema import Schema
from virtcim.profiles import dsp1033

OURS_REGISTERED = {
    ("Profile Registration", "1.0.0"),
    ("Computer System", "1.0.2"),
    ("Virtual System", "1.0.0"),
    ("Virtual System Profile", "1.0.0"),
    ("Power State Management", "2.0.0"),
}


def test_registered_are_the_served_profiles(node: Client) -> None:
    found = node.call("EnumerateInstances", "interop", ClassName=ClassPath("CIM_RegisteredProfile"))
    assert {(one.properties["RegisteredName"], one.properties["RegisteredVersion"]) for one in found} == OURS_REGISTERED
    assert len({one.properties["InstanceID"] for one in found}) == len(found)


def test_registered_profile_properties(small: Client) -> None:
    item = registered(small, "Virtual System")
    assert item.cls.name == "Virt_RegisteredProfile"
    assert item.path == Path(
        "Virt_RegisteredProfile", (("InstanceID", "virtcim:DSP1057-VirtualSystem-1.0.0"),), "interop"
    )
    assert item.properties == {
        "InstanceID": "virtcim:DSP1057-VirtualSystem-1.0.0",
        "ElementName": "DMTF Virtual System 1.0.0",
        "Description": "Profile Virtual System 1.0.0, DSP1057",
        "RegisteredOrganization": 2,
        "RegisteredName": "Virtual System",
        "RegisteredVersion": "1.0.0",
        "SpecificationType": 2,
        "AdvertiseTypes": [2],
    }


def test_profiles_are_only_in_interop(small: Client) -> None:
    assert small.call("EnumerateInstances", "root/virt", ClassName=ClassPath("CIM_RegisteredProfile")) == []


@pytest.mark.parametrize("name", ["Virtual System", "Virtual System Profile"])
def test_profile_leads_to_central_instances(small: Client, name: str) -> None:
    found = names_across(small, registered(small, name).path, CONFORMS, ResultRole="ManagedElement")
    assert {(path.namespace, path.classname, path.key("Name")) for path in found} == {
        ("root/virt", "Test_ComputerSystem", "one"),
        ("root/virt", "KVM_ComputerSystem", "two"),
    }


def test_central_instance_leads_to_its_profiles(small: Client) -> None:
    (system,) = (one for one in small.instances("CIM_ComputerSystem") if one.path.key("Name") == "one")
    found = names_across(small, system.path, CONFORMS, "root/virt")
    assert {(path.namespace, path.key("InstanceID")) for path in found} == {
        ("interop", "virtcim:DSP1057-VirtualSystem-1.0.0"),
        ("interop", "virtcim:DSP1057-VirtualSystemProfile-1.0.0"),
    }


def test_other_instances_of_the_same_object_do_not_conform(small: Client) -> None:
    (capabilities, _) = small.instances("CIM_EnabledLogicalElementCapabilities")
    assert names_across(small, capabilities.path, CONFORMS, "root/virt") == set()


def test_every_profile_conforms_to_profile_registration(small: Client) -> None:
    own = registered(small, "Profile Registration")
    found = names_across(small, own.path, CONFORMS, Role="ConformantStandard")
    assert {path.key("InstanceID") for path in found} == {
        "virtcim:DSP1033-ProfileRegistration-1.0.0",
        "virtcim:DSP1057-VirtualSystem-1.0.0",
        "virtcim:DSP1057-VirtualSystemProfile-1.0.0",
    }


def test_conformance_changes_with_the_world(small: Client) -> None:
    path = registered(small, "Virtual System").path
    systems = small.world.systems  # type: ignore[attr-defined]  # a World of these tests
    systems.append(System("three"))
    assert len(names_across(small, path, CONFORMS, Role="ConformantStandard")) == 3
    del systems[:]
    assert names_across(small, path, CONFORMS, Role="ConformantStandard") == set()


@pytest.mark.parametrize("name", sorted({name for name, _ in OURS_REGISTERED}))
def test_central_instances_by_method_and_by_association(node: Client, name: str) -> None:
    profile = registered(node, name)
    answer = node.invoke(profile.path, "GetCentralInstances")
    assert answer.value == 0
    by_method = out(answer, "CentralInstances")
    assert isinstance(by_method, list)
    paths = {path for path in by_method if isinstance(path, Path)}
    assert paths == names_across(node, profile.path, CONFORMS, Role="ConformantStandard")
    assert paths
    assert len(paths) == len(by_method)
    for path in paths:
        assert node.call("GetInstance", str(path.namespace), InstanceName=Path(path.classname, path.keys))
        back = names_across(node, path, CONFORMS, str(path.namespace), Role="ManagedElement")
        assert profile.path in back


@pytest.mark.parametrize("method", ["OpenConformantInstances", "PullConformantInstances", "CloseConformantInstances"])
def test_deprecated_methods_are_not_available(small: Client, method: str) -> None:
    with pytest.raises(CIMError, match="GetCentralInstances") as caught:
        small.invoke(registered(small, "Virtual System").path, method)
    assert caught.value.status == Status.METHOD_NOT_AVAILABLE


def test_unknown_profile_is_not_found(small: Client) -> None:
    path = Path("Virt_RegisteredProfile", (("InstanceID", "virtcim:nothing"),), "interop")
    with pytest.raises(CIMError, match="virtcim:nothing") as caught:
        small.call("GetInstance", "interop", InstanceName=path)
    assert caught.value.status == Status.NOT_FOUND


def test_profile_without_facts_is_not_registered(repository: Schema) -> None:
    world: Any = World()
    client = make_client(repository, world, [system_profile(), dsp1033.make({}, [system_profile()], world)])
    assert client.call("EnumerateInstances", "interop", ClassName=ClassPath("CIM_RegisteredProfile")) == []


# The start-up check


@pytest.mark.parametrize(
    "declare",
    [
        lambda profile: profile.central("Virt_ComputerSystem", World),
        lambda profile: profile.central("CIM_Processor", System),
    ],
    ids=["type without provider", "class that is not made"],
)
def test_central_without_provider_fails_the_start(repository: Schema, declare: Callable[[Profile], None]) -> None:
    profile = system_profile()
    declare(profile)
    with pytest.raises(CatalogError, match="dsp1057: nothing makes a"):
        Catalog(repository, [profile])
