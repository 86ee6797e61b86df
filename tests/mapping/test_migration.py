"""What setting data of moves mean, and how destination hosts are written."""

from __future__ import annotations

from typing import Any

import pytest

from virtcim.mapping import migration
from virtcim.mapping.migration import Manner, NotOffered
from virtcim.mapping.table import BadProperty

MEANT: dict[str, tuple[dict[str, Any], Manner]] = {
    "nothing": ({}, Manner()),
    "zeros": ({"MigrationType": 0, "Priority": 0, "Bandwidth": 0, "TransportType": 0}, Manner()),
    "live over TLS": ({"MigrationType": 2, "TransportType": 4}, Manner(type=2, transport=4)),
    "libvirt-cim's socket": ({"TransportType": 32768}, Manner(transport=6)),
    "as libvirt counts": ({"Bandwidth": 20, "BandwidthUnit": "byte / second * 2^20"}, Manner(bandwidth=20)),
    "rounded down": ({"Bandwidth": 100, "BandwidthUnit": "bit / second * 10^6"}, Manner(bandwidth=11)),
    "an old word": ({"Bandwidth": 105, "BandwidthUnit": "MegaBytes per second"}, Manner(bandwidth=100)),
    "options": ({"CopyStorage": True, "AutoConverge": True}, Manner(copy_storage=True, converge=True)),
    "unsafe": ({"AllowUnsafe": True}, Manner(unsafe=True)),
    "empty parameters": ({"CheckParameters": []}, Manner()),
}
BAD: dict[str, tuple[dict[str, Any], str]] = {
    "type": ({"MigrationType": 5}, "MigrationType"),
    "transport": ({"TransportType": 7}, "TransportType"),
    "other transport unnamed": ({"TransportType": 1}, "OtherTransportType"),
    "other transport beside a known one": ({"TransportType": 2, "OtherTransportType": "x"}, "OtherTransportType"),
    "no unit": ({"Bandwidth": 1}, "BandwidthUnit"),
    "no rate": ({"Bandwidth": 1, "BandwidthUnit": "byte * 2^20"}, "BandwidthUnit"),
    "no unit at all": ({"Bandwidth": 1, "BandwidthUnit": "much"}, "BandwidthUnit"),
    "more than all": ({"Bandwidth": 101, "BandwidthUnit": "percent"}, "Bandwidth"),
    "too slow": ({"Bandwidth": 1, "BandwidthUnit": "bit / second * 10^6"}, "Bandwidth"),
    "too fast": ({"Bandwidth": 65535, "BandwidthUnit": "byte / second * 2^40"}, "Bandwidth"),
}
BEYOND: dict[str, tuple[dict[str, Any], str]] = {
    "another transport": ({"TransportType": 1, "OtherTransportType": "pigeon"}, "OtherTransportType"),
    "a vendor's transport": ({"TransportType": 40000}, "TransportType"),
    "percent": ({"Bandwidth": 50, "BandwidthUnit": "percent"}, "BandwidthUnit"),
    "priority": ({"Priority": 3}, "Priority"),
    "programs": ({"CheckParameters": ["x"]}, "CheckParameters"),
}


@pytest.mark.parametrize(("given", "meant"), MEANT.values(), ids=MEANT)
def test_what_settings_mean(given: dict[str, Any], meant: Manner) -> None:
    assert migration.manner(given, "KVM") == meant


@pytest.mark.parametrize(("given", "name"), BAD.values(), ids=BAD)
def test_what_means_nothing(given: dict[str, Any], name: str) -> None:
    with pytest.raises(BadProperty) as refused:
        migration.manner(given, "KVM")
    assert not isinstance(refused.value, NotOffered)
    assert refused.value.name == name


@pytest.mark.parametrize(("given", "name"), BEYOND.values(), ids=BEYOND)
def test_what_is_not_done(given: dict[str, Any], name: str) -> None:
    with pytest.raises(NotOffered) as refused:
        migration.manner(given, "KVM")
    assert refused.value.name == name


@pytest.mark.parametrize(("platform", "number"), [("LXC", 2), ("Test", 3)])
def test_drivers_that_move_definitions_only(platform: str, number: int) -> None:
    assert migration.default_type(platform) == migration.RESTART
    with pytest.raises(NotOffered, match="MigrationType"):
        migration.manner({"MigrationType": number}, platform)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("node-2.example.com", "node-2.example.com"),
        ("Node.example.", "Node.example."),
        ("1and1.example", "1and1.example"),
        ("192.0.2.1", "192.0.2.1"),
        ("2001:DB8::1", "[2001:db8::1]"),
        ("::ffff:192.0.2.1", "[::ffff:c000:201]"),
    ],
)
def test_destination_hosts(text: str, written: str) -> None:
    assert migration.destination_host(text) == written


@pytest.mark.parametrize(
    "text",
    [None, "", "-a", "a-", "a_b", "a..b", ".a", "x" * 64, "a." * 127, "1.2.3", "256.1.1.1", "01.2.3.4", "[::1]",
     "fe80::1%eth0", "user@host", "host:22", "host/system?x", "a b", "host\n"],
)  # fmt: skip
def test_what_is_no_destination_host(text: str | None) -> None:
    with pytest.raises(BadProperty, match="DestinationHost"):
        migration.destination_host(text)
