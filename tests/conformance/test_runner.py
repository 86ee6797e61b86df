"""The runner: which checks run, what becomes of each, tables, JSON and exit status."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from pywbem import CIMError
from tests.conformance.small_server import small_connection, small_site

from virtcim.conformance import runner
from virtcim.conformance.check import Check, CheckFunction
from virtcim.conformance.runner import FAIL, PASS, SKIP, Result
from virtcim.conformance.site import Site
from virtcim.conformance.verdict import Failed, Skipped, expect_none


def passing(site: Site) -> None:
    """Looks and finds nothing wrong."""
    assert site.profiles()


def failing(_site: Site) -> None:
    """Finds something wrong."""
    raise Failed("seen at X")


def skipping(_site: Site) -> None:
    """Has nothing to look at."""
    raise Skipped("no X here")


def refused(_site: Site) -> None:
    """Meets a CIM error."""
    raise CIMError(2, "not for you")


def stumbling(site: Site) -> None:
    """Meets an answer that is no answer."""
    site.profiles()[0]["NoSuchProperty"].lower()


@pytest.mark.parametrize(
    ("function", "write", "verdict", "reason"),
    [
        (passing, False, PASS, ""),
        (failing, False, FAIL, "seen at X"),
        (skipping, False, SKIP, "no X here"),
        (refused, False, FAIL, "CIMError: 2 (CIM_ERR_ACCESS_DENIED): not for you"),
        (stumbling, False, FAIL, "KeyError"),
        (passing, True, SKIP, "--write"),
    ],
    ids=["pass", "fail", "skip", "cim-error", "stumble", "write-not-allowed"],
)
def test_how_a_check_ends(function: CheckFunction, write: bool, verdict: str, reason: str) -> None:
    result = runner.run_one(Check("DSP9999-R01", "text", write, function), small_site())
    assert result.verdict == verdict
    assert reason in result.reason
    assert (result.id, result.profile, result.text) == ("DSP9999-R01", "dsp9999", "text")


def test_a_write_check_runs_when_allowed_and_sees_the_server_afresh() -> None:
    site = small_site(write=True)
    before = site.profiles()
    site.cim.DeleteInstance(before[0].path)
    assert len(site.profiles()) == len(before)
    assert runner.run_one(Check("DSP9999-R01", "text", True, passing), site).verdict == PASS
    assert len(site.profiles()) == len(before) - 1


def test_profiles_are_chosen_by_name() -> None:
    assert {one.profile for one in runner.checks(["DSP1042", "dsp1057"])} == {"dsp1042", "dsp1057"}
    assert [one.id for one in runner.checks(["dsp1033"])] == [f"DSP1033-R{number:02}" for number in range(1, 14)]
    with pytest.raises(ValueError, match="no checks for dsp9999"):
        runner.checks(["dsp9999"])


RESULTS = [
    Result("DSP1042-R01", "dsp1042", PASS, "One.", "", 0.1),
    Result("DSP1042-R02", "dsp1042", FAIL, "Two.", "seen at X", 0.2),
    Result("DSP1057-R01", "dsp1057", SKIP, "Three.", "no X here", 0.3),
]


def test_table_has_a_part_for_each_profile() -> None:
    lines = [line.strip() for line in runner.table(RESULTS).splitlines()]
    assert lines == [
        "DSP1042  1 PASS, 1 FAIL, 0 SKIP",
        "DSP1042-R01  PASS  One.",
        "DSP1042-R02  FAIL  Two.",
        "seen at X",
        "",
        "DSP1057  0 PASS, 0 FAIL, 1 SKIP",
        "DSP1057-R01  SKIP  Three.",
        "no X here",
        "",
    ]


def test_report_holds_everything() -> None:
    content = json.loads(runner.report("http://x", RESULTS, ["one system"]))
    assert content["url"] == "http://x"
    assert content["left_behind"] == ["one system"]
    assert content["results"][1] == {
        "id": "DSP1042-R02",
        "profile": "dsp1042",
        "verdict": "FAIL",
        "text": "Two.",
        "reason": "seen at X",
        "seconds": 0.2,
    }


@pytest.mark.parametrize(
    ("profile", "left", "status"),
    [("dsp1033", [], 0), ("dsp1042", [], 1), ("dsp1033", ["a system"], 1)],
    ids=["all-well", "something-failed", "left-behind"],
)
def test_exit_status_and_output(
    profile: str, left: list[str], status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = Site(small_connection())
    site.leftovers += left
    monkeypatch.setattr(Site, "at", lambda *_args, **_options: site)
    out, file = io.StringIO(), tmp_path / "report.json"
    assert runner.main("http://x", profiles=[profile], json_file=file, out=out) == status
    text = out.getvalue()
    assert f"{profile.upper()}-R01  PASS" in text
    assert all(f"left behind: {one}\n" in text for one in left)
    assert text.splitlines()[-1].startswith("http://x: ")
    assert {one["profile"] for one in json.loads(file.read_text())["results"]} == {profile}


def test_a_server_that_is_not_there_fails_every_check() -> None:
    out = io.StringIO()
    assert runner.main("http://127.0.0.1:9", profiles=["dsp1033"], out=out) == 1
    assert "0 PASS" in out.getvalue()
    assert "ConnectionError" in out.getvalue()


def test_many_faults_are_shortened() -> None:
    with pytest.raises(Failed, match=r"fault 0; .*fault 9; and 3 more$"):
        expect_none([f"fault {number}" for number in range(13)])
    expect_none([])


def test_a_check_that_reads_gets_a_second_chance_and_no_third() -> None:
    endings = [Failed("it has just gone"), None]

    def looking(_site: Site) -> None:
        ending = endings.pop(0)
        if ending is not None:
            raise ending

    check = Check("DSP9999-R01", "text", False, looking)
    assert runner.run_one(check, small_site()).verdict == PASS
    endings += [Failed("first"), Failed("second"), None]
    assert runner.run_one(check, small_site()).reason == "second"


def test_a_check_that_writes_gets_no_second_chance() -> None:
    endings = [Failed("first"), Failed("second")]

    def changing(_site: Site) -> None:
        raise endings.pop(0)

    assert runner.run_one(Check("DSP9999-R01", "text", True, changing), small_site(write=True)).reason == "first"
