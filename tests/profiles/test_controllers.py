"""Virtual controllers by the standard's classes, and the devices that are on them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.profiles.client import Client
from tests.profiles.management import rasd
from tests.profiles.pooled import Stock, stocked

from virtcim.broker.call import Item
from virtcim.broker.schema import Schema

OK = 0
ALL_KINDS = """
<domain type='test'><name>busy</name><memory>1048576</memory><os><type>hvm</type></os>
<devices>
  <disk type='file' device='disk'><source file='/a'/><target dev='hda' bus='ide'/>
    <address type='drive' controller='0' bus='1' target='0' unit='0'/></disk>
  <disk type='file' device='disk'><source file='/b'/><target dev='sda' bus='scsi'/>
    <address type='drive' controller='1' bus='0' target='3' unit='2'/></disk>
  <disk type='file' device='disk'><source file='/c'/><target dev='sdb' bus='sata'/>
    <address type='drive' controller='0' bus='0' target='0' unit='5'/></disk>
  <disk type='file' device='floppy'><source file='/d'/><target dev='fda' bus='fdc'/>
    <address type='drive' controller='0' bus='0' target='0' unit='0'/></disk>
  <controller type='ide' index='0'/>
  <controller type='scsi' index='0' model='virtio-scsi'/>
  <controller type='scsi' index='1' model='lsilogic'/>
  <controller type='sata' index='0'/>
  <controller type='fdc' index='0'/>
  <controller type='usb' index='0' model='qemu-xhci' ports='8'/>
  <input type='tablet' bus='usb'><address type='usb' bus='0' port='3'/></input>
</devices></domain>
"""
# DeviceID of the controller -> class, ProtocolSupported, MaxNumberControlled, and what is on it where
EXPECTED: dict[str, tuple[str, int, int | None, dict[str, str]]] = {
    "busy/controller:ide:0": ("Test_IDEController", 37, 4, {"busy/hda": "1:0:0"}),
    "busy/controller:scsi:0": ("Test_SCSIController", 9, None, {}),
    "busy/controller:scsi:1": ("Test_SCSIController", 9, None, {"busy/sda": "0:3:2"}),
    "busy/controller:sata:0": ("Test_Controller", 48, 6, {"busy/sdb": "5"}),
    "busy/controller:fdc:0": ("Test_Controller", 7, 2, {"busy/fda": "0"}),
    "busy/controller:usb:0": ("Test_USBController", 16, 8, {"busy/tablet:usb": "3"}),
}


@pytest.fixture(scope="module")
def stock(repository: Schema, node_uri: str) -> Iterator[Stock]:
    with stocked(repository, node_uri) as stock:
        with stock.host.link.borrow() as connection:
            uuid = connection.defineXML(ALL_KINDS).UUIDString()
        stock.host.refresh(uuid)
        yield stock


def controllers(client: Client, name: str) -> dict[str, Item]:
    found = {str(one.properties["DeviceID"]): one for one in client.instances("CIM_Controller")}
    return {device: one for device, one in found.items() if device.startswith(f"{name}/")}


@pytest.mark.parametrize("device", EXPECTED)
def test_a_controller_and_what_is_on_it(stock: Stock, device: str) -> None:
    classname, protocol, room, expected = EXPECTED[device]
    found = controllers(stock.client, "busy")[device]
    facts = (found.cls.name, found.properties["ProtocolSupported"], found.properties.get("MaxNumberControlled"))
    assert facts == (classname, protocol, room)
    on_it = stock.client.across(found.path, "CIM_ControlledBy", role="Antecedent")
    assert {str(one.properties["DeviceID"]) for one in on_it} == set(expected)
    links = stock.client.links(found.path, "CIM_ControlledBy", role="Antecedent")
    assert {str(link.properties.get("DeviceNumber")) for link in links} == set(expected.values())
    for one in on_it:
        (back,) = stock.client.across(one.path, "CIM_ControlledBy", role="Dependent")
        assert back.path == found.path


def test_device_and_setting_tell_the_same(stock: Stock) -> None:
    """Parent and AddressOnParent of the setting lead to the controller of the device."""
    settings = stock.settings("busy", defined=False)
    for device, (_, _, _, expected) in EXPECTED.items():
        for dev, place in expected.items():
            setting = settings[dev.removeprefix("busy/")]
            assert (setting.properties["Parent"], setting.properties["AddressOnParent"]) == (device, place)


def test_a_disk_is_put_on_an_adapter_that_is_added_with_it(stock: Stock) -> None:
    adapter = rasd("Controller", ResourceType=6, ResourceSubType="scsi", Model="virtio-scsi", InstanceID="new")
    place = {"Parent": "new", "AddressOnParent": "0:1:0"}
    disk = rasd("Disk", ResourceType=31, BusType="scsi", HostResource=["file:///srv/x.img"], **place)
    answer = stock.add("desktop1", adapter, disk)
    assert answer.value == OK, answer.reason
    found = [one for one in controllers(stock.client, "desktop1").values() if one.cls.name == "Test_SCSIController"]
    links = [link for one in found for link in stock.client.links(one.path, "CIM_ControlledBy", role="Antecedent")]
    assert "0:1:0" in {link.properties.get("DeviceNumber") for link in links}
