"""The images of disks on the embedded node: copied, moved to the copy, and what cannot be."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.profiles.client import out
from tests.profiles.management import BAD_STATE, FAILED, INVALID, OK, rasd
from tests.profiles.pooled import Stock, stocked
from tests.profiles.storing import GIB, disk, shown, volumes

from virtcim.broker.call import Instance, MethodAnswer, Path
from virtcim.broker.schema import Schema


@pytest.fixture
def stock(repository: Schema, node_uri: str) -> Iterator[Stock]:
    """With a system "plain" that has no disks."""
    with stocked(repository, node_uri, detach_timeout=2.0) as stock:
        stock.define(ElementName="plain")
        yield stock


def test_a_copy_of_a_volume(stock: Stock) -> None:
    """Of a disk of a system that is off, and of a volume."""
    stock.add("plain", disk())
    first = copied(stock, "plain/vda", rasd("Disk", VolumeName="first.img"))
    assert volumes(stock)["first.img"].capacity == GIB
    assert copied(stock, first) == "/srv/images/first-2.img"
    assert copied(stock, first) == "/srv/images/first-3.img"


def copied(stock: Stock, source: str, settings: Instance | None = None, **more: Any) -> str:
    answer = copy(stock, source, settings, **more)
    assert answer.value == OK, answer.reason
    found = out(answer, "Copy")
    assert isinstance(found, Path)
    return str(found.key("InstanceID"))


def copy(stock: Stock, source: str, settings: Instance | None = None, **more: Any) -> MethodAnswer:
    return stock.call("CopyImage", Image=stock.setting_path(source), Settings=settings, **more)


def test_a_disk_moves_to_a_copy(stock: Stock) -> None:
    """What it was on goes, as it was its own; so is the copy."""
    stock.add("plain", disk(AutomaticDeallocation=True))
    copied(stock, "plain/defined/vda", rasd("Disk", VolumeName="moved"), Pivot="TRUE")
    setting = shown(stock, "plain/defined/vda")
    assert (setting["VolumeName"], setting["AutomaticDeallocation"]) == ("moved", True)
    assert "plain.img" not in volumes(stock)


@pytest.mark.parametrize(
    ("method", "source", "arguments", "value"),
    [
        ("CopyImage", "web1/mem", {}, INVALID),
        ("CopyImage", "plain/vdb", {}, INVALID),
        ("CopyImage", "/srv/images/base.qcow2", {"Pivot": "TRUE"}, INVALID),
        ("CopyImage", "/srv/images/web1.qcow2", {}, BAD_STATE),
        ("CopyImage", "plain/vda", {"Settings": rasd("Disk", PoolID="DiskPool/none")}, INVALID),
        ("CopyImage", "plain/vda", {"Settings": rasd("Disk", VolumeName="base.qcow2")}, FAILED),
        ("CommitImage", "plain/vda", {}, INVALID),
        ("PullImage", "plain/vda", {}, INVALID),
        ("PullImage", "plain/vdc", {}, BAD_STATE),
        ("CommitImage", "plain/vdc", {}, BAD_STATE),
    ],
    ids=["memory", "elsewhere", "volume", "in-use", "pool", "taken", "commit", "pull", "pull-off", "commit-off"],
)
def test_images_that_cannot_be(stock: Stock, method: str, source: str, arguments: dict[str, Any], value: int) -> None:
    stock.add(
        "plain",
        disk(),
        rasd("Disk", HostResource=["file:///elsewhere/x.img"]),
    )
    stock.add("plain", disk(BackingImage="/srv/images/plain.img", VirtualQuantity=None, VirtualDevice="vdc"))
    before = volumes(stock)
    answer = stock.call(method, Image=stock.setting_path(source), **arguments)
    assert answer.value == value, answer.reason
    assert volumes(stock) == before
