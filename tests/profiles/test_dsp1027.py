"""DSP1027: power states, and what every request of one does in each state of a virtual system."""

from __future__ import annotations

import threading

import pytest
from tests.profiles.client import Client, system_path
from tests.profiles.conftest import StartClient
from tests.profiles.states import ENABLED_STATE, POWER_STATE, SUBJECT, bring

from virtcim.broker.call import CIMError, Item, Path, Status
from virtcim.host import domains
from virtcim.host.inventory import Vm

OK, UNSUPPORTED, INVALID, JOB, TRANSITION, NO_TIMEOUT, BUSY = 0, 1, 5, 4096, 4097, 4098, 4099
LINK = "CIM_AssociatedPowerManagementService"
NOT_THERE = {4, 11}  # what the test driver cannot do: guest sleep, NMI
OFF = {6: (OK, "Defined"), 8: (OK, "Defined")}
CYCLE = {5: (OK, "Active"), 9: (OK, "Active")}

# State -> requested power state -> (return code, the state it leads to). What is not here is an invalid transition.
ALLOWED: dict[str, dict[int, tuple[int, str]]] = {
    "Defined": {2: (OK, "Active")},
    "Active": {
        3: (OK, "Paused"),
        7: (JOB, "Suspended"),
        10: (OK, "Active"),
        12: (JOB, "Defined"),
        13: (JOB, "Defined"),
        14: (JOB, "Active"),
        15: (JOB, "Active"),
        16: (JOB, "Active"),
        **OFF,
        **CYCLE,
    },
    "Paused": {2: (OK, "Active"), 7: (JOB, "Suspended"), **OFF, **CYCLE},
    "Suspended": {2: (OK, "Active"), 6: (OK, "Defined")},
    "Crashed": {2: (OK, "Active"), **OFF},
}
# Requested power state -> RequestedState of DSP1057 that says the same
AS_STATE = {2: 2, 3: 9, 5: 11, 6: 3, 7: 6, 8: 3, 9: 11, 10: 11, 12: 4, 13: 4, 14: 10, 15: 10, 16: 10}
# RequestedState of DSP1057 -> RequestedPowerState that says the same
AS_POWER = {2: 2, 3: 8, 4: 13, 6: 7, 9: 3, 10: 15, 11: 10}


def service(client: Client) -> Path:
    return client.instances("CIM_PowerManagementService")[0].path


def link(client: Client, name: str) -> Item:
    """What the power management service says of a virtual system."""
    (found,) = client.links(system_path(name), LINK, role="UserOfService")
    return found


def request(client: Client, name: str, state: object, **more: object) -> int:
    """RequestPowerStateChange and the end of its job; the return code."""
    arguments: dict[str, object] = {"PowerState": str(state), "ManagedElement": system_path(name), **more}
    given = {key: value for key, value in arguments.items() if value is not None}
    answer = client.invoke(service(client), "RequestPowerStateChange", **given)  # type: ignore[arg-type]
    if answer.value == JOB:
        assert client.job_of(answer).error == ""
    return int(str(answer.value))


@pytest.mark.parametrize("state", ALLOWED)
@pytest.mark.parametrize("requested", range(2, 17))
def test_every_request_in_every_state(client: Client, state: str, requested: int) -> None:
    name = bring(client, state)
    before = link(client, name).properties
    assert before["PowerState"] == POWER_STATE[state]
    assert (requested in before["AvailableRequestedPowerStates"]) == (requested in ALLOWED[state])  # type: ignore[operator]
    refusal = UNSUPPORTED if requested in NOT_THERE else TRANSITION
    code, after = ALLOWED[state].get(requested, (refusal, state))
    assert request(client, name, requested) == code
    shown, system = link(client, name).properties, client.system(name).properties
    assert shown["PowerState"] == POWER_STATE[after]
    assert system["EnabledState"] == ENABLED_STATE[after]
    assert shown["TransitioningToPowerState"] == 19
    if code in (OK, JOB):
        assert shown["RequestedPowerState"] == requested + (requested >= 12)
        assert system["RequestedState"] == AS_STATE[requested]
    else:
        assert shown["RequestedPowerState"] == 12
        assert system["RequestedState"] == 0


@pytest.mark.parametrize(("requested", "power"), AS_POWER.items())
def test_state_requests_show_as_power_requests(client: Client, requested: int, power: int) -> None:
    name = bring(client, "Paused" if requested == 2 else "Active")
    answer = client.invoke(system_path(name), "RequestStateChange", RequestedState=str(requested))
    assert answer.value in (OK, JOB)
    if answer.value == JOB:
        client.job_of(answer)
    assert link(client, name).properties["RequestedPowerState"] == power


