"""Anything that the schema's types allow is either done or refused by name; no other error comes out."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.mapping.samples import load
from tests.mapping.test_kinds import schema as schema_fixture

from virtcim.broker.call import PropertyDef
from virtcim.broker.schema import Schema
from virtcim.mapping import vssd
from virtcim.mapping.resources import KINDS, BadProperty, change, new_element, properties_of, resources_of
from virtcim.model.domain import Domain

schema = schema_fixture
RELAXED = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
TEMPTING = st.sampled_from([
    "", "/", "/dev/null", "/a.img", "file:///x", "volume:p/v", "rbd:///x", "rbd://h:x/y", "vda", "52:54:00:00:00:02",
    "NetworkPool/default", "DiskPool/0", "byte * 2^10", "KiloBytes", "[::1]:-1", "1.2.3.4:1", "udp://h:1", "raw://h:9999999",
    "controller:scsi:0", "controller:pci:99999", "0:0:0", "vnc", "mouse", "scsi", "network", "pci", "usb:1d6b:0002",
    "pci:0000:00:00.0", "bridge", "\x00", "\ud800", "é", "]]>", "&amp;", "x" * 300, "0x10", "type", "openvswitch",
    "dimm", "defined/x",
])  # fmt: skip


def values(declared: PropertyDef) -> st.SearchStrategy[Any]:
    if declared.type == "boolean":
        one: st.SearchStrategy[Any] = st.booleans()
    elif declared.type.startswith(("uint", "sint")):
        top = 2 ** int(declared.type[4:]) - 1
        one = st.one_of(st.integers(0, 50), st.sampled_from([255, 4095, 4096, 65535, 2**20, 2**31, 2**53, top]))
        one = one.map(lambda number: min(number, top))
    else:
        one = st.one_of(TEMPTING, st.text(max_size=8))
    return st.none() | (st.lists(one, max_size=3) if declared.is_array else one)


def properties(names: list[str], repository: Schema, classname: str, data: st.DataObject) -> dict[str, Any]:
    declared = repository.get(classname).properties
    chosen = data.draw(st.lists(st.sampled_from(names), max_size=6, unique=True))
    return {name: data.draw(values(declared[name.lower()]), label=name) for name in chosen}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
@RELAXED
@given(data=st.data())
def test_new_devices_of_any_properties(kind: Any, schema: Schema, data: st.DataObject) -> None:
    given_properties = properties([row.name for row in kind.rows], schema, kind.setting_class, data)
    document = load("everything")
    try:
        view = new_element(kind, given_properties, document)
    except BadProperty:
        return
    if not kind.single:
        document.add(view, inside="devices")
    again = Domain.parse(document.xml)
    assert len([properties_of(one) for one in resources_of(again)]) == len(resources_of(document))


@RELAXED
@given(data=st.data())
def test_changes_of_any_properties(schema: Schema, data: st.DataObject) -> None:
    document = load("everything")
    target = data.draw(st.sampled_from(resources_of(document)), label="resource")
    names = [row.name for row in target.kind.rows]
    try:
        change(target, properties(names, schema, target.kind.setting_class, data), document)
    except BadProperty:
        return
    again = Domain.parse(document.xml)
    assert len(resources_of(again)) == len(resources_of(document))


@RELAXED
@given(data=st.data())
def test_heads_of_any_properties(schema: Schema, data: st.DataObject) -> None:
    document = load("everything")
    names = [row.name for row in vssd.VSSD]
    try:
        vssd.change_head(document, properties(names, schema, "Virt_VirtualSystemSettingData", data))
    except BadProperty:
        return
    Domain.parse(document.xml)
