"""DSP1052: host systems."""

from __future__ import annotations

import pytest
from tests.profiles.client import Client
from tests.profiles.conftest import StartClient

from virtcim.broker.call import CIMError, Item, Path, Status


def host(client: Client) -> Item:
    (found,) = client.instances("Virt_HostSystem")
    return found


def test_host(shared: Client) -> None:
    shown = host(shared).properties
    world = shared.world.hosts[0]
    assert shown["CreationClassName"] == "Test_HostSystem"
    assert shown["Name"] == shown["ElementName"] == world.name
    assert (shown["EnabledState"], shown["OperationalStatus"], shown["HealthState"]) == (2, [2], 5)
    assert shown["Dedicated"] == [0]
    assert len(shown["OtherIdentifyingInfo"]) == len(shown["IdentifyingDescriptions"])  # type: ignore[arg-type]
    assert shared.get(host(shared).path).properties == shown


def test_host_by_uuid(start_client: StartClient, node_uri: str) -> None:
    with start_client(node_uri, naming="uuid") as client:
        assert host(client).properties["Name"] == client.world.hosts[0].uuid
        assert host(client).properties["NameFormat"] == "UUID"


def test_unreachable_host(start_client: StartClient, node_uri: str) -> None:
    """It is shown, says why it cannot be reached, and its virtual systems are not known."""
    with start_client(node_uri) as client:
        away = client.world.hosts[0]
        away.stop()
        shown = host(client).properties
        assert (shown["EnabledState"], shown["OperationalStatus"], shown["CommunicationStatus"]) == (0, [13], 3)
        with pytest.raises(CIMError):
            client.instances("Virt_ComputerSystem")
        assert client.links(host(client).path, "CIM_AssociatedPowerManagementService") == []


@pytest.mark.parametrize("state", ["2", "3", "99"])
def test_host_keeps_its_state(shared: Client, state: str) -> None:
    assert shared.invoke(host(shared).path, "RequestStateChange", RequestedState=state).value == 1


def test_deprecated_method(shared: Client) -> None:
    with pytest.raises(CIMError) as caught:
        shared.invoke(host(shared).path, "SetPowerState", PowerState="1")
    assert caught.value.status is Status.METHOD_NOT_AVAILABLE


def test_keys_of_nobody(shared: Client) -> None:
    path = Path("Test_HostSystem", (("CreationClassName", "Test_HostSystem"), ("Name", "elsewhere")))
    with pytest.raises(CIMError) as caught:
        shared.get(path)
    assert caught.value.status is Status.NOT_FOUND
