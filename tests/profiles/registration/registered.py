"""Two systems that conform to a profile, and short ways along what registration declares."""

from __future__ import annotations

from dataclasses import dataclass

from tests.profiles.client import Client

from virtcim.broker.call import ClassPath, Item, Path, Properties, Value
from virtcim.broker.provider import Profile

CONFORMS = "CIM_ElementConformsToProfile"
REFERENCED = "CIM_ReferencedProfile"


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


def registered(client: Client, name: str) -> Item:
    found = client.call(
        "EnumerateInstances", "interop", ClassName=ClassPath("CIM_RegisteredProfile"), DeepInheritance="true"
    )
    return next(item for item in found if item.properties["RegisteredName"] == name)


def names_across(client: Client, path: Path, association: str, namespace: str = "interop", **more: Value) -> set[Path]:
    found = client.call("AssociatorNames", namespace, ObjectName=path, AssocClass=ClassPath(association), **more)
    return set(found)
