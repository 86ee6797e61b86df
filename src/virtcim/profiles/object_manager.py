"""The model of a server before DSP1092, which clients still read: the object manager, its namespaces and protocol."""

from __future__ import annotations

from virtcim.broker.call import Properties
from virtcim.mapping import ids
from virtcim.profiles.wbem_server import WORKING, Listener, Namespace, Server, system_keys

LEGACY_KEYS = (
    "SystemCreationClassName",
    "SystemName",
    "ObjectManagerCreationClassName",
    "ObjectManagerName",
    "CreationClassName",
    "Name",
)


def object_manager(server: Server) -> Properties:
    return {
        **system_keys(server),
        **WORKING,
        "Name": server.id("object-manager"),
        "ElementName": server.facts.name,
        "Description": server.description,
        "Started": True,
        "GatherStatisticalData": False,
    }


def legacy_namespace(namespace: Namespace) -> Properties:
    server = namespace.server
    return {
        **system_keys(server),
        "ObjectManagerCreationClassName": "CIM_ObjectManager",
        "ObjectManagerName": server.id("object-manager"),
        "Name": namespace.name,
        "ElementName": namespace.name,
        "ClassInfo": 0,  # Unknown: its ValueMap ends at CIM 2.8
        "ClassType": 2,  # CIM
        "ClassTypeVersion": server.facts.schema_version,
    }


def communication_mechanism(listener: Listener) -> Properties:
    server = listener.server
    return {
        **system_keys(server),
        **WORKING,
        "Name": ids.own_id("cim-xml", listener.url),
        "ElementName": listener.url,
        "CommunicationMechanism": 2,  # CIM-XML
        "CIMXMLProtocolVersion": 1,  # 1.0
        "Version": "1.2",  # the ValueMap has none that is later
        "CIMValidated": False,
        "FunctionalProfilesSupported": [*server.functional_profiles],
        "MultipleOperationsSupported": server.facts.multiple_operations,
        "AuthenticationMechanismsSupported": [*server.authentication],
        "AdvertiseTypes": [2],  # Not Advertised
        **(pull_limits(server) if server.pulls else {}),
    }


def pull_limits(server: Server) -> Properties:
    """The bounds of pulled enumerations; too many pulls of nothing close one."""
    least, greatest = server.facts.pull_timeouts
    return {
        "PulledEnumerationMinimumOperationTimeout": least,
        "PulledEnumerationMaximumOperationTimeout": greatest,
        "PulledEnumerationNoOperationTimeoutSupported": server.facts.endless_pulls,
        "PulledEnumerationContinuationOnErrorSupported": False,
        "PulledEnumerationClosureOnExceedingServerLimitsSupported": True,
    }
