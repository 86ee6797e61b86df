"""Which device of a running document is meant: by alias, by what names it, by all that is given."""

from __future__ import annotations

import pytest

from virtcim.host.errors import HostError, Kind
from virtcim.host.hotplug import alias_of, aliases

RUNNING = """<domain><devices>
<emulator>/usr/bin/qemu</emulator>
<disk type='file'><source file='/a'/><target dev='vda' bus='virtio'/><alias name='virtio-disk0'/></disk>
<disk type='file'><source file='/b'/><target dev='vdb' bus='virtio'/><alias name='ua-mine'/></disk>
<interface type='user'><mac address='52:54:00:00:00:01'/><model type='virtio'/><alias name='net0'/></interface>
<interface type='user'><mac address='52:54:00:00:00:0a'/><model type='virtio'/><alias name='net1'/></interface>
<rng model='virtio'><backend model='random'>/dev/random</backend><alias name='rng0'/></rng>
<rng model='virtio'><backend model='random'>/dev/urandom</backend><alias name='rng1'/></rng>
<hostdev mode='subsystem' type='usb'><source><address bus='1' device='4'/></source><alias name='hostdev0'/></hostdev>
</devices></domain>"""

FOUND = [
    ("alias", "<disk><alias name='ua-mine'/><target dev='vda'/></disk>", "ua-mine"),
    ("disk-target", "<disk type='file'><source file='/other'/><target dev='vdb'/></disk>", "ua-mine"),
    ("nic-mac", "<interface type='network'><mac address='52:54:00:00:00:01'/></interface>", "net0"),
    ("nic-mac-case", "<interface type='user'><mac address='52:54:00:00:00:0A'/></interface>", "net1"),
    ("nic-without-mac", "<interface type='user'><model type='virtio'/></interface>", "net0"),
    ("rng-text", "<rng model='virtio'>\n  <backend model='random'>/dev/urandom</backend>\n</rng>", "rng1"),
    ("rng-alone", "<rng model='virtio'/>", "rng0"),
    (
        "hostdev",
        "<hostdev mode='subsystem' type='usb'><source><address bus='1' device='4'/></source></hostdev>",
        "hostdev0",
    ),
]


@pytest.mark.parametrize(("device", "alias"), [row[1:] for row in FOUND], ids=[row[0] for row in FOUND])
def test_the_device_meant(device: str, alias: str) -> None:
    assert alias_of(RUNNING, device) == alias


MISSING = [
    ("other-target", "<disk type='file'><source file='/a'/><target dev='vdc'/></disk>"),
    ("other-mac", "<interface type='user'><mac address='52:54:00:00:00:ff'/></interface>"),
    ("other-address", "<hostdev type='usb'><source><address bus='1' device='5'/></source></hostdev>"),
    ("other-kind", "<tpm model='tpm-crb'/>"),
]


@pytest.mark.parametrize("device", [row[1] for row in MISSING], ids=[row[0] for row in MISSING])
def test_a_device_that_is_not_there(device: str) -> None:
    with pytest.raises(HostError, match="no such") as error:
        alias_of(RUNNING, device)
    assert error.value.kind is Kind.NOT_FOUND


def test_devices_by_alias() -> None:
    assert [*aliases(RUNNING)] == ["virtio-disk0", "ua-mine", "net0", "net1", "rng0", "rng1", "hostdev0"]
    assert aliases("<domain/>") == {}
