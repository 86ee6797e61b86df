"""DSP1050: connections that are plugged in, moved, changed and given up, and links that go up and down."""

from __future__ import annotations

from typing import Any

import pytest
from tests.profiles.client import out
from tests.profiles.management import instance
from tests.profiles.switching import ADAPTER, CONNECTION, Switching, key

OK, INVALID = 0, 4
DISABLED = 3


def made(switching: Switching, *wires: str) -> None:
    """A system with an adapter that has no wire, and others that have."""
    adapters = [
        switching.adapter(Address=f"52:54:00:aa:bb:{number:02}", PoolID=f"NetworkPool/{name}")
        for number, name in enumerate(wires)
    ]
    answer = switching.define_system("made", switching.adapter(Address="52:54:00:aa:bb:99"), *adapters)
    assert answer.value == OK, answer.reason


def test_an_adapter_without_a_wire(switching: Switching) -> None:
    made(switching)
    (adapter,) = switching.adapters("made")
    assert adapter.properties["AutomaticAllocation"] is False
    assert switching.wires("made") == []
    (port,) = [one for one in switching.client.instances("Virt_NetworkPort") if one.path.key("SystemName") == "made"]
    assert port.properties["EnabledState"] == DISABLED


def test_plugging_in(switching: Switching) -> None:
    made(switching)
    parent = key(switching.adapters("made")[0])
    answer = switching.add_to("made", switching.wire(Parent=parent, Connection=["production"], PortVID=20))
    assert answer.value == OK, answer.reason
    (wire,) = switching.wires("made")
    assert out(answer, "ResultingResourceSettings") == [wire.path]
    assert wire.properties["PortVID"] == 20
    again = switching.add_to("made", switching.wire(Parent=parent, Connection=["development"]))
    assert (again.value, "connected already" in again.reason) == (INVALID, True)


def test_adding_both(switching: Switching) -> None:
    made(switching)
    answer = switching.add_to(
        "made", switching.wire(Parent="n", Connection=["backbone"]), switching.adapter(InstanceID="n")
    )
    assert answer.value == OK, answer.reason
    found: Any = out(answer, "ResultingResourceSettings")
    assert [one.classname for one in found] == [f"Test_{CONNECTION}", f"Test_{ADAPTER}"]


def test_unplugging_leaves_the_adapter(switching: Switching) -> None:
    made(switching, "development")
    (wire,) = switching.wires("made")
    assert switching.remove(wire).value == OK
    assert switching.wires("made") == []
    assert len(switching.adapters("made")) == 2


def test_an_adapter_goes_with_its_connection(switching: Switching) -> None:
    made(switching, "development")
    (wire,) = switching.wires("made")
    (adapter,) = [one for one in switching.adapters("made") if key(one) == wire.properties["Parent"]]
    assert switching.remove(adapter, wire).value == OK
    assert switching.wires("made") == []
    assert len(switching.adapters("made")) == 1


def test_moving_to_another_switch(switching: Switching) -> None:
    made(switching, "production")
    wire = switching.wires("made")[0]
    moved = switching.wire(InstanceID=key(wire), Connection=["backbone"])
    answer = switching.change(moved)
    assert answer.value == OK, answer.reason
    assert switching.wires("made")[0].properties["PoolID"] == "EthernetConnectionPool/backbone"


def test_a_vlan_is_left_where_there_are_none(switching: Switching) -> None:
    made(switching, "production")
    wire = key(switching.wires("made")[0])
    assert switching.change(switching.wire(InstanceID=wire, PortVID=20)).value == OK
    assert switching.change(switching.wire(InstanceID=wire, Connection=["development"])).value == OK
    assert "PortVID" not in switching.wires("made")[0].properties
    assert "<vlan" not in str(switching.client.vm("made").defined_xml)


def test_a_vlan_is_given_up(switching: Switching) -> None:
    made(switching, "production")
    wire = key(switching.wires("made")[0])
    assert switching.change(switching.wire(InstanceID=wire, PortVID=20)).value == OK
    assert switching.change(switching.wire(InstanceID=wire, PortVID=0)).value == OK
    assert "PortVID" not in switching.wires("made")[0].properties


def test_whole_instances_come_back(switching: Switching) -> None:
    made(switching, "production")
    given = instance(switching.wires("made")[0])
    given.properties["Limit"] = "16000000"
    answer = switching.change(given)
    assert answer.value == OK, answer.reason
    assert switching.wires("made")[0].properties["Limit"] == 16_000_000


NOT_FOUND = {
    "missing": None,
    "an adapter": "made/defined/52:54:00:aa:bb:99",
    "unplugged": "made/defined/52:54:00:aa:bb:99/connection",
    "no system": "nobody/52:54:00:aa:bb:99/connection",
}


@pytest.mark.parametrize("instance_id", NOT_FOUND.values(), ids=NOT_FOUND)
def test_connections_that_are_not_there(switching: Switching, instance_id: str | None) -> None:
    made(switching, "development")
    answer = switching.change(switching.wire(InstanceID=instance_id, Limit=8_000_000))
    assert (answer.value, "InstanceID" in answer.reason) == (INVALID, True)


LINKS = {"missing": (None, 5), "reset": (11, 1), "up already": (2, 4097), "down": (3, 4)}


@pytest.mark.parametrize(("requested", "code"), LINKS.values(), ids=LINKS)
def test_link_of_an_active_adapter(switching: Switching, requested: int | None, code: int) -> None:
    """The test driver changes nothing of a running system, which is told; QEMU does."""
    (port, *_) = [one for one in switching.client.instances("Virt_NetworkPort") if one.path.key("SystemName") == "db1"]
    given = {} if requested is None else {"RequestedState": str(requested)}
    assert switching.client.invoke(port.path, "RequestStateChange", **given).value == code


def test_link_of_an_adapter_that_is_off(switching: Switching) -> None:
    made(switching)
    (port,) = [one for one in switching.client.instances("Virt_NetworkPort") if one.path.key("SystemName") == "made"]
    assert switching.client.invoke(port.path, "RequestStateChange", RequestedState="2").value == 4097
