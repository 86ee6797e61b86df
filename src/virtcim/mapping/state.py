"""One row for each virtual system state (DSP1057, DSP1052, DSP1027): what it shows and what leads out of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum, IntEnum


class Run(IntEnum):
    """virDomainState."""

    NOSTATE = 0
    RUNNING = 1
    BLOCKED = 2
    PAUSED = 3
    SHUTDOWN = 4
    SHUTOFF = 5
    CRASHED = 6
    PMSUSPENDED = 7


class Paused(IntEnum):
    """The values of virDomainPausedReason that make a difference here."""

    MIGRATION = 2
    SAVE = 3
    DUMP = 4
    IOERROR = 5
    WATCHDOG = 6
    SHUTTING_DOWN = 8
    SNAPSHOT = 9
    CRASHED = 10
    STARTING_UP = 11
    POSTCOPY = 12
    POSTCOPY_FAILED = 13
    API_ERROR = 14


SHUTOFF_CRASHED = 3  # virDomainShutoffReason

# RequestedState of RequestStateChange -> the same wish as PowerState of RequestPowerStateChange.
POWER_OF_REQUEST = {2: 2, 3: 8, 4: 12, 6: 7, 9: 3, 10: 14, 11: 10}
REQUEST_OF_POWER = {2: 2, 3: 9, 5: 11, 6: 3, 7: 6, 8: 3, 9: 11, 10: 11, 12: 4, 13: 4, 14: 10, 15: 10, 16: 10}
REQUESTS = frozenset({2, 3, 4, 6, 7, 8, 9, 10, 11})  # ValueMap of RequestStateChange.RequestedState
POWER_REQUESTS = frozenset(range(2, 17))  # ValueMap of RequestPowerStateChange.PowerState

# What a driver cannot do, by verb.
UNSUPPORTED: Mapping[str, frozenset[str]] = {
    "LXC": frozenset({"save", "discard_saved", "reset", "wakeup", "inject_nmi"}),
    "Test": frozenset({"wakeup", "inject_nmi"}),
}
NEEDS_DEFINITION = frozenset({"save", "cycle", "graceful_cycle"})


class Refusal(Enum):
    """Why a request is not carried out; the values are Values entries of the methods' return ValueMaps."""

    NOT_SUPPORTED = "Not Supported"
    INVALID_PARAMETER = "Invalid Parameter"
    INVALID_TRANSITION = "Invalid State Transition"


@dataclass(frozen=True)
class StateRow:
    """A state: the values of CIM_ComputerSystem and PowerState, and by requested value the verb that leads out of it.

    Verbs are functions of host.domains, besides "cycle" (destroy, start) and "graceful_cycle" (shutdown, start).
    """

    name: str
    enabled_state: int
    operational_status: tuple[int, ...]
    status_descriptions: tuple[str, ...]
    health_state: int
    operating_status: int
    primary_status: int
    power_state: int
    requests: Mapping[int, str] = field(default_factory=dict)
    power_requests: Mapping[int, str] = field(default_factory=dict)

    def available(self, platform: str, persistent: bool = True) -> list[int]:
        """AvailableRequestedStates."""
        return [value for value, verb in self.requests.items() if can(verb, platform, persistent)]

    def available_power(self, platform: str, persistent: bool = True) -> list[int]:
        """AvailableRequestedPowerStates."""
        return [value for value, verb in self.power_requests.items() if can(verb, platform, persistent)]


POWER_OFF = {6: "destroy", 8: "destroy"}
ACTIVE = StateRow(
    "Active", 2, (2,), ("OK",), 5, 16, 1, 2,
    {3: "destroy", 4: "shutdown", 6: "save", 9: "pause", 10: "reboot", 11: "reset"},
    {3: "pause", 5: "cycle", 7: "save", 9: "cycle", 10: "reset", 11: "inject_nmi", 12: "shutdown", 13: "shutdown",
     14: "reboot", 15: "graceful_cycle", 16: "graceful_cycle", **POWER_OFF},
)  # fmt: skip
FROM_PAUSED = {2: "resume", 3: "destroy", 6: "save", 11: "reset"}
POWER_FROM_PAUSED = {2: "resume", 5: "cycle", 7: "save", 9: "cycle", **POWER_OFF}
PAUSED = StateRow("Paused", 9, (2, 15), ("OK", "Dormant"), 5, 7, 1, 3, FROM_PAUSED, POWER_FROM_PAUSED)
FAULTED = StateRow("Paused by an error", 9, (6,), ("Error",), 20, 6, 3, 3, FROM_PAUSED, POWER_FROM_PAUSED)
SLEEPING = StateRow(
    "Sleeping", 9, (15,), ("Dormant",), 5, 7, 1, 4, {2: "wakeup", 3: "destroy"}, {2: "wakeup", **POWER_OFF}
)
BUSY = {3: "destroy"}
STARTING = StateRow("Starting", 10, (8,), ("Starting",), 5, 3, 1, 2, BUSY, POWER_OFF)
MIGRATING = StateRow("Migrating", 10, (2, 19), ("OK", "Relocating"), 5, 9, 1, 2, BUSY, POWER_OFF)
SAVING = StateRow("Being saved", 9, (2,), ("OK",), 5, 12, 1, 3, BUSY, POWER_OFF)
SHUTTING_DOWN = StateRow("Shutting down", 4, (9,), ("Stopping",), 5, 13, 1, 2, BUSY, POWER_OFF)
SUSPENDED = StateRow(
    "Suspended",
    6,
    (15,),
    ("Dormant",),
    5,
    7,
    1,
    7,
    {2: "restore", 3: "discard_saved"},
    {2: "restore", 6: "discard_saved"},
)
DEFINED = StateRow("Defined", 3, (10,), ("Stopped",), 5, 5, 1, 8, {2: "start"}, {2: "start"})
ABORTED = StateRow("Defined after a crash", 3, (14,), ("Aborted",), 20, 6, 3, 8, {2: "start"}, {2: "start"})
CRASHED = StateRow("Crashed", 3, (6,), ("Error",), 20, 6, 3, 8, {2: "cycle", 3: "destroy"}, {2: "cycle", **POWER_OFF})
UNKNOWN = StateRow("Unknown", 0, (0,), ("Unknown",), 0, 0, 0, 1)

