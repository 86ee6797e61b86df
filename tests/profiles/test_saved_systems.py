"""Systems that are saved: their State is the image, which nobody changes; their definition can be changed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.profiles.management import BAD_STATE, FAILED, OK, rasd, results
from tests.profiles.pooled import Stock, stocked

from virtcim.broker.call import MethodAnswer
from virtcim.broker.schema import Schema

NAME, OFFLINE = "web1", 6
MAC = "52:54:00:10:00:01"


@pytest.fixture
def stock(repository: Schema, node_uri: str) -> Iterator[Stock]:
    with stocked(repository, node_uri) as stock:
        with stock.host.link.borrow() as connection:
            connection.lookupByName(NAME).managedSave(0)
        vm = stock.host.vm_named(NAME)
        assert vm is not None
        saved = stock.host.refresh(vm.uuid)
        assert saved is not None
        assert saved.managed_save
        yield stock


def add(stock: Stock) -> MethodAnswer:
    return stock.add(NAME, rasd("RNG", ResourceType=1), defined=False)


def change(stock: Stock) -> MethodAnswer:
    return stock.modify(rasd("Mem", InstanceID=f"{NAME}/mem", VirtualQuantity=1024 * 1024))


def change_two(stock: Stock) -> MethodAnswer:
    """The definition of another system comes first, and is not changed either."""
    other = rasd("Mem", InstanceID="desktop1/defined/mem", VirtualQuantity=1024 * 1024)
    return stock.modify(other, rasd("Proc", InstanceID=f"{NAME}/proc", VirtualQuantity=1))


def remove(stock: Stock) -> MethodAnswer:
    return stock.remove(f"{NAME}/{MAC}")


@pytest.mark.parametrize(
    ("ask", "value"), [(add, FAILED), (change, BAD_STATE), (change_two, BAD_STATE), (remove, BAD_STATE)]
)
def test_the_image_is_not_changed(stock: Stock, ask: object, value: int) -> None:
    before = stock.everything()
    answer = ask(stock)  # type: ignore[operator]
    assert (answer.value, "is saved" in str(answer.reason)) == (value, True), answer
    assert stock.everything() == before


def test_the_definition_is(stock: Stock) -> None:
    answer = stock.add(NAME, rasd("RNG", ResourceType=1), defined=True)
    assert answer.value == OK, answer
    assert stock.modify(rasd("Proc", InstanceID=f"{NAME}/defined/proc", Weight=512)).value == OK
    assert stock.remove(*results(answer)).value == OK
