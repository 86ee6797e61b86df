"""The bridges of Open vSwitch on this machine, which libvirt does not list: asked of its database (RFC 7047)."""

from __future__ import annotations

import json
import logging
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from virtcim.host.link import is_local
from virtcim.host.records import OvsBridgeRecord

log = logging.getLogger(__name__)

DATABASE = Path("/run/openvswitch/db.sock")
SECONDS = 2.0  # that the database may take to answer
MOST = 2**24  # bytes of an answer
WANTED = {"Bridge": ["name", "ports"], "Port": ["_uuid", "name"]}
SELECTS = [{"op": "select", "table": table, "where": [], "columns": columns} for table, columns in WANTED.items()]
REQUEST = json.dumps({"method": "transact", "params": ["Open_vSwitch", *SELECTS], "id": 0}).encode()


def bridges(uri: str) -> list[OvsBridgeRecord]:
    """Those of the machine that a libvirt URI leads to; none of another machine, or where no database answers."""
    if uri.startswith("test:") or not is_local(uri) or not DATABASE.exists():
        return []
    try:
        return bridges_in(_asked(DATABASE))
    except (OSError, ValueError, LookupError, TypeError) as error:
        log.warning("Open vSwitch does not tell of its bridges: %s", error)
        return []


def _asked(path: Path) -> Any:
    with socket.socket(socket.AF_UNIX) as link:
        link.settimeout(SECONDS)
        link.connect(str(path))
        link.sendall(REQUEST)
        answer = b""
        while chunk := link.recv(65536):
            answer += chunk
            if len(answer) > MOST:
                raise ValueError("its answer does not end")
            try:
                return json.loads(answer)
            except json.JSONDecodeError:
                continue  # there is more to come
    raise ValueError("its answer ends before it is whole")


def bridges_in(answer: Any) -> list[OvsBridgeRecord]:
    """The bridges of an answer, each with its ports but the one that the bridge itself is. Errors: LookupError, ..."""
    found, ports = (table["rows"] for table in answer["result"])
    names = {row["_uuid"][1]: row["name"] for row in ports}
    return [
        OvsBridgeRecord(name=row["name"], ports=tuple(sorted({names[one] for one in _uuids(row)} - {row["name"]})))
        for row in found
    ]


def _uuids(row: Any) -> Iterator[str]:
    """A set of one is written without being called a set."""
    kind, value = row["ports"]
    yield from (one[1] for one in value) if kind == "set" else [value]
