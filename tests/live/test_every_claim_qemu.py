"""Every claim of the capabilities tried on guests of QEMU, and what is not claimed, in every state of a system."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pywbem import CIMInstanceName
from tests.claims import DISABLED, ENABLED, OFFLINE, QUIESCE, Trial
from tests.live.cim import NAMES, Cim, boot_disk, cim_server, rasd
from tests.live.conftest import Guest

STATES = {"off": [DISABLED], "running": [ENABLED], "paused": [ENABLED, QUIESCE], "saved": [ENABLED, OFFLINE]}
ROOM = {"VirtualQuantity": 64 * 1024, "AllocationUnits": "byte * 2^10", "MaxMemory": 2**20, "MaxSlots": 4}


@pytest.fixture(scope="module")
def cim(libvirtd: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cim]:
    with cim_server(tmp_path_factory.mktemp("state"), libvirtd) as cim:
        yield cim


@pytest.fixture
def system(cim: Cim, guest_image: Guest) -> Iterator[CIMInstanceName]:
    """A guest without an operating system, with controllers that devices can be plugged into."""
    holders = [
        rasd("Controller", ResourceSubType="usb", Index=0, Model="qemu-xhci"),
        rasd("Controller", ResourceSubType="scsi", Index=0, Model="virtio-scsi"),
        rasd("Controller", ResourceSubType="virtio-serial", Index=0),
    ]
    made = cim.define(f"{NAMES}claims", rasd("Mem", **ROOM), boot_disk(guest_image), *holders, Machine="pc")
    yield made
    cim.call("DestroySystem", AffectedSystem=made)


@pytest.mark.parametrize("name", STATES)
def test_resources_come_and_go_as_claimed(cim: Cim, system: CIMInstanceName, name: str) -> None:
    for state in STATES[name]:
        if state != DISABLED:
            cim.request(system, state)
    state = STATES[name][-1]
    assert cim.enabled_state(system) == state
    trial = Trial(cim.connection, cim.service, system)
    assert trial.walk(state) == []
    assert cim.enabled_state(system) == state
    if state == OFFLINE:
        assert not [one.name for one in trial.claims if one.adding(OFFLINE) or one.removing(OFFLINE)]
        cim.request(system, ENABLED)  # from the image, which is as it was
