"""libvirt's events as plain values, and the thread that delivers them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from typing import Any

import libvirt

from virtcim.host.addresses import canonical
from virtcim.host.errors import unsupported

log = logging.getLogger(__name__)


class Topic(Enum):
    """What an event is about."""

    DOMAIN = "domain"
    NETWORK = "network"
    POOL = "pool"
    VOLUME = "volume"  # has no events of its own
    NODE_DEVICE = "node device"
    FILTER = "network filter"  # neither have these
    INTERFACE = "host interface"


class EventKind(Enum):
    """What happened; the comment names what `Event.values` holds."""

    LIFECYCLE = "lifecycle"  # event, detail
    REBOOT = "reboot"
    RTC_CHANGE = "rtc change"  # offset in seconds
    WATCHDOG = "watchdog"  # action
    IO_ERROR = "io error"  # source path, device alias, action, reason
    CONTROL_ERROR = "control error"
    TRAY_CHANGE = "tray change"  # device alias, reason
    PM_WAKEUP = "pm wakeup"
    PM_SUSPEND = "pm suspend"
    PM_SUSPEND_DISK = "pm suspend disk"
    BALLOON_CHANGE = "balloon change"  # KiB
    MEMORY_MODULE_RESIZED = "memory module resized"  # device alias, bytes that the guest has of it
    DEVICE_ADDED = "device added"  # device alias
    DEVICE_REMOVED = "device removed"  # device alias
    DEVICE_REMOVAL_FAILED = "device removal failed"  # device alias
    BLOCK_JOB = "block job"  # target, type, status
    TUNABLE = "tunable"  # names of the parameters
    AGENT_LIFECYCLE = "agent lifecycle"  # state, reason
    MIGRATION_ITERATION = "migration iteration"  # iteration
    JOB_COMPLETED = "job completed"  # statistics as sorted pairs
    METADATA_CHANGE = "metadata change"  # type, namespace URI
    BLOCK_THRESHOLD = "block threshold"  # target, path, threshold and excess in bytes
    MEMORY_FAILURE = "memory failure"  # recipient, action, flags
    GRAPHICS = "graphics"  # phase (virDomainEventGraphicsPhase), and the fields of a Peer
    REFRESH = "refresh"
    UPDATE = "update"


@dataclass(frozen=True, slots=True)
class Event:
    """One event; `key` is the UUID (a node device: its name)."""

    topic: Topic
    kind: EventKind
    key: str
    name: str
    values: tuple[Any, ...] = ()


Sink = Callable[[Event], None]
Plain = Callable[..., tuple[Any, ...]]


def _as_given(*values: Any) -> tuple[Any, ...]:
    return values


def _first(*values: Any) -> tuple[Any, ...]:
    return values[:1]


def _nothing(*values: Any) -> tuple[Any, ...]:
    return ()


def _names(parameters: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(sorted(parameters))


def _pairs(parameters: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(sorted(parameters.items()))


def _viewer(phase: int, local: Mapping[str, str], remote: Mapping[str, str], *_: Any) -> tuple[Any, ...]:
    """Ports by number, addresses in one form."""
    service = local.get("service") or ""
    at = int(service) if service.isdigit() else 0
    return phase, at, canonical(remote.get("node") or ""), remote.get("service") or ""


_DOMAIN: dict[int, tuple[EventKind, Plain]] = {
    libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE: (EventKind.LIFECYCLE, _as_given),
    libvirt.VIR_DOMAIN_EVENT_ID_REBOOT: (EventKind.REBOOT, _nothing),
    libvirt.VIR_DOMAIN_EVENT_ID_RTC_CHANGE: (EventKind.RTC_CHANGE, _as_given),
    libvirt.VIR_DOMAIN_EVENT_ID_WATCHDOG: (EventKind.WATCHDOG, _as_given),
    libvirt.VIR_DOMAIN_EVENT_ID_GRAPHICS: (EventKind.GRAPHICS, _viewer),
    libvirt.VIR_DOMAIN_EVENT_ID_IO_ERROR_REASON: (EventKind.IO_ERROR, _as_given),
    libvirt.VIR_DOMAIN_EVENT_ID_CONTROL_ERROR: (EventKind.CONTROL_ERROR, _nothing),
    libvirt.VIR_DOMAIN_EVENT_ID_TRAY_CHANGE: (EventKind.TRAY_CHANGE, _as_given),
    libvirt.VIR_DOMAIN_EVENT_ID_PMWAKEUP: (EventKind.PM_WAKEUP, _nothing),
    libvirt.VIR_DOMAIN_EVENT_ID_PMSUSPEND: (EventKind.PM_SUSPEND, _nothing),
    libvirt.VIR_DOMAIN_EVENT_ID_PMSUSPEND_DISK: (EventKind.PM_SUSPEND_DISK, _nothing),
    libvirt.VIR_DOMAIN_EVENT_ID_BALLOON_CHANGE: (EventKind.BALLOON_CHANGE, _as_given),
    libvirt.VIR_DOMAIN_EVENT_ID_DEVICE_ADDED: (EventKind.DEVICE_ADDED, _first),
    libvirt.VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED: (EventKind.DEVICE_REMOVED, _first),
    libvirt.VIR_DOMAIN_EVENT_ID_DEVICE_REMOVAL_FAILED: (EventKind.DEVICE_REMOVAL_FAILED, _first),
    libvirt.VIR_DOMAIN_EVENT_ID_BLOCK_JOB_2: (EventKind.BLOCK_JOB, _as_given),
    libvirt.VIR_DOMAIN_EVENT_ID_TUNABLE: (EventKind.TUNABLE, _names),
    libvirt.VIR_DOMAIN_EVENT_ID_AGENT_LIFECYCLE: (EventKind.AGENT_LIFECYCLE, _as_given),
    libvirt.VIR_DOMAIN_EVENT_ID_MIGRATION_ITERATION: (EventKind.MIGRATION_ITERATION, _as_given),
    libvirt.VIR_DOMAIN_EVENT_ID_JOB_COMPLETED: (EventKind.JOB_COMPLETED, _pairs),
    libvirt.VIR_DOMAIN_EVENT_ID_METADATA_CHANGE: (EventKind.METADATA_CHANGE, _as_given),
    libvirt.VIR_DOMAIN_EVENT_ID_BLOCK_THRESHOLD: (EventKind.BLOCK_THRESHOLD, _as_given),
    libvirt.VIR_DOMAIN_EVENT_ID_MEMORY_FAILURE: (EventKind.MEMORY_FAILURE, _as_given),
    libvirt.VIR_DOMAIN_EVENT_ID_MEMORY_DEVICE_SIZE_CHANGE: (EventKind.MEMORY_MODULE_RESIZED, _as_given),
}


class _Family:
    """One kind of libvirt object that has events: how to register, and what its handle is called by."""

    def __init__(self, topic: Topic, method: str, ids: dict[int, tuple[EventKind, Plain]]) -> None:
        self.topic, self.method, self.ids = topic, method, ids

    def key(self, handle: Any) -> str:
        return str(handle.name() if self.topic is Topic.NODE_DEVICE else handle.UUIDString())

    def callback(self, kind: EventKind, plain: Plain, sink: Sink) -> Callable[..., None]:
        def deliver(_connection: Any, handle: Any, *arguments: Any) -> None:
            sink(Event(self.topic, kind, self.key(handle), str(handle.name()), plain(*arguments[:-1])))

        return deliver


_LIFECYCLE = (EventKind.LIFECYCLE, _as_given)
_FAMILIES = (
    _Family(Topic.DOMAIN, "domainEvent", _DOMAIN),
    _Family(Topic.NETWORK, "networkEvent", {libvirt.VIR_NETWORK_EVENT_ID_LIFECYCLE: _LIFECYCLE}),
    _Family(
        Topic.POOL,
        "storagePoolEvent",
        {
            libvirt.VIR_STORAGE_POOL_EVENT_ID_LIFECYCLE: _LIFECYCLE,
            libvirt.VIR_STORAGE_POOL_EVENT_ID_REFRESH: (EventKind.REFRESH, _nothing),
        },
    ),
    _Family(
        Topic.NODE_DEVICE,
        "nodeDeviceEvent",
        {
            libvirt.VIR_NODE_DEVICE_EVENT_ID_LIFECYCLE: _LIFECYCLE,
            libvirt.VIR_NODE_DEVICE_EVENT_ID_UPDATE: (EventKind.UPDATE, _nothing),
        },
    ),
)


def subscribe(connection: libvirt.virConnect, sink: Sink) -> Callable[[], None]:
    """Register for everything the driver announces; the answer undoes it.

    `sink` runs in the thread of the event loop, where calling libvirt would wait for itself.
    """
    registered: list[tuple[str, int]] = []
    for family in _FAMILIES:
        for number, (kind, plain) in family.ids.items():
            try:
                register = getattr(connection, f"{family.method}RegisterAny")
                registered.append((family.method, register(None, number, family.callback(kind, plain, sink), None)))
            except libvirt.libvirtError as error:
                if not unsupported(error):
                    raise
                log.debug("%s events of kind %s are not announced: %s", family.topic.value, kind.value, error)

    def unsubscribe() -> None:
        for method, number in registered:
            with suppress(libvirt.libvirtError):  # a dead connection says so, and forgets the callback nevertheless
                getattr(connection, f"{method}DeregisterAny")(number)

    return unsubscribe


class EventLoop:
    """libvirt's default event loop in a thread of its own; one a process, running while anybody uses it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._registered = False
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()

    def acquire(self) -> None:
        """Run the loop; libvirt demands this before the first connection is opened."""
        with self._lock:
            if not self._registered:
                libvirt.registerErrorHandler(_quiet, None)  # libvirt prints every error to stderr otherwise
                libvirt.virEventRegisterDefaultImpl()
                self._registered = True
            self._users += 1
            if self._thread is None:
                self._stopping = threading.Event()
                self._thread = threading.Thread(
                    target=self._run, args=(self._stopping,), name="libvirt-events", daemon=True
                )
                self._thread.start()

    def release(self) -> None:
        """The last user's release ends the thread."""
        with self._lock:
            self._users -= 1
            if self._users or self._thread is None:
                return
            self._stopping.set()
            timer = libvirt.virEventAddTimeout(0, lambda *_: None, None)  # wakes the loop
            self._thread.join()
            libvirt.virEventRemoveTimeout(timer)
            self._thread = None

    @staticmethod
    def _run(stopping: threading.Event) -> None:
        while not stopping.is_set():
            try:
                libvirt.virEventRunDefaultImpl()
            except libvirt.libvirtError:
                log.exception("libvirt's event loop failed; it goes on")
                stopping.wait(0.1)


def _quiet(_context: Any, _error: Any) -> None:
    """libvirt's errors reach us as exceptions; nothing else is to be said about them."""


event_loop = EventLoop()
