"""Work that a test holds on to: two systems, a method that begins a job, and a client to look at it."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any

from tests.profiles.client import out

from virtcim.broker.broker import Broker
from virtcim.broker.call import Answer, Argument, Call, ClassPath, Instance, Item, MethodAnswer, Path, Properties, Value
from virtcim.broker.catalog import Catalog
from virtcim.broker.jobs import Jobs
from virtcim.broker.provider import As, Job, Profile, Progress, Returned, Work
from virtcim.broker.schema import Schema
from virtcim.profiles import dsp1103
from virtcim.profiles.faults import translate

EXCLUSIVE_USE, CREATE = 2, 5  # ElementEffects


class Ended(Exception):
    """What work raises when it was asked to end."""


@dataclass(frozen=True, eq=False)
class System:
    """Served as a computer system and as its power service, whose method begins the work."""

    name: str
    platform: str = "KVM"


@dataclass
class Bench:
    """A world of systems, and a hold on the work that is under way."""

    systems: list[System] = field(default_factory=lambda: [System("one"), System("two")])
    go: threading.Event = field(default_factory=threading.Event)
    stop: threading.Event = field(default_factory=threading.Event)
    fault: Exception | None = None
    cancellable: bool = True
    half: threading.Event = field(default_factory=threading.Event)

    def work(self, system: System) -> Work:
        affects: list[tuple[object, int]] = [(As(system, "CIM_ComputerSystem"), EXCLUSIVE_USE)]

        def run(progress: Progress) -> Returned:
            progress.percent = 40
            self.half.set()
            assert self.go.wait(30)
            if self.stop.is_set():
                raise Ended("ended early")
            if self.fault is not None:
                raise self.fault
            created = System("three")
            self.systems.append(created)
            affects.append((As(created, "CIM_ComputerSystem"), CREATE))
            return Returned()

        def cancel() -> None:
            self.stop.set()
            self.go.set()

        return Work(f"work on {system.name}", affects, run, cancel if self.cancellable else None)


def bench_profile(bench: Bench) -> Profile:
    profile = Profile("bench")
    profile.source(System, lambda world: world.systems)

    @profile.instance("Virt_PowerManagementService", of=System)
    def service(one: System) -> Properties:
        keys = {"SystemCreationClassName": f"{one.platform}_ComputerSystem", "SystemName": one.name}
        return {**keys, "Name": "power"}

    @profile.instance("Virt_ComputerSystem", of=System)
    def system(one: System) -> Properties:
        return {"Name": one.name}

    @profile.method("CIM_PowerManagementService", "RequestPowerStateChange")
    def begin(one: System, PowerState: object, ManagedElement: object, Time: object, TimeoutPeriod: object) -> Work:
        return bench.work(one)

    for classname, methods in (
        ("CIM_EnabledLogicalElement", ["RequestStateChange"]),
        ("CIM_ComputerSystem", ["SetPowerState"]),
        ("CIM_PowerManagementService", ["SetPowerState"]),
        ("CIM_Service", ["StartService", "StopService", "ChangeAffectedElementsAssignedSequence"]),
    ):
        for method in methods:
            profile.leaves_out(classname, method, "no part of these tests")
    return profile


class Client:
    def __init__(self, schema: Schema, world: Any, jobs: Jobs, *profiles: Profile) -> None:
        catalog = Catalog(schema, [*profiles, dsp1103.make(jobs)])
        self.jobs = jobs
        self.broker = Broker(catalog, world, jobs, _no_embedded, translate)

    def call(self, name: str, **parameters: Value) -> list[Any]:
        answer = self.broker.answer(Call("1", name, "root/virt", parameters))
        assert isinstance(answer, Answer)
        return list(answer.items)

    def all_of(self, classname: str) -> list[Item]:
        return self.call("EnumerateInstances", ClassName=ClassPath(classname))

    def get(self, path: Path) -> Properties:
        (item,) = self.call("GetInstance", InstanceName=path)
        assert isinstance(item, Item)
        return item.properties

    def across(self, path: Path, association: str) -> list[Path]:
        return self.call("AssociatorNames", ObjectName=path, AssocClass=ClassPath(association))

    def invoke(self, path: Path, name: str, /, **arguments: Value) -> MethodAnswer:
        given = {key: Argument(value) for key, value in arguments.items()}
        answer = self.broker.answer(Call("1", name, "root/virt", given, path))
        assert isinstance(answer, MethodAnswer)
        return answer

    def path(self, classname: str, system: str) -> Path:
        (found,) = (one.path for one in self.all_of(classname) if system in dict(one.path.keys).values())
        return found

    def begin(self) -> Path:
        """Begin work on system one; the path of its job."""
        answer = self.invoke(self.path("CIM_PowerManagementService", "one"), "RequestPowerStateChange", PowerState="2")
        assert answer.value == 4096
        path = out(answer, "Job")
        assert isinstance(path, Path)
        return path

    def job(self, path: Path) -> Job:
        (job,) = (one for one in self.jobs if str(path.key("InstanceID")).endswith(one.id))
        return job

    def end(self, path: Path) -> Properties:
        """The job's properties once it has ended."""
        assert self.job(path).ended.wait(30)
        return self.get(path)


def _no_embedded(text: str) -> Instance:
    raise ValueError(f"no embedded instances here: {text}")
