"""The state table against DSP1057, DSP1052 and DSP1027: every state, every request."""

from __future__ import annotations

import pytest

from virtcim.mapping import state
from virtcim.mapping.state import STATES, Paused, Refusal, Run, state_of

# libvirt state, reason, managed save -> name, EnabledState, PowerState, HealthState, first OperationalStatus
SEEN = [
    (Run.RUNNING, 1, False, "Active", 2, 2, 5, 2),
    (Run.RUNNING, 1, True, "Active", 2, 2, 5, 2),
    (Run.BLOCKED, 0, False, "Active", 2, 2, 5, 2),
    (Run.PAUSED, 1, False, "Paused", 9, 3, 5, 2),
    (Run.PAUSED, Paused.IOERROR, False, "Paused by an error", 9, 3, 20, 6),
    (Run.PAUSED, Paused.WATCHDOG, False, "Paused by an error", 9, 3, 20, 6),
    (Run.PAUSED, Paused.CRASHED, False, "Paused by an error", 9, 3, 20, 6),
    (Run.PAUSED, Paused.POSTCOPY_FAILED, False, "Paused by an error", 9, 3, 20, 6),
    (Run.PAUSED, Paused.STARTING_UP, False, "Starting", 10, 2, 5, 8),
    (Run.PAUSED, Paused.MIGRATION, False, "Migrating", 10, 2, 5, 2),
    (Run.PAUSED, Paused.SAVE, False, "Being saved", 9, 3, 5, 2),
    (Run.PAUSED, Paused.SHUTTING_DOWN, False, "Shutting down", 4, 2, 5, 9),
    (Run.PAUSED, 99, False, "Paused", 9, 3, 5, 2),
    (Run.SHUTDOWN, 0, False, "Shutting down", 4, 2, 5, 9),
    (Run.SHUTOFF, 1, False, "Defined", 3, 8, 5, 10),
    (Run.SHUTOFF, 0, True, "Suspended", 6, 7, 5, 15),
    (Run.SHUTOFF, 3, True, "Suspended", 6, 7, 5, 15),
    (Run.SHUTOFF, 3, False, "Defined after a crash", 3, 8, 20, 14),
    (Run.CRASHED, 0, False, "Crashed", 3, 8, 20, 6),
    (Run.PMSUSPENDED, 0, False, "Sleeping", 9, 4, 5, 15),
    (Run.NOSTATE, 0, False, "Unknown", 0, 1, 0, 0),
    (42, 0, False, "Unknown", 0, 1, 0, 0),
]


@pytest.mark.parametrize("seen", SEEN, ids=lambda seen: f"{seen[0]}-{seen[1]}-{'saved' if seen[2] else ''}")
def test_the_row_of_a_libvirt_state(seen: tuple[int, int, bool, str, int, int, int, int]) -> None:
    row = state_of(*seen[:3])
    shown = (row.name, row.enabled_state, row.power_state, row.health_state, row.operational_status[0])
    assert shown == seen[3:]


def test_every_row_can_be_seen() -> None:
    assert {seen[3] for seen in SEEN} == {row.name for row in STATES}


def test_descriptions_go_with_the_statuses() -> None:
    assert [row.name for row in STATES if len(row.operational_status) != len(row.status_descriptions)] == []


# state -> RequestedState -> verb; every other value of the ValueMap is no transition from there
TRANSITIONS = {
    "Active": {3: "destroy", 4: "shutdown", 6: "save", 9: "pause", 10: "reboot", 11: "reset"},
    "Paused": {2: "resume", 3: "destroy", 6: "save", 11: "reset"},
    "Paused by an error": {2: "resume", 3: "destroy", 6: "save", 11: "reset"},
    "Sleeping": {2: "wakeup", 3: "destroy"},
    "Starting": {3: "destroy"},
    "Migrating": {3: "destroy"},
    "Being saved": {3: "destroy"},
    "Shutting down": {3: "destroy"},
    "Suspended": {2: "restore", 3: "discard_saved"},
    "Defined": {2: "start"},
    "Defined after a crash": {2: "start"},
    "Crashed": {2: "cycle", 3: "destroy"},
    "Unknown": {},
}


