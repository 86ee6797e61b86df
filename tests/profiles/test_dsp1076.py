"""DSP1076 and DSP1024 on the test driver: what consoles of every form are shown as, and what is refused of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from tests.profiles.client import OURS, Client, make_client, system_path

from virtcim.broker.call import CIMError, Item, Path, Status
from virtcim.broker.schema import Schema
from virtcim.host.inventory import Hosts
from virtcim.host.settings import HostSettings
from virtcim.profiles import dsp1024, dsp1076

ENABLED, DISABLED, OFFLINE = 2, 3, 6
VNC, RDP, OTHER = 4, 3, 1
UNSUPPORTED, INVALID = 1, 5
KVM, TEXT = "Test_KVMRedirectionSAP", "Test_TextRedirectionSAP"


class Shown(NamedTuple):
    """The access point of a console: its protocol and state, its ports, and the URLs; HOST is the host's name."""

    protocol: int
    state: int
    ports: dict[str, int]
    urls: list[str]


def vnc(listen: str, attributes: str = "port='5911'") -> str:
    return f"<graphics type='vnc' {attributes}>{listen}</graphics>"


def at(address: str) -> str:
    return f"<listen type='address' address='{address}'/>"


GRAPHICS = {
    "vnc": (vnc(at("127.0.0.1")), Shown(VNC, OFFLINE, {"port": 5911}, ["vnc://127.0.0.1:5911"])),
    "vnc with a port to come": (vnc(at("127.0.0.1"), "autoport='yes'"), Shown(VNC, DISABLED, {}, [])),
    "vnc everywhere": (vnc(at("0.0.0.0")), Shown(VNC, OFFLINE, {"port": 5911}, ["vnc://HOST:5911"])),
    "vnc everywhere by IPv6": (vnc(at("::")), Shown(VNC, OFFLINE, {"port": 5911}, ["vnc://HOST:5911"])),
    "vnc by IPv6": (vnc(at("fd00::1")), Shown(VNC, OFFLINE, {"port": 5911}, ["vnc://[fd00::1]:5911"])),
    "vnc by name": (vnc(at("node1.example")), Shown(VNC, OFFLINE, {"port": 5911}, ["vnc://node1.example:5911"])),
    "vnc where libvirt likes": (vnc(""), Shown(VNC, OFFLINE, {"port": 5911}, ["vnc://127.0.0.1:5911"])),
    "vnc at two addresses": (
        vnc(at("127.0.0.1") + at("10.0.0.1")),
        Shown(VNC, OFFLINE, {"port": 5911}, ["vnc://127.0.0.1:5911", "vnc://10.0.0.1:5911"]),
    ),
    "vnc and websocket": (
        vnc(at("0.0.0.0"), "port='5911' websocket='5711'"),
        Shown(VNC, OFFLINE, {"port": 5911, "websocket": 5711}, ["vnc://HOST:5911", "ws://HOST:5711"]),
    ),
    "vnc by a socket": (vnc("<listen type='socket' socket='/run/x'/>", ""), Shown(VNC, DISABLED, {}, [])),
    "vnc by nothing": (vnc("<listen type='none'/>", ""), Shown(VNC, DISABLED, {}, [])),
    "spice": (
        "<graphics type='spice' port='5912' tlsPort='5913'><listen type='address' address='127.0.0.1'/></graphics>",
        Shown(OTHER, OFFLINE, {"port": 5912, "tls": 5913}, ["spice://127.0.0.1:5912?tls-port=5913"]),
    ),
    "spice by TLS alone": (
        "<graphics type='spice' tlsPort='5913'><listen type='address' address='127.0.0.1'/></graphics>",
        Shown(OTHER, OFFLINE, {"tls": 5913}, ["spice://127.0.0.1?tls-port=5913"]),
    ),
    "rdp": ("<graphics type='rdp' port='3389'/>", Shown(RDP, OFFLINE, {"port": 3389}, ["rdp://127.0.0.1:3389"])),
    "window": ("<graphics type='sdl' display=':0'/>", None),
    "desktop": ("<graphics type='desktop'/>", None),
    "surface": ("<graphics type='egl-headless'/>", None),
    "bus": ("<graphics type='dbus'/>", None),
}
SERIAL = {
    "terminal": ("<serial type='pty'/>", (1, "libvirt-stream", [])),
    "telnet": (
        "<serial type='tcp'><source mode='bind' host='0.0.0.0' service='4001'/><protocol type='telnet'/></serial>",
        (3, None, ["telnet://HOST:4001"]),
    ),
    "plain": (
        "<serial type='tcp'><source mode='bind' host='127.0.0.1' service='4001'/><protocol type='raw'/></serial>",
        (2, None, ["raw://127.0.0.1:4001"]),
    ),
    "connects out": ("<serial type='tcp'><source mode='connect' host='10.0.0.1' service='4001'/></serial>", None),
    "file": ("<serial type='file'><source path='/tmp/x'/></serial>", None),
    "socket": ("<serial type='unix'><source mode='bind' path='/tmp/x'/></serial>", None),
    "console alone": ("<console type='pty'><target type='virtio'/></console>", (1, "libvirt-stream", [])),
}


