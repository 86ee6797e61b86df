"""An HTTP server for a list of URLs: uvicorn in a thread of this process, behind connections that we admit."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence

import uvicorn

from virtcim.wire.connections import Connections, Reception
from virtcim.wire.heads import Ready
from virtcim.wire.limits import DEFAULT_LIMITS, Limits
from virtcim.wire.listening import Door, Doors
from virtcim.wire.protocol import Protocol
from virtcim.wire.tls import Tls

Beat = Callable[[], None]

_LAST_REPLIES = 1  # seconds for what is refused at the end
_LAST_WORDS = 0.05  # seconds for the loop to close what was dropped

NO_TLS: Mapping[str, Tls] = {}


class _Server(uvicorn.Server):
    """uvicorn's server, with connections that we accept; tells when it listens."""

    def __init__(
        self, config: uvicorn.Config, doors: list[Door], connections: Connections, limits: Limits, ready: Ready | None
    ) -> None:
        super().__init__(config)
        self._ready = ready
        self.settled = threading.Event()
        self._doors = doors
        self._connections = connections
        self._limits = limits
        self._accepting: list[asyncio.Task[None]] = []

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await self.lifespan.startup()
        loop = asyncio.get_running_loop()
        reception = Reception(self._protocol, self._connections, self._limits)
        self._accepting = [loop.create_task(reception.accept(door)) for door in self._doors]
        self.servers = []
        self.started = True
        self.settled.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self.server_state.tasks:  # meanwhile others are told that the server stops
            await asyncio.wait(set(self.server_state.tasks), timeout=self._limits.stop_timeout)
        for task in self._accepting:
            task.cancel()
        await asyncio.wait(self._accepting)
        for door in self._doors:
            door.sock.close()
        self._connections.close_unready()
        await super().shutdown(sockets)
        self._connections.close_all()
        await asyncio.sleep(_LAST_WORDS)

    def _protocol(self) -> Protocol:
        made = Protocol(self.config, self.server_state, self.lifespan.state, asyncio.get_running_loop())
        made.limits = self._limits
        if self._ready is not None:
            made.ready = self._ready
        return made


class HttpServer:
    """Serves an ASGI application on http, https and unix URLs.

    `tls` has an entry for each https URL; `beat` is called every `beat_interval` seconds from the loop that serves.
    `ready` has the replies that the application would give, as far as they are at hand.
    """

    def __init__(
        self,
        app: Callable[..., Awaitable[None]],
        urls: Sequence[str],
        limits: Limits = DEFAULT_LIMITS,
        tls: Mapping[str, Tls] = NO_TLS,
        group: str = "",
        connections: Connections | None = None,
        beat: tuple[Beat, float] | None = None,
        ready: Ready | None = None,
    ) -> None:
        self._doors = Doors(urls, tls, group)
        self.connections = Connections(limits.max_connections) if connections is None else connections
        self._server = _Server(_config(app, limits, beat), self._doors.open, self.connections, limits, ready)
        self._thread = threading.Thread(target=self._run, name="http", daemon=True)
        self._failure: BaseException | None = None
        self._urls = list(urls)

    @property
    def urls(self) -> list[str]:
        """The URLs, with the real ports once it has started."""
        return list(self._urls)

    def start(self) -> None:
        """Listen and serve; returns when connections are accepted. Raises OSError that names the URL."""
        self._urls = self._doors.bind()
        self._thread.start()
        self._server.settled.wait()
        if self._failure is not None:
            raise RuntimeError("the HTTP server did not start") from self._failure

    def stop(self) -> None:
        """Stop accepting, let calls under way end, and return when all is closed."""
        self._server.should_exit = True
        if self._thread.ident is not None:
            self._thread.join()
        self._doors.close()

    def _run(self) -> None:
        try:
            self._server.run()
        except (Exception, SystemExit) as error:  # with the second it says that it could not begin
            self._failure = error
            raise
        finally:
            self._server.settled.set()


def _config(app: Callable[..., Awaitable[None]], limits: Limits, beat: tuple[Beat, float] | None) -> uvicorn.Config:
    async def notify() -> None:
        if beat is not None:
            beat[0]()

    return uvicorn.Config(
        app,
        http=Protocol,
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=limits.keep_alive,
        timeout_graceful_shutdown=_LAST_REPLIES,
        timeout_notify=beat[1] if beat else 30,  # type: ignore[arg-type]  # a float serves as well
        callback_notify=notify,
    )
