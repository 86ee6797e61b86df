"""What every provider makes of every object fits what the schema declares: names, types, ValueMaps, keys."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator

import pytest
from tests.profiles.client import Client
from tests.profiles.everything import NAMESPACES, links, objects

from virtcim.broker.call import CIMError, Instance, Item, Path, Properties, PropertyDef, Value
from virtcim.broker.provider import InstanceProvider
from virtcim.broker.values import Mistyped, scalar

# The test driver has no network filters and no DHCP: tests/live/test_filters_qemu.py and test_ethernet_qemu.py see.
LIVE_ONLY = {
    "Virt_FilterList", "Virt_FilterEntry", "Virt_Hdr8021Filter", "Virt_IPHeadersFilter", "Virt_IPProtocolEndpoint",
}  # fmt: skip
TWO_HOSTS = {"Virt_MigrationJob"}  # tests/profiles/test_dsp1081.py sees
INTEGER = re.compile(r"[us]int\d+")


def listed(declared: PropertyDef, value: object) -> bool:
    """Whether a value is in the ValueMap, vendors' ranges included; anything is where there is none."""
    usable = [entry for entry, name in declared.values.items() if not name.startswith("DMTF Reserved")]
    return not declared.values or any(_covers(entry, value) for entry in usable)


def _covers(entry: str, value: object) -> bool:
    low, dots, high = entry.partition("..")
    if not dots:
        return entry == str(value)
    if not isinstance(value, int) or not (low or high):
        return False
    return (not low or int(low, 0) <= value) and (not high or value <= int(high, 0))


def fits(declared: PropertyDef, value: object) -> bool:
    """Whether one value is of the Python type and range that stand for the declared CIM type."""
    if declared.type == "reference":
        return isinstance(value, Path)
    if declared.type == "boolean":
        return isinstance(value, bool)
    if INTEGER.fullmatch(declared.type):
        return isinstance(value, int) and not isinstance(value, bool) and _scalar(declared, str(value))
    if declared.type.startswith("real"):
        return isinstance(value, float)
    if declared.embedded is not None:
        return isinstance(value, Instance)
    return isinstance(value, str) and _scalar(declared, value)


def _scalar(declared: PropertyDef, text: str) -> bool:
    try:
        scalar(declared.name, declared.type, text)
    except Mistyped:
        return False
    return True


def value_faults(declared: PropertyDef, value: Value) -> Iterator[str]:
    if declared.is_array != isinstance(value, list):
        yield f"{declared.name} is {'an array' if declared.is_array else 'no array'}: {value!r}"
        return
    for one in value if isinstance(value, list) else [value]:
        if one is None and declared.is_array:
            continue
        if not fits(declared, one):
            yield f"{declared.name} is {declared.type}: {one!r}"
        elif not listed(declared, one):
            yield f"{declared.name} cannot be {one!r}: its ValueMap has {', '.join(declared.values)}"


def faults(item: Item) -> Iterator[str]:
    for name, value in item.properties.items():
        declared = item.cls.properties[name.lower()]
        if declared.name != name:
            yield f"{name} is spelt {declared.name}"
        if value is not None:
            yield from value_faults(declared, value)
    yield from (f"key {key.name} is NULL" for key in item.cls.keys if item.properties.get(key.name) is None)
    required = (one for one in item.cls.properties.values() if one.required)
    yield from (f"{one.name} is required" for one in required if item.properties.get(one.name) is None)


def unknown(client: Client, provider: InstanceProvider) -> set[str]:
    """The properties that a provider makes and its class has not."""
    known = client.broker.schema.get(provider.classname).properties
    return {name for one in objects(client, provider) for name in provider.make(one) if name.lower() not in known}


def distinct(found: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(found))


def providers(client: Client) -> list[InstanceProvider]:
    return client.broker.instances.catalog.instances


def items(client: Client) -> Iterator[Item]:
    for provider in providers(client):
        for one in objects(client, provider):
            yield client.broker.instances.item(provider, one)


def test_every_property_is_declared(everything: Client) -> None:
    found = {provider.classname: unknown(everything, provider) for provider in providers(everything)}
    assert {classname: names for classname, names in found.items() if names} == {}


def test_every_value_fits_its_declaration(everything: Client) -> None:
    assert distinct(f"{item.cls.name}: {fault}" for item in items(everything) for fault in faults(item)) == []


def test_every_instance_is_found_by_its_path(everything: Client) -> None:
    instances = everything.broker.instances
    assert all(instances.get(item.path).item.path == item.path for item in items(everything))


def test_paths_are_unique(everything: Client) -> None:
    paths = Counter(item.path for item in items(everything))
    assert [str(path) for path, count in paths.items() if count > 1] == []


def test_every_provider_has_instances(everything: Client) -> None:
    """One without any on this world would not be tested."""
    empty = {provider.classname for provider in providers(everything) if not any(objects(everything, provider))}
    assert empty == LIVE_ONLY | TWO_HOSTS


def test_among_finds_what_the_source_has(everything: Client) -> None:
    for provider in providers(everything):
        if provider.among is not None:
            assert list(provider.among(everything.world)) == list(objects(everything, provider)), provider.classname


def test_every_link_fits_its_declaration(everything: Client) -> None:
    found = []
    for classname in {one.classname for one in everything.broker.instances.catalog.associations}:
        for namespace in NAMESPACES:
            for item in links(everything, namespace, classname):
                found += [f"{item.cls.name}: {fault}" for fault in faults(item)]
                path = Path(item.path.classname, item.path.keys)
                (same,) = everything.call("GetInstance", namespace, InstanceName=path)
                found += [] if same.properties == item.properties else [f"{path} is another by its path"]
    assert distinct(found) == []


def test_the_checks_can_fail(everything: Client) -> None:
    item = everything.system("web1")
    wrong: Properties = {
        "EnabledState": 11,
        "HealthState": "5",
        "Dedicated": 0,
        "elementname": "x",
        "UUID": 7,
        "TimeOfLastStateChange": "now",
        "NameFormat": "GUID",
    }
    found = list(faults(Item(item.cls, item.path, wrong)))
    assert len(found) >= len(wrong) + len(item.cls.keys)
    with pytest.raises(CIMError):
        everything.get(Path("Test_ComputerSystem", (("Name", "web1"),)))
