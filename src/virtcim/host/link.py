"""One libvirt URI kept connected: opened in the background, watched, opened again when lost."""

from __future__ import annotations

import logging
import random
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Protocol

import libvirt

from virtcim.host.errors import HostError, Kind, translated, unsupported
from virtcim.host.events import Event, event_loop, subscribe
from virtcim.host.opening import open_within, redacted
from virtcim.host.settings import HostSettings
from virtcim.messages import Message, message

log = logging.getLogger(__name__)

FIRST_DELAY, LAST_DELAY = 0.2, 5.0  # seconds between attempts to connect
CLOSE_PATIENCE = 3.0  # seconds for the calls of a lost connection to return
IDLE_CONNECTIONS = 4  # kept open for the next verbs
HANDLES = 64  # of domains, with each of these
_CLOSED = {
    libvirt.VIR_CONNECT_CLOSE_REASON_ERROR: "the connection broke",
    libvirt.VIR_CONNECT_CLOSE_REASON_EOF: "libvirt closed the connection",
    libvirt.VIR_CONNECT_CLOSE_REASON_KEEPALIVE: "libvirt does not answer keep-alive messages",
    libvirt.VIR_CONNECT_CLOSE_REASON_CLIENT: "the connection was closed",
}


class Listener(Protocol):
    """Who lives on a link. `connected` may call libvirt and raise; the others must return at once."""

    def connected(self, connection: libvirt.virConnect) -> None: ...
    def lost(self) -> None: ...
    def event(self, event: Event) -> None: ...


def is_local(uri: str) -> bool:
    """Whether a libvirt URI leads to this machine."""
    return re.match(r"\w+(\+unix)?:///", uri) is not None


class Own:
    """A connection of one's own, and handles of the domains that were defined on it last: each once."""

    def __init__(self, connection: libvirt.virConnect) -> None:
        self.connection = connection
        self._domains: dict[str, libvirt.virDomain] = {}

    def keep(self, domain: libvirt.virDomain) -> None:
        """Have a handle at hand; what it knows of the domain is as old as it is."""
        while len(self._domains) >= HANDLES:
            del self._domains[next(iter(self._domains))]
        self._domains[domain.UUIDString()] = domain

    def domain(self, uuid: str) -> libvirt.virDomain:
        """A handle of the domain, which may be gone; one that is not at hand is looked up. Errors: libvirtError."""
        return self._domains.pop(uuid, None) or self.connection.lookupByUUIDString(uuid)


