"""The memory of a server that clients do their worst to: long answers, and requests full of what never comes again."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit
from xml.sax.saxutils import escape

import pytest
from bench.guests import write_test_node
from tests.command import Served, serving
from tests.wire.samples import operation, parameter

GUESTS = 600  # of which 10,000 instances are made
INSTANCES = 10_000
GROWTH = 3_000  # KiB that come and go
AT_A_TIME = 5_000
BLOCK = 64 * 1024


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    directory = tmp_path_factory.mktemp("memory")
    with serving(directory / "state", "--connect", write_test_node(directory / "node.xml", GUESTS)) as running:
        running.wait()
        yield running


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server that has never needed much: what it needs more is seen at once."""
    with serving(tmp_path_factory.mktemp("small")) as running:
        running.wait()
        yield running


def used(served: Served, what: str = "VmRSS") -> int:
    """KiB that the server has now, or at its peak."""
    lines = Path(f"/proc/{served.process.pid}/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(what))


def forget_peak(served: Served) -> None:
    Path(f"/proc/{served.process.pid}/clear_refs").write_text("5", encoding="utf-8")


def asked(served: Served, body: bytes, name: str, buffer: int = BLOCK) -> socket.socket:
    """A connection on which a request has been sent."""
    parts = urlsplit(served.url)
    sock = socket.create_connection((parts.hostname, parts.port), timeout=60)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    head = f"POST /cimom HTTP/1.1\r\nHost: x\r\nCIMOperation: MethodCall\r\nCIMMethod: {name}\r\nConnection: close\r\n"
    head += f'CIMObject: root/virt\r\nContent-Type: application/xml; charset="utf-8"\r\nContent-Length: {len(body)}'
    sock.sendall(f"{head}\r\n\r\n".encode() + body)
    return sock


def received(sock: socket.socket) -> Iterator[bytes]:
    """The reply in pieces, none of which is kept."""
    with sock:
        while data := sock.recv(BLOCK):
            yield data


def everything() -> tuple[bytes, str]:
    name = "EnumerateInstances"
    return operation(parameter('<CLASSNAME NAME="CIM_ManagedElement"/>', "ClassName"), name), name


def counted(pieces: Iterator[bytes]) -> tuple[int, int]:
    """Bytes and instances of a reply."""
    size, instances, rest = 0, 0, b""
    for data in pieces:
        size, joined = size + len(data), rest + data
        instances += joined.count(b"<VALUE.NAMEDINSTANCE>")
        rest = joined[-len(b"<VALUE.NAMEDINSTANCE") :]
    return size, instances


def test_a_long_answer_is_never_there_as_a_whole(served: Served) -> None:
    counted(received(asked(served, *everything())))  # what is made of each object stays with it
    forget_peak(served)
    before = used(served)
    size, instances = counted(received(asked(served, *everything())))
    assert instances >= INSTANCES
    assert size > 30_000_000
    assert used(served, "VmHWM") - before < size / 1024 / 3


def test_a_client_that_does_not_read_is_waited_for(served: Served) -> None:
    counted(received(asked(served, *everything())))
    forget_peak(served)
    before = used(served)
    waiting = [asked(served, *everything(), buffer=4096) for _ in range(5)]
    first = [sock.recv(100) for sock in waiting]
    assert all(data.startswith(b"HTTP/1.1 200") for data in first)
    for sock in waiting:
        sock.close()
    assert used(served, "VmHWM") - before < 30_000  # five answers are 200 MB


def invented(number: int) -> str:
    return f"N{number:08d}{'x' * 90}"


def blank(number: int) -> str:
    """White space, another for each number."""
    return "".join(" \t\n"[number // 3**place % 3] for place in range(50))


def instance(properties: str) -> str:
    return parameter(f'<INSTANCE CLASSNAME="CIM_NoClass">{properties}</INSTANCE>', "NewInstance")


def text_of(number: int) -> str:
    return f'<PROPERTY NAME="P{number}" TYPE="string"><VALUE>{blank(number)}</VALUE></PROPERTY>'


def embedded(number: int) -> str:
    text = escape(f'<INSTANCE CLASSNAME="C"><{invented(number)}/></INSTANCE>')
    return f'<PROPERTY NAME="P{number}" TYPE="string" EmbeddedObject="instance"><VALUE>{text}</VALUE></PROPERTY>'


INVENTED: dict[str, Callable[[int], str]] = {
    "elements": lambda number: f"<{invented(number)}/>",
    "attributes": lambda number: f'<CIM {invented(number)}=""/>',
    "prefixes": lambda number: f'<CIM xmlns:{invented(number)}="{invented(number)}"/>',
    "properties": lambda number: f'<PROPERTY NAME="{invented(number)}" TYPE="string"/>',
    "blank texts": text_of,
    "embedded": embedded,
}


@pytest.mark.parametrize("one", INVENTED.values(), ids=INVENTED.keys())
def test_what_clients_invent_is_forgotten(small: Served, one: Callable[[int], str]) -> None:
    used_by = []
    for start in range(0, 12 * AT_A_TIME, AT_A_TIME):
        body = operation(instance("".join(map(one, range(start, start + AT_A_TIME)))), "CreateInstance")
        reply = b"".join(received(asked(small, body, "CreateInstance")))
        assert reply.startswith((b"HTTP/1.1 200", b"HTTP/1.1 400"))
        used_by.append(used(small))
    assert used_by[-1] - used_by[1] < GROWTH
