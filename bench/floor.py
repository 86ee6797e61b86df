"""The floor: the HTTP server that virtcim uses, answering every POST with constant bytes, as many as the path says."""

from __future__ import annotations

import signal
import threading
from functools import lru_cache
from typing import Any

import click

from virtcim.wire.server import HttpServer

HEADERS = [(b"content-type", b'application/xml; charset="utf-8"'), (b"cimoperation", b"MethodResponse")]


@lru_cache(maxsize=64)
def constant(size: int) -> bytes:
    return b"x" * size


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Read the request, answer the constant."""
    while (await receive()).get("more_body"):
        pass
    body = constant(int(scope["path"].lstrip("/")))
    headers = [*HEADERS, (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def main() -> None:
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    server = HttpServer(app, ["http://127.0.0.1:0"])
    server.start()
    click.echo(f"the floor serves {server.urls[0]}.")
    ended.wait()
    server.stop()


if __name__ == "__main__":
    main()