@pytest.fixture(scope="module")
def client(repository: Schema) -> Iterator[Client]:
    """Over a node of libvirt's own with one guest of no consoles."""
    world = Hosts(["test:///default"], HostSettings())
    world.start()
    assert world.wait(30)
    found = make_client(repository, world, [*OURS, dsp1024.profile, dsp1076.profile])
    yield found
    found.jobs.close()
    world.stop()


@pytest.fixture(scope="module")
def node(repository: Schema, node_uri: str) -> Iterator[Client]:
    """Over the embedded node."""
    world = Hosts([node_uri], HostSettings())
    world.start()
    assert world.wait(30)
    yield make_client(repository, world, [*OURS, dsp1024.profile, dsp1076.profile])
    world.stop()


@pytest.fixture
def run(client: Client) -> Iterator[Any]:
    """run(devices) -> the name of a guest that runs with them; gone after the test."""
    host = client.world.hosts[0]
    running = []

    def start(devices: str, active: bool = True) -> str:
        xml = f"<domain type='test'><name>guest</name><memory>1024</memory><os><type>hvm</type></os><devices>{devices}"
        with host.link.borrow() as connection:
            make = connection.createXML if active else connection.defineXML
            running.append(make(f"{xml}</devices></domain>"))
        host.refresh(running[0].UUIDString())
        return "guest"

    yield start
    uuid = running[0].UUIDString()
    if running[0].isActive():
        running[0].destroy()
    else:
        running[0].undefine()
    host.refresh(uuid)


def access_points(client: Client, name: str, classname: str = KVM) -> list[Item]:
    return client.across(system_path(name), "CIM_SAPAvailableForElement", classname)


def shown(client: Client, access: Item) -> Shown:
    ports = client.across(access.path, "CIM_BindsTo", "CIM_TCPProtocolEndpoint")
    numbers = {str(one.properties["Name"]).rpartition("/")[2]: one.properties["PortNumber"] for one in ports}
    protocol, state = (access.properties[name] for name in ("KVMProtocol", "EnabledState"))
    return Shown(protocol, state, numbers, urls(client, access))  # type: ignore[arg-type]


def urls(client: Client, access: Item) -> list[str]:
    found = client.across(access.path, "CIM_RemoteAccessAvailableToElement", "CIM_RemoteServiceAccessPoint")
    host = re.escape(client.world.hosts[0].name)
    return [re.sub(f"//{host}:", "//HOST:", str(one.properties["AccessInfo"])) for one in found]


@pytest.mark.parametrize("name", GRAPHICS)
def test_graphical_console(client: Client, run: Any, name: str) -> None:
    devices, wanted = GRAPHICS[name]
    found = access_points(client, run(devices))
    assert [shown(client, one) for one in found] == ([wanted] if wanted else [])
    for one in found:
        assert (one.properties["KVMProtocol"] == OTHER) is ("OtherKVMProtocol" in one.properties)


@pytest.mark.parametrize("name", SERIAL)
def test_text_console(client: Client, run: Any, name: str) -> None:
    devices, wanted = SERIAL[name]
    found = access_points(client, run(devices), TEXT)
    told = [
        (one.properties["TextFlowType"], one.properties.get("OtherTextFlowType"), urls(client, one)) for one in found
    ]
    assert told == ([wanted] if wanted else [])
    assert [one.properties["EnabledState"] for one in found] == [OFFLINE] * len(found)


