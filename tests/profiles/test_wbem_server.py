"""What the server claims to be able to do: no more and no less than it is told it does."""

from __future__ import annotations

import pytest
from tests.profiles.machine import SERVED, World, all_of, embedded, only, served

from virtcim.broker.schema import Schema
from virtcim.profiles.wbem_server import FUNCTIONAL, GENERIC, PULLED_QUERY, PULLED_READ


@pytest.mark.parametrize(
    ("operations", "generic", "functional"),
    [
        pytest.param(
            SERVED,
            [*range(2, 25), *range(26, 41)],
            [2, 4, 5, 6, 7, 8, 10, 12],
            id="what the broker serves",
        ),
        pytest.param((), [24], [], id="methods only"),
        pytest.param(tuple(sorted(FUNCTIONAL[5])), [3, 4, 5, 24], [5], id="instance manipulation"),
        pytest.param(("CreateInstance", "ModifyInstance"), [4, 5, 24], [], id="half of instance manipulation"),
    ],
)
def test_claims_follow_the_operations(
    repository: Schema, operations: tuple[str, ...], generic: list[int], functional: list[int]
) -> None:
    client = served(repository, World("here.example"), operations=operations)
    (structure,) = embedded(only(client, "CIM_CIMXMLCapabilities"), "GenericOperationCapabilities")
    assert structure.properties["OperationsSupported"] == generic
    for mechanism in all_of(client, "CIM_CIMXMLCommunicationMechanism"):
        assert mechanism.properties["FunctionalProfilesSupported"] == functional


def test_every_operation_has_its_number() -> None:
    """ExecQuery and those of single properties are no generic operations."""
    assert set(SERVED) - set(GENERIC) == {"ExecQuery", "GetProperty", "SetProperty"}


PULLED = (*sorted(FUNCTIONAL[PULLED_READ]), *sorted(FUNCTIONAL[PULLED_QUERY]))


@pytest.mark.parametrize(
    ("operations", "filters", "features", "timeouts"),
    [
        pytest.param(("GetInstance",), False, [0], (None, None), id="nothing pulled"),
        pytest.param(PULLED, True, [2, 8, 10, 12, 17], (5, 50), id="pulled, with queries"),
        pytest.param(tuple(FUNCTIONAL[PULLED_READ]), True, [0], (5, 50), id="pulled, without queries"),
    ],
)
def test_claims_of_pulled_enumerations(
    repository: Schema,
    operations: tuple[str, ...],
    filters: bool,
    features: list[int],
    timeouts: tuple[int | None, int | None],
) -> None:
    client = served(repository, World("here.example"), operations=operations, pull_timeouts=(5, 50))
    (structure,) = embedded(only(client, "CIM_CIMXMLCapabilities"), "GenericOperationCapabilities")
    assert structure.properties["FQLSupported"] is filters
    assert structure.properties["CQLSupport"] == features
    bounds = ("MinimumOperationTimeout", "MaximumOperationTimeout")
    assert tuple(structure.properties.get(name) for name in bounds) == timeouts
    for mechanism in all_of(client, "CIM_CIMXMLCommunicationMechanism"):
        assert tuple(mechanism.properties.get(f"PulledEnumeration{name}") for name in bounds) == timeouts


def test_numbers_of_operations_are_those_of_the_schema(repository: Schema) -> None:
    structure = repository.get("CIM_GenericOperationCapabilitiesStructure")
    names = structure.properties["operationssupported"].values
    for operation, numbers in GENERIC.items():
        for number in numbers:
            assert _same_words(names[str(number)], operation), (operation, number, names[str(number)])


def _same_words(generic: str, operation: str) -> bool:
    """DSP0223 has other words for some: Qualifier is QualifierType, Names of classes are ClassPaths, ..."""
    plain = generic.replace("QualifierType", "Qualifier").replace("ClassPaths", "Names").replace("Classes", "s")
    renamed = {
        "ModifyQualifier": "SetQualifier",
        "CreateQualifier": "SetQualifier",
        "OpenAssociators": "OpenAssociatorInstances",
        "OpenAssociatorPaths": "OpenAssociatorInstancePaths",
        "OpenReferences": "OpenReferenceInstances",
        "OpenReferencePaths": "OpenReferenceInstancePaths",
    }
    return operation in (generic, plain, renamed.get(plain))


@pytest.mark.parametrize(
    ("schemes", "numbers"), [((), [2]), (("Basic",), [3]), (("Basic", "Digest"), [3, 4])], ids=["none", "basic", "both"]
)
def test_authentication(repository: Schema, schemes: tuple[str, ...], numbers: list[int]) -> None:
    client = served(repository, World("here.example"), authentication=schemes)
    for classname in ("CIM_CIMXMLCapabilities", "CIM_CIMXMLCommunicationMechanism"):
        for item in all_of(client, classname):
            assert item.properties["AuthenticationMechanismsSupported"] == numbers
