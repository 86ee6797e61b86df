"""One libvirt URI kept connected: opened in the background, watched, opened again when lost."""

from __future__ import annotations

import logging
import random
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any, Protocol

import libvirt

from virtcim.host.crew import Alarm, Turn, clock, crew
from virtcim.host.errors import HostError, Kind, translated, unsupported
from virtcim.host.events import Event, event_loop, subscribe
from virtcim.host.opening import Opening, redacted
from virtcim.host.outage import Outage
from virtcim.host.settings import HostSettings
from virtcim.host.shared import Own, Shared
from virtcim.messages import Message, message

log = logging.getLogger(__name__)

FIRST_DELAY, LAST_DELAY = 0.2, 5.0  # seconds between attempts to connect
ATTEMPTS = 20.0  # a second, of all hosts together, once they have been away for long
STOP_PATIENCE = 5.0  # seconds for a link to close
IDLE_CONNECTIONS = 4  # kept open for the next verbs
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


class Link:
    """The connections to one URI. Every call on a dead link raises HostError(UNREACHABLE)."""

    def __init__(self, uri: str, settings: HostSettings, listener: Listener, turn: Turn) -> None:
        self.uri = uri
        self.shown_uri = redacted(uri)
        self.reason = "not connected yet"
        self.silent = False  # lost because libvirt did not answer, not because it closed the connection
        self.single = uri.startswith("test:")
        self.local = is_local(uri)  # nothing is gained by asking in parallel
        self._settings = settings
        self._listener = listener
        self._lock = threading.Lock()
        self._main: Shared | None = None
        self._idle: list[Own] = []
        self._lent: set[Own] = set()
        self._life = object()  # one a main connection, to know late news of an old one by
        self._opening = Opening(uri)
        self._kept: Shared | None = None  # the connection that serves, once everything has been read through it
        self._lost = False
        self._delay = FIRST_DELAY
        self._last_delay = turn.at_most(ATTEMPTS, LAST_DELAY)
        self._next: Alarm | None = None
        self._started = False
        self._stopping = threading.Event()
        self._ended = threading.Event()
        self._outage = Outage(self.shown_uri)

    def start(self) -> None:
        """Begin connecting; returns at once."""
        event_loop.acquire()
        self._started = True
        crew.do(self._attempt)

    def leave(self) -> None:
        """Begin to close everything; returns at once."""
        with self._lock:
            if not self._started or self._stopping.is_set():
                return
            self._stopping.set()
            kept, self._kept = self._kept, None
            called_off = self._next is not None and clock.cancel(self._next)
        if kept is not None:
            crew.do(partial(self._end, kept))
        elif called_off:
            self._ended.set()

    def stop(self, patience: float = STOP_PATIENCE) -> None:
        """Close everything; returns within so many seconds even if libvirt hangs."""
        if not self._started:
            return
        self.leave()
        self._ended.wait(max(0.0, patience))
        self._started = False
        event_loop.release()

    @property
    def verbs(self) -> bool:
        """Whether any verb is under way, on a connection of its own."""
        return bool(self._lent)

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
        self._lent.add(own)
        try:
            with self._errors(own.connection):
                yield own
        finally:
            self._lent.discard(own)
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
        return Own(self._open(Opening(self.uri), lambda: self._main is None))

    def _give_back(self, own: Own) -> None:
        with self._lock:
            if self._main is not None and len(self._idle) < IDLE_CONNECTIONS:
                self._idle.append(own)

    def _open(self, opening: Opening, hopeless: Callable[[], bool]) -> libvirt.virConnect:
        """Open a connection. Errors: HostError UNREACHABLE, also when it takes too long."""
        try:
            connection = opening.within(self._settings.open_timeout, hopeless)
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

    def _attempt(self) -> None:
        """Connect and have everything read; what comes of it goes on in other threads."""
        kept: Shared | None = None
        try:
            kept = self._begin()
        except HostError as error:
            self._note(_reason(error.message))
        except Exception as error:  # what libvirt tells may be read the next time
            log.exception("reading everything of %s failed", self.shown_uri)
            self._note(f"reading everything failed: {error}")
        with self._lock:
            lost = kept is None or self._lost or self._stopping.is_set()
            self._kept = None if lost else kept
        if lost:
            self._end(kept)

    def _note(self, reason: str) -> None:
        self.reason = reason
        self._outage.goes_on(reason)

    def _begin(self) -> Shared:
        """Open the main connection and have everything read. Errors: HostError, and what the listener raises."""
        self._lost = False
        with ExitStack() as undone:
            kept = Shared(self._open(self._opening, self._stopping.is_set))
            undone.callback(self._forget, kept)
            connection = kept.connection
            with self._errors(connection):
                self._life = life = object()
                connection.registerCloseCallback(self._closed, life)
                kept.unsubscribe = subscribe(connection, self._listener.event)
                self._main = kept
                self._listener.connected(connection)
            undone.pop_all()
        if not self._lost:
            self.reason, self._delay = "", FIRST_DELAY
            self._outage.ended()
        return kept

    def _end(self, kept: Shared | None) -> None:
        """The connection is lost, or there was none: try again later, unless it is to end."""
        if kept is not None:
            self._forget(kept)
        with self._lock:
            if not self._stopping.is_set():
                # Many servers must not knock in step, nor one at many hosts that went away together.
                self._next = clock.after(self._delay * random.uniform(0.5, 1.0), self._attempt)
                self._delay = min(self._delay * 2, self._last_delay)
                return
        self._ended.set()

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
            self._lost = True
            kept, self._kept = self._kept, None
        self._listener.lost()
        self._outage.began(reason)
        if kept is not None:
            crew.do(partial(self._end, kept))

    def _forget(self, kept: Shared) -> None:
        with self._lock:
            self._life = object()
            self._main = None
            self._idle = []  # each closes itself when its last user has let go
        self._listener.lost()
        kept.unsubscribe()
        kept.close()


def _alive(connection: libvirt.virConnect) -> bool:
    try:
        return bool(connection.isAlive())
    except libvirt.libvirtError:
        return False


def _reason(told: str) -> str:
    """Why libvirt is away, without where it is."""
    return told.arguments[1] if isinstance(told, Message) and told.symbol == "HYPERVISOR_LOST" else told
