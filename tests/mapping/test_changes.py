"""Changing settings: what is asked for is so afterwards, all else is untouched, and libvirt takes the document."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from lxml import etree
from tests.mapping.changes import BOOT_ORDERS, CONTAINER_HEAD, HEAD, RESOURCES, XEN_HEAD
from tests.mapping.conftest import Defined
from tests.mapping.samples import load, resource

from virtcim.mapping import vssd
from virtcim.mapping.resources import KINDS, change, properties_of, resource_for, resources_of
from virtcim.mapping.table import Properties, to_cim
from virtcim.model.domain import Domain

SCHEMA = Path("/usr/share/libvirt/schemas/domain.rng")
# References in another form, and values that another property says: what they read back as.
READS_AS: dict[tuple[str, str], Any] = {
    ("sda", "Parent"): "controller:scsi:1",
    ("vda", "PoolID"): "DiskPool/0",
    ("head", "UUID"): "5A9F0B1C-77C4-4F0E-9D0B-6A1DE2A2C001",
    ("head", "AutomaticShutdownAction"): 2,
    ("sdl", "Address"): "/home/me/.Xauthority::1",
}


def title(dev: str, change: Properties) -> str:
    return f"{dev}-" + ",".join(f"{name}={value}" for name, value in change.items())[:60]


CHANGES = [
    pytest.param(name, dev, each, id=title(dev, each))
    for name, table in (("everything", RESOURCES), ("running", BOOT_ORDERS))
    for dev, all_of in table.items()
    for each in all_of
]
# Changes to what is so already, by another name or because nothing else is possible.
WITHOUT_EFFECT = {
    ("vda", "PoolID"),
    ("dimm0", "ResourceSubType"),
    ("vnc", "ResourceSubType"),
    ("keyboard:virtio", "ResourceSubType"),
    ("controller:virtio-serial:0", "ResourceSubType"),
    ("hostdev:usb:1d6b:0002", "ResourceSubType"),
    ("hostdev:usb:1d6b:0002", "DeviceType"),
    ("share", "DriverType"),
}


def without(document: Domain, element: Any) -> bytes:
    """The document with one device blanked out."""
    path = document.element.getroottree().getpath(element)
    copy = document.copy()
    found: Any = copy.element.getroottree().xpath(path)
    blank = found[0]
    tail = blank.tail
    blank.clear()
    blank.tail = tail
    return etree.tostring(copy.element)


def assert_reads(dev: str, given: Properties, found: Properties) -> None:
    for name, value in given.items():
        wanted = READS_AS.get((dev, name), value)
        if dev.startswith("hostdev") and name == "HostResource":
            assert found[name][0].startswith("pci:0000:03:")
        else:
            assert found.get(name) == wanted, name


@pytest.mark.parametrize(("name", "dev", "given"), CHANGES)
def test_a_change_is_so_and_touches_nothing_else(name: str, dev: str, given: Properties, defined: Defined) -> None:
    document = load(name)
    target = resource(document, dev)
    outside = None if target.kind.single else without(document, target.view.element)
    before = document.xml
    change(target, given, document)
    assert_reads(dev, given, properties_of(target))
    if outside is not None:
        assert without(document, target.view.element) == outside
    assert (document.xml == before) == ((dev, next(iter(given))) in WITHOUT_EFFECT)
    kept = Domain.parse(defined(document.xml))
    assert_kept(dev, given, kept)


def assert_kept(dev: str, given: Properties, kept: Domain) -> None:
    """libvirt has not dropped the change. The key may have changed with it; what is cleared may get a default."""
    found = resource_for(kept, dev)
    if found is not None and "Index" not in given:
        assert_reads(dev, {name: value for name, value in given.items() if value is not None}, properties_of(found))


@pytest.mark.parametrize("given", [pytest.param(each, id=title("head", each)) for each in HEAD])
def test_a_change_of_the_head(given: Properties, defined: Defined) -> None:
    document = load("everything")
    devices = document.element.find("devices")
    assert devices is not None
    before = etree.tostring(devices)
    vssd.change_head(document, given)
    assert_reads("head", given, to_cim(vssd.VSSD, document))
    if "Emulator" not in given:
        assert etree.tostring(devices) == before
    assert "http://example.org/owner" in document.xml
    assert "qemu:commandline" in document.xml
    defined(document.xml)


SPECIAL_HEADS = [
    pytest.param(name, each, id=title(name, each))
    for name, all_of in (("container", CONTAINER_HEAD), ("paravirtual", XEN_HEAD))
    for each in all_of
]


@pytest.mark.skipif(not SCHEMA.exists(), reason=f"no {SCHEMA}: libvirt's schemas are not installed")
@pytest.mark.parametrize(("name", "given"), SPECIAL_HEADS)
def test_a_change_of_the_head_on_other_platforms(name: str, given: Properties) -> None:
    document = load(name)
    vssd.change_head(document, given)
    assert_reads(name, given, to_cim(vssd.VSSD, document))
    etree.RelaxNG(etree.parse(str(SCHEMA))).assertValid(document.element)


def test_every_row_that_can_be_written_is_in_the_table() -> None:
    """Rows of a family of kinds are the same objects."""
    written = {
        row
        for name, table in (("everything", RESOURCES), ("running", BOOT_ORDERS))
        for dev, changes in table.items()
        for each in changes
        for row in resource(load(name), dev).kind.rows
        if row.name in each
    }
    writable = {row: kind.name for kind in KINDS for row in kind.rows if row.writable}
    missing = [(kind, row.name) for row, kind in writable.items() if row not in written]
    assert missing == [("graphics", "Password")]  # has tests of its own


def test_every_row_of_the_head_that_can_be_written_is_in_the_table() -> None:
    written = {name for each in (*HEAD, *XEN_HEAD, *CONTAINER_HEAD) for name in each}
    assert {row.name for row in vssd.VSSD if row.writable} - written == {"BootDevice"}  # has a test of its own


@pytest.mark.parametrize("name", ["everything", "running"])
def test_giving_everything_back_changes_nothing(name: str) -> None:
    """What a client reads, it can send: nothing then differs."""
    document = load(name)
    before = document.xml
    for found in resources_of(document):
        change(found, properties_of(found), document)
    vssd.change_head(document, to_cim(vssd.VSSD, document))
    assert document.xml == before
