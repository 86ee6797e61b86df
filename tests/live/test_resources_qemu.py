"""Resource settings of running QEMU guests over the wire: what is plugged, changed and unplugged, seen by libvirt."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import libvirt
import pytest
import pywbem
from tests.live.cim import (
    BAD_STATE,
    ENABLED,
    FAILED,
    INVALID,
    NAMES,
    OK,
    Cim,
    Look,
    cim_server,
    linux,
    memory,
    rasd,
    serial_port,
)
from tests.live.conftest import Guest
from tests.live.devices import (
    CD,
    FIXED_MAC,
    FROZEN,
    IMAGE,
    IMAGES,
    MAC,
    NEEDS_PCI,
    NOT_TRIED,
    OTHER_CD,
    PLUGGED,
    REFUSED,
)

from virtcim.mapping.resources import KINDS

PORTS = 8  # slots into which a guest on q35 can be given something


@pytest.fixture(scope="module")
def images() -> Iterator[None]:
    IMAGES.mkdir(exist_ok=True)
    for path in (IMAGE, CD, OTHER_CD):
        path.write_bytes(bytes(2**20))
    yield
    for path in IMAGES.iterdir():
        path.unlink()
    IMAGES.rmdir()


@pytest.fixture(scope="module")
def cim(libvirtd: str, images: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cim]:
    del images
    with cim_server(tmp_path_factory.mktemp("state"), libvirtd, detach_timeout=20) as cim:
        yield cim


def devices(machine: str) -> list[pywbem.CIMInstance]:
    """What each guest has from the start."""
    slots = [rasd("Controller", ResourceSubType="pci", Index=0, Model="pcie-root")]
    slots += [rasd("Controller", ResourceSubType="pci", Index=1 + number, Model="pcie-root-port")
              for number in range(PORTS)]  # fmt: skip
    return [
        *(slots if machine == "q35" else []),
        rasd("Controller", ResourceSubType="usb", Index=0, Model="qemu-xhci"),
        rasd("Controller", ResourceSubType="scsi", Index=0, Model="virtio-scsi"),
        rasd("Controller", ResourceSubType="virtio-serial", Index=0),
        rasd("Disk", EmulatedType=1, VirtualDevice="sda", BusType="scsi", HostResource=[f"file://{CD}"]),
        rasd("Net", NetworkType="network", PoolID="NetworkPool/default", Address=FIXED_MAC, ResourceSubType="virtio"),
        rasd("Graphics", ResourceSubType="vnc", Password="first"),
    ]


@pytest.fixture(scope="module", params=["pc", "q35"])
def look(request: pytest.FixtureRequest, cim: Cim, libvirtd: str, guest_image: Guest) -> Iterator[Look]:
    """A Linux that runs on a machine and obeys hot-plug."""
    name = f"{NAMES}{request.param}"
    serial = IMAGES / f"{request.param}.log"
    connection = libvirt.open(libvirtd)
    look = Look(connection, name, serial)
    processors = rasd("Proc", VirtualQuantity=1, MaxVirtualQuantity=2)
    system = cim.define(name, processors, memory(256), serial_port(serial), *devices(request.param),
                        Machine=request.param, **linux(guest_image))  # fmt: skip
    cim.request(system, ENABLED)
    look.wait_for_boot()
    yield look
    cim.call("DestroySystem", AffectedSystem=system)
    connection.close()


@pytest.mark.parametrize("name", PLUGGED)
def test_plug_and_unplug(cim: Cim, look: Look, name: str) -> None:
    """In the running system and in its definition, and out of both again."""
    classname, properties, path = PLUGGED[name]
    before = look.xml(), look.xml(live=False)
    code, new = cim.add(look.name, rasd(classname, **properties))
    if name in NEEDS_PCI and look.name.endswith("q35"):
        assert (code, look.xml(), look.xml(live=False)) == (FAILED, *before)
        return
    assert (code, len(new)) == (OK, 1)
    assert [len(look.find(f"devices/{path}", live)) for live in (True, False)] == [1, 1]
    assert len(look.find(f"devices/{path}/alias")) == 1
    assert cim.setting(new[0])["InstanceID"] == new[0]
    cim.done(cim.remove(look.name, *new))
    assert [look.find(f"devices/{path}", live) for live in (True, False)] == [[], []]


def test_every_kind_is_tried() -> None:
    names = {name.partition(" ")[0] for name in (*PLUGGED, *REFUSED)} | NOT_TRIED
    assert names == {kind.name for kind in KINDS}
    attachable = {kind.name for kind in KINDS if kind.attachable}
    assert attachable == {name.partition(" ")[0] for name in PLUGGED} | NOT_TRIED - {"hostdev"}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_plugged(cim: Cim, look: Look, name: str) -> None:
    """2, and nothing has changed: neither by it nor by the disk that came before it in the call."""
    classname, properties = REFUSED[name]
    before = look.xml(), look.xml(live=False)
    disk = rasd("Disk", HostResource=[f"file://{IMAGE}"])
    assert cim.add(look.name, disk, rasd(classname, **properties)) == (FAILED, [])
    assert (look.xml(), look.xml(live=False)) == before


def test_what_cannot_be_unplugged(cim: Cim, look: Look) -> None:
    before = look.xml(), look.xml(live=False)
    for dev in ("vnc", "balloon:0", "controller:usb:0", "serial:0"):
        assert cim.remove(look.name, f"{look.name}/{dev}")[0] in (BAD_STATE, FAILED), dev
    assert cim.remove(look.name, f"{look.name}/mem")[0] == INVALID
    assert cim.remove(look.name, f"{look.name}/controller:scsi:0")[0] == FAILED  # the drive is on it
    assert (look.xml(), look.xml(live=False)) == before


@pytest.mark.parametrize("dev", ["balloon:0", "mouse:ps2"])
def test_what_libvirt_gives_back(cim: Cim, look: Look, dev: str) -> None:
    """Every guest of QEMU has these: taking them out of the definition is refused, not done for nothing."""
    before = look.xml(live=False)
    assert cim.remove(look.name, f"{look.name}/defined/{dev}") == (FAILED, {})
    assert look.xml(live=False) == before


def test_plugging_half_of_a_call(cim: Cim, look: Look) -> None:
    """The second cannot be had: the first is taken out of the guest again."""
    before = look.xml(live=False)
    absent = rasd("Disk", HostResource=[f"file://{IMAGES}/absent.img"], DriverType="raw")
    assert cim.add(look.name, rasd("RNG"), absent) == (FAILED, [])
    assert look.xml(live=False) == before
    assert look.find("devices/rng") == []


# Changing


def test_memory(cim: Cim, look: Look) -> None:
    """The balloon; the guest follows by itself."""
    assert cim.modify(rasd("Mem", InstanceID=f"{look.name}/mem", VirtualQuantity=192 * 1024)) == OK
    assert look.find("currentMemory/text()", live=False) == [str(192 * 1024)]
    assert look.domain.info()[2] <= 256 * 1024
    assert cim.modify(rasd("Mem", InstanceID=f"{look.name}/mem", VirtualQuantity=512 * 1024)) == BAD_STATE
    assert look.find("memory/text()", live=False) == [str(256 * 1024)]


def test_processors(cim: Cim, look: Look) -> None:
    """One more; no emulated guest gives one back."""
    instance_id = f"{look.name}/proc"
    assert cim.modify(rasd("Proc", InstanceID=instance_id, VirtualQuantity=2)) == OK
    assert look.domain.info()[3] == 2
    assert cim.setting(f"{look.name}/defined/proc")["VirtualQuantity"] == 2
    assert cim.modify(rasd("Proc", InstanceID=instance_id, VirtualQuantity=1)) == BAD_STATE
    assert cim.modify(rasd("Proc", InstanceID=instance_id, VirtualQuantity=3)) == BAD_STATE
    assert look.domain.info()[3] == 2


def test_media(cim: Cim, look: Look) -> None:
    """Another medium, none, and the first again, in either way to say it."""
    empty: list[str] = []
    media: list[tuple[dict[str, Any], list[str]]] = [
        ({"HostResource": [f"file://{OTHER_CD}"]}, [str(OTHER_CD)]),
        ({"HostResource": ["/dev/null"]}, empty),
        ({"Address": str(OTHER_CD)}, [str(OTHER_CD)]),
        ({"Address": ""}, empty),
        ({"HostResource": [str(CD)]}, [str(CD)]),
    ]
    for properties, wanted in media:
        assert cim.modify(rasd("Disk", InstanceID=f"{look.name}/sda", **properties)) == OK
        for live in (True, False):
            assert look.find("devices/disk[target/@dev='sda']/source/@file", live) == wanted


def test_medium_that_is_not_there(cim: Cim, look: Look) -> None:
    missing = rasd("Disk", InstanceID=f"{look.name}/sda", HostResource=["file:///var/tmp/virtcim-1042-nothing.iso"])
    before = look.xml(live=False)
    assert cim.modify(missing) == FAILED
    assert look.find("devices/disk[target/@dev='sda']/source/@file") == [str(CD)]
    assert look.xml(live=False) == before


def test_interface(cim: Cim, look: Look) -> None:
    """The cable of a running guest, pulled and plugged."""
    instance_id = f"{look.name}/{FIXED_MAC}"
    assert cim.modify(rasd("Net", InstanceID=instance_id, AutomaticAllocation=False)) == OK
    for live in (True, False):
        assert look.find("devices/interface/link/@state", live) == ["down"]
    assert cim.modify(rasd("Net", InstanceID=instance_id, AutomaticAllocation=True)) == OK
    assert look.find("devices/interface/link/@state") in ([], ["up"])


def test_password_of_the_console(cim: Cim, look: Look) -> None:
    assert cim.modify(rasd("Graphics", InstanceID=f"{look.name}/vnc", Password="geheim")) == OK
    secure = look.domain.XMLDesc(libvirt.VIR_DOMAIN_XML_SECURE)
    assert "passwd='geheim'" in secure
    assert "passwd='geheim'" in look.domain.XMLDesc(libvirt.VIR_DOMAIN_XML_SECURE | libvirt.VIR_DOMAIN_XML_INACTIVE)


@pytest.mark.parametrize("name", FROZEN)
def test_what_a_running_guest_cannot_take(cim: Cim, look: Look, name: str) -> None:
    """5 from State, also together with what it could take; the definition takes it, and the guest stays as it is."""
    classname, dev, properties = FROZEN[name]
    live, defined = look.xml(), look.xml(live=False)
    balloon = rasd("Mem", InstanceID=f"{look.name}/mem", VirtualQuantity=224 * 1024)
    assert cim.modify(balloon, rasd(classname, InstanceID=f"{look.name}/{dev}", **properties)) == BAD_STATE
    assert look.xml(live=False) == defined
    assert cim.modify(rasd(classname, InstanceID=f"{look.name}/defined/{dev}", **properties)) == OK
    assert without_balloon(look.xml()) == without_balloon(live)
    assert look.xml(live=False) != defined
    look.connection.defineXML(defined)


def without_balloon(xml: str) -> list[str]:
    """The lines of a document but for what the guest itself keeps changing."""
    return [line for line in xml.splitlines() if "<currentMemory" not in line]


# Two configurations


def test_definition_and_running_system_are_two(cim: Cim, look: Look) -> None:
    """A device in the definition alone leaves State and the guest as they are (R16), and goes by itself."""
    state = {one["InstanceID"] for one in cim.settings(look.name)}
    live = look.xml()
    code, new = cim.add(look.name, rasd("RNG"), defined=True)
    assert (code, new) == (OK, [f"{look.name}/defined/rng:0"])
    assert {one["InstanceID"] for one in cim.settings(look.name)} == state
    assert (look.xml(), len(look.find("devices/rng", live=False))) == (live, 1)
    assert cim.remove(look.name, *new) == (OK, {})
    assert look.find("devices/rng", live=False) == []


def test_device_of_the_running_system_alone(cim: Cim, look: Look) -> None:
    """What others plugged without defining it is unplugged, and no definition is touched."""
    xml = f"<interface type='user'><mac address='{MAC}'/><model type='virtio'/></interface>"
    look.domain.attachDeviceFlags(xml, libvirt.VIR_DOMAIN_AFFECT_LIVE)
    defined = look.xml(live=False)
    cim.connection.EnumerateInstanceNames("CIM_NetworkPort")
    answer = cim.call("RemoveResourceSettings", ResourceSettings=[net_path(f"{look.name}/{MAC}")])
    while answer[0] == INVALID:  # the event is on its way
        answer = cim.call("RemoveResourceSettings", ResourceSettings=[net_path(f"{look.name}/{MAC}")])
    cim.done(answer)
    assert look.find(f"devices/interface[mac/@address='{MAC}']") == []
    assert look.xml(live=False) == defined


def net_path(instance_id: str) -> pywbem.CIMInstanceName:
    classname = "KVM_NetResourceAllocationSettingData"
    return pywbem.CIMInstanceName(classname, {"InstanceID": instance_id}, namespace="root/virt")


def test_name_that_only_the_definition_uses(cim: Cim, look: Look) -> None:
    """A new disk gets a name that both can have."""
    disk = rasd("Disk", HostResource=[f"file://{IMAGE}"], DriverType="raw", shareable=True)
    assert cim.add(look.name, disk, defined=True) == (OK, [f"{look.name}/defined/vda"])
    assert cim.add(look.name, disk) == (OK, [f"{look.name}/vdb"])
    cim.done(cim.remove(look.name, f"{look.name}/vdb", f"{look.name}/defined/vda"))
    assert [look.find("devices/disk[target/@bus='virtio']", live) for live in (True, False)] == [[], []]
