"""Golden files: what each sample document says in CIM. Look at the difference, then write them with --regenerate."""

from __future__ import annotations

import json

import pytest
from tests.mapping.samples import DATA, SAMPLES, load, owner

from virtcim.mapping import ids, resources, vssd
from virtcim.mapping.resources import KINDS
from virtcim.mapping.table import Properties, to_cim
from virtcim.model.domain import Domain


def present(properties: Properties) -> Properties:
    return {name: value for name, value in properties.items() if value is not None}


def shown(document: Domain) -> dict[str, Properties]:
    vm = owner(document)
    result = {ids.configuration_id(vm, True): vssd.head(vm, document, True, False)}
    for found in resources.resources_of(document):
        setting = resources.setting(lambda dev: ids.setting_id(vm, dev, True), found)
        devices = [present(found.kind.device(found.view, index)) for index in found.devices]
        result[setting["InstanceID"]] = {"kind": found.kind.name, "setting": setting, "devices": devices}
    return result


@pytest.mark.parametrize("name", SAMPLES)
def test_what_a_document_says_in_cim(name: str, regenerate: bool) -> None:
    golden = DATA / "golden" / f"{name}.json"
    document = load(name)
    before = document.xml
    found = shown(document)
    assert document.xml == before
    if regenerate:
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(json.dumps(found, indent=1) + "\n")
    assert found == json.loads(golden.read_text())


def test_every_kind_occurs_in_a_sample() -> None:
    found = {one.kind.name for name in SAMPLES for one in resources.resources_of(load(name))}
    assert found == {kind.name for kind in KINDS}


# What is always NULL for some kinds, so that a client who gives it is refused.
NULL = {"OtherResourceType", "MappingBehavior", "Reservation", "Weight"}


def test_every_row_is_read_from_a_sample() -> None:
    """A row that no sample document has a value for is not known to work. Kinds of one family share rows."""
    found = [one for name in SAMPLES for one in resources.resources_of(load(name))]
    said = {row for one in found for row in one.kind.rows if row.get(one.view) not in (None, [])}
    readable = {row: kind.name for kind in KINDS for row in kind.rows if row.source is not None}
    assert [(kind, row.name) for row, kind in readable.items() if row not in said and row.name not in NULL] == []


def test_every_row_of_the_head_is_read_from_a_sample() -> None:
    said = {name for sample in SAMPLES for name in to_cim(vssd.VSSD, load(sample))}
    assert {row.name for row in vssd.VSSD if row.source is not None} - said == set()
