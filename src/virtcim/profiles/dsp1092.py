"""DSP1092 WBEM Server: the server, its namespaces and its protocol; and the object manager of the model before it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from virtcim.broker.call import CIMError, Instance, Path, Properties
from virtcim.broker.provider import INTEROP, End, Profile, Returned, Writer
from virtcim.host.inventory import Host, Hosts
from virtcim.mapping import ids
from virtcim.messages import message, of_status
from virtcim.profiles.cim_error import cim_error
from virtcim.profiles.object_manager import LEGACY_KEYS, communication_mechanism, legacy_namespace, object_manager
from virtcim.profiles.wbem_server import (
    WORKING,
    CreatedNamespaces,
    Listener,
    Namespace,
    Server,
    ServerFacts,
    system_keys,
)

SERVICES = ("CIM_WBEMServer", "CIM_ProtocolService", "CIM_ObjectManager")
ACCESS_POINTS = ("CIM_RemoteServiceAccessPoint", "CIM_CIMXMLCommunicationMechanism")
CAPABILITIES = ("CIM_WBEMServerCapabilities", "CIM_CIMXMLCapabilities")
CREATE_NAMESPACE, DELETE_NAMESPACE = 3, 4  # OperationsSupported of CIM_WBEMServerCapabilities


def make(facts: ServerFacts, world: Hosts) -> Profile:
    """The profile of a server of these facts."""
    profile = Profile("dsp1092")
    server = Server(facts)
    profile.source(Server, lambda _: [server])
    profile.source(Namespace, lambda _: server.namespaces)
    profile.source(Listener, lambda _: server.listeners)
    profile.central("CIM_WBEMServer", Server)
    _declare_instances(profile)
    _declare_associations(profile, server)
    _declare_hosting(profile, server, world)
    profile.method("CIM_WBEMServer", "CreateWBEMServerNamespace")(create_namespace)
    _leave_out(profile)
    created = facts.created
    if created is not None:
        _declare_writers(profile, server, created)
    return profile


def _declare_writers(profile: Profile, server: Server, created: CreatedNamespaces) -> None:
    """Namespaces are made and deleted as instances of either model."""

    def delete(namespace: Namespace) -> None:
        created.delete(namespace.name)

    def create(classname: str, make: Callable[[Namespace], Properties], keys: tuple[str, ...]) -> Callable[..., Path]:
        def created_path(given: Properties) -> Path:
            properties = make(server.namespace(created.create(str(given.get("Name") or ""))))
            properties["CreationClassName"] = classname
            return Path(classname, tuple((key, properties[key]) for key in keys), INTEROP)

        return created_path

    for classname, make, keys in (
        ("CIM_Namespace", legacy_namespace, LEGACY_KEYS),
        ("CIM_WBEMServerNamespace", wbem_server_namespace, ("InstanceID",)),
    ):
        profile.writes(Writer(classname, INTEROP, create=create(classname, make, keys), delete=delete))


def _declare_instances(profile: Profile) -> None:
    profile.instance("CIM_WBEMServer", of=Server, namespace=INTEROP)(wbem_server)
    profile.instance("CIM_WBEMServerCapabilities", of=Server, namespace=INTEROP)(server_capabilities)
    profile.instance("CIM_WBEMServerNamespace", of=Namespace, namespace=INTEROP)(wbem_server_namespace)
    profile.instance("CIM_ProtocolService", of=Server, namespace=INTEROP, volatile=True)(protocol_service)
    profile.instance("CIM_CIMXMLCapabilities", of=Server, namespace=INTEROP)(cimxml_capabilities)
    profile.instance("CIM_RemoteServiceAccessPoint", of=Listener, namespace=INTEROP)(access_point)
    profile.instance("CIM_ObjectManager", of=Server, namespace=INTEROP)(object_manager)
    profile.instance("CIM_Namespace", of=Namespace, namespace=INTEROP)(legacy_namespace)
    profile.instance("CIM_CIMXMLCommunicationMechanism", of=Listener, namespace=INTEROP)(communication_mechanism)


def wbem_server(server: Server) -> Properties:
    return {
        **system_keys(server),
        **WORKING,
        "Name": server.id("wbem"),
        "ElementName": server.facts.name,
        "Description": server.description,
        "Started": True,
    }


def server_capabilities(server: Server) -> Properties:
    """Namespaces may be created and deleted, not changed, and the server is not stopped from here."""
    return {
        "InstanceID": server.id("wbem-capabilities"),
        "ElementName": f"{server.facts.name} capabilities",
        "ElementNameEditSupported": False,
        "RequestedStatesSupported": [],
        "OperationsSupported": [] if server.facts.created is None else [CREATE_NAMESPACE, DELETE_NAMESPACE],
    }


def wbem_server_namespace(namespace: Namespace) -> Properties:
    return {
        "InstanceID": ids.own_id("namespace", namespace.name),
        "Name": namespace.name,
        "ElementName": namespace.name,
        "SchemaInformation": list(namespace.server.schemas),
    }


def protocol_service(server: Server) -> Properties:
    """CIM-XML; how many connections there are changes by itself."""
    count = server.facts.connections
    return {
        **system_keys(server),
        **WORKING,
        "Name": server.id("cim-xml"),
        "ElementName": "CIM-XML",
        "Started": True,
        "Protocol": 5,  # CIM-XML
        "MaxConnections": server.facts.max_connections,
        **({} if count is None else {"CurrentActiveConnections": count()}),
    }


def cimxml_capabilities(server: Server) -> Properties:
    return {
        "InstanceID": server.id("cim-xml-capabilities"),
        "ElementName": "CIM-XML capabilities",
        "ElementNameEditSupported": False,
        "RequestedStatesSupported": [],
        "MaxConnections": server.facts.max_connections,
        "MaxListeningPorts": len(server.listeners),
        "ListeningPortManagementSupported": False,
        "WBEMProtocolVersionsSupported": [server.facts.protocol_version],
        "GenericOperationCapabilities": generic_operations(server),
        "AuthenticationMechanismsSupported": [*server.authentication],
        "MultipleOperationsSupported": server.facts.multiple_operations,
        "Validated": False,
    }


def generic_operations(server: Server) -> Instance:
    """What can be asked: the operations that are served, and in which queries."""
    properties: Properties = {
        "FQLSupported": server.pulls,
        "CQLSupport": [*server.query_features],
        "OperationsSupported": [*server.generic_operations],
        "ContinueOnErrorSupported": False,
    }
    if server.pulls:
        properties["MinimumOperationTimeout"], properties["MaximumOperationTimeout"] = server.facts.pull_timeouts
    return Instance("CIM_GenericOperationCapabilitiesStructure", properties)


def access_point(listener: Listener) -> Properties:
    return {
        **system_keys(listener.server),
        **WORKING,
        "Name": ids.own_id("access-point", listener.url),
        "ElementName": listener.url,
        "AccessInfo": listener.url,
        "InfoFormat": 200,  # URL
        "AccessContext": 10,  # Management Service
    }


def _declare_associations(profile: Profile, server: Server) -> None:
    def own(_: object) -> list[Server]:
        return [server]

    def namespaces(_: Server) -> Iterable[Namespace]:
        return server.namespaces

    def listeners(_: Server) -> Iterable[Listener]:
        return server.listeners

    def associate(classname: str, roles: tuple[str, str], ends: tuple[str, str], across: Across = own) -> None:
        ways = zip(roles, ends, (across, own), strict=True)
        near, far = (End(role, end, way, of=Listener if end in ACCESS_POINTS else None) for role, end, way in ways)
        profile.associate(classname, near, far)

    dependency = ("Antecedent", "Dependent")
    capable = ("ManagedElement", "Capabilities")
    associate("CIM_HostedDependency", dependency, ("CIM_WBEMServer", "CIM_WBEMServerNamespace"), namespaces)
    associate("CIM_ElementCapabilities", capable, ("CIM_WBEMServer", "CIM_WBEMServerCapabilities"))
    associate("CIM_ElementCapabilities", capable, ("CIM_ProtocolService", "CIM_CIMXMLCapabilities"))
    associate("CIM_ServiceComponent", ("GroupComponent", "PartComponent"), ("CIM_WBEMServer", "CIM_ProtocolService"))
    associate("CIM_ServiceAccessBySAP", dependency, ("CIM_ProtocolService", "CIM_RemoteServiceAccessPoint"), listeners)
    associate("CIM_NamespaceInManager", dependency, ("CIM_ObjectManager", "CIM_Namespace"), namespaces)
    mechanism = "CIM_CIMXMLCommunicationMechanism"
    associate("CIM_CommMechanismForManager", dependency, ("CIM_ObjectManager", mechanism), listeners)


Across = Callable[[Server], Iterable[object]]


def _declare_hosting(profile: Profile, server: Server, world: Hosts) -> None:
    """Services and access points are on one of the hosts: the one named as the server's machine, or else the first."""

    def hosting(_: object) -> list[Host]:
        name = server.facts.system_name
        named = [host for host in world.hosts if host.name == name]
        return list(named or world.hosts)[:1]

    def hosted(host: Host) -> list[Server]:
        return [server] if host in hosting(server) else []

    def listeners(host: Host) -> list[Listener]:
        return server.listeners if host in hosting(server) else []

    def associate(classname: str, end: str, across: Callable[[Host], Iterable[object]], of: type) -> None:
        far = End("Dependent", end, hosting, of=of)
        profile.associate(classname, End("Antecedent", "CIM_ComputerSystem", across), far)

    for service in SERVICES:
        associate("CIM_HostedService", service, hosted, Server)
    for access in ACCESS_POINTS:
        associate("CIM_HostedAccessPoint", access, listeners, Listener)