def test_a_cycle_given_up_by_turning_off(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who turns a system off while it cycles does not get it back on."""
    go_on = threading.Event()

    def slow(vm: Vm, **_: object) -> Vm | None:
        assert go_on.wait(30)
        return vm.host.vm(vm.uuid)

    monkeypatch.setattr(domains, "shutdown", slow)
    arguments = {"PowerState": "15", "ManagedElement": system_path(SUBJECT)}
    answer = client.invoke(service(client), "RequestPowerStateChange", **arguments)  # type: ignore[arg-type]
    assert link(client, SUBJECT).properties["TransitioningToPowerState"] == 15
    assert link(client, SUBJECT).properties["AvailableRequestedPowerStates"] == [6, 8]
    assert request(client, SUBJECT, 10) == BUSY
    assert request(client, SUBJECT, 8) == OK
    go_on.set()
    assert "turned off meanwhile" in client.job_of(answer).error
    assert client.system(SUBJECT).properties["EnabledState"] == 3
    assert link(client, SUBJECT).properties["TransitioningToPowerState"] == 19


@pytest.mark.parametrize("requested", [0, 1, 17, 18, 99, 65535])
def test_a_state_that_cannot_be_requested(client: Client, requested: int) -> None:
    assert request(client, SUBJECT, requested) == INVALID


def test_missing_power_state(client: Client) -> None:
    answer = client.invoke(service(client), "RequestPowerStateChange", ManagedElement=system_path(SUBJECT))
    assert answer.value == INVALID
    assert "PowerState" in answer.reason


def host(client: Client) -> Path:
    return client.instances("Virt_HostSystem")[0].path


ELEMENTS = {
    "nothing": lambda _: None,
    "the host": host,
    "the service": service,
    "a system that is not there": lambda _: system_path("nobody"),
    "a system of another platform": lambda _: system_path(SUBJECT, "KVM"),
    "a class that does not exist": lambda _: Path("No_Such", (("Name", "x"),)),
}


@pytest.mark.parametrize("element", ELEMENTS.values(), ids=ELEMENTS)
def test_element_that_is_not_managed(client: Client, element: object) -> None:
    assert callable(element)
    assert request(client, SUBJECT, 6, ManagedElement=element(client)) == INVALID
    assert client.system(SUBJECT).properties["EnabledState"] == 2


def test_system_of_another_host(start_client: StartClient, node_uri: str) -> None:
    with start_client(node_uri, "test:///default", naming="uuid") as client:
        services = {item.properties["SystemName"]: item.path for item in client.instances("CIM_PowerManagementService")}
        assert len(services) == 2
        first, second = client.world.hosts
        vm = second.vms[0]
        foreign = system_path(vm.uuid)
        arguments = {"PowerState": "3", "ManagedElement": foreign}
        answers = [
            client.invoke(services[host.uuid], "RequestPowerStateChange", **arguments).value  # type: ignore[arg-type]
            for host in (first, second)
        ]
        assert answers == [INVALID, OK]


TIMES = {
    "zero timeout": ({"TimeoutPeriod": "00000000000000.000000:000"}, OK),
    "timeout": ({"TimeoutPeriod": "00000000000005.000000:000"}, NO_TIMEOUT),
    "timeout as a moment": ({"TimeoutPeriod": "20300101000000.000000+000"}, INVALID),
    "a set time": ({"Time": "20300101000000.000000+000"}, UNSUPPORTED),
}


@pytest.mark.parametrize(("more", "code"), TIMES.values(), ids=TIMES)
def test_times(client: Client, more: dict[str, object], code: int) -> None:
    assert request(client, SUBJECT, 3, **more) == code


def test_every_system_has_one_service(shared: Client) -> None:
    links = shared.instances(LINK)
    assert len(links) == len(shared.instances("Virt_ComputerSystem"))
    assert shared.across(system_path("web1"), "CIM_ServiceAvailableToElement")[0].path == service(shared)


def test_capabilities(shared: Client) -> None:
    (found,) = shared.across(service(shared), "CIM_ElementCapabilities", "CIM_PowerManagementCapabilities")
    requests = set(found.properties["RequestedPowerStatesSupported"])  # type: ignore[arg-type]
    assert requests == set(range(2, 17)) - NOT_THERE
    assert found.properties["PowerChangeCapabilities"] == [3, 4, 6, 7, 8]
    assert {2, 3, 7, 8} <= set(found.properties["PowerStatesSupported"])  # type: ignore[arg-type]


def test_service_is_hosted(shared: Client) -> None:
    (found,) = shared.across(service(shared), "CIM_HostedService")
    assert found.path == host(shared)
    assert service(shared).key("SystemName") == found.properties["Name"]


@pytest.mark.parametrize("method", ["SetPowerState", "StartService", "StopService"])
def test_methods_that_are_left_out(shared: Client, method: str) -> None:
    with pytest.raises(CIMError) as caught:
        shared.invoke(service(shared), method)
    assert caught.value.status is Status.METHOD_NOT_AVAILABLE
