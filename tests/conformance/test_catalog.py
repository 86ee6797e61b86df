"""The requirements in profiles/*.yaml and the checks of the suite are the same list."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from virtcim.conformance import runner
from virtcim.conformance.check import check
from virtcim.conformance.site import Site
from virtcim.resources import profiles_dir

# How many assertions each specification has.
SIZES = {
    "dsp0200": 25,
    "dsp1024": 7,
    "dsp1027": 15,
    "dsp1033": 13,
    "dsp1041": 26,
    "dsp1042": 30,
    "dsp1043": 20,
    "dsp1044": 20,
    "dsp1045": 20,
    "dsp1047": 22,
    "dsp1050": 23,
    "dsp1052": 14,
    "dsp1053": 22,
    "dsp1054": 20,
    "dsp1057": 28,
    "dsp1059": 20,
    "dsp1076": 13,
    "dsp1081": 23,
    "dsp1092": 14,
    "dsp1097": 22,
    "dsp1103": 15,
    "msg": 8,
}
KEYS = {
    "dsp",
    "title",
    "kind",
    "organization",
    "registrations",
    "central_class",
    "scoping_class",
    "scoping_path",
    "references",
    "reference_levels",
    "requirements",
    "leaves_out",
    "uncertain",
}
CHECKS = {one.id: one for one in runner.checks()}
FILES = [profiles_dir() / f"{name}.yaml" for name in SIZES]
each_file = pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])


def facts(path: Path) -> dict[str, Any]:
    """A profile's YAML."""
    loaded = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert isinstance(loaded, dict)
    return loaded


@each_file
def test_every_assertion_is_a_requirement(path: Path) -> None:
    ids = [one["id"] for one in facts(path)["requirements"]]
    assert ids == [f"{path.stem.upper()}-R{number:02}" for number in range(1, SIZES[path.stem] + 1)]


@each_file
def test_requirements_are_checked_or_say_why_not(path: Path) -> None:
    for one in facts(path)["requirements"]:
        registered = CHECKS.get(one["id"])
        if registered is None:
            assert re.fullmatch(r"not checkable: \S.*", one["check"]), one["id"]
        else:
            allowed = {"write", "truth"} if registered.write else {"present", "truth"}
            assert one["check"] in allowed, one["id"]


@each_file
def test_requirements_say_what_the_checks_say(path: Path) -> None:
    for one in facts(path)["requirements"]:
        assert one["level"] in ("mandatory", "conditional", "optional"), one["id"]
        if one["id"] in CHECKS:
            assert one["text"] == CHECKS[one["id"]].text, one["id"]


@each_file
def test_file_has_the_keys_the_server_reads(path: Path) -> None:
    loaded = facts(path)
    assert set(loaded) == KEYS
    assert loaded["dsp"] == path.stem
    assert loaded["kind"] in ("autonomous", "component", "abstract", "protocol", "messages")
    assert set(loaded["references"]) == set(loaded["reference_levels"])
    for one in loaded["registrations"]:
        assert re.fullmatch(r"\d+\.\d+\.\d+", one["version"])
        assert re.fullmatch(rf"virtcim:{path.stem.upper()}-\w+-{re.escape(one['version'])}", one["instance_id"])


def test_every_check_is_a_requirement() -> None:
    required = {one["id"] for path in FILES for one in facts(path)["requirements"]}
    assert set(CHECKS) <= required


def test_references_lead_to_profiles_that_are_served() -> None:
    for path in FILES:
        assert set(facts(path)["references"]) <= set(SIZES)


def test_registered_names_and_ids_are_unique() -> None:
    registrations = [one for path in FILES for one in facts(path)["registrations"]]
    for names in (("instance_id",), ("name", "version")):
        values = [tuple(one[name] for name in names) for one in registrations]
        assert len(values) == len(set(values))


def nothing(_site: Site) -> None:
    """It says something."""


def silent(_site: Site) -> None: ...


@pytest.mark.parametrize(
    ("check_id", "function", "message"),
    [
        ("DSP1057-R03", nothing, "registered twice"),
        ("DSP1057-3", nothing, "no assertion id"),
        ("DSP9999-R01", silent, "no docstring"),
    ],
    ids=["twice", "bad-id", "no-text"],
)
def test_a_bad_registration_is_refused(check_id: str, function: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check(check_id)(function)
