"""What a server serves, as bytes to compare; and a reader that looks for two versions in one object."""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from bench.client import Connection, Target
from bench.messages import Service, checked, instance_names

CLASSES = (
    "CIM_ComputerSystem", "CIM_SettingData", "CIM_LogicalDevice", "CIM_ResourcePool", "CIM_ElementSettingData",
    "CIM_SystemDevice", "CIM_VirtualSystemSettingDataComponent", "CIM_EnabledLogicalElementCapabilities",
)  # fmt: skip
SYSTEM, DEVICE = "CIM_ComputerSystem", "CIM_LogicalDevice"
LINKS = ("CIM_SystemDevice", "CIM_SettingsDefineState", "CIM_ElementAllocatedFromPool")
# When a server saw a state begin is its own history, and how busy a processor was while it looked.
_HISTORY = re.compile(
    rb'<PROPERTY NAME="(?:TimeOfLastStateChange|LoadPercentage)"(?:[^>]*/>|[^>]*>.*?</PROPERTY>)', re.DOTALL
)
_INSTANCE = re.compile(rb"<VALUE.NAMEDINSTANCE>.*?</VALUE.NAMEDINSTANCE>", re.DOTALL)
_PROPERTY = rb'<PROPERTY NAME="%b" TYPE="string"><VALUE>(.*?)</VALUE>'
_TITLE, _DESCRIPTION = (re.compile(_PROPERTY % name) for name in (b"ElementName", b"Description"))


def without_history(body: bytes) -> bytes:
    """A reply without what only the server can know that it is of."""
    return _HISTORY.sub(b"", body)


def in_order(body: bytes) -> bytes:
    """The instances of an enumeration, which come in that in which a server has found them."""
    return b"\n".join(sorted(_INSTANCE.findall(body)))


def service_of(url: str) -> Service:
    return Service(Target.of(url))


def model(url: str) -> dict[str, Counter[bytes]]:
    """Every instance of CLASSES as it is encoded, in no order, without what only this server can know; and the answers
    to requests about single systems and devices."""
    service = service_of(url)
    connection = Connection(service.target)
    found = {}
    for classname in CLASSES:
        body = checked(connection.send(service.enumerate(classname)))
        found[classname] = Counter(without_history(instance) for instance in _INSTANCE.findall(body))
    for classname in (SYSTEM, DEVICE):
        for name in instance_names(checked(connection.send(service.names(classname)))):
            bodies = (connection.send(request) for request in single(service, name))
            found[name] = Counter(without_history(body) for body in bodies)
    connection.close()
    return found


def single(service: Service, name: str) -> list[bytes]:
    """Requests about one instance; what they are answered is kept as long as it holds."""
    walks = (service.associators, service.associator_names)
    return [service.get(name), *(walk(name, association) for association in LINKS for walk in walks)]


def torn(body: bytes) -> list[bytes]:
    """The systems in a reply whose parts are of two versions."""
    return [
        instance
        for instance in re.findall(rb"<INSTANCE CLASSNAME=\"\w+_ComputerSystem\">.*?</INSTANCE>", body, re.DOTALL)
        if (title := _TITLE.search(instance))
        and title[1].startswith(b"v")
        and title[1] != (_DESCRIPTION.search(instance) or [b"", b"none"])[1]
    ]


class Readers:
    """Clients that read all the time and note what they must not see."""

    def __init__(self, url: str, clients: int) -> None:
        self.seen: list[bytes] = []
        self.replies = 0
        self._service = service_of(url)
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._read) for _ in range(clients)]

    def _read(self) -> None:
        connection = Connection(self._service.target)
        while not self._stopping.is_set():
            everything = checked(connection.send(self._service.enumerate("CIM_ComputerSystem")))
            self.seen += torn(everything)
            for name in instance_names(everything)[:5]:  # one may be gone by now: that is an answer, too
                for request in single(self._service, name):
                    self.seen += torn(connection.send(request))
            self.replies += 1
        connection.close()

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join()


@contextmanager
def reading(url: str, clients: int = 2) -> Iterator[Readers]:
    """Readers for the time of the block."""
    readers = Readers(url, clients)
    readers.start()
    try:
        yield readers
    finally:
        readers.stop()
