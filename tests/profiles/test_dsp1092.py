"""DSP1092: the server itself in Interop, in its own model and in the one of the object manager."""

from __future__ import annotations

import pytest
from tests.profiles.client import Client, out
from tests.profiles.machine import NAMESPACES, World, across, all_of, embedded, only, served

from virtcim.broker.call import CIMError, Instance, MethodAnswer, Status, Value
from virtcim.broker.schema import Schema
from virtcim.profiles import dsp1092


@pytest.fixture
def client(repository: Schema) -> Client:
    return served(repository, World("there.example", "here.example"))


@pytest.mark.parametrize(
    ("classname", "count"),
    [
        ("CIM_WBEMServer", 1),
        ("CIM_WBEMServerCapabilities", 1),
        ("CIM_WBEMServerNamespace", 2),
        ("CIM_ProtocolService", 1),
        ("CIM_CIMXMLCapabilities", 1),
        ("CIM_RemoteServiceAccessPoint", 2),
        ("CIM_ObjectManager", 1),
        ("CIM_Namespace", 2),
        ("CIM_CIMXMLCommunicationMechanism", 2),
    ],
)
def testembedded(client: Client, classname: str, count: int) -> None:
    found = all_of(client, classname)
    assert len({item.path for item in found}) == count
    for item in found:
        assert item.cls.name == classname
        assert None not in dict(item.path.keys).values()
        assert client.call("GetInstance", "interop", InstanceName=item.path)[0].properties == item.properties
    assert all_of(client, classname, "root/virt") == []


@pytest.mark.parametrize("classname", ["CIM_WBEMServer", "CIM_ObjectManager"])
def test_brand_and_version(client: Client, classname: str) -> None:
    properties = only(client, classname).properties
    assert properties["ElementName"] == "virtcim"
    assert properties["Description"] == "virtcim Version 1.2.3"
    assert (properties["SystemCreationClassName"], properties["SystemName"]) == ("CIM_ComputerSystem", "here.example")


def test_both_models_have_the_same_namespaces(client: Client) -> None:
    for classname in ("CIM_WBEMServerNamespace", "CIM_Namespace"):
        assert {item.properties["Name"] for item in all_of(client, classname)} == set(NAMESPACES)


def test_schemas_of_a_namespace(client: Client) -> None:
    for item in all_of(client, "CIM_WBEMServerNamespace"):
        assert [_fields(one, "Name", "Version") for one in embedded(item, "SchemaInformation")] == [
            ("CIM", "2.49.0"),
            ("Virt", "1.2.3"),
        ]


def _fields(instance: Instance, *names: str) -> tuple[Value, ...]:
    return tuple(instance.properties[name] for name in names)


def test_embedded_instances_are_of_the_schema(client: Client) -> None:
    for item, name in (
        (all_of(client, "CIM_WBEMServerNamespace")[0], "SchemaInformation"),
        (only(client, "CIM_CIMXMLCapabilities"), "GenericOperationCapabilities"),
    ):
        for one in embedded(item, name):
            declared = client.broker.schema.get(one.classname).properties
            assert {name.lower() for name in one.properties} <= set(declared)


def test_listeners_are_where_the_server_listens(repository: Schema) -> None:
    urls: list[str] = []
    client = served(repository, World("here.example"), urls=lambda: urls)
    assert all_of(client, "CIM_RemoteServiceAccessPoint") == []
    urls.append("http://127.0.0.1:40001")
    properties = only(client, "CIM_RemoteServiceAccessPoint").properties
    assert (properties["AccessInfo"], properties["InfoFormat"]) == ("http://127.0.0.1:40001", 200)


def test_connections_are_counted_anew(repository: Schema) -> None:
    count = iter([1, 5])
    client = served(repository, World("here.example"), connections=lambda: next(count))
    assert [only(client, "CIM_ProtocolService").properties["CurrentActiveConnections"] for _ in range(2)] == [1, 5]
    without = served(repository, World("here.example"))
    assert "CurrentActiveConnections" not in only(without, "CIM_ProtocolService").properties


