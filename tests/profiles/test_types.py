"""What every provider makes of every object fits what the schema declares: names, types, ValueMaps, keys."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import pytest
from tests.profiles.client import Client, make_client
from tests.profiles.conftest import StartClient
from tests.profiles.everything import all_profiles, objects

from virtcim.broker.call import CIMError, Item, Path, Properties, PropertyDef, Value
from virtcim.broker.provider import InstanceProvider
from virtcim.broker.schema import Schema
from virtcim.broker.values import Mistyped, scalar

INTEGER = re.compile(r"[us]int\d+")


@pytest.fixture(scope="module")
def everything(repository: Schema, start_client: StartClient, node_uri: str) -> Iterator[Client]:
    """A client of all profiles over a world that nobody changes."""
    with start_client(node_uri) as client:
        yield make_client(repository, client.world, all_profiles())


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
    return isinstance(value, str) and (declared.embedded is not None or _scalar(declared, value))


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


def _providers() -> list[InstanceProvider]:
    return [one for profile in all_profiles() for one in profile.instances]


def _name(provider: InstanceProvider) -> str:
    return f"{provider.classname}-{provider.of.__name__}"


def _distinct(found: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(found))


@pytest.mark.parametrize("provider", _providers(), ids=_name)
def test_instances(everything: Client, provider: InstanceProvider) -> None:
    assert unknown(everything, provider) == set()
    items = [everything.broker.instances.item(provider, one) for one in objects(everything, provider)]
    assert _distinct(f"{item.cls.name}: {fault}" for item in items for fault in faults(item)) == []


@pytest.mark.parametrize("provider", _providers(), ids=_name)
def test_each_is_found_by_its_path(everything: Client, provider: InstanceProvider) -> None:
    instances = everything.broker.instances
    for one in objects(everything, provider):
        item = instances.item(provider, one)
        assert instances.get(item.path).item.path == item.path


def test_paths_are_unique(everything: Client) -> None:
    instances = everything.broker.instances
    seen: set[Path] = set()
    for provider in _providers():
        for one in objects(everything, provider):
            path = instances.item(provider, one).path
            assert path not in seen
            seen.add(path)


def _association_classes() -> list[str]:
    return sorted({one.classname for profile in all_profiles() for one in profile.associations})


@pytest.mark.parametrize("classname", _association_classes())
def test_associations(everything: Client, classname: str) -> None:
    items = everything.instances(classname)
    assert _distinct(f"{item.cls.name}: {fault}" for item in items for fault in faults(item)) == []
    for item in items:
        assert everything.get(item.path).properties == item.properties


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
