"""Alert indications: what libvirt announces of a domain that is no change of its model."""

from __future__ import annotations

from collections.abc import Callable

from virtcim.broker.call import Instance, Path
from virtcim.host.events import Event, EventKind, Topic
from virtcim.host.inventory import Host
from virtcim.messages import message
from virtcim.profiles.alert import Alert, Subject, indication

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
MINOR, MAJOR, CRITICAL = 4, 5, 6  # PerceivedSeverity
MEMORY_SEVERITIES = (MINOR, MAJOR, CRITICAL, CRITICAL)
MEMORY_OWNERS = ("its host", "the guest")


def _lifecycle(event: Event, platform: str) -> Alert | None:
    what, detail = event.values[:2]
    if what == CRASHED or ((what, detail) == (STOPPED, STOP_CRASHED) and platform not in CRASH_FIRST):
        return Alert(message("VS_CRASHED", event.name))
    if (what, detail) == (STOPPED, STOP_FAILED):
        return Alert(message("EMULATOR_FAILED", event.name))
    return None


def _io_error(event: Event, _: str) -> Alert:
    source, device, action, reason = (*event.values, "", "", 0, "")[:4]
    done = _word(IO_ACTIONS, action)
    if reason == NO_SPACE:
        return Alert(message("DISK_NO_SPACE", event.name, device, source, done))
    return Alert(message("DISK_IO_ERROR", event.name, device, source, done))


def _watchdog(event: Event, _: str) -> Alert:
    done = _word(WATCHDOG_ACTIONS, event.values[0] if event.values else 0)
    return Alert(message("WATCHDOG_EXPIRED", event.name, done))


def _removal_failed(event: Event, _: str) -> Alert:
    device = str(event.values[0]) if event.values else ""
    return Alert(message("DEVICE_REMOVAL_FAILED", event.name, device))


def _agent(event: Event, _: str) -> Alert | None:
    """libvirt calls the agent of a guest that has just been started disconnected: there was none that could go."""
    state, reason = event.values[:2]
    if state == AGENT_CONNECTED:
        return Alert(message("AGENT_CONNECTED", event.name))
    if state == AGENT_DISCONNECTED and reason == BY_CHANNEL:
        return Alert(message("AGENT_LOST", event.name))
    return None


def _threshold(event: Event, _: str) -> Alert:
    device, _path, threshold, excess = event.values[:4]
    return Alert(message("DISK_THRESHOLD", event.name, device, threshold, excess))


def _told_without_layer(host: Host, event: Event) -> bool:
    """Whether libvirt announces the same by the name of the disk alone: it does of the uppermost image."""
    target, _, layer = str(event.values[0]).rstrip("]").partition("[")
    vm = host.vm(event.key) if layer else None
    return vm is not None and any(one.target == target and str(one.layer) == layer for one in vm.state_document.disks)


def _memory_failure(event: Event, _: str) -> Alert:
    owner, action = event.values[:2]
    severity = MEMORY_SEVERITIES[action] if action in range(len(MEMORY_SEVERITIES)) else MAJOR
    told = message("MEMORY_FAILED", event.name, _word(MEMORY_ACTIONS, action), _word(MEMORY_OWNERS, owner))
    return Alert(told, severity)


def _control_error(event: Event, _: str) -> Alert:
    return Alert(message("EMULATOR_OUT_OF_CONTROL", event.name))


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
