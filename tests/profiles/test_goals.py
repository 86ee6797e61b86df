"""CreateGoalSettings (CIM_Capabilities): what is nearest to what a client would like, and that it can be asked for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.profiles.client import out
from tests.profiles.management import OK, embedded, instance, rasd
from tests.profiles.pooled import Stock, stocked

from virtcim.broker.call import Instance, MethodAnswer
from virtcim.broker.schema import Schema

ALTERNATIVE, INVALID, UNSUPPORTED = 6, 5, 1
KIB = {"AllocationUnits": "byte * 2^10"}
MIB = {"AllocationUnits": "byte * 2^20", "VirtualQuantityUnits": "byte * 2^20"}


@pytest.fixture(scope="module")
def stock(repository: Schema, node_uri: str) -> Iterator[Stock]:
    with stocked(repository, node_uri) as stock:
        yield stock


def goals(stock: Stock, name: str, *template: Instance, **more: Any) -> tuple[Any, dict[str, Any], MethodAnswer]:
    capabilities = next(
        one for one in stock.client.instances("CIM_AllocationCapabilities") if one.properties["InstanceID"] == name
    )
    given = {"TemplateGoalSettings": [*template]} if template else {}
    answer = stock.client.invoke(capabilities.path, "CreateGoalSettings", **given, **more)
    return answer.value, dict(best(answer).properties) if answer.out else {}, answer


def best(answer: MethodAnswer) -> Instance:
    """What was found."""
    found: Any = out(answer, "SupportedGoalSettings")
    (one,) = found
    assert isinstance(one, Instance)
    return one


@pytest.mark.parametrize(
    "name", ["ProcessorPool/0", "MemoryPool/0", "DiskPool/images", "HostDevicePool/0", "RNGPool/0"]
)
def test_without_a_template_it_is_the_default(stock: Stock, name: str) -> None:
    value, found, _ = goals(stock, name)
    sample = stock.samples(stock.capabilities()[name].path)["Default"].properties
    assert value == OK
    assert found == {
        key: one for key, one in sample.items() if key not in ("InstanceID", "ElementName", "ChangeableType")
    }


CASES: dict[str, tuple[str, Instance, int, dict[str, Any]]] = {
    "memory as it is": (
        "MemoryPool/0", rasd("Mem", ResourceType=4, VirtualQuantity=2048, **KIB), OK,
        {"VirtualQuantity": 2048, "VirtualQuantityUnits": "byte * 2^10", "PoolID": "MemoryPool/0"},
    ),
    "memory in MiB": (
        "MemoryPool/0", rasd("Mem", ResourceType=4, VirtualQuantity=512, **MIB), OK, {"VirtualQuantity": 524288},
    ),
    "memory in libvirt-cim's words": (
        "MemoryPool/0", rasd("Mem", VirtualQuantity=1, AllocationUnits="GigaBytes"), OK, {"VirtualQuantity": 2**20},
    ),
    "memory off the grid": (
        "MemoryPool/0", rasd("Mem", VirtualQuantity=1025, **KIB), ALTERNATIVE, {"VirtualQuantity": 2048},
    ),
    "no memory": ("MemoryPool/0", rasd("Mem", VirtualQuantity=0, **KIB), ALTERNATIVE, {"VirtualQuantity": 1024}),
    "more memory than there is": (
        "MemoryPool/0", rasd("Mem", VirtualQuantity=2**40, **KIB), ALTERNATIVE, {"VirtualQuantity": 268435456},
    ),
    "of another pool": (
        "MemoryPool/0", rasd("Mem", VirtualQuantity=2048, PoolID="MemoryPool/cell:0", **KIB), ALTERNATIVE,
        {"PoolID": "MemoryPool/0"},
    ),
    "processors": (
        "ProcessorPool/0", rasd("Proc", VirtualQuantity=4, Weight=500), OK, {"VirtualQuantity": 4, "Weight": 500},
    ),
    "too many processors": (
        "ProcessorPool/0", rasd("Proc", VirtualQuantity=99999, Weight=1), ALTERNATIVE,
        {"VirtualQuantity": 32, "Weight": 2},
    ),
    "by the standard class": (
        "ProcessorPool/0", embedded("CIM_ResourceAllocationSettingData", ResourceType=3, VirtualQuantity=2), OK,
        {"VirtualQuantity": 2, "ResourceType": 3},
    ),
    "an image": (
        "DiskPool/images", rasd("Disk", VirtualQuantity=2048, ResourceSubType="qcow2"), OK, {"VirtualQuantity": 2048},
    ),
    "several of one device": ("RNGPool/0", rasd("RNG", VirtualQuantity=3), ALTERNATIVE, {"VirtualQuantity": 1}),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_the_nearest(stock: Stock, case: str) -> None:
    name, template, value, shown = CASES[case]
    answered, found, answer = goals(stock, name, template)
    assert (answered, {key: found.get(key) for key in shown}) == (value, shown), answer


@pytest.mark.parametrize("case", [name for name, case in CASES.items() if case[0] in ("DiskPool/images", "RNGPool/0")])
def test_it_can_be_asked_for(repository: Schema, node_uri: str, case: str) -> None:
    name, template, _, _ = CASES[case]
    with stocked(repository, node_uri) as stock:
        _, _, answer = goals(stock, name, template)
        found = best(answer)
        assert stock.add("desktop1", embedded(found.classname, **found.properties)).value == OK


@pytest.mark.parametrize(
    ("name", "template", "reason"),
    [
        ("MemoryPool/0", [rasd("Proc", VirtualQuantity=1)], "0 of 1 settings are for memory"),
        ("MemoryPool/0", [rasd("Mem", VirtualQuantity=1), rasd("Mem", VirtualQuantity=2)], "2 of 2"),
        ("MemoryPool/0", [rasd("Mem", VirtualQuantity=1, AllocationUnits="bushels")], "AllocationUnits"),
        ("GraphicsPool/0", [rasd("Graphics", ResourceSubType="hologram")], "ResourceSubType"),
        ("HostDevicePool/0", [rasd("HostDevice", ResourceSubType="pci")], "HostResource is missing"),
    ],
    ids=["of another kind", "two of a kind", "no unit", "no such model", "no device"],
)
def test_what_cannot_be(stock: Stock, name: str, template: list[Instance], reason: str) -> None:
    value, _, answer = goals(stock, name, *template)
    assert (value, reason in str(answer.reason)) == (INVALID, True), answer


def test_what_is_about_something_else_is_ignored(stock: Stock) -> None:
    given = [rasd("Proc", VirtualQuantity=1), rasd("Mem", VirtualQuantity=4096, **KIB)]
    value, found, _ = goals(stock, "MemoryPool/0", *given)
    assert (value, found["VirtualQuantity"]) == (OK, 4096)


def test_going_on_from_what_was_proposed(stock: Stock) -> None:
    _, found, answer = goals(stock, "ProcessorPool/0", rasd("Proc", VirtualQuantity=99999))
    proposed = best(answer)
    again = [embedded(proposed.classname, **proposed.properties)]
    value, after, _ = goals(stock, "ProcessorPool/0", rasd("Proc", Weight=100), SupportedGoalSettings=again)
    assert (value, after["VirtualQuantity"], after["Weight"]) == (OK, found["VirtualQuantity"], 100)
    wrong = [rasd("Proc", VirtualQuantity=99999)]
    value, _, answer = goals(stock, "ProcessorPool/0", SupportedGoalSettings=wrong)
    assert (value, "cannot satisfy" in str(answer.reason)) == (INVALID, True)


def test_of_a_running_system(stock: Stock) -> None:
    """Its memory below the limit; all else stays."""
    present = stock.settings("web1", defined=False)["mem"].properties
    value, found, _ = goals(stock, "virtcim:mutability/web1/mem")
    assert (value, found["InstanceID"], found["VirtualQuantity"]) == (OK, "web1/mem", present["VirtualQuantity"])
    asked = rasd("Mem", InstanceID="web1/mem", VirtualQuantity=2**40, Limit=5, **KIB)
    value, found, _ = goals(stock, "virtcim:mutability/web1/mem", asked)
    assert (value, found["VirtualQuantity"], found["Limit"]) == (ALTERNATIVE, present["Limit"], present["Limit"])
    assert found["InstanceID"] == "web1/mem"


def test_what_is_sent_back_is_no_alternative(stock: Stock) -> None:
    shown = stock.settings("web1", defined=False)["proc"]
    value, found, answer = goals(stock, "virtcim:mutability/web1/proc", instance(shown))
    assert value == OK, (found, answer)
