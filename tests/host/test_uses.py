"""Which device of the host is in a place, whatever order they are read in."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations

import pytest

from virtcim.host.uses import Passables

UUID = "4b20d080-1b54-4048-85b3-a6a62d165c01"


@dataclass(frozen=True)
class Device:
    """A mediated device below another one."""

    parent: str

    @property
    def name(self) -> str:
        return f"mdev_{UUID.replace('-', '_')}_{self.parent}"

    @property
    def xml(self) -> str:
        capability = (
            f"<capability type='mdev'><uuid>{UUID}</uuid><iommuGroup number='{len(self.parent)}'/></capability>"
        )
        return f"<device><name>{self.name}</name><parent>{self.parent}</parent>{capability}</device>"


Change = tuple[Device | None, Device | None]
FIRST, SECOND = Device("a"), Device("bb")
COME: list[Change] = [(None, FIRST), (None, SECOND)]


def there_after(*changes: Change) -> str | None:
    """The name of the device in the place."""
    devices = Passables()
    for old, new in changes:
        before = devices.known
        assert devices.changed(old, new) == (devices.known != before)
    return devices.known[UUID].name if UUID in devices.known else None


@pytest.mark.parametrize("order", list(permutations(COME)))
def test_of_two_devices_in_a_place_it_is_the_same_one_whichever_is_read_first(order: tuple[Change, ...]) -> None:
    assert there_after(*order) == FIRST.name


@pytest.mark.parametrize("order", list(permutations(COME)))
@pytest.mark.parametrize(("gone", "left"), [(FIRST, SECOND), (SECOND, FIRST)])
def test_of_two_devices_in_a_place_one_is_left_when_the_other_goes(
    order: tuple[Change, ...], gone: Device, left: Device
) -> None:
    assert there_after(*order, (gone, None)) == left.name
    assert there_after(*order, (gone, None), (left, None)) is None


def test_a_device_that_says_nothing_new_changes_nothing() -> None:
    devices = Passables()
    assert devices.changed(None, FIRST)
    assert not devices.changed(FIRST, Device("a"))
