"""The shelf: what is stored, found by path, class and reference."""

from __future__ import annotations

import pytest
from tests.broker.stored import FILTER, HANDLER, OpenStore, link

from virtcim.broker.call import CIMError, Status
from virtcim.broker.provider import Stored
from virtcim.broker.store_shelf import Shelf


def test_the_shelf_finds_by_path_class_and_reference(open_store: OpenStore) -> None:
    shelf = Shelf(open_store())
    one, handler, bond = Stored(FILTER, {}), Stored(HANDLER, {}), link(FILTER, HANDLER)
    for stored in (one, handler, bond):
        shelf.add(stored)
    again = Shelf(open_store())
    for found in (shelf, again):
        assert [x.path for x in found.of_class("CIM_IndicationFilter")] == [FILTER]
        assert [x.path for x in found.referring(HANDLER)] == [bond.path]
        assert found.find(FILTER) is not None
        assert found.count("CIM_IndicationSubscription") == 1


def test_the_shelf_replaces_and_removes(open_store: OpenStore) -> None:
    shelf = Shelf(open_store())
    old, new = link(FILTER, HANDLER), link(FILTER, HANDLER)
    shelf.add(old)
    with pytest.raises(CIMError) as refused:
        shelf.add(new)
    assert refused.value.status is Status.ALREADY_EXISTS
    shelf.replace(old, new)
    with pytest.raises(CIMError) as refused:
        shelf.remove(old)
    assert refused.value.status is Status.NOT_FOUND
    assert shelf.referring(FILTER) == [new]
    shelf.remove(new)
    assert shelf.referring(FILTER) == []
    assert shelf.find(new.path) is None
