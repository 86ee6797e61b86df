"""What counts as a change of an instance, and how a path is written in an indication."""

from __future__ import annotations

import pytest

from virtcim.broker.call import Item, Path, Properties
from virtcim.broker.indications_lifecycle import changes
from virtcim.broker.schema import Schema
from virtcim.broker.uris import model_path

VIRT = "root/virt"


def test_paths_as_text() -> None:
    inner = Path("CIM_B", (("Name", 'quo"te\\'),), "interop")
    path = Path("CIM_A", (("Ref", inner), ("Number", 7), ("Flag", True)), VIRT)
    text = 'root/virt:CIM_A.Ref="interop:CIM_B.Name=\\"quo\\\\\\"te\\\\\\\\\\"",Number=7,Flag=TRUE'
    assert model_path(path) == text


@pytest.mark.parametrize(
    ("before", "after", "names"),
    [
        ({"A": 1}, {"A": 1}, []),
        ({"A": 1}, {"A": 2, "B": 1}, ["A", "B"]),
        ({"TimeOfLastStateChange": "x"}, {"TimeOfLastStateChange": "y"}, []),
        ({"A": 1, "TimeOfLastStateChange": "x"}, {"TimeOfLastStateChange": "y"}, ["A", "TimeOfLastStateChange"]),
    ],
)
def test_what_counts_as_a_change(repository: Schema, before: Properties, after: Properties, names: list[str]) -> None:
    cls, path = repository.get("CIM_ComputerSystem"), Path("CIM_ComputerSystem", ())
    assert changes(Item(cls, path, before), Item(cls, path, after)) == names
