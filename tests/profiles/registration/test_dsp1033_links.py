"""DSP1033: the links between profiles, and between a profile and what conforms to it, from both namespaces."""

from __future__ import annotations

import pytest
from tests.profiles.client import Client
from tests.profiles.registration.registered import (
    CONFORMS,
    REFERENCED,
    names_across,
    registered,
)

from virtcim.broker.call import CIMError, ClassPath, Item, Path, Status, Value


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
