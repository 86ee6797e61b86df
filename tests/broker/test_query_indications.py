"""Queries of indications: instances embedded in the one that is asked about."""

from __future__ import annotations

import pytest

from virtcim.broker.call import Instance
from virtcim.broker.query import parse_select
from virtcim.broker.schema import Schema

SYSTEM = "Test_ComputerSystem"


def modified(before: int | None, after: int | None, classname: str = SYSTEM) -> Instance:
    sides = {"PreviousInstance": before, "SourceInstance": after}
    return Instance(
        "CIM_InstModification",
        {
            name: Instance(classname, {"Name": "a"} if state is None else {"Name": "a", "EnabledState": state})
            for name, state in sides.items()
        },
    )


CHANGED = (
    "SELECT * FROM CIM_InstModification WHERE SourceInstance ISA CIM_ComputerSystem AND "
    "SourceInstance.CIM_ComputerSystem::EnabledState <> PreviousInstance.CIM_ComputerSystem::EnabledState"
)
WMI = (
    "SELECT * FROM __InstanceModificationEvent WITHIN 5 WHERE TargetInstance ISA 'CIM_ComputerSystem' AND "
    "TargetInstance.EnabledState <> PreviousInstance.EnabledState"
)


@pytest.mark.parametrize(("language", "text"), [("DMTF:CQL", CHANGED), ("WQL", CHANGED), ("WQL", WMI)])
@pytest.mark.parametrize(
    ("indication", "wanted"),
    [
        pytest.param(modified(2, 3), True, id="changed"),
        pytest.param(modified(2, 2), False, id="same"),
        pytest.param(modified(None, 2), None, id="was NULL"),
        pytest.param(Instance("CIM_InstModification", {}), None, id="no instances"),
        pytest.param(Instance("CIM_InstCreation", {}), False, id="another indication"),
    ],
)
def test_indications(repository: Schema, language: str, text: str, indication: Instance, wanted: bool | None) -> None:
    assert parse_select(repository, language, text).matches(indication) is wanted


def test_a_scope_hides_properties_of_other_classes(repository: Schema) -> None:
    text = "SELECT * FROM CIM_InstIndication WHERE SourceInstance.CIM_LogicalDevice::EnabledState = 2"
    assert parse_select(repository, "CQL", text).matches(modified(2, 2)) is None
