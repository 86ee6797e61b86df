"""Use cases of clients that need no operating system in the guest: a volume made by asking for it, a change of VLAN."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import libvirt
import pytest
from pywbem import CIMInstance, CIMInstanceName, Uint16
from tests import runs
from tests.live import open_vswitch
from tests.live.cim import ENABLED, INVALID, NAMES, OK, Cim, Look, boot_disk, cim_server, memory, rasd
from tests.live.conftest import Guest

NAME, POOL, SWITCH, BRIDGE = f"{NAMES}light", f"{NAMES}volumes", f"{NAMES}vlans", "vctestuses0"
MAC = "52:54:00:10:42:07"
BLOCKS = 40960  # of 512 bytes


@pytest.fixture(scope="module")
def cim(libvirtd: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cim]:
    with cim_server(tmp_path_factory.mktemp("state"), libvirtd) as cim:
        yield cim


@pytest.fixture
def look(cim: Cim, qemu: libvirt.virConnect, guest_image: Guest) -> Iterator[Look]:
    system = cim.define(NAME, memory(16), boot_disk(guest_image))
    yield Look(qemu, NAME)
    cim.call("DestroySystem", AffectedSystem=system)


@pytest.fixture
def directory(cim: Cim) -> Iterator[Path]:
    """The directory of a storage pool that a client makes and removes."""
    path = runs.directory() / POOL
    (service,) = cim.connection.EnumerateInstanceNames("KVM_ResourcePoolConfigurationService")
    wanted = rasd("DiskPool", ResourceType=31, ResourceSubType="virtcim:dir", HostResource=[path.as_uri()])
    parent = pool(cim, "DiskPool/0").path
    code, out = cim.call("CreateChildResourcePool", service, ElementName=POOL, Settings=[wanted], ParentPool=[parent])
    assert code == OK
    yield path
    assert cim.call("DeleteResourcePool", service, Pool=out["Pool"])[0] == OK
    shutil.rmtree(path)


def pool(cim: Cim, name: str) -> CIMInstance:
    (found,) = (one for one in cim.connection.EnumerateInstances("CIM_ResourcePool") if one["PoolID"] == name)
    return found


def across(cim: Cim, start: CIMInstanceName, link: str, to: str) -> list[CIMInstance]:
    return list(cim.connection.Associators(start, link, ResultClass=to))


def system_of(cim: Cim) -> CIMInstanceName:
    (found,) = (one for one in cim.connection.EnumerateInstanceNames("KVM_ComputerSystem") if one["Name"] == NAME)
    return found


def test_a_volume_is_made_by_asking_for_it(cim: Cim, look: Look, directory: Path) -> None:
    """Use case 4: a request without an image gets one of its size from the pool, which a system then has."""
    asked = rasd("Disk", ResourceType=31, PoolID=f"DiskPool/{POOL}", ResourceSubType="virtcim:qcow2",
                 VirtualResourceBlockSize=512, VirtualQuantity=BLOCKS,
                 VirtualQuantityUnits="count(fixed size block)")  # fmt: skip
    code, (new,) = cim.add(NAME, asked, defined=True)
    assert (code, new) == (OK, f"{NAME}/defined/vdb")
    (file,) = directory.iterdir()
    assert look.find("devices/disk[target/@dev='vdb']/source/@*", live=False)
    setting = cim.setting(new)
    assert (setting["PoolID"], setting["VirtualQuantity"]) == (f"DiskPool/{POOL}", BLOCKS)
    assert setting["Address"] == str(file)
    extents = across(cim, pool(cim, f"DiskPool/{POOL}").path, "CIM_ConcreteComponent", "CIM_StorageExtent")
    assert [int(one["BlockSize"]) * int(one["NumberOfBlocks"]) for one in extents] == [BLOCKS * 512]
    assert extents[0]["DeviceID"] in setting["HostResource"][0]
    refused: list[tuple[dict[str, Any], set[int]]] = [
        ({"VirtualQuantityUnits": "hertz"}, {INVALID}),
        ({"PoolID": "DiskPool/nowhere"}, {INVALID}),
        ({"VirtualQuantity": 2**50, "ResourceSubType": "virtcim:raw", "Reservation": 2**59}, {2, INVALID}),
    ]
    for changes, codes in refused:
        given = asked.copy()
        for name, value in changes.items():
            given[name] = rasd("Disk", x=value)["x"]
        assert cim.add(NAME, given, defined=True)[0] in codes, changes
        assert [*directory.iterdir()] == [file]
    assert cim.remove(NAME, new)[0] == OK


@pytest.fixture
def switch(cim: Cim, scratch_dir: Path) -> Iterator[CIMInstanceName]:
    """A switch of Open vSwitch that a client defines."""
    with open_vswitch.running(scratch_dir):
        open_vswitch.vsctl("--may-exist", "add-br", BRIDGE, "--", "set", "bridge", BRIDGE, "datapath_type=netdev")
        (service,) = cim.connection.EnumerateInstanceNames("KVM_VirtualEthernetSwitchManagementService")
        wanted = {"ElementName": SWITCH, "VirtualSystemType": "Virt:openvswitch", "BridgeName": BRIDGE}
        head = CIMInstance("KVM_VirtualEthernetSwitchSettingData", {**wanted, "VLANConnection": ["42", "47"]})
        code, out = cim.call("DefineSystem", service, SystemSettings=head)
        assert code == OK
        made = out["ResultingSystem"]
        assert cim.call("RequestStateChange", made, RequestedState=Uint16(ENABLED))[0] == OK
        yield made
        cim.call("RequestStateChange", made, RequestedState=Uint16(3))
        assert cim.call("DestroySystem", service, AffectedSystem=made)[0] == OK
        open_vswitch.vsctl("--if-exists", "del-br", BRIDGE)


def connection(cim: Cim) -> CIMInstance:
    """The setting of the connection of the system's one adapter, reached from the system."""
    (state,) = across(cim, system_of(cim), "CIM_SettingsDefineState", "CIM_VirtualSystemSettingData")
    parts = across(cim, state.path, "CIM_VirtualSystemSettingDataComponent", "CIM_EthernetPortAllocationSettingData")
    (found,) = (one for one in parts if one["ResourceType"] == 33)
    return found


