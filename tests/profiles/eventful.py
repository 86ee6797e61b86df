"""The server without its wire, with indications: a client, its store, and a listener."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path as File
from typing import Any

import pytest
from tests.broker.listeners import Listener, listening
from tests.profiles.client import Client, explain, parse_embedded

from virtcim.__main__ import make_catalog, server_facts
from virtcim.broker.broker import NAMESPACES, Broker
from virtcim.broker.call import Answer, Call, CIMError, ClassPath, Instance, Path, Properties, Status, Value
from virtcim.broker.delivery import Retry
from virtcim.broker.jobs import Jobs
from virtcim.broker.schema import Schema
from virtcim.broker.store import Store, sqlite_url
from virtcim.config import load
from virtcim.eventing import Events, EventSettings
from virtcim.host.inventory import Hosts
from virtcim.host.settings import HostSettings
from virtcim.profiles.faults import translate

FILTER, DESTINATION = "CIM_IndicationFilter", "CIM_ListenerDestinationCIMXML"
SUBSCRIPTION = "CIM_IndicationSubscription"
ANYTHING = "SELECT * FROM CIM_Indication"


@dataclass
class Eventful(Client):
    """Calls in Interop, and what the listener has heard."""

    listener: Listener
    events: Events

    def answer(self, name: str, namespace: str = "interop", **parameters: Value) -> Answer:
        answer = self.broker.answer(Call("1", name, namespace, parameters))
        assert isinstance(answer, Answer)
        return answer

    def create(self, classname: str, namespace: str = "interop", /, **properties: Value) -> Path:
        (path,) = self.answer("CreateInstance", namespace, NewInstance=Instance(classname, properties)).items
        assert isinstance(path, Path)
        return path

    def filter(self, query: str = ANYTHING, /, **properties: Value) -> Path:
        given: Properties = {"QueryLanguage": "DMTF:CQL", "SourceNamespaces": ["root/virt"], **properties}
        return self.create(FILTER, Query=query, **given)

    def destination(self, **properties: Value) -> Path:
        return self.create(DESTINATION, **{"Destination": self.listener.url, **properties})

    def subscribe(self, query: str = ANYTHING, /, **properties: Value) -> Path:
        return self.create(SUBSCRIPTION, Filter=self.filter(query), Handler=self.destination(), **properties)

    def modify(self, path: Path, names: list[Value] | None = None, **properties: Value) -> None:
        given = Instance(path.classname, properties, path)
        self.answer("ModifyInstance", ModifiedInstance=given, PropertyList=names)

    def delete(self, path: Path) -> None:
        self.answer("DeleteInstance", InstanceName=path)

    def read(self, path: Path) -> dict[str, Any]:
        (item,) = self.answer("GetInstance", InstanceName=path).items
        return dict(item.properties)  # type: ignore[attr-defined]

    def names(self, classname: str) -> list[Path]:
        return [item.path for item in self.call("EnumerateInstanceNames", "interop", ClassName=ClassPath(classname))]

    def heard(self, count: int) -> list[Any]:
        """So many indications at least."""
        self.listener.wait_for(count)
        return self.listener.indications

    def settle(self, seconds: float = 0.4) -> None:
        """Until nothing has been heard for a while."""
        before = -1
        while before != len(self.listener.bodies):
            before = len(self.listener.bodies)
            time.sleep(seconds)

    def quiet(self, seconds: float = 0.3) -> None:
        """Nothing is heard for a while."""
        before = len(self.listener.bodies)
        time.sleep(seconds)
        assert len(self.listener.bodies) == before


FAST = Retry(2, 0.2)


def refusal(client: Eventful, operation: str, *arguments: object, **properties: Value) -> tuple[Status, str]:
    """Status and message of an operation of the client that is refused."""
    with pytest.raises(CIMError) as refused:
        getattr(client, operation)(*arguments, **properties)
    return refused.value.status, refused.value.message


def clean(client: Eventful) -> None:
    """Delete what clients have created."""
    for classname in ("CIM_AbstractIndicationSubscription", "CIM_ListenerDestination"):
        for path in client.names(classname):
            client.delete(path)
    for path in client.names(FILTER):
        if not str(path.key("Name")).startswith("virtcim:") or "filter/" in str(path.key("Name")):
            client.delete(path)


def change_state(client: Eventful, name: str) -> None:
    """Pause a system, or let it go on."""
    host = client.world.hosts[0]
    vm = client.vm(name)
    with host.link.borrow() as connection:
        domain = connection.lookupByUUIDString(vm.uuid)
        domain.resume() if domain.state()[0] == 3 else domain.suspend()


@contextmanager
def eventful_running(
    schema: Schema,
    uri: str,
    state: File,
    retry: Retry = FAST,
    more: tuple[str, ...] = (),
    uuids: bool = False,
    store: str = "",
    **host: Any,
) -> Iterator[Eventful]:
    """A server over hosts that have been read; what it stores is in the directory, or where the URL says.

    `host`: further settings of the hosts.
    """
    settings = load({"state_dir": str(state)}, {})[0]
    world = Hosts([uri, *more], HostSettings(reconcile_interval=1.0, naming="uuid" if uuids else "name", **host))
    jobs = Jobs(1.0, explain)
    facts = server_facts(settings, lambda: ["http://127.0.0.1:5988"], lambda: 0)
    events = Events(schema, Store(store or sqlite_url(state)), EventSettings(retry, 5.0), facts.system_name, NAMESPACES)
    catalog = make_catalog(settings, world, jobs, facts, events)
    broker = Broker(catalog, world, jobs, parse_embedded, translate)
    events.watch(broker, world, jobs)
    events.start()
    world.start()
    assert world.wait(30), [host.reason for host in world.hosts]
    events.look_around()
    with listening() as listener:
        try:
            yield Eventful(broker, world, jobs, listener, events)
        finally:
            jobs.close()
            world.stop()
            events.stop()
