"""DSP1057: what a virtual system shows in each state, and what every request does in each of them."""

from __future__ import annotations

import threading
import time

import pytest
from tests.profiles.client import Client, out, system_path
from tests.profiles.states import ENABLED_STATE, SUBJECT, bring
from tests.told import symbol_of

from virtcim.broker.call import CIMError, Item, Status
from virtcim.host import domains
from virtcim.host.inventory import Vm

OK, UNSUPPORTED, FAILED, INVALID, JOB, TRANSITION, NO_TIMEOUT, BUSY = 0, 1, 4, 5, 4096, 4097, 4098, 4099
REQUESTS = (2, 3, 4, 6, 7, 8, 9, 10, 11)

# State -> request -> (return code, the state it leads to). What is not here is an invalid transition.
ALLOWED: dict[str, dict[int, tuple[int, str]]] = {
    "Defined": {2: (OK, "Active")},
    "Active": {
        3: (OK, "Defined"),
        4: (JOB, "Defined"),
        6: (JOB, "Suspended"),
        9: (OK, "Paused"),
        10: (JOB, "Active"),
        11: (OK, "Active"),
    },
    "Paused": {2: (OK, "Active"), 3: (OK, "Defined"), 6: (JOB, "Suspended"), 11: (OK, "Active")},
    "Suspended": {2: (OK, "Active"), 3: (OK, "Defined")},
    "Crashed": {2: (OK, "Active"), 3: (OK, "Defined")},
}
SUPPORTED = [2, 3, 4, 6, 9, 10, 11]


def request(client: Client, name: str, state: object, **more: str) -> int:
    """RequestStateChange and the end of its job; the return code."""
    parameters = more if state is None else {"RequestedState": str(state), **more}
    answer = client.invoke(system_path(name), "RequestStateChange", **parameters)
    if answer.value == JOB:
        assert client.job_of(answer).error == ""
    assert bool(answer.reason) == (answer.value not in (OK, JOB))
    return int(str(answer.value))


@pytest.mark.parametrize("state", ALLOWED)
@pytest.mark.parametrize("requested", REQUESTS)
def test_every_request_in_every_state(client: Client, state: str, requested: int) -> None:
    name = bring(client, state)
    before = client.system(name).properties
    unsupported = requested not in SUPPORTED
    code, after = ALLOWED[state].get(requested, (UNSUPPORTED if unsupported else TRANSITION, state))
    assert (requested in before["AvailableRequestedStates"]) == (requested in ALLOWED[state])  # type: ignore[operator]
    assert request(client, name, requested) == code
    shown = client.system(name).properties
    assert shown["EnabledState"] == ENABLED_STATE[after]
    assert shown["RequestedState"] == (requested if code in (OK, JOB) else before["RequestedState"])
    assert shown["TransitioningToState"] == 5
    assert client.vm(name).state == client.vm(name).host.refresh(client.vm(name).uuid).state  # type: ignore[union-attr]


@pytest.mark.parametrize("requested", [None, 0, 1, 5, 12, 99, 32768, 65535])
def test_a_state_that_cannot_be_requested(client: Client, requested: int | None) -> None:
    assert request(client, SUBJECT, requested) == INVALID
    assert client.system(SUBJECT).properties["RequestedState"] == 0


TIMEOUTS = {
    "none": (None, OK),
    "zero": ("00000000000000.000000:000", OK),
    "five seconds": ("00000000000005.000000:000", NO_TIMEOUT),
    "a microsecond": ("00000000000000.000001:000", NO_TIMEOUT),
    "a day": ("00000001000000.000000:000", NO_TIMEOUT),
    "a moment": ("20300101000000.000000+000", INVALID),
}


@pytest.mark.parametrize(("period", "code"), TIMEOUTS.values(), ids=TIMEOUTS)
def test_timeout_period(client: Client, period: str | None, code: int) -> None:
    assert request(client, SUBJECT, 9, **({"TimeoutPeriod": period} if period else {})) == code
    assert client.system(SUBJECT).properties["EnabledState"] == (9 if code == OK else 2)


def test_timeout_period_of_another_form(client: Client) -> None:
    with pytest.raises(CIMError, match="TimeoutPeriod") as caught:
        request(client, SUBJECT, 9, TimeoutPeriod="5 seconds")
    assert caught.value.status is Status.INVALID_PARAMETER


def test_unknown_system(client: Client) -> None:
    with pytest.raises(CIMError) as caught:
        request(client, "nobody", 2)
    assert caught.value.status is Status.NOT_FOUND


def test_state_changed_behind_our_back(client: Client) -> None:
    """What counts is the state at libvirt, even before its event has arrived."""
    vm = client.vm(SUBJECT)
    domains.destroy(vm)
    with client.world.hosts[0].link.borrow() as connection:
        connection.lookupByName(SUBJECT).create()
        answer = client.invoke(system_path(SUBJECT), "RequestStateChange", RequestedState="2")
    assert answer.value == TRANSITION
    assert client.system(SUBJECT).properties["RequestedState"] == 0


