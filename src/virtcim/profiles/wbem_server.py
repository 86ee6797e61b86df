"""The server as objects, and what its list of operations means in the numbers of DSP1092 and the older model."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from virtcim.broker.call import Instance, Properties
from virtcim.mapping import ids

# Intrinsic operation -> OperationsSupported of CIM_GenericOperationCapabilitiesStructure: the generic operations that
# it is; an association operation takes classes as well.
GENERIC: dict[str, tuple[int, ...]] = {
    "GetInstance": (2,),
    "DeleteInstance": (3,),
    "ModifyInstance": (4,),
    "CreateInstance": (5,),
    "EnumerateInstances": (6,),
    "EnumerateInstanceNames": (7,),
    "Associators": (8, 32),
    "AssociatorNames": (9, 33),
    "References": (10, 34),
    "ReferenceNames": (11, 35),
    "OpenEnumerateInstances": (12,),
    "OpenEnumerateInstancePaths": (13,),
    "OpenAssociatorInstances": (14,),
    "OpenAssociatorInstancePaths": (15,),
    "OpenReferenceInstances": (16,),
    "OpenReferenceInstancePaths": (17,),
    "OpenQueryInstances": (18,),
    "PullInstancesWithPath": (19,),
    "PullInstancePaths": (20,),
    "PullInstances": (21,),
    "CloseEnumeration": (22,),
    "EnumerationCount": (23,),
    "GetClass": (26,),
    "DeleteClass": (27,),
    "ModifyClass": (28,),
    "CreateClass": (29,),
    "EnumerateClasses": (30,),
    "EnumerateClassNames": (31,),
    "GetQualifier": (36,),
    "DeleteQualifier": (37,),
    "SetQualifier": (38, 39),
    "EnumerateQualifiers": (40,),
}
INVOKE_METHOD = 24  # not in the list of intrinsic operations, and always there

PULLED_READ, PULLED_QUERY = 10, 12
# CQLSupport: Basic Query, Embedded Properties, Regular Expression Like, Satisfies Array, Property Scoping.
QUERY_FEATURES = (2, 8, 10, 12, 17)
NO_QUERIES = (0,)
# FunctionalProfilesSupported -> the operations that make it up; the property operations are left out of DSP0200 1.4.
FUNCTIONAL: dict[int, frozenset[str]] = {
    2: frozenset(  # Basic Read
        {
            "GetClass",
            "EnumerateClasses",
            "EnumerateClassNames",
            "GetInstance",
            "EnumerateInstances",
            "EnumerateInstanceNames",
        }
    ),
    4: frozenset({"CreateClass", "ModifyClass", "DeleteClass"}),  # Schema Manipulation
    5: frozenset({"CreateInstance", "ModifyInstance", "DeleteInstance"}),  # Instance Manipulation
    6: frozenset({"Associators", "AssociatorNames", "References", "ReferenceNames"}),  # Association Traversal
    7: frozenset({"ExecQuery"}),  # Query Execution
    8: frozenset({"GetQualifier", "SetQualifier", "DeleteQualifier", "EnumerateQualifiers"}),  # Qualifier Declaration
    PULLED_READ: frozenset(
        {
            "OpenEnumerateInstances",
            "OpenEnumerateInstancePaths",
            "OpenAssociatorInstances",
            "OpenAssociatorInstancePaths",
            "OpenReferenceInstances",
            "OpenReferenceInstancePaths",
            "PullInstancesWithPath",
            "PullInstancePaths",
            "CloseEnumeration",
        }
    ),
    PULLED_QUERY: frozenset({"OpenQueryInstances", "PullInstances", "CloseEnumeration"}),
}
AUTHENTICATION = {"Basic": 3, "Digest": 4}  # AuthenticationMechanismsSupported
NO_AUTHENTICATION = 2


# A server that answers this is one that works.
WORKING: Properties = {
    "EnabledState": 2,  # Enabled
    "RequestedState": 12,  # Not Applicable
    "EnabledDefault": 2,  # Enabled
    "OperationalStatus": [2],  # OK
    "HealthState": 5,  # OK
}


@dataclass(frozen=True, kw_only=True)
class ServerFacts:
    """What the server is and can. `urls` gives those it listens on; operations are the intrinsic ones that are served.

    `connections` counts the client connections of the moment; authentication holds the HTTP schemes that are asked for.
    """

    name: str
    version: str
    system_name: str  # of the machine the server runs on
    urls: Callable[[], Iterable[str]]
    namespaces: tuple[str, ...]
    operations: tuple[str, ...]
    schema_version: str = "2.49.0"
    protocol_version: str = "1.4.0"  # of DSP0200
    multiple_operations: bool = False
    authentication: tuple[str, ...] = ()
    max_connections: int
    connections: Callable[[], int] | None = None
    pull_timeouts: tuple[int, int] = (1, 3_600)  # the least and the greatest OperationTimeout, in seconds
    endless_pulls: bool = False  # whether OperationTimeout 0 is taken
    created: CreatedNamespaces | None = None  # None where clients make no namespaces


class CreatedNamespaces(Protocol):
    """The namespaces that clients make. Errors: CIMError."""

    def names(self) -> list[str]: ...

    def create(self, given: str) -> str: ...

    def delete(self, name: str) -> None: ...


class Server:
    """The server, with its namespaces and listeners; each of them the same object for as long as it is there."""

    def __init__(self, facts: ServerFacts) -> None:
        self.facts = facts
        self._namespaces: dict[str, Namespace] = {}
        self._listeners: dict[str, Listener] = {}

    @property
    def namespaces(self) -> list[Namespace]:
        """Its own and those that clients made."""
        names = [*self.facts.namespaces, *(self.facts.created.names() if self.facts.created else ())]
        return [self.namespace(name) for name in names]

    def namespace(self, name: str) -> Namespace:
        return self._namespaces.setdefault(name, Namespace(self, name))

    @property
    def listeners(self) -> list[Listener]:
        return [self._listeners.setdefault(url, Listener(self, url)) for url in self.facts.urls()]

    def id(self, kind: str) -> str:
        """The name or InstanceID of what the server has once."""
        return ids.own_id(kind, self.facts.system_name)

    @property
    def description(self) -> str:
        """Product and version in the words that clients look for."""
        return f"{self.facts.name} Version {self.facts.version}"

    @property
    def generic_operations(self) -> list[int]:
        known = (number for name in self.facts.operations for number in GENERIC.get(name, ()))
        return sorted({INVOKE_METHOD, *known})

    @property
    def functional_profiles(self) -> list[int]:
        return [number for number, needed in FUNCTIONAL.items() if needed <= set(self.facts.operations)]

    @property
    def pulls(self) -> bool:
        """Whether enumerations can be pulled, and be filtered by FQL."""
        return PULLED_READ in self.functional_profiles

    @property
    def query_features(self) -> tuple[int, ...]:
        """CQLSupport."""
        return QUERY_FEATURES if PULLED_QUERY in self.functional_profiles else NO_QUERIES

    @property
    def authentication(self) -> list[int]:
        return [AUTHENTICATION[one] for one in self.facts.authentication] or [NO_AUTHENTICATION]

    @property
    def schemas(self) -> Iterator[Instance]:
        """CIM_SchemaInformationStructure of the standard schema and of ours."""
        version = self.facts.schema_version
        uri = f"http://schemas.dmtf.org/wbem/cim-schema/{version}/"
        yield _schema(Name="CIM", Version=version, OwningOrganization="DMTF", Status=2, URI=uri)
        yield _schema(Name="Virt", Version=self.facts.version, OwningOrganization=ids.OWN, Status=2)


def _schema(**properties: str | int) -> Instance:
    return Instance("CIM_SchemaInformationStructure", dict(properties))


@dataclass(frozen=True, eq=False)
class Namespace:
    """A namespace of the server."""

    server: Server
    name: str


@dataclass(frozen=True, eq=False)
class Listener:
    """An address the server answers at."""

    server: Server
    url: str


def system_keys(server: Server) -> Properties:
    """The keys that a service or access point has from its system. They name the class that all platforms share."""
    return {"SystemCreationClassName": "CIM_ComputerSystem", "SystemName": server.facts.system_name}