@pytest.mark.parametrize("devices", ["<serial type='pty'/><console type='pty'><target type='serial'/></console>"])
def test_the_first_serial_port_is_one_console(client: Client, run: Any, devices: str) -> None:
    names = [one.properties["Name"] for one in access_points(client, run(devices), TEXT)]
    assert names == ["guest/serial:0"]


def test_a_console_of_a_system_that_is_off(client: Client, run: Any) -> None:
    devices = vnc(at("127.0.0.1")) + "<serial type='pty'/>"
    name = run(devices, active=False)
    (screen,), (text,) = access_points(client, name), access_points(client, name, TEXT)
    assert shown(client, screen) == Shown(VNC, DISABLED, {}, [])
    assert screen.properties["ElementName"] == "-1:-1"
    assert text.properties["EnabledState"] == DISABLED


@pytest.mark.parametrize("classname", [KVM, TEXT, "Test_TCPProtocolEndpoint", "Test_RemoteServiceAccessPoint"])
def test_found_by_their_path(node: Client, classname: str) -> None:
    for item in node.instances(classname):
        assert node.get(item.path).properties == item.properties
        (system,) = node.across(item.path, "CIM_HostedAccessPoint", "CIM_ComputerSystem", "Dependent")
        assert system.path.key("Name") == item.properties["SystemName"]


@pytest.mark.parametrize("name", ["web1/nothing", "web1", "nobody/vnc", "", "web1/serial:0"])
def test_names_of_nothing(node: Client, name: str) -> None:
    path = access(node, "web1/vnc")
    keys = tuple((key, name if key == "Name" else value) for key, value in path.keys)
    with pytest.raises(CIMError) as error:
        node.get(Path(path.classname, keys, path.namespace))
    assert error.value.status is Status.NOT_FOUND


def access(client: Client, name: str, classname: str = KVM) -> Path:
    return next(one.path for one in client.instances(classname) if one.properties["Name"] == name)


TARGETS = {
    "graphical console": (KVM, "web1/vnc"),
    "text console": (TEXT, "web1/serial:0"),
    "service": ("Test_ConsoleRedirectionService", "ConsoleRedirectionService"),
    "service for text": ("Test_TextRedirectionService", "TextRedirectionService"),
    "port": ("Test_TCPProtocolEndpoint", "web1/vnc/port"),
    "address": ("Test_RemoteServiceAccessPoint", "web1/vnc/url"),
}


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(("state", "code"), [(2, UNSUPPORTED), (3, UNSUPPORTED), (11, UNSUPPORTED), (None, INVALID)])
def test_nothing_changes_its_state(node: Client, target: str, state: int | None, code: int) -> None:
    classname, name = TARGETS[target]
    given = {} if state is None else {"RequestedState": str(state)}
    path = access(node, name, classname)
    before = node.get(path).properties
    assert node.invoke(path, "RequestStateChange", **given).value == code
    assert node.get(path).properties == before


def test_access_points_cannot_be_deleted(node: Client) -> None:
    for classname, name in TARGETS.values():
        with pytest.raises(CIMError) as error:
            node.call("DeleteInstance", InstanceName=access(node, name, classname))
        assert error.value.status is Status.NOT_SUPPORTED


def test_each_service_is_about_consoles_of_its_own(node: Client) -> None:
    for classname, of in (("Test_ConsoleRedirectionService", KVM), ("Test_TextRedirectionService", TEXT)):
        (service,) = node.instances(classname)
        led = node.across(service.path, "CIM_ServiceAccessBySAP")
        assert {one.path for one in led} == {one.path for one in node.instances(of)}
        affected = node.across(service.path, "CIM_ServiceAffectsElement", "CIM_ComputerSystem")
        assert {one.path.key("Name") for one in affected} == {one.properties["SystemName"] for one in led}
        assert service.properties["SharingMode"] in service_capabilities(node, service)


def service_capabilities(client: Client, service: Item) -> list[int]:
    (found,) = client.across(service.path, "CIM_ElementCapabilities", "CIM_RedirectionServiceCapabilities")
    modes = found.properties["SharingModeSupported"]
    assert isinstance(modes, list)
    return [int(str(mode)) for mode in modes]


def test_the_name_of_the_guest_is_in_every_key(node: Client) -> None:
    for classname in (KVM, TEXT, "Test_TCPProtocolEndpoint", "Test_RemoteServiceAccessPoint"):
        for one in node.instances(classname):
            assert str(one.properties["Name"]).startswith(f"{one.properties['SystemName']}/")
