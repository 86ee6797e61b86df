"""Alert indications: what libvirt announces of a domain that is no change of its model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from virtcim.broker.call import Instance
from virtcim.broker.provider import VIRT
from virtcim.host.events import Event, EventKind, Topic
from virtcim.host.inventory import Host
from virtcim.mapping import ids

# AlertType
COMMUNICATIONS, PROCESSING_ERROR, DEVICE_ALERT = 2, 4, 5
# PerceivedSeverity
INFORMATION, MINOR, MAJOR, CRITICAL = 2, 4, 5, 6
# ProbableCause
COMMUNICATIONS_FAILURE, EQUIPMENT, IO_DEVICE, ABNORMAL_END, UNAVAILABLE, CLEARED, TIMEOUT = 7, 16, 24, 48, 57, 59, 111
OBJECT_PATH = 2  # AlertingElementFormat
# virDomainEventType, and details of a stop
STOPPED, CRASHED = 5, 8
STOP_CRASHED, STOP_FAILED = 2, 5
AGENT_CONNECTED, AGENT_DISCONNECTED = 1, 2
# What libvirt does about an I/O error or an expired watchdog
IO_ACTIONS = ("nothing was done", "the system was paused", "the guest was told")
WATCHDOG_ACTIONS = ("nothing was done", "the system was paused", "reset", "powered off", "shut down", "debugged", "nmi")


@dataclass(frozen=True)
class Alert:
    """What an event is told as; `number` is that of the message."""

    number: int
    kind: int
    severity: int
    cause: int
    message: str
    arguments: tuple[str, ...] = ()


def _lifecycle(event: Event) -> Alert | None:
    what, detail = event.values[:2]
    if what == CRASHED or (what, detail) == (STOPPED, STOP_CRASHED):
        return Alert(201, PROCESSING_ERROR, CRITICAL, ABNORMAL_END, f"virtual system {event.name} crashed")
    if (what, detail) == (STOPPED, STOP_FAILED):
        return Alert(202, PROCESSING_ERROR, CRITICAL, UNAVAILABLE, f"the emulator of {event.name} failed")
    return None


def _io_error(event: Event) -> Alert:
    source, device, action = (*event.values, "", "", 0)[:3]
    done = _word(IO_ACTIONS, action)
    text = f"I/O error of device {device} ({source}) of {event.name}: {done}"
    return Alert(203, DEVICE_ALERT, MAJOR, IO_DEVICE, text, (str(device), str(source), done))


def _watchdog(event: Event) -> Alert:
    done = _word(WATCHDOG_ACTIONS, event.values[0] if event.values else 0)
    return Alert(204, DEVICE_ALERT, MAJOR, TIMEOUT, f"the watchdog of {event.name} expired: {done}", (done,))


def _removal_failed(event: Event) -> Alert:
    device = str(event.values[0]) if event.values else ""
    text = f"the guest {event.name} does not release device {device}"
    return Alert(205, DEVICE_ALERT, MINOR, EQUIPMENT, text, (device,))


def _agent(event: Event) -> Alert | None:
    state = event.values[0] if event.values else 0
    if state == AGENT_CONNECTED:
        return Alert(206, COMMUNICATIONS, INFORMATION, CLEARED, f"the guest agent of {event.name} is there")
    if state == AGENT_DISCONNECTED:
        return Alert(207, COMMUNICATIONS, INFORMATION, COMMUNICATIONS_FAILURE, f"the agent of {event.name} is gone")
    return None


def _word(words: tuple[str, ...], number: object) -> str:
    known = isinstance(number, int) and 0 <= number < len(words)
    return words[int(str(number))] if known else f"action {number}"


_ALERTS: dict[EventKind, Callable[[Event], Alert | None]] = {
    EventKind.LIFECYCLE: _lifecycle,
    EventKind.IO_ERROR: _io_error,
    EventKind.WATCHDOG: _watchdog,
    EventKind.DEVICE_REMOVAL_FAILED: _removal_failed,
    EventKind.AGENT_LIFECYCLE: _agent,
}


def alert_of(host: Host, event: Event, time: str) -> Instance | None:
    """CIM_AlertIndication of a libvirt event at a CIM datetime; None for what is no reason for one."""
    tell = _ALERTS.get(event.kind) if event.topic is Topic.DOMAIN else None
    alert = tell(event) if tell else None
    if alert is None:
        return None
    classname, token = f"{host.platform}_ComputerSystem", event.key if host.naming == "uuid" else event.name
    return Instance(
        "CIM_AlertIndication",
        {
            "AlertType": alert.kind,
            "PerceivedSeverity": alert.severity,
            "ProbableCause": alert.cause,
            "Description": alert.message,
            "Message": alert.message,
            "MessageID": f"VIRTCIM{alert.number:04}",
            "MessageArguments": [event.name, *alert.arguments],
            "OwningEntity": ids.OWN,
            "AlertingManagedElement": f'{VIRT}:{classname}.CreationClassName="{classname}",Name="{_quoted(token)}"',
            "AlertingElementFormat": OBJECT_PATH,
            "EventID": f"{ids.OWN}:{event.kind.value}",
            "EventTime": time,
            "SystemCreationClassName": classname,
            "SystemName": token,
            "ProviderName": ids.OWN,
        },
    )


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
