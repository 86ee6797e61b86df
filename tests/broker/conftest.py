"""A small world of plain objects behind the real broker and the real schema."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path as File
from typing import Any

import pytest
from tests import schemas
from tests.broker.postgres import Postgres, empty, running_postgres
from tests.broker.stored import OpenStore

from virtcim.broker.broker import Broker
from virtcim.broker.call import (
    Answer,
    Argument,
    Call,
    CIMError,
    ClassPath,
    Instance,
    MethodAnswer,
    Path,
    Properties,
    Status,
    Value,
)
from virtcim.broker.catalog import Catalog
from virtcim.broker.jobs import Jobs
from virtcim.broker.provider import End, Fault, Job, Profile, Progress, Refused, Returned, Work
from virtcim.broker.schema import Schema
from virtcim.broker.store import Store, sqlite_url


@dataclass(frozen=True, eq=False)
class System:
    name: str
    platform: str = "Test"
    devices: list[Device] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class Device:
    system: System
    number: int

    @property
    def platform(self) -> str:
        return self.system.platform


DEVICE_METHODS = (
    "SetPowerState",
    "EnableDevice",
    "OnlineDevice",
    "QuiesceDevice",
    "SaveProperties",
    "RestoreProperties",
)


class Below(Exception):
    """What a lower layer might raise."""


class World:
    def __init__(self) -> None:
        self.systems: list[System] = []
        self.made = 0  # how often a provider was asked

    def add(self, name: str, devices: int = 0, platform: str = "Test") -> System:
        system = System(name, platform)
        system.devices.extend(Device(system, number) for number in range(devices))
        self.systems.append(system)
        return system


def make_profile(world: World) -> Profile:
    profile = Profile("test")
    profile.source(System, lambda w: w.systems)
    profile.source(Device, lambda w: (d for s in w.systems for d in s.devices))

    @profile.instance(
        "Virt_ComputerSystem", of=System, find=lambda w, keys: (s for s in w.systems if s.name == keys["Name"])
    )
    def system(one: System) -> Properties:
        world.made += 1
        return {"Name": one.name, "ElementName": one.name, "EnabledState": 2, "UUID": "u"}

    @profile.instance("Virt_Processor", of=Device)
    def device(one: Device) -> Properties:
        return {
            "SystemCreationClassName": f"{one.platform}_ComputerSystem",
            "SystemName": one.system.name,
            "DeviceID": f"{one.system.name}/{one.number}",
        }

    profile.associate(
        "Virt_SystemDevice",
        End("GroupComponent", "Virt_ComputerSystem", across=lambda s: s.devices),
        End("PartComponent", "CIM_LogicalDevice", across=lambda d: [d.system]),
    )
    profile.leaves_out("CIM_LogicalDevice", "Reset", "processors are not reset")
    for name in DEVICE_METHODS:
        profile.leaves_out("CIM_LogicalDevice", name, "not here")
    profile.leaves_out("CIM_ComputerSystem", "SetPowerState", "not here")
    profile.leaves_out("CIM_LogicalDevice", "RequestStateChange", "devices follow their system")
    profile.method("Virt_ComputerSystem", "RequestStateChange")(request_state_change)
    return profile


def request_state_change(one: System, RequestedState: int | None, TimeoutPeriod: str | None) -> Returned | Work:
    if RequestedState is None:
        raise Refused("Invalid Parameter", "RequestedState is NULL")
    if RequestedState == 3:
        raise Below("the lower layer is closed")
    if RequestedState == 4:
        return Work("shut down", [(one, 5)], wait)
    if RequestedState in (6, 9):
        return Work("soon over", [], wait if RequestedState == 6 else fail, patience=10)
    if RequestedState == 99:
        raise ValueError("a fault of the program")
    return Returned(0)


def wait(progress: Progress) -> Returned:
    progress.percent = 50
    return Returned(0)


def fail(progress: Progress) -> Returned:
    raise Below("the lower layer is closed")


def translate(error: Exception) -> Fault | None:
    if isinstance(error, Below):
        return Fault(CIMError(Status.FAILED, str(error)), ("Failed",))
    return None


@pytest.fixture(scope="session")
def repository() -> Schema:
    return schemas.loaded("Test", "KVM")


@pytest.fixture
def world() -> World:
    world = World()
    world.add("a", devices=2)
    world.add("b", platform="KVM")
    return world


class Client:
    """Calls the broker as the wire would."""

    def __init__(self, broker: Broker, jobs: Jobs) -> None:
        self.broker = broker
        self.jobs = jobs

    def __call__(self, name: str, /, **parameters: Value) -> list[Any]:
        return self.within("root/virt", name, **parameters)

    def within(self, namespace: str, name: str, /, **parameters: Value) -> list[Any]:
        answer = self.broker.answer(Call("1", name, namespace, parameters))
        assert isinstance(answer, Answer)
        return list(answer.items)

    def answer(self, name: str, **parameters: Value) -> Answer:
        answer = self.broker.answer(Call("1", name, "root/virt", parameters))
        assert isinstance(answer, Answer)
        return answer

    def invoke(self, target: Path | ClassPath, name: str, **arguments: Value) -> MethodAnswer:
        parameters = {key: Argument(value) for key, value in arguments.items()}
        answer = self.broker.answer(Call("1", name, "root/virt", parameters, target))
        assert isinstance(answer, MethodAnswer)
        return answer


@pytest.fixture
def client(repository: Schema, world: World) -> Iterator[Client]:
    jobs = Jobs(60, str)
    profile = make_profile(world)
    profile.source(Job, lambda _: jobs)
    job_properties: Callable[[Job], Properties] = lambda job: {"InstanceID": f"virtcim:{job.id}", "JobState": job.state}  # noqa: E731
    profile.instance("CIM_ConcreteJob", of=Job, volatile=True)(job_properties)
    for name in ("KillJob", "RequestStateChange", "GetError", "GetErrors"):
        profile.leaves_out("CIM_Job" if name == "KillJob" else "CIM_ConcreteJob", name, "not here")
    yield Client(Broker(Catalog(repository, [profile]), world, jobs, parse, translate), jobs)
    jobs.close()


def parse(text: str) -> Instance:
    raise ValueError(f"no instance: {text}")


def system_path(name: str, classname: str = "Test_ComputerSystem") -> Path:
    return Path(classname, (("CreationClassName", classname), ("Name", name)))


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    with running_postgres() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def open_store(request: pytest.FixtureRequest, tmp_path: File) -> Iterator[OpenStore]:
    """open_store() -> the same database each time; its stores are closed after the test."""
    url = sqlite_url(tmp_path / "state")
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres").url
    opened: list[Store] = []

    def open_it() -> Store:
        opened.append(Store(url))
        return opened[-1]

    yield open_it
    for store in opened:
        store.close()
    if request.param == "postgresql":
        empty(url)
