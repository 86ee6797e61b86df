"""What the database of Open vSwitch answers, as bridges; a real one is asked in tests/live/test_ethernet_qemu.py."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from virtcim.host import open_vswitch
from virtcim.host.records import OvsBridgeRecord

PORTS = [{"_uuid": ["uuid", f"u{number}"], "name": name} for number, name in enumerate(("br0", "eth1", "vnet3", "br1"))]
BRIDGES = [
    {"name": "br0", "ports": ["set", [["uuid", "u0"], ["uuid", "u2"], ["uuid", "u1"]]]},
    {"name": "br1", "ports": ["uuid", "u3"]},
    {"name": "bare", "ports": ["set", []]},
]
ANSWER = {"id": 0, "result": [{"rows": BRIDGES}, {"rows": PORTS}], "error": None}
FOUND = [
    OvsBridgeRecord(name="br0", ports=("eth1", "vnet3")),
    OvsBridgeRecord(name="br1", ports=()),
    OvsBridgeRecord(name="bare", ports=()),
]
Answer = Callable[[bytes], None]


@pytest.fixture
def answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Answer]:
    """answers(text): what the database says to the next one who asks, in two pieces, before it hangs up."""
    path = tmp_path / "db.sock"
    monkeypatch.setattr(open_vswitch, "DATABASE", path)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()
        threads = []

        def serve(text: bytes) -> None:
            link, _ = listening.accept()
            with link:
                asked = json.loads(link.recv(65536))
                assert [one["table"] for one in asked["params"][1:]] == ["Bridge", "Port"]
                for piece in (text[: len(text) // 2], text[len(text) // 2 :]):
                    link.sendall(piece)

        def answer(text: bytes) -> None:
            threads.append(threading.Thread(target=serve, args=(text,)))
            threads[-1].start()

        yield answer
        for thread in threads:
            thread.join()


def test_bridges_with_their_ports(answers: Answer) -> None:
    answers(json.dumps(ANSWER).encode())
    assert open_vswitch.bridges("qemu:///system") == FOUND


@pytest.mark.parametrize(
    "text",
    [b"", b"{", b"nonsense", b"[]", b'{"result": null, "error": "no"}', b'{"result": [{"rows": [{}]}, {"rows": []}]}',
     b'{"result": [{"error": "not allowed"}, {"error": "not allowed"}]}'],
    ids=["nothing", "cut off", "no JSON", "no answer", "an error", "no columns", "refused"],
)  # fmt: skip
def test_what_is_no_answer_is_no_bridge(answers: Answer, text: bytes) -> None:
    answers(text)
    assert open_vswitch.bridges("qemu:///system") == []


@pytest.mark.parametrize("uri", ["qemu+ssh://far.example/system", "test:///default"])
def test_other_machines_are_not_asked(answers: Answer, uri: str) -> None:
    assert open_vswitch.bridges(uri) == []


def test_without_a_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(open_vswitch, "DATABASE", tmp_path / "none.sock")
    assert open_vswitch.bridges("qemu:///system") == []
    monkeypatch.setattr(open_vswitch, "DATABASE", tmp_path)  # there, and nobody listens
    assert open_vswitch.bridges("qemu:///system") == []
