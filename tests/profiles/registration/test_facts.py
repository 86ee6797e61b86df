"""The facts in profiles/*.yaml that registration reads, and what is refused in them."""

from __future__ import annotations

from pathlib import Path as File

import pytest

from virtcim.profiles import dsp1033
from virtcim.profiles.registration import FactsError, load_facts


def test_facts_of_another_organization_name_it(tmp_path: File) -> None:
    write(tmp_path, "own", organization="Example")
    (registration,) = load_facts(tmp_path)["own"].registrations
    properties = dsp1033.registered_profile(registration)
    assert (properties["RegisteredOrganization"], properties["OtherRegisteredOrganization"]) == (1, "Example")


def test_facts_without_registrations_are_no_profile(tmp_path: File) -> None:
    write(tmp_path, "protocol", registrations="[]")
    assert load_facts(tmp_path) == {}


REGISTRATIONS = "[{name: Own, version: 1.0.0, instance_id: 'virtcim:own'}]"


def write(directory: File, stem: str, **given: str) -> None:
    values = {"organization": "DMTF", "registrations": REGISTRATIONS, "references": "[]"} | given
    (directory / f"{stem}.yaml").write_text("".join(f"{key}: {value}\n" for key, value in values.items()))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"organization": "''"}, "organization must be a text"),
        ({"organization": "2"}, "organization must be a text, not 2"),
        ({"registrations": "none"}, "registrations must be a list, not 'none'"),
        ({"registrations": "[Own]"}, "an entry of registrations must be a mapping, not 'Own'"),
        ({"registrations": "[{name: Own, version: 1.0, instance_id: a}]"}, "version must be a text, not 1.0"),
        ({"registrations": "[{name: Own, version: 1.0.0}]"}, "instance_id must be a text, not None"),
        ({"references": ""}, "references must be a list, not None"),
        ({"references": "[: {"}, "not YAML"),
    ],
    ids=lambda value: str(value)[:50],
)
def test_unusable_facts_are_refused(tmp_path: File, given: dict[str, str], message: str) -> None:
    write(tmp_path, "own", **given)
    with pytest.raises(FactsError, match=r"own\.yaml") as caught:
        load_facts(tmp_path)
    assert message in str(caught.value)


def test_facts_that_are_no_mapping_are_refused(tmp_path: File) -> None:
    (tmp_path / "own.yaml").write_text("- one\n")
    with pytest.raises(FactsError, match="must be a mapping, not list"):
        load_facts(tmp_path)


def test_instance_ids_are_not_repeated(tmp_path: File) -> None:
    write(tmp_path, "one")
    write(tmp_path, "two")
    with pytest.raises(FactsError, match="virtcim:own is registered more than once"):
        load_facts(tmp_path)
