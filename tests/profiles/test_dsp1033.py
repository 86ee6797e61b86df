"""DSP1033: the registered profiles in Interop, and what leads from them to the rest of the model and back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from tests.profiles.client import OURS, Client, make_client, out

from virtcim.broker.call import CIMError, ClassPath, Item, Path, Properties, Status, Value
from virtcim.broker.catalog import Catalog, CatalogError
from virtcim.broker.provider import Profile
from virtcim.broker.schema import Schema
from virtcim.host.inventory import Hosts
from virtcim.host.settings import HostSettings
from virtcim.profiles import dsp1033
from virtcim.profiles.registration import load_facts
from virtcim.resources import profiles_dir

CONFORMS = "CIM_ElementConformsToProfile"
REFERENCED = "CIM_ReferencedProfile"
OURS_REGISTERED = {
    ("Profile Registration", "1.0.0"),
    ("Computer System", "1.0.2"),
    ("Virtual System", "1.0.0"),
    ("Virtual System Profile", "1.0.0"),
    ("Power State Management", "2.0.0"),
}


@dataclass(frozen=True, eq=False)
class System:
    name: str
    platform: str = "Test"


class World:
    def __init__(self) -> None:
        self.systems = [System("one"), System("two", "KVM")]


def system_profile() -> Profile:
    """Two systems that conform to dsp1057."""
    profile = Profile("dsp1057")
    profile.source(System, lambda world: world.systems)

    @profile.instance("Virt_ComputerSystem", of=System)
    def system(one: System) -> Properties:
        return {"Name": one.name}

    @profile.instance("Virt_EnabledLogicalElementCapabilities", of=System)
    def capabilities(one: System) -> Properties:
        return {"InstanceID": f"test:{one.name}", "ElementName": one.name}

    profile.central("Virt_ComputerSystem", System)
    for classname, method in (
        ("CIM_EnabledLogicalElement", "RequestStateChange"),
        ("CIM_ComputerSystem", "SetPowerState"),
        ("CIM_Capabilities", "CreateGoalSettings"),
    ):
        profile.leaves_out(classname, method, "no part of these tests")
    return profile


@pytest.fixture
def small(repository: Schema) -> Client:
    """Plain objects, where libvirt plays no part."""
    world: Any = World()
    profiles = [system_profile()]
    return make_client(repository, world, [*profiles, dsp1033.make(load_facts(profiles_dir()), profiles, world)])


@pytest.fixture(scope="module")
def node(repository: Schema, node_uri: str) -> Iterator[Client]:
    """The embedded node with the real profiles."""
    world = Hosts([node_uri], HostSettings())
    world.start()
    assert world.wait(30)
    yield make_client(repository, world, [*OURS, dsp1033.make(load_facts(profiles_dir()), OURS, world)])
    world.stop()


def registered(client: Client, name: str) -> Item:
    found = client.call(
        "EnumerateInstances", "interop", ClassName=ClassPath("CIM_RegisteredProfile"), DeepInheritance="true"
    )
    return next(item for item in found if item.properties["RegisteredName"] == name)


def names_across(client: Client, path: Path, association: str, namespace: str = "interop", **more: Value) -> set[Path]:
    return {
        item.path
        for item in client.call(
            "AssociatorNames", namespace, ObjectName=path, AssocClass=ClassPath(association), **more
        )
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


@pytest.mark.parametrize("namespace", ["interop", "root/interop", "root/virt"])
def test_conformance_is_seen_from_both_namespaces(small: Client, namespace: str) -> None:
    links = small.call("EnumerateInstances", namespace, ClassName=ClassPath(CONFORMS))
    crossing = [link for link in links if link.cls.name != "Virt_ElementConformsToProfile"]
    assert (
        sorted(link.cls.name for link in crossing)
        == ["KVM_ElementConformsToProfile"] * 2 + ["Test_ElementConformsToProfile"] * 2
    )
    for link in crossing:
        standard, element = link.properties["ConformantStandard"], link.properties["ManagedElement"]
        assert isinstance(standard, Path)
        assert isinstance(element, Path)
        assert (standard.namespace, element.namespace) == ("interop", "root/virt")
        got = small.call("GetInstance", namespace, InstanceName=Path(link.path.classname, link.path.keys))
        assert got[0].properties == link.properties


def renamed(link: Item, **namespaces: str | None) -> Path:
    """The path of a link, its references in other words for their namespaces."""
    keys = []
    for role, path in link.path.keys:
        assert isinstance(path, Path)
        keys.append((role, Path(path.classname, path.keys, namespaces.get(role, path.namespace))))
    return Path(link.path.classname, tuple(keys))


@pytest.mark.parametrize(
    ("namespace", "references", "status"),
    [
        ("interop", {"ConformantStandard": "root/interop"}, None),
        ("interop", {"ConformantStandard": "Interop", "ManagedElement": "ROOT/Virt"}, None),
        ("interop", {"ConformantStandard": None}, None),
        ("root/virt", {"ManagedElement": None}, None),
        ("root/virt", {"ConformantStandard": None}, Status.NOT_FOUND),
        ("interop", {"ConformantStandard": "root/nowhere"}, Status.NOT_FOUND),
    ],
    ids=["alias", "case", "profile relative", "element relative", "relative to the wrong one", "unknown namespace"],
)
def test_references_of_a_given_link(
    small: Client, namespace: str, references: dict[str, str | None], status: Status | None
) -> None:
    link = next(
        one
        for one in small.call("EnumerateInstances", "interop", ClassName=ClassPath(CONFORMS))
        if one.cls.name == "Test_ElementConformsToProfile"
    )
    path = renamed(link, **references)
    if status is None:
        assert small.call("GetInstance", namespace, InstanceName=path)[0].properties == link.properties
        return
    with pytest.raises(CIMError) as caught:
        small.call("GetInstance", namespace, InstanceName=path)
    assert caught.value.status == status


def test_link_is_not_found_as_an_instance_of_its_superclass(small: Client) -> None:
    (link, *_) = small.call("EnumerateInstances", "interop", ClassName=ClassPath(REFERENCED))
    with pytest.raises(CIMError, match="no such instance"):
        small.call("GetInstance", "interop", InstanceName=Path(REFERENCED, link.path.keys))


def test_references_between_profiles_have_the_direction_of_dmtf(node: Client) -> None:
    links = node.call("EnumerateInstances", "interop", ClassName=ClassPath(REFERENCED))
    pairs = {tuple(_name(link.properties[role]) for role in ("Dependent", "Antecedent")) for link in links}
    both = ("DSP1057-VirtualSystem-1.0.0", "DSP1057-VirtualSystemProfile-1.0.0")
    assert pairs == {
        *((name, "DSP1052-ComputerSystem-1.0.2") for name in both),
        *((name, "DSP1027-PowerStateManagement-2.0.0") for name in both),
        *((name, "DSP1033-ProfileRegistration-1.0.0") for name in (*both, "DSP1052-ComputerSystem-1.0.2")),
    }


def _name(path: Value) -> str:
    assert isinstance(path, Path)
    return str(path.key("InstanceID")).removeprefix("virtcim:")


def test_scoping_profile_is_found_from_its_component(node: Client) -> None:
    power = registered(node, "Power State Management")
    found = names_across(node, power.path, REFERENCED, ResultRole="Dependent")
    assert {_name(path) for path in found} == {
        "DSP1057-VirtualSystem-1.0.0",
        "DSP1057-VirtualSystemProfile-1.0.0",
    }
    assert names_across(node, power.path, REFERENCED, ResultRole="Antecedent") == set()


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
