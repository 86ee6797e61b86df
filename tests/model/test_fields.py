"""The engine: what is not touched stays byte for byte, bad values raise and name their place."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from virtcim.model import capabilities, chardevs, devices, domain, network, storage
from virtcim.model.adapter import Interface, VlanTag
from virtcim.model.codecs import UUID, Choice, Integer, ModelError, Words
from virtcim.model.devices import DEVICES, Disk
from virtcim.model.domain import Domain
from virtcim.model.fields import Each, Field, Presence, Secret, View, parse, serialise
from virtcim.model.peripherals import Graphics

DOMAINS = Path(__file__).parent.parent / "data" / "domains"
EVERYTHING = serialise(parse((DOMAINS / "everything.xml").read_text()))
MODULES = (capabilities, chardevs, devices, domain, network, storage)


def view_classes() -> list[type[View]]:
    values = (value for module in MODULES for value in vars(module).values())
    found = {value for value in values if isinstance(value, type) and issubclass(value, View) and value.tag}
    return sorted(found, key=lambda view: (view.__module__, view.__name__))


def fields_of(view: type[View]) -> Iterator[tuple[str, Field[Any]]]:
    for name in dir(view):
        field = getattr(view, name)
        if isinstance(field, Field):
            yield name, field


def sample(field: Field[Any]) -> Any:
    """A value that the field can have."""
    codec: Any = field.single.codec if isinstance(field, Each) else field.codec
    value: Any = "some text"
    if isinstance(field, Presence) or (isinstance(codec, Words) and True in codec.words.values()):
        value = True
    elif isinstance(codec, Choice):
        value = codec.words[0]
    elif isinstance(codec, Integer):
        value = min(max(codec.low, 7), codec.high)
    elif getattr(codec, "pattern", None):
        value = "6695eb01-f6a4-8304-79aa-97f2502e193f" if codec is UUID else "52:54:00:00:00:09"
    return [value, value] if isinstance(field, Each) else value


ALL_FIELDS = [
    pytest.param(view, name, field, id=f"{view.__name__}.{name}")
    for view in view_classes()
    for name, field in fields_of(view)
]


@pytest.mark.parametrize(("view", "name", "field"), ALL_FIELDS)
def test_set_reads_back_and_clear_leaves_nothing(view: type[View], name: str, field: Field[Any]) -> None:
    made = view.new()
    before = made.xml
    setattr(made, name, sample(field))
    assert made.xml != before
    if not isinstance(field, Secret):
        assert getattr(made, name) == sample(field)
        again = view.parse(made.xml)
        assert getattr(again, name) == sample(field)
    setattr(made, name, None)
    assert made.xml == before


def absent_fields() -> Iterator[Any]:
    document = Domain.parse(EVERYTHING)
    for number, view in enumerate((document, *document.devices)):
        for name, field in fields_of(type(view)):
            present = Field.read(field, view) if isinstance(field, Secret) else field.read(view)
            if present is None or (isinstance(field, Presence | Each) and not present):
                yield pytest.param(number, name, field, id=f"{number}-{type(view).__name__}.{name}")


@pytest.mark.parametrize(("number", "name", "field"), [*absent_fields()])
def test_set_and_clear_in_a_full_document_is_byte_identical(number: int, name: str, field: Field[Any]) -> None:
    document = Domain.parse(EVERYTHING)
    view = (document, *document.devices)[number]
    setattr(view, name, sample(field))
    assert document.xml != EVERYTHING
    setattr(view, name, None)
    assert document.xml == EVERYTHING


def test_an_unchanged_document_is_byte_identical() -> None:
    assert Domain.parse(EVERYTHING).xml == EVERYTHING


def test_reading_every_field_changes_nothing() -> None:
    document = Domain.parse(EVERYTHING)
    for view in (document, document.own_metadata, *document.devices):
        for name, field in fields_of(type(view)):
            if not isinstance(field, Secret):
                getattr(view, name)
    assert document.xml == EVERYTHING


def test_every_device_element_with_a_view_is_found_in_document_order() -> None:
    document = Domain.parse(EVERYTHING)
    holder = document.element.find("devices")
    assert holder is not None
    wanted = [child.tag for child in holder if child.tag in DEVICES]
    assert [device.tag for device in document.devices] == wanted
    assert {device.tag for device in document.devices} == set(DEVICES)


def test_a_device_added_and_removed_leaves_no_trace() -> None:
    document = Domain.parse(EVERYTHING)
    disk = Disk.new()
    document.add(disk, inside="devices")
    assert document.disks[-1].element is disk.element
    document.disks[-1].remove()
    assert document.xml == EVERYTHING


@pytest.mark.parametrize("number", range(6))
def test_removing_a_device_leaves_all_others_alone(number: int) -> None:
    document = Domain.parse(EVERYTHING)
    others = [disk.xml for disk in document.disks]
    document.disks[number].remove()
    del others[number]
    assert [disk.xml for disk in document.disks] == others
    assert "\n\n" not in document.xml


def test_metadata_of_others_survives_ours() -> None:
    document = Domain.parse(EVERYTHING)
    own = document.own_metadata
    own.notes = own.creation_time = own.requested_state = None
    assert "http://virtcim.org" not in document.xml
    assert "nobody &amp; co" in document.xml
    document.own_metadata.notes = ["again"]
    assert Domain.parse(document.xml).own_metadata.notes == ["again"]


BAD_READS = [
    ("<domain><vcpu>two</vcpu></domain>", "vcpu", "domain/vcpu: 'two' is not a number"),
    (
        "<domain><vcpu current='0'>2</vcpu></domain>",
        "current_vcpu",
        "domain/vcpu@current: 0 is not between 1 and",
    ),
    (
        "<domain><memory unit='furlong'>1</memory></domain>",
        "memory",
        "domain/memory/@unit: 'furlong' is no unit",
    ),
    ("<domain><pm><suspend-to-mem enabled='on'/></pm></domain>", "suspend_to_memory", "'on' is not one of yes, no"),
    ("<domain><cputune><shares>1</shares></cputune></domain>", "shares", "1 is not between 2 and 262144"),
]


@pytest.mark.parametrize(("xml", "name", "message"), BAD_READS)
def test_a_bad_value_in_a_document_raises_and_names_its_place(xml: str, name: str, message: str) -> None:
    with pytest.raises(ModelError) as caught:
        getattr(Domain.parse(xml), name)
    assert message in str(caught.value)


BAD_WRITES = [
    pytest.param(Domain, "vcpu", 0, "is not between 1 and", id="too-small"),
    pytest.param(Domain, "vcpu", "2", "is not a number", id="text-for-number"),
    pytest.param(Domain, "vcpu", True, "is not a number", id="boolean-for-number"),
    pytest.param(Domain, "name", 5, "is not text", id="number-for-text"),
    pytest.param(Domain, "title", "bell\x07", "has a character that XML cannot hold", id="control-character"),
    pytest.param(Domain, "title", "half \ud800", "has a character that XML cannot hold", id="lone-surrogate"),
    pytest.param(Domain, "uuid", "6695eb01", "is not a UUID", id="short-uuid"),
    pytest.param(Domain, "boot_menu", 1, "is not one of True, False", id="number-for-boolean"),
    pytest.param(Interface, "mac", "52:54:00:00:00", "is not a MAC address", id="short-mac"),
    pytest.param(Disk, "type", "tape", "is not one of file, block", id="unknown-word"),
    pytest.param(VlanTag, "id", 4096, "is not between 0 and 4095", id="vlan-too-big"),
    pytest.param(Domain, "boot_devices", ["hd", 3], "is not text", id="number-in-list"),
]


@pytest.mark.parametrize(("view", "name", "value", "message"), BAD_WRITES)
def test_a_bad_value_is_not_written(view: type[View], name: str, value: object, message: str) -> None:
    made = view.new()
    with pytest.raises(ModelError) as caught:
        setattr(made, name, value)
    assert message in str(caught.value)
    assert made.xml == view.new().xml


@pytest.mark.parametrize(
    ("xml", "kib"),
    [
        ("<memory>5</memory>", 5),
        ("<memory unit='KiB'>5</memory>", 5),
        ("<memory unit='MiB'>5</memory>", 5120),
        ("<memory unit='G'>1</memory>", 1048576),
        ("<memory unit='KB'>1024</memory>", 1000),
        ("<memory unit='bytes'>4096</memory>", 4),
    ],
)
def test_sizes_are_kib_whatever_the_unit(xml: str, kib: int) -> None:
    document = Domain.parse(f"<domain>{xml}</domain>")
    assert document.memory == kib
    document.memory = 7
    assert Domain.parse(document.xml).memory == 7


def test_a_word_of_a_newer_libvirt_is_read_as_it_is_and_not_written() -> None:
    disk = Disk.parse("<disk type='holographic'/>")
    assert disk.type == "holographic"
    with pytest.raises(ModelError):
        disk.type = "holographic"


def test_a_secret_can_be_written_and_not_read() -> None:
    console = Graphics.parse("<graphics type='vnc' passwd='geheim'/>")
    with pytest.raises(AttributeError, match="can only be written"):
        _ = console.password
    assert Graphics.password.is_set(console)
    console.password = None
    assert console.xml == '<graphics type="vnc"/>'
    assert not Graphics.password.is_set(console)


@pytest.mark.parametrize(
    "xml", ["<domain>", "", "<domain/><domain/>", "<network/>"], ids=["cut", "empty", "two", "other"]
)
def test_what_is_no_domain_document_is_refused(xml: str) -> None:
    with pytest.raises(ModelError):
        Domain.parse(xml)


def test_entities_are_not_expanded() -> None:
    xml = '<!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/hostname">]><domain><name>&x;</name></domain>'
    assert not Domain.parse(xml).name


def test_a_field_is_itself_on_the_class() -> None:
    assert isinstance(Disk.target, Field)
    assert Disk.target.where == "disk/target@dev"
