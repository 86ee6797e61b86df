"""Whose lives are told beside those of systems: switches, ports, connections, volumes, devices of the host."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from tests.profiles.dsp1054.comers import DRIVE, NETWORK, PCI, VOLUME
from tests.profiles.eventful import Eventful

from virtcim.broker.call import Instance
from virtcim.broker.indications_lifecycle import Lifecycle
from virtcim.host.inventory import NodeDevice
from virtcim.host.records import NodeDeviceRecord
from virtcim.profiles import alerts_pools
from virtcim.profiles.static_filters import static_filters

CREATED, MODIFIED, DELETED = "CIM_InstCreation", "CIM_InstModification", "CIM_InstDeletion"
OLD_CREATED, OLD_DELETED = (f"Test_ResourceAllocationSettingData{what}Indication" for what in ("Created", "Deleted"))
Told = Counter[tuple[str, str]]  # class of the indication, class of the instance


def told_of(client: Eventful, what: Callable[[Any], object]) -> Told:
    """What is told of something that libvirt does, and nothing more when all is read again."""
    before = len(client.listener.bodies)
    with client.world.hosts[0].link.borrow() as connection:
        what(connection)
    client.world.hosts[0].reconcile()
    client.listener.wait_for(before + 1)
    client.settle()
    client.world.hosts[0].reconcile()
    client.quiet()
    found = client.listener.indications[before:]
    return Counter((one.classname, one["SourceInstance"].classname) for one in found)


def listen(client: Eventful, *classnames: str) -> None:
    for classname in classnames:
        client.subscribe(f"SELECT * FROM CIM_InstIndication WHERE SourceInstance ISA {classname}")


def test_a_switch_comes_changes_and_goes(client: Eventful) -> None:
    listen(client, "Virt_VirtualEthernetSwitch", "CIM_VirtualEthernetSwitchSettingData")
    switch, setting = "Test_VirtualEthernetSwitch", "Test_VirtualEthernetSwitchSettingData"

    def lab(connection: Any) -> Any:
        return connection.networkLookupByName("lab")

    assert told_of(client, lambda c: c.networkDefineXML(NETWORK.format(mtu=""))) == {
        (CREATED, switch): 1,
        (CREATED, setting): 2,
    }
    assert told_of(client, lambda c: lab(c).create())[MODIFIED, switch] == 1
    assert told_of(client, lambda c: lab(c).destroy())[MODIFIED, switch] == 1
    changed = told_of(
        client, lambda c: c.networkDefineXML(_same_uuid(c, "lab", NETWORK.format(mtu="<mtu size='9000'/>")))
    )
    assert changed[MODIFIED, setting] == 2
    assert told_of(client, lambda c: lab(c).undefine()) == {(DELETED, switch): 1, (DELETED, setting): 2}


def test_the_pool_of_a_switch_comes_changes_and_goes_with_it(client: Eventful) -> None:
    listen(client, "Virt_EthernetConnectionPool")
    pool = "Test_EthernetConnectionPool"
    functions = "<forward mode='hostdev'><address type='pci' domain='0' bus='3' slot='0' function='{}'/>{}</forward>"
    plain = "<network><name>lab</name>{}</network>"
    one = functions.format(1, "")
    two = functions.format(1, "<address type='pci' domain='0' bus='3' slot='0' function='2'/>")
    assert told_of(client, lambda c: c.networkDefineXML(plain.format(one))) == {(CREATED, pool): 1}
    more = told_of(client, lambda c: c.networkDefineXML(_same_uuid(c, "lab", plain.format(two))))
    assert more == {(MODIFIED, pool): 1}
    assert told_of(client, lambda c: c.networkLookupByName("lab").undefine()) == {(DELETED, pool): 1}


def _same_uuid(connection: Any, name: str, xml: str) -> str:
    uuid = connection.networkLookupByName(name).UUIDString()
    return xml.replace(f"<name>{name}</name>", f"<name>{name}</name><uuid>{uuid}</uuid>")


def test_the_ports_of_a_system_come_and_go_with_it(client: Eventful) -> None:
    listen(client, "Virt_SwitchEthernetPort", "CIM_EthernetPortAllocationSettingData")
    gone = told_of(client, lambda c: c.lookupByName("web2").destroy())
    assert gone[DELETED, "Test_SwitchEthernetPort"] == 1
    assert not any(what == DELETED and "Connection" in classname for what, classname in gone)
    back = told_of(client, lambda c: c.lookupByName("web2").create())
    assert back[CREATED, "Test_SwitchEthernetPort"] == 1


def test_the_ports_of_a_network_come_and_go_with_it(client: Eventful) -> None:
    listen(client, "Virt_SwitchEthernetPort", "Virt_EthernetConnectionAllocationSettingData")
    port = "Test_SwitchEthernetPort"
    plugged = sum("production" in str(one.properties) for one in client.instances("Virt_SwitchEthernetPort"))
    stopped = told_of(client, lambda c: c.networkLookupByName("production").destroy())
    assert stopped[DELETED, port] >= max(1, plugged)
    started = told_of(client, lambda c: c.networkLookupByName("production").create())
    assert started[CREATED, port] == stopped[DELETED, port]
    gone = told_of(client, lambda c: _forget(c.networkLookupByName("production")))
    assert (
        gone[OLD_DELETED, "Test_EthernetConnectionAllocationSettingData"]
        + gone[DELETED, "Test_EthernetConnectionAllocationSettingData"]
        > 0
    )


def test_a_port_goes_with_its_network_and_its_system_at_once(client: Eventful) -> None:
    """Each transition is told once, although both sides have changed before the first indication is made."""
    listen(client, "Virt_SwitchEthernetPort", "Virt_EthernetConnectionAllocationSettingData")
    port = "Test_SwitchEthernetPort"

    def both(connection: Any, change: str) -> None:
        changed = threading.Event()

        def wait() -> tuple[()]:
            changed.wait(10)
            return ()

        client.events.engine.note(wait)
        try:
            for one in (connection.lookupByName("web2"), connection.networkLookupByName("production")):
                getattr(one, change)()
            client.world.hosts[0].reconcile()
        finally:
            changed.set()

    plugged = sum("production" in str(one.properties) for one in client.instances("Virt_SwitchEthernetPort"))
    gone = told_of(client, lambda c: both(c, "destroy"))
    assert gone[DELETED, port] >= max(1, plugged)
    back = told_of(client, lambda c: both(c, "create"))
    assert back[CREATED, port] == gone[DELETED, port]


def _forget(network: Any) -> None:
    network.destroy()
    network.undefine()


def test_volumes_come_and_go(client: Eventful) -> None:
    """libvirt announces them nowhere: the reading of the pool finds them."""
    listen(client, "Virt_HostStorageVolume", "Virt_StorageVolumeResourceAllocationSettingData")
    volume, setting = "Test_HostStorageVolume", "Test_StorageVolumeResourceAllocationSettingData"

    def pool(connection: Any) -> Any:
        return connection.storagePoolLookupByName("images")

    created = told_of(client, lambda c: pool(c).createXML(VOLUME))
    assert created == {(CREATED, volume): 1, (OLD_CREATED, setting): 1}
    deleted = told_of(client, lambda c: pool(c).storageVolLookupByName("new.img").delete())
    assert deleted == {(DELETED, volume): 1, (OLD_DELETED, setting): 1}


@pytest.mark.parametrize(("xml", "classname"), [(PCI, "Test_HostPCIDevice"), (DRIVE, "Test_HostDiskDrive")])
def test_devices_of_the_host_come_and_go(client: Eventful, xml: str, classname: str) -> None:
    host = client.world.hosts[0]
    record = NodeDeviceRecord(name="new", xml=xml)
    device = NodeDevice(**vars(record), host=host, record=record)
    lifecycle = Lifecycle(client.broker.instances, "here")
    (created,) = (one.indication for one in lifecycle.compare(None, device))
    (deleted,) = (one.indication for one in lifecycle.compare(device, None))
    assert (created.classname, deleted.classname) == (CREATED, DELETED)
    for one in (created, deleted):
        source = one.properties["SourceInstance"]
        assert isinstance(source, Instance)
        assert source.classname == classname
    assert list(lifecycle.compare(device, device)) == []


def test_a_change_that_no_event_announces_is_told_once(client: Eventful) -> None:
    client.subscribe("SELECT * FROM CIM_InstModification WHERE SourceInstance ISA CIM_VirtualSystemSettingData")
    told = told_of(client, lambda c: c.lookupByName("web2").setAutostart(1))
    assert {what for what, _ in told} == {MODIFIED}


def test_every_static_filter_can_be_subscribed_to(client: Eventful) -> None:
    """Each compiles over the classes that are served, and each is found in Interop by its name."""
    names = [profile.facts for profile in client.broker.instances.catalog.profiles]
    defined = static_filters(names)
    assert {one.profile for one in defined} >= {
        "dsp1041",
        "dsp1042",
        "dsp1047",
        "dsp1050",
        "dsp1057",
        "dsp1097",
        "dsp1103",
    }
    shown = {str(path.key("Name")): path for path in client.names("CIM_IndicationFilter")}
    handler = client.destination()
    for one in defined:
        client.create("CIM_IndicationSubscription", Filter=shown[one.name], Handler=handler)
    told = told_of(client, lambda c: c.networkDefineXML(NETWORK.format(mtu="")))
    assert told[CREATED, "Test_VirtualEthernetSwitch"] == 2  # a switch is a computer system as well
    filters = {one["IndicationFilterName"] for one in client.listener.indications}
    assert "virtcim:Virtual Ethernet Switch:SwitchCreated" in filters


# Alerts of pools


LEVELS: tuple[tuple[int, bool, int, int], ...] = (
    # available of 1000, active, level, number of the message when it was plenty before
    (1000, True, alerts_pools.PLENTY, 0),
    (50, True, alerts_pools.PLENTY, 0),
    (49, True, alerts_pools.LITTLE, 210),
    (10, True, alerts_pools.LITTLE, 210),
    (9, True, alerts_pools.NOTHING, 211),
    (0, True, alerts_pools.NOTHING, 211),
    (0, False, alerts_pools.PLENTY, 0),
)


@pytest.mark.parametrize(("available", "active", "level", "number"), LEVELS, ids=str)
def test_a_pool_runs_out_of_space(client: Eventful, available: int, active: bool, level: int, number: int) -> None:
    pool = client.world.hosts[0].pool_named("images")
    assert pool is not None
    before, after = _with(pool, available=1000), _with(pool, available=available, active=active)
    assert alerts_pools.level(after) == level
    found = alerts_pools.alerts_of(before, after, "20260101000000.000000+000")
    assert [one.properties["MessageID"] for one in found] == ([f"VIRTCIM{number:04}"] if number else [])
    for one in found:
        element = 'root/virt:Test_DiskPool.InstanceID="DiskPool/images"'
        assert (one.properties["AlertingManagedElement"], one.properties["AlertType"]) == (element, 3)
    cleared = alerts_pools.alerts_of(after, before, "20260101000000.000000+000")
    assert [one.properties["MessageID"] for one in cleared] == (["VIRTCIM0212"] if number else [])
    assert alerts_pools.alerts_of(after, after, "x") == alerts_pools.alerts_of(None, after, "x") == []


@pytest.mark.parametrize(("state", "number"), [(3, "VIRTCIM0213"), (4, "VIRTCIM0214"), (2, None)])
def test_a_pool_that_fails(client: Eventful, state: int, number: str | None) -> None:
    pool = client.world.hosts[0].pool_named("images")
    assert pool is not None
    found = alerts_pools.alerts_of(_with(pool, state=1), _with(pool, state=state), "20260101000000.000000+000")
    assert [one.properties["MessageID"] for one in found] == ([number] if number else [])


def _with(pool: Any, **changed: Any) -> Any:
    """A pool of 1000 bytes as it would be with these facts."""
    facts = {name: getattr(pool, name) for name in pool.__dataclass_fields__}
    return type(pool)(**{**facts, "capacity": 1000, **changed})


def test_a_full_pool_is_told(client: Eventful) -> None:
    """The whole way, by a volume that takes what is left."""
    client.subscribe("SELECT * FROM CIM_AlertIndication WHERE OwningEntity = 'virtcim'")
    pool = client.world.hosts[0].pool_named("images")
    assert pool is not None
    size = pool.available - pool.capacity // 50
    large = f"<volume><name>big.img</name><capacity>{size}</capacity><allocation>{size}</allocation></volume>"
    with client.world.hosts[0].link.borrow() as connection:
        connection.storagePoolLookupByName("images").createXML(large)
    client.world.hosts[0].reconcile()
    (alert,) = client.heard(1)
    assert (alert["MessageID"], alert["PerceivedSeverity"], alert["ProbableCause"]) == ("VIRTCIM0210", 3, 44)
    assert alert["MessageArguments"][0] == "images"
