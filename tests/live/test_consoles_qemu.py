"""Consoles of real QEMU guests: who is connected, where they are, what is never told, and a stream of text."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import libvirt
import pytest
from pywbem import CIMInstance, CIMInstanceName, Uint16
from tests.conftest import connect, running_server
from tests.live.cim import BAD_STATE, DISABLED, ENABLED, NAMES, OFFLINE, OK, Cim, cim_server, rasd
from tests.live.conftest import Guest, wait_until
from tests.live.rfb import Viewer

NAME = f"{NAMES}consoles"
SECRET = "pw-7Kq2x"
DEVICES = f"""<graphics type='vnc' port='-1' autoport='yes' websocket='-1' passwd='{SECRET}'>
<listen type='address' address='0.0.0.0'/></graphics>
<graphics type='spice' autoport='yes'><listen type='address' address='127.0.0.1'/></graphics>
<video><model type='qxl'/></video>
<serial type='pty'/><serial type='tcp'><source mode='bind' host='127.0.0.1' service='{{port}}'/>
<protocol type='telnet'/></serial>"""
ACCESS, TEXT = "KVM_KVMRedirectionSAP", "KVM_TextRedirectionSAP"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


@pytest.fixture(scope="module")
def cim(libvirtd: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cim]:
    with cim_server(tmp_path_factory.mktemp("state"), libvirtd) as cim:
        yield cim


@pytest.fixture(scope="module")
def telnet_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def domain(cim: Cim, libvirtd: str, guest_image: Guest, telnet_port: int) -> Iterator[libvirt.virDomain]:
    """A guest with every kind of console, running."""
    disk = (
        f"<disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='{guest_image.boot_disk}'/>"
        "<target dev='vda' bus='virtio'/><readonly/><shareable/></disk>"
    )
    xml = (
        f"<domain type='qemu'><name>{NAME}</name><memory unit='MiB'>16</memory><vcpu>1</vcpu>"
        f"<os><type arch='x86_64' machine='pc'>hvm</type></os><devices>{disk}{DEVICES.format(port=telnet_port)}"
        "</devices></domain>"
    )
    with closing(libvirt.open(libvirtd)) as connection:
        domain = connection.defineXML(xml)
        domain.create()
        wait_until(lambda: NAME in [one["Name"] for one in systems(cim)], 10)
        wait_until(lambda: state(cim, "vnc") == OFFLINE, 10)
        yield domain


def systems(cim: Cim) -> list[CIMInstanceName]:
    return list(cim.connection.EnumerateInstanceNames("KVM_ComputerSystem"))


def access(dev: str, classname: str = ACCESS) -> CIMInstanceName:
    keys = {"SystemCreationClassName": "KVM_ComputerSystem", "SystemName": NAME, "Name": f"{NAME}/{dev}"}
    return CIMInstanceName(classname, {**keys, "CreationClassName": classname}, namespace="root/virt")


def state(cim: Cim, dev: str, classname: str = ACCESS) -> int:
    return int(cim.connection.GetInstance(access(dev, classname))["EnabledState"])


def ports(cim: Cim, dev: str, classname: str = ACCESS) -> dict[str, int]:
    found = cim.connection.Associators(access(dev, classname), "KVM_BindsTo")
    return {one["Name"].rpartition("/")[2]: int(one["PortNumber"]) for one in found}


def urls(cim: Cim, dev: str, classname: str = ACCESS) -> list[str]:
    found = cim.connection.Associators(access(dev, classname), "KVM_RemoteAccessAvailableToElement")
    return [one["AccessInfo"] for one in found]


def becomes(cim: Cim, dev: str, wanted: int) -> None:
    wait_until(lambda: state(cim, dev) == wanted, 10)


@pytest.mark.parametrize("known", [False, True], ids=["connected only", "with its handshake done"])
def test_a_viewer_comes_and_goes(cim: Cim, domain: libvirt.virDomain, known: bool) -> None:
    port = ports(cim, "vnc")["port"]
    with Viewer(port) as viewer:
        if known:
            viewer.log_in(SECRET)
        becomes(cim, "vnc", ENABLED)
        name = cim.connection.GetInstance(access("vnc"))["ElementName"]
        assert name == f"{port}:{viewer.own_port}"
        assert state(cim, "spice") == OFFLINE
    becomes(cim, "vnc", OFFLINE)
    assert cim.connection.GetInstance(access("vnc"))["ElementName"] == f"{port}:0"


def test_two_viewers_and_one_that_stays(cim: Cim, domain: libvirt.virDomain) -> None:
    port = ports(cim, "vnc")["port"]
    with Viewer(port) as first:
        first.log_in(SECRET)
        with Viewer(port) as second:
            wait_until(lambda: state(cim, "vnc") == ENABLED, 10)
            second.greet()
        wait_until(lambda: len(clients(domain)) == 1, 10)
        assert state(cim, "vnc") == ENABLED
    becomes(cim, "vnc", OFFLINE)


def clients(domain: libvirt.virDomain) -> list[str]:
    """The connections to the VNC port, by the kernel."""
    port = f"{vnc_port(domain):04X}"
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return [remote for _, local, remote, status, *_ in lines if local.endswith(f":{port}") and status == "01"]


def vnc_port(domain: libvirt.virDomain) -> int:
    xml = domain.XMLDesc()
    return int(xml.partition("<graphics type='vnc' port='")[2].partition("'")[0])


def test_a_viewer_by_websocket(cim: Cim, domain: libvirt.virDomain) -> None:
    with closing(socket.create_connection(("127.0.0.1", ports(cim, "vnc")["websocket"]), 5)) as client:
        client.sendall(
            b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Protocol: binary\r\n\r\n"
        )
        assert b" 101 " in client.recv(1024)
        becomes(cim, "vnc", ENABLED)
    becomes(cim, "vnc", OFFLINE)


def test_addresses_are_those_to_connect_to(cim: Cim, domain: libvirt.virDomain, telnet_port: int) -> None:
    """Everywhere becomes the name of the host; of a window without any window there is none."""
    host = domain.connect().getHostname()
    vnc, spice = ports(cim, "vnc"), ports(cim, "spice")
    assert urls(cim, "vnc") == [f"vnc://{host}:{vnc['port']}", f"ws://{host}:{vnc['websocket']}"]
    assert urls(cim, "spice") == [f"spice://127.0.0.1:{spice['port']}"]
    assert urls(cim, "serial:1", TEXT) == [f"telnet://127.0.0.1:{telnet_port}"]
    assert ports(cim, "serial:1", TEXT) == {"port": telnet_port}
    found = {one["Name"] for one in cim.connection.EnumerateInstanceNames(ACCESS) if one["SystemName"] == NAME}
    assert found == {f"{NAME}/vnc", f"{NAME}/spice"}


def test_a_viewer_that_was_there_before_the_server(
    cim: Cim, domain: libvirt.virDomain, libvirtd: str, tmp_path: Path
) -> None:
    with Viewer(vnc_port(domain)) as viewer:
        viewer.log_in(SECRET)
        with running_server(tmp_path, connect=[libvirtd]) as server, connect(server.url) as connection:
            later = Cim(connection)
            assert state(later, "vnc") == ENABLED
            viewer.close()
            becomes(later, "vnc", OFFLINE)


def test_nobody_is_told_a_password(cim: Cim, domain: libvirt.virDomain, caplog: pytest.LogCaptureFixture) -> None:
    new = "geheim-9"
    with Viewer(vnc_port(domain)) as earlier:
        earlier.log_in(SECRET)
        assert cim.modify(rasd("Graphics", InstanceID=f"{NAME}/vnc", Password=new)) == OK
        earlier.ask_for_the_screen()
    assert f"passwd='{new}'" in domain.XMLDesc(libvirt.VIR_DOMAIN_XML_SECURE)
    with Viewer(vnc_port(domain)) as viewer:
        viewer.log_in(new)
    told = "".join(one.tomof() for one in of_interest(cim))
    assert not [secret for secret in (SECRET, new) if secret in told or secret in caplog.text]
    assert cim.modify(rasd("Graphics", InstanceID=f"{NAME}/vnc", Password=SECRET)) == OK


def of_interest(cim: Cim) -> Iterator[CIMInstance]:
    for classname in ("CIM_ServiceAccessPoint", "CIM_SettingData", "CIM_LogicalDevice", "CIM_Service"):
        yield from cim.connection.EnumerateInstances(classname)


def test_where_it_listens_cannot_change_while_it_runs(cim: Cim, domain: libvirt.virDomain) -> None:
    setting = rasd("Graphics", InstanceID=f"{NAME}/vnc", Address="127.0.0.1:-1")
    assert cim.modify(setting) == BAD_STATE
    assert cim.modify(rasd("Graphics", InstanceID=f"{NAME}/defined/vnc", Address="127.0.0.1:-1")) == OK
    assert "<listen type='address' address='0.0.0.0'/>" in domain.XMLDesc()
    assert cim.modify(rasd("Graphics", InstanceID=f"{NAME}/defined/vnc", Address="0.0.0.0:-1")) == OK


def test_a_console_without_a_password_gets_none(cim: Cim, domain: libvirt.virDomain) -> None:
    """QEMU asks for one only if there was one at the start; SPICE here has none."""
    assert cim.modify(rasd("Graphics", InstanceID=f"{NAME}/spice", Password=SECRET)) != OK


@pytest.mark.parametrize("wanted", [ENABLED, DISABLED])
def test_nobody_is_thrown_out(cim: Cim, domain: libvirt.virDomain, wanted: int) -> None:
    with Viewer(ports(cim, "vnc")["port"]):
        becomes(cim, "vnc", ENABLED)
        assert cim.call("RequestStateChange", access("vnc"), RequestedState=Uint16(wanted))[0] == 1
        assert state(cim, "vnc") == ENABLED
    becomes(cim, "vnc", OFFLINE)


def test_a_stream_of_text(cim: Cim, domain: libvirt.virDomain) -> None:
    """What OtherTextFlowType names: libvirt opens the serial port that the access point is called after."""
    found = cim.connection.GetInstance(access("serial:0", TEXT))
    assert (found["OtherTextFlowType"], found["EnabledState"]) == ("libvirt-stream", OFFLINE)
    with open_stream(domain, "serial0") as stream:
        assert stream.send(b"x") == 1


@contextmanager
def open_stream(domain: libvirt.virDomain, alias: str) -> Iterator[libvirt.virStream]:
    stream = domain.connect().newStream()
    domain.openConsole(alias, stream)
    yield stream
    stream.abort()


def test_names_outlive_the_run(cim: Cim, domain: libvirt.virDomain) -> None:
    """The last test: off, nobody can connect, and the client that was there is forgotten."""
    with Viewer(ports(cim, "vnc")["port"]):
        becomes(cim, "vnc", ENABLED)
        domain.destroy()
        becomes(cim, "vnc", DISABLED)
    assert (ports(cim, "vnc"), urls(cim, "vnc"), state(cim, "serial:0", TEXT)) == ({}, [], DISABLED)
    domain.create()
    becomes(cim, "vnc", OFFLINE)