@pytest.mark.parametrize("row", STATES, ids=lambda row: row.name)
@pytest.mark.parametrize("requested", [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 99])
def test_every_request_in_every_state(row: state.StateRow, requested: int) -> None:
    wanted: str | Refusal = TRANSITIONS[row.name].get(requested, Refusal.INVALID_TRANSITION)
    if requested in (7, 8):
        wanted = Refusal.NOT_SUPPORTED
    if requested in (0, 1, 5, 12, 99):
        wanted = Refusal.INVALID_PARAMETER
    assert state.verb_for(row, requested, "KVM") == wanted


@pytest.mark.parametrize("row", STATES, ids=lambda row: row.name)
@pytest.mark.parametrize("requested", range(19))
def test_every_power_request_in_every_state(row: state.StateRow, requested: int) -> None:
    verb = state.power_verb_for(row, requested, "KVM")
    if requested not in range(2, 17):
        assert verb is Refusal.INVALID_PARAMETER
    elif requested == 4:  # would need an agent in the guest
        assert verb is Refusal.NOT_SUPPORTED
    else:
        assert verb == row.power_requests.get(requested, Refusal.INVALID_TRANSITION)


@pytest.mark.parametrize("row", STATES, ids=lambda row: row.name)
@pytest.mark.parametrize("platform", ["KVM", "LXC", "Xen", "Test"])
@pytest.mark.parametrize("persistent", [True, False])
def test_available_is_exactly_what_is_accepted(row: state.StateRow, platform: str, persistent: bool) -> None:
    accepted = [n for n in range(20) if isinstance(state.verb_for(row, n, platform, persistent), str)]
    assert sorted(row.available(platform, persistent)) == accepted
    assert set(accepted) <= set(state.requested_states(platform))
    powers = [n for n in range(20) if isinstance(state.power_verb_for(row, n, platform, persistent), str)]
    assert sorted(row.available_power(platform, persistent)) == powers
    assert set(powers) <= set(state.requested_powers(platform))


def test_what_the_platforms_support() -> None:
    assert state.requested_states("KVM") == [2, 3, 4, 6, 9, 10, 11]
    assert state.requested_states("LXC") == [2, 3, 4, 9, 10]
    assert state.power_states("KVM") == [2, 3, 4, 7, 8]
    assert 7 not in state.power_states("LXC")
    assert 11 in state.requested_powers("KVM")
    assert 11 not in state.requested_powers("Test")


def test_a_transient_system_can_neither_be_saved_nor_started_again() -> None:
    assert 6 not in state.ACTIVE.available("KVM", persistent=False)
    assert state.verb_for(state.ACTIVE, 6, "KVM", persistent=False) is Refusal.INVALID_TRANSITION
    assert not {5, 9, 15, 16} & set(state.ACTIVE.available_power("KVM", persistent=False))


def test_both_ways_to_ask_lead_to_the_same_verb() -> None:
    for row in STATES:
        for requested, power in state.POWER_OF_REQUEST.items():
            asked = row.requests.get(requested)
            if asked is not None and power in row.power_requests:
                mild = {"reset": "reset", "discard_saved": "discard_saved"}
                assert row.power_requests[power] == mild.get(asked, asked)


def test_every_power_request_has_a_requested_state() -> None:
    known = {value for row in STATES for value in row.power_requests} - {11}
    assert known <= set(state.REQUEST_OF_POWER)
    assert set(state.REQUEST_OF_POWER.values()) <= state.REQUESTS


@pytest.mark.parametrize(("requested", "shown"), [(2, 2), (11, 11), (12, 13), (16, 17)])
def test_the_property_counts_one_more_from_12_on(requested: int, shown: int) -> None:
    assert state.requested_power_property(requested) == shown


def test_what_a_system_shows_that_is_moved() -> None:
    """Its own state, but for libvirt's pause at the end of its leaving; it can do what it could."""
    for row in (state.ACTIVE, state.PAUSED, state.DEFINED):
        shown = state.moving(row, state.EMIGRATING)
        assert (shown.enabled_state, shown.operating_status) == (row.enabled_state, 10)
        assert (shown.operational_status, shown.requests) == ((2, 19), row.requests)
    assert state.moving(state.MIGRATING, state.EMIGRATING).enabled_state == 2
    assert state.moving(state.MIGRATING, 11).enabled_state == 10