STATES = (
    ACTIVE, PAUSED, FAULTED, SLEEPING, STARTING, MIGRATING, SAVING, SHUTTING_DOWN, SUSPENDED, DEFINED, ABORTED, CRASHED,
    UNKNOWN,
)  # fmt: skip

BY_STATE = {
    Run.RUNNING: ACTIVE, Run.BLOCKED: ACTIVE, Run.PAUSED: PAUSED, Run.SHUTDOWN: SHUTTING_DOWN, Run.SHUTOFF: DEFINED,
    Run.CRASHED: CRASHED, Run.PMSUSPENDED: SLEEPING,
}  # fmt: skip
BY_PAUSE = {
    Paused.MIGRATION: MIGRATING, Paused.SAVE: SAVING, Paused.DUMP: SAVING, Paused.IOERROR: FAULTED,
    Paused.WATCHDOG: FAULTED, Paused.SHUTTING_DOWN: SHUTTING_DOWN, Paused.SNAPSHOT: SAVING, Paused.CRASHED: FAULTED,
    Paused.STARTING_UP: STARTING, Paused.POSTCOPY: MIGRATING, Paused.POSTCOPY_FAILED: FAULTED,
    Paused.API_ERROR: FAULTED,
}  # fmt: skip


def state_of(state: int, reason: int = 0, managed_save: bool = False) -> StateRow:
    """The row for what virDomainGetState says; a state libvirt may add later is Unknown."""
    if state == Run.PAUSED:
        return BY_PAUSE.get(reason, PAUSED)  # type: ignore[call-overload]
    if state == Run.SHUTOFF and managed_save:
        return SUSPENDED
    if state == Run.SHUTOFF and reason == SHUTOFF_CRASHED:
        return ABORTED
    return BY_STATE.get(state, UNKNOWN)  # type: ignore[call-overload]


EMIGRATING, SNAPSHOTTING = 10, 12  # OperatingStatus


def moving(row: StateRow, operating: int) -> StateRow:
    """What a system shows that is being moved: its state, but for libvirt's pause at the end of its leaving.

    One of which a snapshot is taken, applied or deleted stays what it is.
    """
    if operating == SNAPSHOTTING:
        return replace(row, operating_status=operating)
    shown = ACTIVE if row is MIGRATING and operating == EMIGRATING else row
    return replace(
        shown,
        operational_status=MIGRATING.operational_status,
        status_descriptions=MIGRATING.status_descriptions,
        operating_status=operating,
    )


def can(verb: str, platform: str, persistent: bool = True) -> bool:
    """Whether the platform's driver knows the verb, and the verb makes sense for a domain that may be transient."""
    return verb not in UNSUPPORTED.get(platform, ()) and (persistent or verb not in NEEDS_DEFINITION)


def verb_for(row: StateRow, requested: int, platform: str, persistent: bool = True) -> str | Refusal:
    """What RequestStateChange(requested) does in a state, or why it does nothing."""
    return _verb(row.requests, REQUESTS, requested_states(platform), requested, platform, persistent)


def power_verb_for(row: StateRow, requested: int, platform: str, persistent: bool = True) -> str | Refusal:
    """What RequestPowerStateChange(requested) does in a state, or why it does nothing."""
    return _verb(row.power_requests, POWER_REQUESTS, requested_powers(platform), requested, platform, persistent)


def _verb(
    out: Mapping[int, str], known: frozenset[int], supported: list[int], requested: int, platform: str, persistent: bool
) -> str | Refusal:
    if requested not in known:
        return Refusal.INVALID_PARAMETER
    if requested not in supported:
        return Refusal.NOT_SUPPORTED
    verb = out.get(requested)
    return Refusal.INVALID_TRANSITION if verb is None or not can(verb, platform, persistent) else verb


def requested_states(platform: str) -> list[int]:
    """RequestedStatesSupported."""
    return sorted({value for row in STATES for value in row.available(platform)})


def requested_powers(platform: str) -> list[int]:
    """RequestedPowerStatesSupported."""
    return sorted({value for row in STATES for value in row.available_power(platform)})


def power_states(platform: str) -> list[int]:
    """PowerStatesSupported: the power states a virtual system of the platform can be in."""
    unreachable = {7} if not can("save", platform) else set[int]()
    return sorted({row.power_state for row in STATES if row is not UNKNOWN} - unreachable)


def requested_power_property(requested: int) -> int:
    """RequestedPowerState of CIM_AssociatedPowerManagementService: its ValueMap counts one more from 12 on."""
    return requested + 1 if requested >= 12 else requested
