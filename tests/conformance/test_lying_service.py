"""Checks that create systems: they pass on a service that works, fail on one that lies, and clean up either way."""

from __future__ import annotations

import pytest
from pywbem import CIMInstance
from tests.conformance import managed_server as lie
from tests.conformance.managed_server import Platform

from virtcim.conformance import runner
from virtcim.conformance.runner import FAIL, PASS, SKIP
from virtcim.conformance.systems import PREFIX, new_name, sweep

CHECKS_BY_ID = {one.id: one for one in runner.checks()}


def names(platform: Platform) -> list[str]:
    """The systems of the suite's own that are still there."""
    found = platform.connection.EnumerateInstances("CIM_ComputerSystem", "interop")
    return [one["Name"] for one in found if one["Name"].startswith(PREFIX)]


@pytest.mark.parametrize(
    ("check_id", "lies", "verdict", "reason"),
    [
        ("DSP1033-R12", [], PASS, ""),
        ("DSP1033-R12", [lie.BY_JOB], PASS, ""),
        ("DSP1033-R12", [lie.FAILING_JOB], FAIL, "ended in JobState 10"),
        ("DSP1033-R12", [lie.NO_RESULT], FAIL, "returned 0 without a ResultingSystem"),
        ("DSP1033-R12", [lie.NO_DEFINITION], SKIP, "does not define"),
        ("DSP1042-R10", [], PASS, ""),
        ("DSP1042-R10", [lie.STARTS_SYSTEMS], FAIL, "EnabledState 2"),
        ("DSP1042-R13", [], PASS, ""),
        ("DSP1042-R13", [lie.ANY_TYPE], FAIL, "returned 0 instead of 4"),
        ("DSP1042-R13", [lie.ODD_CODE], FAIL, "returned 77 instead of 4"),
        ("DSP1042-R14", [lie.KEEPS_STATE], FAIL, "EnabledState 2 after requesting 2"),
        ("DSP1052-R09", [], PASS, ""),
        ("DSP1057-R09", [], PASS, ""),
        ("DSP1057-R09", [lie.KEEPS_STATE], FAIL, "EnabledState 2 after requesting 2 did not come within 0.3 s"),
        ("DSP1057-R10", [], PASS, ""),
        ("DSP1057-R11", [], PASS, ""),
        ("DSP1057-R12", [], SKIP, "AvailableRequestedStates is not given"),
    ],
    ids=lambda value: value if isinstance(value, str) else "-".join(value) if value else "",
)
def test_check_against_a_service(check_id: str, lies: list[str], verdict: str, reason: str) -> None:
    platform = Platform(*lies)
    site = platform.site()
    results = [runner.run_one(CHECKS_BY_ID[check_id], site)]
    assert (results[0].verdict, reason in results[0].reason) == (verdict, True), results
    sweep(site)
    assert names(platform) == []
    assert site.leftovers == []


def test_a_system_that_cannot_be_destroyed_is_reported() -> None:
    platform = Platform(lie.KEEPS_SYSTEMS)
    site = platform.site()
    result = runner.run_one(CHECKS_BY_ID["DSP1042-R10"], site)
    assert result.verdict == PASS
    assert [one.rpartition(":")[2] for one in site.leftovers] == [" DestroySystem returned 0"]
    assert PREFIX in site.leftovers[0]
    assert len(names(platform)) == 1


def test_a_run_sweeps_up_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    platform = Platform()
    site = platform.site()
    for name in (new_name(site), PREFIX + "of-another-run"):
        platform.define(CIMInstance("CIM_VirtualSystemSettingData", {"ElementName": name}))
    monkeypatch.setattr(runner, "checks", lambda _profiles: [])
    assert runner.run(site) == []
    assert names(platform) == [PREFIX + "of-another-run"]