def test_requested_state_survives_in_the_definition(client: Client) -> None:
    request(client, SUBJECT, 9)
    request(client, SUBJECT, 3)
    with client.world.hosts[0].link.borrow() as connection:
        xml = connection.lookupByName(SUBJECT).XMLDesc(2)  # VIR_DOMAIN_XML_INACTIVE
    assert "<virtcim:RequestedState>3</virtcim:RequestedState>" in xml
    assert client.system(SUBJECT).properties["RequestedState"] == 3


def test_a_system_saved_while_paused_is_active_afterwards(client: Client) -> None:
    for requested in (9, 6, 2):
        request(client, SUBJECT, requested)
    assert client.system(SUBJECT).properties["EnabledState"] == 2


def test_nonsense_in_our_metadata_hides_nothing(client: Client) -> None:
    host = client.world.hosts[0]
    nonsense = "<system><RequestedState>soon</RequestedState></system>"
    domains.set_metadata(client.vm(SUBJECT), nonsense, "virtcim", "http://virtcim.org/schema/1", live=True, config=True)
    assert "soon" in client.vm(SUBJECT).state_xml
    assert client.system(SUBJECT).properties["RequestedState"] == 0
    assert len(client.instances("Virt_ComputerSystem")) == len(host.vms)
    assert request(client, SUBJECT, 9) == OK
    assert client.system(SUBJECT).properties["RequestedState"] == 9


def test_foreign_metadata_stays(client: Client) -> None:
    request(client, "web1", 9)
    assert "<team:owner" in client.vm("web1").state_xml
    assert "<team:owner" in str(client.vm("web1").defined_xml)


def test_time_of_state_change_follows_the_state(client: Client) -> None:
    request(client, SUBJECT, 9)
    first = client.system(SUBJECT).properties["TimeOfLastStateChange"]
    request(client, SUBJECT, 9)
    assert client.system(SUBJECT).properties["TimeOfLastStateChange"] == first
    time.sleep(0.01)
    request(client, SUBJECT, 2)
    assert str(client.system(SUBJECT).properties["TimeOfLastStateChange"]) > str(first)


def test_time_of_state_change_is_known_of_what_came_while_we_looked(client: Client) -> None:
    assert "TimeOfLastStateChange" not in client.system(SUBJECT).properties
    assert "TimeOfLastStateChange" in transient(client).properties


def test_while_a_job_is_at_work(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """The transition shows; only turning the system off is possible meanwhile."""
    go_on = threading.Event()
    shutdown = domains.shutdown

    def slow(vm: Vm, **more: object) -> Vm | None:
        assert go_on.wait(30)
        return shutdown(vm)

    monkeypatch.setattr(domains, "shutdown", slow)
    answer = client.invoke(system_path(SUBJECT), "RequestStateChange", RequestedState="4")
    assert answer.value == JOB
    shown = client.system(SUBJECT).properties
    assert (shown["RequestedState"], shown["TransitioningToState"]) == (4, 4)
    assert shown["AvailableRequestedStates"] == [3]
    refused = client.invoke(system_path(SUBJECT), "RequestStateChange", RequestedState="9")
    assert (refused.value, symbol_of(refused.reason)) == (BUSY, "VS_BUSY")
    assert request(client, SUBJECT, 3) == OK
    go_on.set()
    assert client.job_of(answer).state == 10  # Exception: it was off already
    shown = client.system(SUBJECT).properties
    assert (shown["EnabledState"], shown["RequestedState"], shown["TransitioningToState"]) == (3, 3, 5)


def transient(client: Client) -> Item:
    client.add_transient("brief")
    return client.system("brief")


def test_transient_system(client: Client) -> None:
    """It has a State configuration only, cannot be saved, and is gone when it is turned off (R21)."""
    system = transient(client)
    assert 6 not in system.properties["AvailableRequestedStates"]  # type: ignore[operator]
    state = client.across(system.path, "CIM_SettingsDefineState")[0]
    assert client.links(state.path, "CIM_ElementSettingData") == []
    assert request(client, "brief", 6) == TRANSITION
    assert request(client, "brief", 9) == OK
    assert client.system("brief").properties["RequestedState"] == 9
    assert request(client, "brief", 3) == OK
    with pytest.raises(CIMError):
        client.system("brief")


def test_job_parameter_is_the_job(client: Client) -> None:
    answer = client.invoke(system_path(SUBJECT), "RequestStateChange", RequestedState="10")
    job = client.job_of(answer)
    assert out(answer, "Job") == client.instances("CIM_ConcreteJob")[0].path
    ((element, _),) = job.work.affects
    assert isinstance(element, Vm)
    assert element.uuid == client.vm(SUBJECT).uuid
