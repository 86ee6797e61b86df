"""DSP1044: processors of the host dedicated to a system, one for each virtual one: MappingBehavior 3, Reservation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.profiles.management import BAD_STATE, FAILED, INVALID, OK, instance, rasd
from tests.profiles.pooled import Stock, stocked
from tests.told import symbol_of

from virtcim.broker.call import Instance, Value
from virtcim.broker.schema import Schema

IN_USE = 6
DEDICATED, HARD_AFFINITY = 3, 5
OFF = "desktop1"


@pytest.fixture
def stock(repository: Schema, node_uri: str) -> Iterator[Stock]:
    with stocked(repository, node_uri) as stock:
        yield stock


def cpus(*numbers: int) -> list[str]:
    return [f"cpu:{number}" for number in numbers]


def binding(name: str, numbers: list[str], behavior: int | None = DEDICATED, **more: Any) -> Instance:
    given = {"HostResource": numbers, "MappingBehavior": behavior, **more}
    asked = {key: value for key, value in given.items() if value is not None}
    return rasd("Proc", InstanceID=f"{name}/proc", **asked)


def dedicate(stock: Stock, name: str, *numbers: int) -> None:
    """As many as the system can have."""
    answer = stock.modify(
        binding(f"{name}/defined", cpus(*numbers), MaxVirtualQuantity=len(numbers), VirtualQuantity=len(numbers))
    )
    assert answer.value == OK, answer


def start(stock: Stock, name: str) -> tuple[Value, str]:
    answer = stock.client.invoke(stock.client.system(name).path, "RequestStateChange", RequestedState="2")
    return answer.value, answer.reason


def test_each_gets_one(stock: Stock) -> None:
    dedicate(stock, OFF, 10, 12)
    for text in ("<vcpupin vcpu='0' cpuset='10'/>", "<vcpupin vcpu='1' cpuset='12'/>"):
        assert text in stock.xml(OFF)
    setting = stock.settings(OFF)["proc"]
    shown = setting.properties
    assert (shown["MappingBehavior"], shown["Reservation"], shown["VirtualQuantity"]) == (DEDICATED, 200, 2)
    assert len(shown["HostResource"]) == 2  # type: ignore[arg-type]
    before = stock.xml(OFF)
    assert stock.modify(instance(setting)).value == OK
    assert stock.xml(OFF) == before


def test_what_is_sure_is_reserved(stock: Stock) -> None:
    dedicate(stock, OFF, 10, 12)
    assert stock.pool("ProcessorPool/0")["Reserved"] == 0
    assert start(stock, OFF)[0] == OK
    assert stock.pool("ProcessorPool/0")["Reserved"] == 200
    (device, _) = stock.client.across(stock.client.system(OFF).path, "CIM_SystemDevice", "CIM_Processor")
    (below,) = stock.client.across(device.path, "CIM_HostedDependency", role="Dependent")
    assert below.properties["DeviceID"] == "host/cpu/10"


@pytest.mark.parametrize(("own", "other"), [(DEDICATED, DEDICATED), (DEDICATED, HARD_AFFINITY), (None, DEDICATED)])
def test_they_are_not_shared(stock: Stock, own: int | None, other: int) -> None:
    """Neither by two that would have them alone, nor by one that would and one that is bound to them."""
    for name, behavior in ((OFF, other), ("web2", own)):
        dedicate(stock, name, 10, 12)
        if behavior != DEDICATED:
            assert stock.modify(binding(f"{name}/defined", cpus(10, 11, 12), HARD_AFFINITY)).value == OK
    assert start(stock, OFF)[0] == OK
    stock.become("web2", 3)
    value, reason = start(stock, "web2")
    assert (value, f"{OFF} is bound to 10,12" in reason) == (IN_USE, True), reason
    assert symbol_of(reason) == "RESOURCE_DEDICATED"
    stock.become(OFF, 3)
    assert start(stock, "web2")[0] == OK


def test_those_that_are_only_bound_share(stock: Stock) -> None:
    for name in (OFF, "web2"):
        assert stock.modify(binding(f"{name}/defined", cpus(10), None)).value == OK
    stock.become("web2", 3)
    assert start(stock, OFF)[0] == start(stock, "web2")[0] == OK


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        ({"HostResource": cpus(1), "MappingBehavior": DEDICATED}, "HostResource"),
        ({"MappingBehavior": DEDICATED}, "HostResource"),
        ({"MappingBehavior": HARD_AFFINITY}, "MappingBehavior"),
        ({"HostResource": cpus(1, 2), "MappingBehavior": 4}, "MappingBehavior"),
        ({"Reservation": 100}, "Reservation"),
    ],
    ids=["too few", "none", "bound to none", "soft", "nothing to be sure of"],
)
def test_what_cannot_be(stock: Stock, asked: dict[str, Any], name: str) -> None:
    before = stock.everything()
    answer = stock.modify(rasd("Proc", InstanceID=f"{OFF}/defined/proc", **asked))
    assert (answer.value, name in str(answer.reason)) == (INVALID, True), answer
    assert stock.everything() == before


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        ({"Limit": 50}, "Limit"),
        ({"MaxVirtualQuantity": 3}, "HostResource"),
        ({"HostResource": cpus(10)}, "HostResource"),
        ({"Reservation": 50}, "Reservation"),
    ],
    ids=["held to less", "one more", "one less", "less for sure"],
)
def test_what_contradicts(stock: Stock, asked: dict[str, Any], name: str) -> None:
    dedicate(stock, OFF, 10, 12)
    before = stock.everything()
    answer = stock.modify(rasd("Proc", InstanceID=f"{OFF}/defined/proc", **asked))
    assert (answer.value, name in str(answer.reason)) == (INVALID, True), answer
    assert stock.everything() == before


def test_what_others_write_into_the_metadata(stock: Stock) -> None:
    """Neither a word of theirs nor other pins keep anybody from reading or changing the system."""
    dedicate(stock, OFF, 10, 12)
    for old, new in (
        ("DedicatedProcessors>yes<", "DedicatedProcessors>perhaps<"),
        ("vcpu='1' cpuset='12'", "vcpu='1' cpuset='10'"),
    ):
        changed = stock.xml(OFF).replace(old, new)
        assert changed != stock.xml(OFF)
        with stock.host.link.borrow() as connection:
            connection.defineXML(changed)
        stock.host.refresh(stock.client.vm(OFF).uuid)
        shown = stock.settings(OFF)["proc"].properties
        assert (shown["MappingBehavior"], shown.get("Reservation")) == (HARD_AFFINITY, None)
        dedicate_again = binding(f"{OFF}/defined", cpus(10, 12))
        assert stock.modify(dedicate_again).value == OK
        assert stock.settings(OFF)["proc"].properties["MappingBehavior"] == DEDICATED


def test_moving_and_sharing_again(stock: Stock) -> None:
    dedicate(stock, OFF, 10, 12)
    assert stock.modify(rasd("Proc", InstanceID=f"{OFF}/defined/proc", HostResource=cpus(4, 5))).value == OK
    shown = stock.settings(OFF)["proc"].properties
    assert (shown["MappingBehavior"], "cpuset='5'" in stock.xml(OFF)) == (DEDICATED, True)
    assert stock.modify(rasd("Proc", InstanceID=f"{OFF}/defined/proc", MappingBehavior=HARD_AFFINITY)).value == OK
    shown = stock.settings(OFF)["proc"].properties
    assert (shown["MappingBehavior"], shown.get("Reservation")) == (HARD_AFFINITY, None)


def test_not_while_it_runs(stock: Stock) -> None:
    """And a running system cannot be bound to what another has for itself."""
    before = stock.everything()
    answer = stock.modify(binding("web2", cpus(10, 12)))
    assert (answer.value, "MappingBehavior" in str(answer.reason)) == (BAD_STATE, True), answer
    assert stock.everything() == before
    dedicate(stock, OFF, 10, 12)
    assert start(stock, OFF)[0] == OK
    before = stock.everything()
    answer = stock.modify(binding("web2", cpus(10, 11), None))
    assert (answer.value, f"{OFF} is bound to 10" in str(answer.reason)) == (FAILED, True), answer
    assert stock.everything() == before
