"""A snapshot's document taken apart: every byte is in one of the parts, as libvirt wrote it."""

from __future__ import annotations

import pytest

from virtcim.model.snapshot import parted

HEAD = "<domainsnapshot>\n  <name>a</name>\n  {}{}</domainsnapshot>\n"
RAN = "<domain type='kvm' id='3'><name>x</name><devices><disk><source file='/a'/></disk></devices></domain>"
DEFINITION = "<domain type='kvm'><name>x</name></domain>"
KEPT = DEFINITION.replace("<domain", "<inactiveDomain").replace("</domain>", "</inactiveDomain>")


@pytest.mark.parametrize(
    ("domain", "inactive", "parts"),
    [("", "", (None, None)), (RAN, "", (RAN, None)), (RAN, KEPT, (RAN, DEFINITION))],
    ids=["without a domain", "of one that was off", "of one that ran with something else"],
)
def test_parts(domain: str, inactive: str, parts: tuple[str | None, str | None]) -> None:
    assert parted(HEAD.format(domain, inactive)) == (HEAD.format("", ""), *parts)
