"""The checks of messages, against errors that are right, and wrong in one way each."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from pywbem import CIMError, CIMInstance, Uint16, Uint32
from tests.conformance.small_server import small_site

from virtcim.conformance import msg, runner
from virtcim.conformance.runner import FAIL, PASS, SKIP
from virtcim.conformance.site import Site

CHECKS_BY_ID = {one.id: one for one in runner.checks(["msg"])}
Values = dict[str, object]
Made = Callable[[str], Values | None]


def good(name: str) -> Values:
    """A CIM_Error as it should be, about something of a name."""
    numbers: Values = {"PerceivedSeverity": Uint16(4), "ErrorType": Uint16(4), "CIMStatusCode": Uint32(6)}
    words: Values = {"Message": f"there is no {name}", "MessageArguments": [name]}
    return {"OwningEntity": "me", "MessageID": "ME0001", **words, **numbers}


def but(**changed: object) -> Made:
    return lambda name: {**good(name), **changed}


def random_id(name: str) -> Values:
    return {**good(name), "MessageID": name}


def telling(text: str) -> Made:
    return lambda name: {**good(name), "Message": text.format(name)}


@pytest.mark.parametrize(
    ("check_id", "made", "verdict", "reason"),
    [
        *((check_id, good, PASS, "") for check_id in ("MSG-R01", "MSG-R02", "MSG-R03", "MSG-R06")),
        *((check_id, lambda _: None, SKIP, "no CIM_Error") for check_id in ("MSG-R01", "MSG-R07")),
        ("MSG-R01", but(MessageID=None), FAIL, "without MessageID"),
        ("MSG-R01", but(OwningEntity=None), FAIL, "without OwningEntity"),
        ("MSG-R02", but(OwningEntity="DMTF", MessageID="WIPG0213"), PASS, ""),
        ("MSG-R02", but(OwningEntity="DMTF", MessageID="not found"), FAIL, "not found of DMTF"),
        ("MSG-R03", but(MessageArguments=None), SKIP, "no error has MessageArguments"),
        ("MSG-R03", but(MessageArguments=["else"]), FAIL, "'else' is not in"),
        ("MSG-R03", lambda name: {**good(name), "Message": f"{hash(name)} {name}"}, FAIL, "ME0001 is "),
        ("MSG-R06", random_id, FAIL, ", then "),
        ("MSG-R07", telling("there is no such system"), PASS, ""),
        ("MSG-R07", telling("no {}"), FAIL, "says 'no qemu+ssh"),
        ("MSG-R07", telling('  File "x.py", line 3, in f'), FAIL, "x.py"),
    ],
)
def test_check(monkeypatch: pytest.MonkeyPatch, check_id: str, made: Made, verdict: str, reason: str) -> None:
    def fail(_: Site, name: str) -> None:
        values = made(name)
        given = {key: value for key, value in (values or {}).items() if value is not None}
        raise CIMError(6, name, instances=None if values is None else [CIMInstance("CIM_Error", given)])

    monkeypatch.setattr(msg, "FAILING", {"GetInstance": fail})
    seen = runner.run_one(CHECKS_BY_ID[check_id], small_site(write=True))
    assert (seen.verdict, reason in seen.reason) == (verdict, True), seen
