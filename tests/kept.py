"""Every request whose reply a server keeps for as long as one system is the same, and what it is answered."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from bench.client import Connection
from bench.messages import Service, checked, class_name, instance_names
from tests.profiles.client import explain, parse_embedded
from tests.served import in_order, service_of, without_history

from virtcim.__main__ import make_catalog, server_facts
from virtcim.broker.associations import Wanted
from virtcim.broker.broker import Broker
from virtcim.broker.call import Path as InstancePath
from virtcim.broker.jobs import Jobs
from virtcim.broker.provider import VIRT
from virtcim.config import load
from virtcim.host.inventory import Hosts, Vm
from virtcim.host.settings import HostSettings
from virtcim.profiles.faults import translate

OPERATIONS = {
    "associators": ("Associators", "AssocClass", "assoc_class"),
    "associator_names": ("AssociatorNames", "AssocClass", "assoc_class"),
    "references": ("References", "ResultClass", "result_class"),
    "reference_names": ("ReferenceNames", "ResultClass", "result_class"),
}
PATIENCE = 10.0  # seconds
ENUMERATE = "EnumerateInstances"
UNFILTERED = {"assoc_class": None, "result_class": None, "role": None, "result_role": None}


class Walk(NamedTuple):
    """An association operation, and the class of associations that it is about."""

    run: str
    association: str

    def request(self, service: Service, name: str) -> bytes:
        operation, parameter, _ = OPERATIONS[self.run]
        return service.intrinsic(operation, ObjectName=name, **{parameter: class_name(self.association)})


Plan = dict[str, list[Walk]]
"""By class of what hangs off a system: the walks from its instances whose replies are kept."""


def broker_over(world: Hosts, state_dir: Path) -> Broker:
    """What a server of these hosts answers with."""
    settings = load({"state_dir": str(state_dir)}, {})[0]
    jobs = Jobs(60, explain)
    catalog = make_catalog(settings, world, jobs, server_facts(settings, list, lambda: 0))
    return Broker(catalog, world, jobs, parse_embedded, translate)


def plan(state_dir: Path, *uris: str) -> Plan:
    """What a server of these hosts keeps; none of them is connected to."""
    broker = broker_over(Hosts(uris, HostSettings()), state_dir)
    catalog = broker.instances.catalog
    roots = {kind for kind, hanging in catalog.hanging.items() if hanging.root is Vm}
    classes = sorted({one.classname for one in catalog.instances if one.of in roots and one.namespace == VIRT})
    return {classname: list(_walks(broker, classname)) for classname in classes}


def _walks(broker: Broker, classname: str) -> Iterator[Walk]:
    associations = {one.classname for one in broker.associations.catalog.associations}
    for association in sorted(associations):
        if any(broker.associations.far_ends(classname, Wanted(association))):
            for run, (_, _, parameter) in OPERATIONS.items():
                given = {**UNFILTERED, "object_name": InstancePath(classname, ()), parameter: association}
                steady = broker._steadiness.of(run, given)
                if steady is not None and steady.root is Vm:
                    yield Walk(run, association)


class Kept:
    """A server whose replies about some systems are all kept, and looked at again."""

    def __init__(self, url: str, plan: Plan, *systems: str) -> None:
        """`systems`: what their keys are made of."""
        self.url = url
        self._plan = plan
        self._systems = systems
        self._requests = self._found(url)
        for _ in range(2):  # the first time what is asked for is made, and its figures read
            self.replies()

    def __len__(self) -> int:
        return len(self._requests)

    def replies(self) -> dict[str, bytes]:
        return _answered(self.url, self._requests)

    def meet(self, fresh: str) -> list[str]:
        """Take in what another server over the same hosts has; all that there is to ask about."""
        self._requests |= self._found(fresh)
        return list(self._requests)

    def differences(self, fresh: str, keys: Iterable[str]) -> list[str]:
        """Those of the requests that the other server answers otherwise."""
        requests = {key: self._requests[key] for key in keys}
        here, there = _answered(self.url, requests), _answered(fresh, requests)
        return [key for key, reply in there.items() if here[key] != reply]

    def _found(self, url: str) -> dict[str, bytes]:
        """By what they ask for: each class enumerated, and each operation on each instance."""
        service = service_of(url)
        connection = Connection(service.target)
        found: dict[str, bytes] = {}
        for classname, walks in self._plan.items():
            found[f"{ENUMERATE} {classname}"] = service.enumerate(classname)
            for name in instance_names(checked(connection.send(service.names(classname)))):
                if any(system in name for system in self._systems):
                    found |= dict(_about(service, name, walks))
        connection.close()
        return found


def _about(service: Service, name: str, walks: Iterable[Walk]) -> Iterator[tuple[str, bytes]]:
    yield f"GetInstance {name}", service.get(name)
    for walk in walks:
        yield f"{walk.run} {walk.association} {name}", walk.request(service, name)


def _answered(url: str, requests: dict[str, bytes]) -> dict[str, bytes]:
    """What requests are answered, errors included."""
    connection = Connection(service_of(url).target)
    found = {key: without_history(connection.send(request)) for key, request in requests.items()}
    connection.close()
    return {key: in_order(body) if key.startswith(ENUMERATE) else body for key, body in found.items()}


def agree(kept: Kept, fresh: str, after: str) -> None:
    """Wait until what has changed is known, and both servers say the same. Errors: AssertionError with what differs."""
    deadline = time.monotonic() + PATIENCE
    differing = kept.meet(fresh)
    while differing := kept.differences(fresh, differing):
        assert time.monotonic() < deadline, (after, differing)
        time.sleep(0.1)
