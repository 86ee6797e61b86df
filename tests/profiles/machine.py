"""A machine that the server runs on, as plain objects, and a client that looks at the server in Interop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.profiles.client import Client, make_client

from virtcim.broker.call import ClassPath, Instance, Item, Path, Properties
from virtcim.broker.operations import OPERATIONS
from virtcim.broker.provider import Profile
from virtcim.broker.schema import Schema
from virtcim.profiles import dsp1092
from virtcim.profiles.wbem_server import ServerFacts

NAMESPACES = ("interop", "root/virt")
URLS = ("http://127.0.0.1:5988", "http://192.0.2.1:5988")
SERVED = tuple(operation.name for operation in OPERATIONS.values())


@dataclass(frozen=True, eq=False)
class Machine:
    """A host, as much of it as hosting the server needs."""

    name: str
    platform: str = "Test"


class World:
    def __init__(self, *names: str) -> None:
        self.hosts = [Machine(name) for name in names]


def machine_profile() -> Profile:
    profile = Profile("hosts")
    profile.source(Machine, lambda world: world.hosts)

    @profile.instance("Virt_HostSystem", of=Machine)
    def system(one: Machine) -> Properties:
        return {"Name": one.name}

    for classname, method in (
        ("CIM_EnabledLogicalElement", "RequestStateChange"),
        ("CIM_ComputerSystem", "SetPowerState"),
    ):
        profile.leaves_out(classname, method, "no part of these tests")
    return profile


def facts(**given: Any) -> ServerFacts:
    default: dict[str, Any] = {
        "name": "virtcim",
        "version": "1.2.3",
        "system_name": "here.example",
        "urls": lambda: URLS,
        "namespaces": NAMESPACES,
        "operations": SERVED,
        "max_connections": 64,
    }
    return ServerFacts(**default | given)


def served(repository: Schema, world: World, **given: Any) -> Client:
    hosts: Any = world
    return make_client(repository, hosts, [machine_profile(), dsp1092.make(facts(**given), hosts)])


def all_of(client: Client, classname: str, namespace: str = "interop") -> list[Item]:
    return client.call("EnumerateInstances", namespace, ClassName=ClassPath(classname), DeepInheritance="true")


def only(client: Client, classname: str) -> Item:
    (item,) = all_of(client, classname)
    return item


def embedded(item: Item, name: str) -> list[Instance]:
    value = item.properties[name]
    found = [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, Instance)]
    assert found
    return found


def across(
    client: Client, path: Path, association: str, result: str | None = None, role: str | None = None
) -> list[Path]:
    return client.call(
        "AssociatorNames",
        str(path.namespace),
        ObjectName=Path(path.classname, path.keys),
        AssocClass=ClassPath(association),
        ResultClass=ClassPath(result) if result else None,
        Role=role,
    )
