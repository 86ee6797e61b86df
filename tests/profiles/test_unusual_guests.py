"""Every read of guests that nobody would make by CIM holds, and every change leaves alone what it is not about."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

import pytest
from tests.profiles.client import Client, out, system_path
from tests.profiles.everything import everything_running
from tests.profiles.management import OK, Manager, head_path, instance, managing, rasd, results
from tests.profiles.test_symmetry import name, pairs
from tests.profiles.test_types import distinct, faults, items
from tests.profiles.unusual import define

from virtcim.broker.call import Item
from virtcim.broker.schema import Schema

Named = tuple[str, str]  # a guest's name and UUID


@pytest.fixture(scope="module")
def unusual(tmp_path_factory: pytest.TempPathFactory, node_uri: str) -> Iterator[Client]:
    """All profiles over a node with unusual guests, networks and pools, all of which it has read."""
    with everything_running(tmp_path_factory.mktemp("state"), node_uri) as client:
        host = client.world.hosts[0]
        with host.link.borrow() as connection:
            define(connection)
            for domain in connection.listAllDomains():
                host.refresh(domain.UUIDString())
            for network in connection.listAllNetworks():
                host.refresh_network(network.UUIDString())
            for pool in connection.listAllStoragePools():
                host.refresh_pool(pool.UUIDString())
        yield client


def test_every_value_fits_its_declaration(unusual: Client) -> None:
    assert distinct(f"{item.cls.name}: {fault}" for item in items(unusual) for fault in faults(item)) == []


def test_every_instance_has_a_path_of_its_own_that_leads_to_it(unusual: Client) -> None:
    found = list(items(unusual))
    assert [str(path) for path, count in Counter(item.path for item in found).items() if count > 1] == []
    assert [str(one.path) for one in found if unusual.broker.instances.get(one.path).item.path != one.path] == []


def test_instance_ids_of_settings_are_unique(unusual: Client) -> None:
    found = Counter(item.properties["InstanceID"] for item in unusual.instances("CIM_SettingData"))
    assert [one for one, count in found.items() if count > 1] == []


def test_every_association_leads_back_and_nowhere_else(unusual: Client) -> None:
    known = {item.path for item in items(unusual)}
    wrong = []
    for association in unusual.broker.instances.catalog.associations:
        forwards, backwards = (pairs(unusual, association, forwards=way) for way in (True, False))
        wrong += [f"{name(association)}: {a} and {b} only one way" for a, b in forwards ^ backwards]
        wrong += [f"{name(association)}: {end} dangles" for link in forwards for end in link if end not in known]
    assert distinct(wrong) == []


@pytest.fixture(scope="module", params=["name", "uuid"])
def naming(request: pytest.FixtureRequest, repository: Schema, node_uri: str) -> Iterator[tuple[Manager, list[Named]]]:
    with managing(repository, node_uri, detach_timeout=2.0, naming=request.param) as manager:
        with manager.host.link.borrow() as connection:
            guests = define(connection)
        for _, uuid in guests:
            manager.host.refresh(uuid)
        yield manager, guests


def token(manager: Manager, guest: Named) -> str:
    return guest[1] if manager.host.naming == "uuid" else guest[0]


def settings(manager: Manager, guest: Named, defined: bool = True) -> list[Item]:
    return manager.client.across(head_path(token(manager, guest), defined), "CIM_VirtualSystemSettingDataComponent")


def parts(xml: str) -> Counter[str]:
    """What is in a document, in any order: libvirt moves devices."""
    return Counter(line.strip() for line in xml.splitlines())


def test_whole_instances_sent_back_change_nothing(naming: tuple[Manager, list[Named]]) -> None:
    manager, guests = naming
    for guest in guests:
        before = manager.xml(guest[0])
        for defined in (True, False):
            for one in settings(manager, guest, defined):
                answer = manager.modify(instance(one))
                assert answer.value == OK, (guest[0], answer.reason)
        head = manager.client.get(head_path(token(manager, guest)))
        assert manager.call("ModifySystemSettings", SystemSettings=instance(head)).value == OK
        assert manager.xml(guest[0]) == before


def test_what_a_change_is_not_about_survives_it(naming: tuple[Manager, list[Named]]) -> None:
    """A description, and a disk that comes and goes."""
    manager, guests = naming
    for guest in guests:
        before = re.sub(r"<description>.*?</description>", "", manager.xml(guest[0]), flags=re.DOTALL)
        target = head_path(token(manager, guest))
        head = str(target.key("InstanceID"))
        assert manager.modify_system(InstanceID=head, Description="changed").value == OK
        disk = rasd("Disk", HostResource=["/images/new.img"], BusType="usb" if "USB" not in guest[0] else "virtio")
        added = manager.call("AddResourceSettings", AffectedConfiguration=target, ResourceSettings=[disk])
        assert added.value == OK, (guest[0], added.reason)
        (path,) = out(added, "ResultingResourceSettings")  # type: ignore[misc]
        assert results(added)
        assert manager.call("RemoveResourceSettings", ResourceSettings=[path]).value == OK
        left = parts(manager.xml(guest[0]).replace("<description>changed</description>", ""))
        lost = parts(before) - left
        assert not lost, (guest[0], lost)


def test_copied_and_destroyed(naming: tuple[Manager, list[Named]]) -> None:
    manager, guests = naming
    for number, guest in enumerate(guests):
        copied = manager.define(ElementName=f"copy {number}", reference=head_path(token(manager, guest)))
        assert copied.value == OK, (guest[0], copied.reason)
        assert manager.call("DestroySystem", AffectedSystem=out(copied, "ResultingSystem")).value == OK


def test_states_and_destroyed(naming: tuple[Manager, list[Named]]) -> None:
    """Last: the guests are gone afterwards."""
    manager, guests = naming
    for guest in guests:
        system = system_path(token(manager, guest))
        manager.client.invoke(system, "RequestStateChange", RequestedState="2")
        for state in ("9", "2", "11", "3"):
            answer = manager.client.invoke(system, "RequestStateChange", RequestedState=state)
            assert answer.value == OK, (guest[0], state, answer.reason)
        assert manager.call("DestroySystem", AffectedSystem=system).value == OK
