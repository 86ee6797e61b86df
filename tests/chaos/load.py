"""What goes on while things die: clients of the server, and libvirt's own tools."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import libvirt
import pywbem
from tests.profiles.processes import Process

GONE = (pywbem.ConnectionError, pywbem.HTTPError, pywbem.TimeoutError)
STORE_AWAY, HOST_AWAY = "store", "libvirt"  # in the message of a refusal that an outage explains
NOTHING = "SELECT * FROM CIM_InstCreation WHERE SourceInstance ISA CIM_Processor"
NOBODY = "http://127.0.0.1:9/"
GUEST = (
    "<domain type='qemu'><name>{name}</name>{uuid}<title>{title}</title><memory unit='MiB'>16</memory><vcpu>1</vcpu>"
    "<os><type arch='x86_64' machine='pc'>hvm</type></os><devices><disk type='file' device='disk'>"
    "<driver name='qemu' type='raw'/><source file='/var/lib/libvirt/images/chaos.img'/><target dev='vda' bus='virtio'/>"
    "<readonly/><shareable/></disk></devices></domain>"
)
POOL = "<pool type='dir'><name>chaos</name><target><path>/var/lib/libvirt/images</path></target></pool>"
VOLUME = "<volume><name>chaos.img</name><capacity>1048576</capacity></volume>"
KEPT = 12  # guests at a time
ENDURES = 30.0  # seconds a client waits for an answer


@dataclass
class Change:
    """Something that libvirt has committed at some time between two moments."""

    name: str
    what: str  # Created, Deleted, or the new title
    begun: float
    done: float


@dataclass
class Record:
    """What was acknowledged."""

    created: dict[str, set[str]] = field(default_factory=dict)  # class -> names
    deleted: dict[str, set[str]] = field(default_factory=dict)  # whether it was done is not known for all of them
    jobs: list[pywbem.CIMInstanceName] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)


class Load:
    """Runs while its block does."""

    def __init__(self, servers: Sequence[Process], uri: str, record: Record) -> None:
        self.servers = servers
        self.record = record
        self._uri = uri
        self._over = threading.Event()
        self._number = 0
        works = (self._filters, self._subscriptions, self._jobs, self._guests)
        self._threads = [threading.Thread(target=self._again, args=(work,)) for work in works]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _again(self, work: Callable[[], None]) -> None:
        while not self._over.is_set():
            try:
                work()
            except GONE:
                self._over.wait(0.1)
            except libvirt.libvirtError:
                self._over.wait(0.1)
            except pywbem.Error as error:
                if STORE_AWAY not in str(error) and HOST_AWAY not in str(error):
                    self.record.refusals.append(str(error))
                self._over.wait(0.1)

    def _client(self) -> pywbem.WBEMConnection:
        server = random.choice(self.servers)
        return pywbem.WBEMConnection(server.url, default_namespace="interop", timeout=ENDURES)

    def _create(self, classname: str, name: str, **given: object) -> pywbem.CIMInstanceName:
        path = self._client().CreateInstance(pywbem.CIMInstance(classname, given))
        self.record.created.setdefault(classname, set()).add(name)
        return path

    def _delete(self, classname: str, name: str, path: pywbem.CIMInstanceName) -> None:
        self.record.deleted.setdefault(classname, set()).add(name)
        self._client().DeleteInstance(path)

    def _next(self) -> str:
        self._number += 1
        return f"chaos-{self._number}"

    def _filters(self) -> None:
        name = self._next()
        given = {"Name": name, "Query": NOTHING, "QueryLanguage": "DMTF:CQL"}
        path = self._create("CIM_IndicationFilter", name, **given)
        if self._number % 3 == 0:
            self._delete("CIM_IndicationFilter", name, path)
        self._over.wait(0.1)

    def _subscriptions(self) -> None:
        name = self._next()
        given = {"Name": name, "Query": NOTHING, "QueryLanguage": "DMTF:CQL"}
        watched = self._create("CIM_IndicationFilter", name, **given)
        to = self._create("CIM_ListenerDestinationCIMXML", name, Name=name, Destination=NOBODY)
        path = self._create("CIM_IndicationSubscription", name, Filter=watched, Handler=to)
        if self._number % 3 == 0:
            self._delete("CIM_IndicationSubscription", name, path)
        self._over.wait(0.2)

    def _jobs(self) -> None:
        """A guest without an operating system does not shut down when asked: the job takes its three seconds."""
        self._over.wait(1.0)
        keys = {"CreationClassName": "KVM_ComputerSystem", "Name": "worker"}
        system = pywbem.CIMInstanceName("KVM_ComputerSystem", keys, namespace="root/virt")
        code, out = self._client().InvokeMethod("RequestStateChange", system, RequestedState=pywbem.Uint16(4))
        if code == 4096:
            self.record.jobs.append(out["Job"])

    def _guests(self) -> None:
        """Comes, changes and goes as virsh would let it."""
        with suppress(libvirt.libvirtError):
            connection = libvirt.open(self._uri)
            titles: dict[str, int] = {}
            while not self._over.is_set():
                names = sorted(one.name() for one in connection.listAllDomains() if one.name().startswith("guest-"))
                self._change(connection, names, titles)
                self._over.wait(random.uniform(0.05, 0.3))
            connection.close()
        self._over.wait(0.1)

    def _change(self, connection: libvirt.virConnect, names: list[str], titles: dict[str, int]) -> None:
        choice = random.random()
        if not names or (choice < 0.4 and len(names) < KEPT):
            name = f"guest-{time.monotonic_ns()}"
            self._commit(name, "Created", lambda: connection.defineXML(GUEST.format(name=name, uuid="", title=name)))
            return
        name = random.choice(names)
        domain = connection.lookupByName(name)
        if choice < 0.7:
            title = f"{name} {time.monotonic_ns()}"
            uuid = f"<uuid>{domain.UUIDString()}</uuid>"
            self._commit(name, title, lambda: connection.defineXML(GUEST.format(name=name, uuid=uuid, title=title)))
        else:
            self._commit(name, "Deleted", domain.undefine)

    def _commit(self, name: str, what: str, act: Callable[[], object]) -> None:
        """What libvirt did not answer may have been done or not: the end of the list says what is true."""
        begun = time.monotonic()
        act()
        self.record.changes.append(Change(name, what, begun, time.monotonic()))