def create_namespace(server: Server, NamespaceTemplate: Instance) -> Returned:
    """An empty namespace of the template's Name. What speaks against it becomes a CIM_Error."""
    name = str(NamespaceTemplate.properties.get("Name") or "").strip("/")
    if server.facts.created is None:
        return Returned(1, Errors=[cim_error(message("NAMESPACES_FIXED", name))])
    try:
        return Returned(0, Namespace=server.namespace(server.facts.created.create(name)))
    except CIMError as error:
        return Returned(1, Errors=[cim_error(of_status(error.status, error.message))])


def _leave_out(profile: Profile) -> None:
    for classname in (*SERVICES, *ACCESS_POINTS):
        profile.leaves_out(classname, "RequestStateChange", "the server is started and stopped on its machine")
    for classname in SERVICES:
        for method in ("StartService", "StopService"):
            profile.leaves_out(classname, method, "deprecated: the server is started and stopped on its machine")
        reason = "the server's services affect no elements in an order"
        profile.leaves_out(classname, "ChangeAffectedElementsAssignedSequence", reason)
    for method in ("ListenOnPort", "ListenOnPortIF"):
        profile.leaves_out("CIM_ProtocolService", method, "the addresses are a setting of the server")
    for classname in CAPABILITIES:
        profile.leaves_out(classname, "CreateGoalSettings", "the server has no settings in the model")
