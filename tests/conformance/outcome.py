"""Turns how a check of the suite ends into how a test ends, with the reason in sight."""

from __future__ import annotations

import pytest

from virtcim.conformance import runner
from virtcim.conformance.check import Check
from virtcim.conformance.runner import FAIL, SKIP
from virtcim.conformance.site import Site

each_check = pytest.mark.parametrize("check", runner.checks(), ids=lambda check: check.id)


def assert_conforms(check: Check, site: Site) -> None:
    """Fail or skip the test as the check does, and fail it for a system the check has left behind."""
    result = runner.run_one(check, site)
    left, site.leftovers = site.leftovers, []
    if result.verdict == FAIL:
        pytest.fail(f"{result.id} {result.text} Seen: {result.reason}", pytrace=False)
    assert not left, f"{result.id} left behind {left}"
    if result.verdict == SKIP:
        pytest.skip(f"{result.id}: {result.reason}")
