"""An HTTP server for a list of URLs: uvicorn in a thread of this process."""

from __future__ import annotations

import errno
import socket
import threading
from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

import uvicorn

from virtcim.wire.limits import DEFAULT_LIMITS, Limits
from virtcim.wire.protocol import Protocol

DEFAULT_PORT = 5988  # registered for wbem-http
GRACE = 5  # seconds that calls under way have to end after stop()

_NO_SUCH_FAMILY = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT})


class _Server(uvicorn.Server):
    """Tells when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.settled = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.settled.set()


class HttpServer:
    """Serves an ASGI application on `http://host[:port]` URLs; port 0 takes a free one, host `*` is every address."""

    def __init__(
        self, app: Callable[..., Awaitable[None]], urls: Sequence[str], limits: Limits = DEFAULT_LIMITS
    ) -> None:
        self._wanted = [_host_and_port(url) for url in urls]
        self._server = _Server(_config(app, limits))
        self._thread = threading.Thread(target=self._run, name="http", daemon=True)
        self._sockets: list[socket.socket] = []
        self._failure: BaseException | None = None
        self._urls = list(urls)

    @property
    def urls(self) -> list[str]:
        """The URLs, with the real ports once it has started."""
        return list(self._urls)

    def start(self) -> None:
        """Listen and serve; returns when connections are accepted. Raises OSError that names the URL."""
        try:
            self._urls = [self._bind(host, port) for host, port in self._wanted]
        except OSError:
            self._close_sockets()
            raise
        self._thread.start()
        self._server.settled.wait()
        if self._failure is not None:
            raise RuntimeError("the HTTP server did not start") from self._failure

    def stop(self) -> None:
        """Stop accepting, let calls under way end, and return when all is closed."""
        self._server.should_exit = True
        if self._thread.ident is not None:
            self._thread.join()
        self._close_sockets()

    def _run(self) -> None:
        try:
            self._server.run(sockets=self._sockets)
        except BaseException as error:
            self._failure = error
            raise
        finally:
            self._server.settled.set()

    def _close_sockets(self) -> None:
        for sock in self._sockets:
            sock.close()
        self._sockets.clear()

    def _bind(self, host: str, port: int) -> str:
        """Bind every address of a host to one port; the URL that reaches it."""
        shown = f"[{host}]" if ":" in host else host
        try:
            infos = socket.getaddrinfo(
                None if host == "*" else host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )
            for number, (family, *_, address) in enumerate(infos):
                port = self._bind_address(family, (address[0], port or address[1]), last=number == len(infos) - 1)
        except OSError as error:
            raise OSError(error.errno, f"cannot listen on http://{shown}:{port}: {error.strerror}") from error
        return f"http://{shown}:{port}"

    def _bind_address(self, family: int, address: tuple[Any, ...], last: bool) -> int:
        """The port bound. A host name may have addresses of a family that this machine lacks; one must remain."""
        try:
            sock = socket.create_server(address, family=family, backlog=1024)
        except OSError as error:
            if error.errno in _NO_SUCH_FAMILY and (self._sockets or not last):
                return int(address[1])
            raise
        self._sockets.append(sock)
        return int(sock.getsockname()[1])


def _config(app: Callable[..., Awaitable[None]], limits: Limits) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=type("LimitedProtocol", (Protocol,), {"limits": limits}),
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=limits.max_connections,
        timeout_keep_alive=limits.keep_alive,
        timeout_graceful_shutdown=GRACE,
    )


def _host_and_port(url: str) -> tuple[str, int]:
    """Raises ValueError for anything but http://host[:port]."""
    parts = urlsplit(url)
    if parts.scheme != "http" or not parts.hostname or parts.path not in ("", "/") or parts.query or parts.username:
        raise ValueError(f"{url} is no URL to listen on, expected http://HOST[:PORT]")
    try:
        port = parts.port
    except ValueError as error:
        raise ValueError(f"{url}: {error}") from error
    return parts.hostname, DEFAULT_PORT if port is None else port
