"""Documents are validated here as libvirt validates them: what it does not know is refused and never vanishes."""

from __future__ import annotations

import os
from pathlib import Path

import libvirt
import pytest
from tests.host.conftest import minimal

from virtcim.host import definition, domains, validation
from virtcim.host.errors import HostError, Kind
from virtcim.host.inventory import Host
from virtcim.host.records import version_text
from virtcim.host.validation import SCHEMAS, Validator
from virtcim.model import validity
from virtcim.model.tree import parse

VERSION = version_text(libvirt.getVersion())
FINE = minimal("checked")
WRONG = {
    "unknown element": (FINE.replace("</domain>", "<nonsense/></domain>"), "nonsense"),
    "unknown element inside": (FINE.replace("</os>", "<nonsense/></os>"), "os"),
    "unknown attribute": (FINE.replace("<os>", "<os flavour='vanilla'>"), "os"),
    "wrong value": (FINE.replace("</domain>", "<on_crash>explode</on_crash></domain>"), "on_crash"),
    "unknown device": (FINE.replace("</domain>", "<devices><toaster/></devices></domain>"), "devices"),
    "wrong value of a device": (
        FINE.replace("</domain>", "<devices><disk><target dev='vda' bus='rail'/></disk></devices></domain>"),
        "devices",
    ),
}


@pytest.fixture(params=["here", "by libvirt"])
def where(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    directory = SCHEMAS if request.param == "here" else tmp_path
    monkeypatch.setattr(definition, "DOMAINS", Validator(directory))


@pytest.mark.usefixtures("where")
@pytest.mark.parametrize(("document", "named"), WRONG.values(), ids=WRONG)
def test_what_libvirt_does_not_know_is_refused(host: Host, document: str, named: str) -> None:
    before = host.vms
    with pytest.raises(HostError, match="failed to validate against schema") as refused:
        domains.define(host, document)
    assert refused.value.kind is Kind.INVALID
    assert named in refused.value.message
    assert host.vms == before


@pytest.mark.usefixtures("where")
def test_what_is_valid_is_defined(host: Host) -> None:
    assert domains.define(host, FINE).name == "checked"


@pytest.mark.usefixtures("where")
def test_an_edit_is_validated_too(host: Host) -> None:
    vm = domains.define(host, FINE)
    with pytest.raises(HostError, match="failed to validate"), domains.edit(vm) as document:
        document.on_crash = "explode"
    assert host.vm(vm.uuid) is vm


@pytest.mark.parametrize("document", [FINE, *(document for document, _ in WRONG.values())], ids=["fine", *WRONG])
def test_the_verdict_is_that_of_libvirt(host: Host, document: str) -> None:
    with host.link.borrow() as connection:
        try:
            connection.defineXMLFlags(document, libvirt.VIR_DOMAIN_DEFINE_VALIDATE).undefine()
            accepted = True
        except libvirt.libvirtError as error:
            accepted = error.get_error_code() != libvirt.VIR_ERR_XML_INVALID_SCHEMA
    assert Validator().finds_valid(parse(document), document, VERSION) is accepted


def test_of_another_version_only_libvirt_can_tell() -> None:
    assert Validator().finds_valid(parse(FINE), FINE, VERSION)
    assert not Validator().finds_valid(parse(FINE), FINE, "1.2.3")


def test_once_the_library_was_replaced_only_libvirt_can_tell() -> None:
    assert not Validator(replaced=lambda: True).finds_valid(parse(FINE), FINE, VERSION)
    assert not validation.library_replaced()


@pytest.mark.parametrize("content", [None, "", "<grammar/>"], ids=["missing", "empty", "no schema"])
def test_without_a_schema_only_libvirt_can_tell(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "domain.rng").write_text(content)
    assert not Validator(tmp_path).finds_valid(parse(FINE), FINE, VERSION)


def test_schemas_that_are_replaced_are_trusted_no_more(tmp_path: Path) -> None:
    for file in SCHEMAS.glob("*.rng"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    validator = Validator(tmp_path)
    assert validator.finds_valid(parse(FINE), FINE, VERSION)
    os.utime(tmp_path / "domaincommon.rng", ns=(1, 1))
    assert not validator.finds_valid(parse(FINE), FINE, VERSION)


MAC = '<devices><interface type="user"><mac address="52:54:00:12:34:56"/></interface></devices>'
DISK = '<devices><disk type="file"><source file="/a.img"/><target dev="hda"/></disk></devices>'
UUID = "6b0a7c1e-52d4-4f0e-9a61-6f1d2c8e0199"
LIKE = [  # what is in a document that is valid, and what becomes of it
    ("<name>checked<", "<name>another-one<", True),
    ("<name>checked<", "<name>a/slash<", True),
    ("<name>checked<", "<name>two\nlines<", False),
    (UUID, UUID.replace("6", "7"), True),
    (UUID, UUID.upper(), True),
    (UUID, UUID[1:], False),
    ("52:54:00:12:34:56", "52:54:00:ff:ff:ff", True),
    ("52:54:00:12:34:56", "53:54:00:12:34:56", False),
    ("52:54:00:12:34:56", "52:54:00:12:34", False),
    ('file="/a.img"', 'file="/other/b.img"', True),
    ('file="/a.img"', 'file="no path"', False),
    ('file="/a.img"/>', 'file="/a.img" nonsense="1"/>', False),
    ('<mac address="52:54:00:12:34:56"/>', '<source file="/a.img"/>', False),
    ('<source file="/a.img"/>', '<mac address="52:54:00:12:34:56"/>', False),
    ('<mac address="52:54:00:12:34:56"/>', '"/>', False),
    (f"<uuid>{UUID}</uuid>", f"<title>{UUID}</title>", True),
]


@pytest.mark.parametrize(("part", "other", "accepted"), LIKE, ids=[f"{other!r}" for _, other, _ in LIKE])
def test_a_document_like_a_valid_one_is_valid_if_libvirt_says_so(part: str, other: str, accepted: bool) -> None:
    """After the first one, of which the parts that differ are those that are not compared."""
    validator = Validator()
    for inside in (f"<uuid>{UUID}</uuid>{MAC}", f"<uuid>{UUID}</uuid>{DISK}"):
        fine = minimal("checked", inside)
        if part in fine:
            assert validator.finds_valid(parse(fine), fine, VERSION)
            changed = fine.replace(part, other)
            assert validator.finds_valid(parse(changed), changed, VERSION) is accepted
            assert Validator().finds_valid(parse(changed), changed, VERSION) is accepted


def test_few_shapes_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(validity, "MOST", 2)
    schema = validity.Schema(SCHEMAS / "domain.rng")
    for number in range(5):
        document = minimal("checked", f"<title>{number}</title>")
        assert schema.accepts(parse(document), document)
    assert len(schema._valid) <= 2
