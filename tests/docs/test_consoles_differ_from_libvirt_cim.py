"""docs/coming-from-libvirt-cim.md, statement by statement: how consoles are reached."""

from __future__ import annotations

from pywbem import CIMInstance
from tests.docs.old_client import OldClient

SERVICE, ACCESS = "Test_ConsoleRedirectionService", "Test_KVMRedirectionSAP"
AS_OF_OLD = {
    "Name": "ConsoleRedirectionService",
    "ElementName": "ConsoleRedirectionService",
    "RedirectionServiceType": [3],
    "SharingMode": 3,
    "MaxCurrentEnabledSAPs": 65535,
    "EnabledState": 2,
    "EnabledDefault": 2,
    "RequestedState": 12,
}


def access_points(reader: OldClient) -> dict[str, CIMInstance]:
    return {one["Name"]: one for one in reader.connection.EnumerateInstances(ACCESS)}


def test_service_is_what_it_was(reader: OldClient) -> None:
    (service,) = reader.connection.EnumerateInstances(SERVICE)
    assert {name: service[name] for name in AS_OF_OLD} == AS_OF_OLD
    (found,) = reader.connection.Associators(service.path, "Test_ElementCapabilities")
    assert found["InstanceID"] == "ConsoleRedirectionCapabilities"
    assert (found["SharingModeSupported"], found["ElementNameEditSupported"]) == ([3], False)


def test_names_have_no_port(reader: OldClient) -> None:
    found = access_points(reader)
    assert found["web1/vnc"]["ElementName"] == "5901:0"
    assert found["desktop1/spice"]["ElementName"] == "-1:-1"
    assert (found["web1/vnc"]["SystemName"], found["web1/vnc"]["SystemCreationClassName"]) == (
        "web1",
        "Test_ComputerSystem",
    )


def test_one_for_each_console_whatever_its_state(reader: OldClient) -> None:
    states = {name: (one["KVMProtocol"], one["EnabledState"]) for name, one in access_points(reader).items()}
    assert states == {"web1/vnc": (4, 6), "web2/vnc": (4, 6), "mail1/vnc": (4, 6), "desktop1/spice": (1, 3)}


def test_its_system_hosts_it(reader: OldClient) -> None:
    access = access_points(reader)["web1/vnc"].path
    (system,) = reader.connection.AssociatorNames(access, "Test_HostedAccessPoint")
    assert (system.classname, system["Name"]) == (access["SystemCreationClassName"], access["SystemName"])


def test_port_and_address_are_one_association_away(reader: OldClient) -> None:
    access = access_points(reader)["web1/vnc"].path
    (port,) = reader.connection.Associators(access, "Test_BindsTo")
    assert (port.classname, port["PortNumber"]) == ("Test_TCPProtocolEndpoint", 5901)
    (address,) = reader.connection.Associators(access, "Test_RemoteAccessAvailableToElement")
    assert (address.classname, address["AccessInfo"]) == ("Test_RemoteServiceAccessPoint", "vnc://127.0.0.1:5901")


def test_service_works_on_systems_screens_and_pointers(reader: OldClient) -> None:
    (service,) = reader.connection.EnumerateInstanceNames(SERVICE)
    affected = reader.connection.AssociatorNames(service, "Test_ServiceAffectsElement")
    kinds = {one.classname for one in affected}
    assert kinds == {"Test_ComputerSystem", "Test_DisplayController", "Test_PointingDevice"}
    assert {one["Name"] for one in affected if "Name" in one} == {"web1", "web2", "mail1", "desktop1"}