class Link:
    """The connections to one URI. Every call on a dead link raises HostError(UNREACHABLE)."""

    def __init__(self, uri: str, settings: HostSettings, listener: Listener) -> None:
        self.uri = uri
        self.shown_uri = redacted(uri)
        self.reason = "not connected yet"
        self.silent = False  # lost because libvirt did not answer, not because it closed the connection
        self.single = uri.startswith("test:")
        self.local = is_local(uri)  # nothing is gained by asking in parallel
        self._settings = settings
        self._listener = listener
        self._lock = threading.Lock()
        self._main: _Shared | None = None
        self._idle: list[Own] = []
        self._life = object()  # one a main connection, to know late news of an old one by
        self._lost = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin connecting; returns at once."""
        event_loop.acquire()
        self._thread = threading.Thread(target=self._run, name=f"link {self.shown_uri}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Close everything; returns within a few seconds even if libvirt hangs."""
        if self._thread is None:
            return
        self._stopping.set()
        self._lost.set()
        self._thread.join(5.0)
        self._thread = None
        event_loop.release()

    def unreachable(self, reason: str | None = None) -> HostError:
        """The error that every call on a dead link raises."""
        return HostError(Kind.UNREACHABLE, message("HYPERVISOR_LOST", self.shown_uri, reason or self.reason))

    @contextmanager
    def reading(self) -> Iterator[libvirt.virConnect]:
        """The connection of reads and events; ask it nothing slow: libvirt serves five requests of it at a time."""
        main = self._main
        if main is None:
            raise self.unreachable()
        with main.used(), self._errors(main.connection):
            yield main.connection

    @contextmanager
    def borrow(self) -> Iterator[libvirt.virConnect]:
        """A connection of one's own for a verb; a `test:` URI has only one, where each open is another node."""
        with self.own() as own:
            yield own.connection

    @contextmanager
    def own(self) -> Iterator[Own]:
        """As `borrow`, with the domains that it has handles of."""
        if self.single:
            with self.reading() as connection:
                yield Own(connection)
            return
        life = self._life
        own = self._take()
        try:
            with self._errors(own.connection):
                yield own
        finally:
            if _alive(own.connection):
                self._give_back(own)
            else:  # the others of this life are about to find out, and callers must not wait for that
                self._drop(life, _CLOSED[libvirt.VIR_CONNECT_CLOSE_REASON_EOF])

    @contextmanager
    def _errors(self, connection: libvirt.virConnect) -> Iterator[None]:
        try:
            yield
        except libvirt.libvirtError as error:
            if not _alive(connection):
                raise self.unreachable(self.reason or self._plain(error)) from error
            raise translated(error) from error

    def _plain(self, error: Exception) -> str:
        return str(error).replace(self.uri, self.shown_uri)

    def _take(self) -> Own:
        with self._lock:
            if self._main is None:
                raise self.unreachable()
            while self._idle:
                own = self._idle.pop()
                if _alive(own.connection):
                    return own
        return Own(self._open(lambda: self._main is None))

    def _give_back(self, own: Own) -> None:
        with self._lock:
            if self._main is not None and len(self._idle) < IDLE_CONNECTIONS:
                self._idle.append(own)

    def _open(self, hopeless: Callable[[], bool]) -> libvirt.virConnect:
        """Open a connection. Errors: HostError UNREACHABLE, also when it takes too long."""
        try:
            connection = open_within(self.uri, self._settings.open_timeout, hopeless)
        except libvirt.libvirtError as error:
            raise self.unreachable(self._plain(error)) from error
        except TimeoutError as late:
            raise self.unreachable(self.reason if hopeless() else str(late)) from late
        self._keep_alive(connection)
        return connection

    def _keep_alive(self, connection: libvirt.virConnect) -> None:
        if not self._settings.keepalive_interval:
            return
        try:
            connection.setKeepAlive(self._settings.keepalive_interval, self._settings.keepalive_count)
        except libvirt.libvirtError as error:
            if not unsupported(error):
                raise self.unreachable(self._plain(error)) from error

    def _run(self) -> None:
        delay = FIRST_DELAY
        while not self._stopping.is_set():
            self._lost.clear()
            try:
                self._serve()
                delay = FIRST_DELAY
            except HostError as error:
                self._note(_reason(error.message))
            except Exception as error:  # what libvirt tells may be read the next time: the thread goes on
                log.exception("reading everything of %s failed", self.shown_uri)
                self._note(f"reading everything failed: {error}")
            self._stopping.wait(delay * random.uniform(0.8, 1.2))  # many servers must not knock in step
            delay = min(delay * 2, LAST_DELAY)

    def _note(self, reason: str) -> None:
        if reason != self.reason:
            log.warning("libvirt at %s: %s", self.shown_uri, reason)
        self.reason = reason

    def _serve(self) -> None:
        """One life of the main connection; returns when it is lost."""
        main = _Shared(self._open(self._stopping.is_set))
        unsubscribe: Callable[[], None] | None = None
        try:
            with self._errors(main.connection):
                self._life = life = object()
                main.connection.registerCloseCallback(self._closed, life)
                unsubscribe = subscribe(main.connection, self._listener.event)
                self._main = main
                self._listener.connected(main.connection)
            if not self._lost.is_set():
                self.reason = ""
                log.info("connected to libvirt at %s", self.shown_uri)
            self._lost.wait()
        finally:
            self._forget(main, unsubscribe)

    def _closed(self, _connection: Any, reason: int, life: object) -> None:
        """libvirt's close callback, in the event loop's thread."""
        self.silent = reason == libvirt.VIR_CONNECT_CLOSE_REASON_KEEPALIVE
        self._drop(life, _CLOSED.get(reason, f"closed for reason {reason}"))

    def _drop(self, life: object, reason: str) -> None:
        """The connections of a life are lost: nobody may use them from now on."""
        with self._lock:
            if life is not self._life:
                return
            self._life = object()
            self._main = None
            self.reason = reason
        self._lost.set()
        self._listener.lost()
        log.warning("libvirt at %s: %s", self.shown_uri, reason)

    def _forget(self, main: _Shared, unsubscribe: Callable[[], None] | None) -> None:
        with self._lock:
            self._life = object()
            self._main = None
            self._idle = []  # each closes itself when its last user has let go
        self._listener.lost()
        if unsubscribe is not None:
            unsubscribe()
        main.close()


class _Shared:
    """A connection that several threads use, closed when none is inside a call on it: libvirt frees what is closed.

    Closing by hand is needed because libvirt-python never lets go of a connection that has a close callback.
    """

    def __init__(self, connection: libvirt.virConnect) -> None:
        self.connection = connection
        self._users = 0
        self._unused = threading.Condition()

    @contextmanager
    def used(self) -> Iterator[None]:
        with self._unused:
            self._users += 1
        try:
            yield
        finally:
            with self._unused:
                self._users -= 1
                self._unused.notify_all()

    def close(self) -> None:
        """Gives up when somebody does not come back: then it stays open."""
        with self._unused:
            if not self._unused.wait_for(lambda: not self._users, CLOSE_PATIENCE):
                log.warning("a call to libvirt does not return; its connection is left open")
                return
            with suppress(libvirt.libvirtError):  # a dead connection says so when it is closed
                self.connection.unregisterCloseCallback()
            with suppress(libvirt.libvirtError):
                self.connection.close()


def _alive(connection: libvirt.virConnect) -> bool:
    try:
        return bool(connection.isAlive())
    except libvirt.libvirtError:
        return False


def _reason(told: str) -> str:
    """Why libvirt is away, without where it is."""
    return told.arguments[1] if isinstance(told, Message) and told.symbol == "HYPERVISOR_LOST" else told
