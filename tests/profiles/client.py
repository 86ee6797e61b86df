"""A client inside the process: the real broker over the real inventory, without the wire."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from virtcim.broker.broker import Broker
from virtcim.broker.call import Answer, Argument, Call, ClassPath, Instance, Item, MethodAnswer, Path, Properties, Value
from virtcim.broker.catalog import Catalog
from virtcim.broker.jobs import Jobs
from virtcim.broker.provider import Job, Profile
from virtcim.broker.schema import Schema
from virtcim.host.inventory import Hosts, Vm
from virtcim.host.settings import HostSettings
from virtcim.profiles import dsp1027, dsp1052, dsp1057
from virtcim.profiles.faults import translate

OURS = (dsp1052.profile, dsp1057.profile, dsp1027.profile)


def parse_embedded(text: str) -> Instance:
    raise ValueError(f"no embedded instances here: {text}")


def explain(error: Exception) -> str:
    fault = translate(error)
    return fault.error.message if fault else str(error)


def job_profile(jobs: Jobs) -> Profile:
    """As much of DSP1103 as a method that starts a job needs."""
    profile = Profile("jobs")
    profile.source(Job, lambda _: jobs)

    @profile.instance("Virt_ConcreteJob", of=Job, volatile=True)
    def concrete_job(job: Job) -> Properties:
        return {"InstanceID": f"virtcim:job:{job.id}", "Name": job.method, "JobState": job.state}

    for classname, name in (
        ("CIM_Job", "KillJob"),
        ("CIM_ConcreteJob", "RequestStateChange"),
        ("CIM_ConcreteJob", "GetError"),
        ("CIM_ConcreteJob", "GetErrors"),
    ):
        profile.leaves_out(classname, name, "no part of these tests")
    return profile


@dataclass
class Client:
    """Calls operations; answers are lists of Item, or what the method answered."""

    broker: Broker
    world: Hosts
    jobs: Jobs

    def call(self, name: str, namespace: str = "root/virt", **parameters: Value) -> list[Any]:
        answer = self.broker.answer(Call("1", name, namespace, parameters))
        assert isinstance(answer, Answer)
        return list(answer.items)

    def instances(self, classname: str) -> list[Item]:
        return self.call("EnumerateInstances", ClassName=_class(classname), DeepInheritance="true")

    def get(self, path: Path) -> Item:
        return self.call("GetInstance", InstanceName=path)[0]

    def across(self, path: Path, association: str, result: str | None = None, role: str | None = None) -> list[Item]:
        return self.call(
            "Associators",
            ObjectName=path,
            AssocClass=_class(association),
            ResultClass=_class(result) if result else None,
            Role=role,
        )

    def links(self, path: Path, association: str, role: str | None = None) -> list[Item]:
        return self.call("References", ObjectName=path, ResultClass=_class(association), Role=role)

    def invoke(self, target: Path, name: str, /, **arguments: Value) -> MethodAnswer:
        parameters = {key: Argument(value) for key, value in arguments.items()}
        answer = self.broker.answer(Call("1", name, target.namespace or "root/virt", parameters, target))
        assert isinstance(answer, MethodAnswer)
        return answer

    def vm(self, name: str) -> Vm:
        return self.world.vm_by_key(name)[0]

    def system(self, name: str, platform: str = "Test") -> Item:
        return self.get(system_path(name, platform))

    def add_transient(self, name: str) -> None:
        """A running system without a definition, on the first host."""
        host = self.world.hosts[0]
        xml = f"<domain type='test'><name>{name}</name><memory>1024</memory><os><type>hvm</type></os></domain>"
        with host.link.borrow() as connection:
            uuid = connection.createXML(xml).UUIDString()
        host.refresh(uuid)

    def job_of(self, answer: MethodAnswer) -> Job:
        """The job that a method answered, after it has ended."""
        path = out(answer, "Job")
        assert isinstance(path, Path)
        job = next(job for job in self.jobs if str(path.key("InstanceID")).endswith(job.id))
        assert job.ended.wait(60), f"{job.work.name} does not end"
        return job


def _class(name: str) -> Any:
    return ClassPath(name)


def out(answer: MethodAnswer, name: str) -> Value:
    """An out parameter of a method's answer; None when it is not there."""
    return next((one.value for one in answer.out if one.declared.name == name), None)


def system_path(name: str, platform: str = "Test") -> Path:
    classname = f"{platform}_ComputerSystem"
    return Path(classname, (("CreationClassName", classname), ("Name", name)), "root/virt")


def make_client(schema: Schema, world: Hosts, profiles: Iterable[Profile] = OURS) -> Client:
    jobs = Jobs(60, explain)
    catalog = Catalog(schema, [*profiles, job_profile(jobs)])
    return Client(Broker(catalog, world, jobs, parse_embedded, translate), world, jobs)


@contextmanager
def running_client(schema: Schema, *uris: str, **settings: object) -> Iterator[Client]:
    """A client over the hosts of these URIs, all of them read."""
    world = Hosts(uris, HostSettings(**settings))  # type: ignore[arg-type]
    world.start()
    assert world.wait(30), [host.reason for host in world.hosts]
    client = make_client(schema, world)
    try:
        yield client
    finally:
        client.jobs.close()
        world.stop()
