"""Requests that came before are decoded as they would be alone, whatever is left out of what they are known by."""

from __future__ import annotations

import pytest
from tests.wire.samples import operation, parameter

from virtcim.wire.caller import ANYBODY
from virtcim.wire.decode import decode
from virtcim.wire.elements import ANY_SIZE
from virtcim.wire.headers import CIMHeaders
from virtcim.wire.names import SHORT, is_short_pull
from virtcim.wire.repeated import Decoder

HEADERS = CIMHeaders("PullInstancesWithPath", "root/virt")
FAKE = '<!-- <IPARAMVALUE NAME="EnumerationContext"><VALUE>{context}</VALUE></IPARAMVALUE> -->'


def pull(context: str, count: str = "10", before: str = "", spelled: str = "EnumerationContext") -> bytes:
    given = parameter(f"<VALUE>{context}</VALUE>", spelled) + parameter(f"<VALUE>{count}</VALUE>", "MaxObjectCount")
    return operation(before.format(context=context) + given, "PullInstancesWithPath")


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"before": FAKE},
        {"spelled": "enumerationcontext"},
        {"before": parameter("<VALUE>{context}</VALUE>", "Other")},
    ],
    ids=["plain", "another in a comment", "spelled differently", "after another parameter"],
)
def test_each_context_is_its_own(form: dict[str, str]) -> None:
    decoder = Decoder(ANY_SIZE)
    for number, context in enumerate(("a-b_c", "other", "a-b_c", "x&amp;y", " spaced ", "")):
        body = pull(context, **form).replace(b'ID="7"', b'ID="%d"' % number)
        call = decoder.decode(body, HEADERS)
        assert call == decode(body)
        assert call.memo.setdefault("what the text says", context) == context


def test_a_pull_that_came_before_is_known() -> None:
    decoder = Decoder(ANY_SIZE)
    assert decoder.known(pull("one"), HEADERS, ANYBODY) is None
    decoder.decode(pull("one"), HEADERS)
    assert decoder.known(pull("two"), HEADERS, ANYBODY) == decode(pull("two"))
    assert decoder.known(pull("two", "11"), HEADERS, ANYBODY) is None


@pytest.mark.parametrize(
    ("count", "short"),
    [("0", True), ("1", True), (f"{SHORT}", True), (f"{SHORT + 1}", False), ("0000000005000", False), ("x", False)],
)
def test_which_pulls_are_short(count: str, short: bool) -> None:
    assert is_short_pull(decode(pull("one", count))) is short


def test_methods_are_no_pulls() -> None:
    assert not is_short_pull(decode(operation(parameter("<VALUE>1</VALUE>", "MaxObjectCount"))))
