"""Alert indications: what libvirt announces of a domain that is no change of its model."""

from __future__ import annotations

from collections.abc import Callable

from virtcim.broker.call import Instance, Path
from virtcim.host.events import Event, EventKind, Topic
from virtcim.host.inventory import Host
from virtcim.profiles.alert import (
    ABNORMAL_END,
    CLEARED,
    COMMUNICATIONS,
    COMMUNICATIONS_FAILURE,
    CRITICAL,
    DEVICE_ALERT,
    EQUIPMENT,
    FULL,
    INFORMATION,
    IO_DEVICE,
    MAJOR,
    MINOR,
    PROCESSING_ERROR,
    QUALITY,
    THRESHOLD,
    TIMEOUT,
    UNAVAILABLE,
    WARNING,
    Alert,
    Subject,
    indication,
)

# virDomainEventType, and details of a stop
STOPPED, CRASHED = 5, 8
STOP_CRASHED, STOP_FAILED = 2, 5
CRASH_FIRST = frozenset({"KVM"})  # platforms whose driver announces a crash by itself, before the stop that it leads to
AGENT_CONNECTED, AGENT_DISCONNECTED = 1, 2
BY_CHANNEL = 2  # virConnectDomainEventAgentLifecycleReason; the other is that the guest has just been started
NO_SPACE = "enospc"
# What libvirt does about an I/O error, an expired watchdog, or memory that has failed
IO_ACTIONS = ("nothing was done", "the system was paused", "the guest was told")
WATCHDOG_ACTIONS = ("nothing was done", "the system was paused", "reset", "powered off", "shut down", "debugged", "nmi")
MEMORY_ACTIONS = ("nothing was done", "the guest was told", "the system cannot go on", "the system was reset")
MEMORY_SEVERITIES = (MINOR, MAJOR, CRITICAL, CRITICAL)
MEMORY_OWNERS = ("its host", "the guest")


def _lifecycle(event: Event, platform: str) -> Alert | None:
    what, detail = event.values[:2]
    if what == CRASHED or ((what, detail) == (STOPPED, STOP_CRASHED) and platform not in CRASH_FIRST):
        return Alert(201, PROCESSING_ERROR, CRITICAL, ABNORMAL_END, f"virtual system {event.name} crashed")
    if (what, detail) == (STOPPED, STOP_FAILED):
        return Alert(202, PROCESSING_ERROR, CRITICAL, UNAVAILABLE, f"the emulator of {event.name} failed")
    return None


def _io_error(event: Event, _: str) -> Alert:
    source, device, action, reason = (*event.values, "", "", 0, "")[:4]
    done = _word(IO_ACTIONS, action)
    arguments = (str(device), str(source), done)
    if reason == NO_SPACE:
        text = f"no space is left for device {device} ({source}) of {event.name}: {done}"
        return Alert(208, DEVICE_ALERT, MAJOR, FULL, text, arguments)
    text = f"I/O error of device {device} ({source}) of {event.name}: {done}"
    return Alert(203, DEVICE_ALERT, MAJOR, IO_DEVICE, text, arguments)


def _watchdog(event: Event, _: str) -> Alert:
    done = _word(WATCHDOG_ACTIONS, event.values[0] if event.values else 0)
    return Alert(204, DEVICE_ALERT, MAJOR, TIMEOUT, f"the watchdog of {event.name} expired: {done}", (done,))


def _removal_failed(event: Event, _: str) -> Alert:
    device = str(event.values[0]) if event.values else ""
    text = f"the guest {event.name} does not release device {device}"
    return Alert(205, DEVICE_ALERT, MINOR, EQUIPMENT, text, (device,))


def _agent(event: Event, _: str) -> Alert | None:
    """libvirt calls the agent of a guest that has just been started disconnected: there was none that could go."""
    state, reason = event.values[:2]
    if state == AGENT_CONNECTED:
        return Alert(206, COMMUNICATIONS, INFORMATION, CLEARED, f"the guest agent of {event.name} is there")
    if state == AGENT_DISCONNECTED and reason == BY_CHANNEL:
        return Alert(207, COMMUNICATIONS, INFORMATION, COMMUNICATIONS_FAILURE, f"the agent of {event.name} is gone")
    return None


def _threshold(event: Event, _: str) -> Alert:
    device, _path, threshold, excess = event.values[:4]
    text = f"{event.name} has written {excess} bytes beyond the threshold {threshold} of {device}"
    return Alert(209, QUALITY, WARNING, THRESHOLD, text, (str(device), str(threshold), str(excess)))


def _told_without_layer(host: Host, event: Event) -> bool:
    """Whether libvirt announces the same by the name of the disk alone: it does of the uppermost image."""
    target, _, layer = str(event.values[0]).rstrip("]").partition("[")
    vm = host.vm(event.key) if layer else None
    return vm is not None and any(one.target == target and str(one.layer) == layer for one in vm.state_document.disks)


def _memory_failure(event: Event, _: str) -> Alert:
    owner, action = event.values[:2]
    done = _word(MEMORY_ACTIONS, action)
    severity = MEMORY_SEVERITIES[action] if action in range(len(MEMORY_SEVERITIES)) else MAJOR
    text = f"memory of {event.name} has failed, that of {_word(MEMORY_OWNERS, owner)}: {done}"
    return Alert(215, DEVICE_ALERT, severity, EQUIPMENT, text, (done,))


def _control_error(event: Event, _: str) -> Alert:
    text = f"the emulator of {event.name} cannot be controlled any more"
    return Alert(216, COMMUNICATIONS, MAJOR, COMMUNICATIONS_FAILURE, text)


def _word(words: tuple[str, ...], number: object) -> str:
    known = isinstance(number, int) and 0 <= number < len(words)
    return words[int(str(number))] if known else f"action {number}"


_ALERTS: dict[EventKind, Callable[[Event, str], Alert | None]] = {
    EventKind.LIFECYCLE: _lifecycle,
    EventKind.IO_ERROR: _io_error,
    EventKind.WATCHDOG: _watchdog,
    EventKind.DEVICE_REMOVAL_FAILED: _removal_failed,
    EventKind.AGENT_LIFECYCLE: _agent,
    EventKind.BLOCK_THRESHOLD: _threshold,
    EventKind.MEMORY_FAILURE: _memory_failure,
    EventKind.CONTROL_ERROR: _control_error,
}


def alert_of(host: Host, event: Event, time: str) -> Instance | None:
    """CIM_AlertIndication of a libvirt event at a CIM datetime; None for what is no reason for one."""
    tell = _ALERTS.get(event.kind) if event.topic is Topic.DOMAIN else None
    alert = tell(event, host.platform) if tell else None
    if alert is None or (event.kind is EventKind.BLOCK_THRESHOLD and _told_without_layer(host, event)):
        return None
    classname, token = f"{host.platform}_ComputerSystem", event.key if host.naming == "uuid" else event.name
    path = Path(classname, (("CreationClassName", classname), ("Name", token)))
    return indication(alert, Subject(event.name, path, classname, token), event.kind.value, time)