def test_the_vlan_of_a_running_system(cim: Cim, switch: CIMInstanceName, look: Look) -> None:
    """Use case 7: found from the port to the switch, changed while the guest runs, seen in Open vSwitch."""
    adapter = rasd("Net", ResourceType=10, InstanceID="new", ResourceSubType="virtio", Address=MAC)
    facts = {"ResourceType": Uint16(33), "Parent": "new", "Connection": [SWITCH], "PortVID": Uint16(47)}
    wire = CIMInstance("KVM_EthernetConnectionAllocationSettingData", facts)
    code, _ = cim.add(NAME, adapter, wire, defined=True)
    assert code == OK
    cim.request(system_of(cim), ENABLED)
    (port,) = across(cim, system_of(cim), "CIM_SystemDevice", "CIM_NetworkPort")
    (end,) = across(cim, port.path, "CIM_PortImplementsEndpoint", "CIM_LANEndpoint")
    (other,) = across(cim, end.path, "CIM_ActiveConnection", "CIM_LANEndpoint")
    holders = across(cim, other.path, "CIM_HostedAccessPoint", "CIM_ComputerSystem")
    assert [one["Name"] for one in holders] == [switch["Name"]]
    setting = connection(cim)
    assert change(cim, setting, PortVID=Uint16(42), DesiredVLANEndpointMode=Uint16(2)) == OK
    assert connection(cim)["PortVID"] == 42
    assert vlan(look) == "42"
    for refused in ({"PortVID": Uint16(4095)}, {"PortVID": Uint16(99)}, {"DesiredVLANEndpointMode": Uint16(6)}):
        assert change(cim, setting, **refused) == INVALID, refused
        assert vlan(look) == "42"


def change(cim: Cim, setting: CIMInstance, **properties: Any) -> int:
    return cim.modify(CIMInstance(setting.classname, {"InstanceID": setting["InstanceID"], **properties}))


def vlan(look: Look) -> str:
    """The tag of the guest's port as Open vSwitch itself has it."""
    (port,) = look.find("devices/interface/target/@dev")
    return open_vswitch.vsctl("get", "port", str(port), "tag")