@pytest.mark.parametrize(
    ("near", "association", "far", "role", "count"),
    [
        ("CIM_WBEMServer", "CIM_HostedDependency", "CIM_WBEMServerNamespace", "Antecedent", 2),
        ("CIM_WBEMServer", "CIM_ElementCapabilities", "CIM_WBEMServerCapabilities", "ManagedElement", 1),
        ("CIM_WBEMServer", "CIM_ServiceComponent", "CIM_ProtocolService", "GroupComponent", 1),
        ("CIM_ProtocolService", "CIM_ElementCapabilities", "CIM_CIMXMLCapabilities", "ManagedElement", 1),
        ("CIM_ProtocolService", "CIM_ServiceAccessBySAP", "CIM_RemoteServiceAccessPoint", "Antecedent", 2),
        ("CIM_ObjectManager", "CIM_NamespaceInManager", "CIM_Namespace", "Antecedent", 2),
        ("CIM_ObjectManager", "CIM_CommMechanismForManager", "CIM_CIMXMLCommunicationMechanism", "Antecedent", 2),
    ],
)
def test_associations_both_ways(client: Client, near: str, association: str, far: str, role: str, count: int) -> None:
    start = only(client, near).path
    found = across(client, start, association, far, role)
    assert len(found) == count
    assert {path.classname for path in found} == {far}
    for path in found:
        assert across(client, path, association, near) == [start]


@pytest.mark.parametrize(
    ("hosts", "expected"),
    [
        (("there.example", "here.example"), "here.example"),
        (("one.example", "two.example"), "one.example"),
        (("here.example", "here.example"), "here.example"),
    ],
    ids=["named", "none named", "two named"],
)
def test_server_is_hosted_by_one_system(repository: Schema, hosts: tuple[str, ...], expected: str) -> None:
    client = served(repository, World(*hosts))
    for association, classnames in (
        ("CIM_HostedService", dsp1092.SERVICES),
        ("CIM_HostedAccessPoint", dsp1092.ACCESS_POINTS),
    ):
        for classname in classnames:
            for item in all_of(client, classname):
                (system,) = across(client, item.path, association)
                assert (system.namespace, system.key("Name")) == ("root/virt", expected)
                assert item.path in across(client, system, association, role="Antecedent")


def test_other_systems_host_nothing(client: Client) -> None:
    (there,) = (one.path for one in client.instances("CIM_ComputerSystem") if one.path.key("Name") == "there.example")
    assert across(client, there, "CIM_HostedDependency") == []


def test_server_without_hosts(repository: Schema) -> None:
    client = served(repository, World())
    assert across(client, only(client, "CIM_WBEMServer").path, "CIM_HostedService") == []


# CreateWBEMServerNamespace


def create(client: Client, **properties: Value) -> MethodAnswer:
    template = Instance("CIM_WBEMServerNamespace", {"InstanceID": "test:new", **properties})
    return client.invoke(only(client, "CIM_WBEMServer").path, "CreateWBEMServerNamespace", NamespaceTemplate=template)


def test_namespaces_are_not_created(client: Client) -> None:
    """By a server that nobody gave a place for them."""
    answer = create(client, Name="root/new")
    assert (answer.value, answer.type) == (1, "uint32")
    assert out(answer, "Namespace") is None
    errors = out(answer, "Errors")
    assert isinstance(errors, list)
    (error,) = errors
    assert isinstance(error, Instance)
    assert error.properties["CIMStatusCode"] == Status.NOT_SUPPORTED
    assert "namespace root/new cannot be created" in str(error.properties["Message"])
    assert error.properties["MessageID"] == "VIRTCIM0001"  # NAMESPACES_FIXED
    declared = client.broker.schema.get("CIM_Error").properties
    assert {one.lower() for one in error.properties} <= set(declared)
    assert {item.properties["Name"] for item in all_of(client, "CIM_WBEMServerNamespace")} == set(NAMESPACES)


def test_creation_is_not_claimed(client: Client) -> None:
    assert only(client, "CIM_WBEMServerCapabilities").properties["OperationsSupported"] == []


def test_template_is_needed(client: Client) -> None:
    with pytest.raises(CIMError, match="NamespaceTemplate") as caught:
        client.invoke(only(client, "CIM_WBEMServer").path, "CreateWBEMServerNamespace")
    assert caught.value.status == Status.INVALID_PARAMETER


def test_template_without_a_name(client: Client) -> None:
    assert create(client).value == 1


@pytest.mark.parametrize(
    ("classname", "method"),
    [
        ("CIM_WBEMServer", "RequestStateChange"),
        ("CIM_ObjectManager", "StopService"),
        ("CIM_ProtocolService", "ListenOnPort"),
        ("CIM_CIMXMLCapabilities", "CreateGoalSettings"),
    ],
)
def test_what_is_left_out(client: Client, classname: str, method: str) -> None:
    with pytest.raises(CIMError) as caught:
        client.invoke(only(client, classname).path, method)
    assert caught.value.status == Status.METHOD_NOT_AVAILABLE
