"""Two running guests whose adapters were plugged in through CIM, and what each of them and the server see."""

from __future__ import annotations

from typing import Any

import libvirt
from tests.live.conftest import Guest, guest_xml, wait_until
from tests.live.consoles import Console
from tests.profiles.client import system_path
from tests.profiles.switching import Switching

from virtcim.broker.call import Item

OK = 0
GUESTS = {"net-a": "52:54:00:fe:00:0a", "net-b": "52:54:00:fe:00:0b"}
BOOT_SECONDS = 90


class Pair:
    """Two running guests, each with one adapter that was asked for together with its connection."""

    def __init__(self, switching: Switching, qemu: libvirt.virConnect, guest: Guest) -> None:
        self.switching, self.qemu, self.guest = switching, qemu, guest
        self.consoles: dict[str, Console] = {}

    def start(self, **wire: Any) -> None:
        for name, mac in GUESTS.items():
            self.qemu.defineXML(guest_xml(name, self.guest))
            wait_until(lambda name=name: self.switching.host.vm_named(full(name)) is not None, 5)  # type: ignore[misc]
            adapter = self.switching.adapter(InstanceID="new", Address=mac, ResourceSubType="virtio")
            answer = self.switching.add_to(full(name), adapter, self.switching.wire(Parent="new", **wire))
            assert answer.value == OK, answer.reason
            domain = self.qemu.lookupByName(full(name))
            domain.create()
            self.consoles[name] = Console(domain)
        for console in self.consoles.values():
            console.wait_for("GUEST-READY", BOOT_SECONDS)
            console.run("true", BOOT_SECONDS)
        for name in GUESTS:
            self.switching.host.refresh(self.qemu.lookupByName(full(name)).UUIDString())

    def close(self) -> None:
        for console in self.consoles.values():
            console.close()

    def address(self, name: str) -> str:
        _, said = self.consoles[name].run("ip -4 -o addr show dev eth0")
        return next((word.partition("/")[0] for word in said.split() if word.startswith("192.168.")), "")

    def set_address(self, name: str, address: str) -> None:
        code, said = self.consoles[name].run(f"ip link set eth0 up; ip addr add {address}/24 dev eth0")
        assert code == 0, said

    def reaches(self, name: str, address: str, packets: int = 1) -> bool:
        """Whether one of so many packets comes back within two seconds."""
        code, _ = self.consoles[name].run(f"ping -c {packets} -W 2 {address} >/dev/null", 40)
        return code == 0

    def reaches_soon(self, name: str, address: str) -> bool:
        """A link that has come up needs a moment."""
        return any(self.reaches(name, address) for _ in range(20))

    def wire(self, name: str, defined: bool = False) -> Item:
        (found,) = self.switching.wires(full(name), defined)
        return found

    def change(self, name: str, **properties: Any) -> None:
        """The connection of a running guest."""
        given = self.switching.wire(InstanceID=self.wire(name).properties["InstanceID"], **properties)
        answer = self.switching.change(given)
        assert answer.value == OK, answer.reason

    def connections(self, switch: str) -> int:
        ports = self.switching.client.across(self.switching.switch_path(switch), "CIM_SystemDevice")
        for port in ports:
            (lan,) = self.switching.client.across(port.path, "CIM_PortImplementsEndpoint", "CIM_LANEndpoint")
            assert len(self.switching.client.links(lan.path, "CIM_ActiveConnection")) == 1
        return len(ports)


def counted(pair: Pair, name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """What is counted at the adapter of a guest, and at the port of the switch."""
    client = pair.switching.client
    (adapter,) = [one for one in client.instances("KVM_NetworkPort") if one.path.key("SystemName") == full(name)]
    (found,) = client.across(adapter.path, "CIM_ElementStatisticalData")
    (port,) = client.across(pair.wire(name).path, "CIM_SettingsDefineState")
    (other,) = client.across(port.path, "CIM_ElementStatisticalData")
    return dict(found.properties), dict(other.properties)


def traffic(pair: Pair, name: str) -> dict[str, Any]:
    """What is counted at the adapter of a guest, once it has been read; at the switch it is the other way round."""
    wait_until(lambda: all("StatisticTime" in one for one in counted(pair, name)), 10)
    found, other = counted(pair, name)
    if other["StatisticTime"] == found["StatisticTime"]:
        assert other["PacketsReceived"] == found["PacketsTransmitted"]
        assert other["BytesTransmitted"] == found["BytesReceived"]
    return found


def known_addresses(pair: Pair, name: str) -> list[Any]:
    """What DHCP has given to a guest."""
    found = pair.switching.client.across(
        system_path(full(name), "KVM"), "CIM_HostedAccessPoint", "CIM_IPProtocolEndpoint"
    )
    for one in found:
        (lan,) = pair.switching.client.across(one.path, "CIM_BindsToLANEndpoint", "CIM_LANEndpoint")
        assert lan.properties["MACAddress"] == GUESTS[name].replace(":", "").upper()
        assert (one.properties["AddressOrigin"], one.properties["HostName"]) == (4, "first-guest")
    return [one.properties["IPv4Address"] for one in found]


def full(name: str) -> str:
    return f"virtcim-test-{name}"
