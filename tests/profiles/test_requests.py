"""How a call that fails half way takes back what it has done."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from virtcim.broker.provider import Refused
from virtcim.host.errors import HostError, Kind
from virtcim.mapping.table import BadProperty
from virtcim.profiles.requests import refusing, undoing, unless_running


def failing(error: Exception, *steps: Callable[[], object]) -> None:
    """A call that does some steps and then fails."""
    with undoing() as undo:
        for step in steps:
            undo(step)
        raise error


def test_steps_are_taken_back_last_first() -> None:
    done: list[str] = []
    with pytest.raises(Refused, match="no more"):
        failing(Refused("Failed", "no more"), lambda: done.append("first"), lambda: done.append("second"))
    assert done == ["second", "first"]


def test_success_takes_nothing_back() -> None:
    done: list[str] = []
    with undoing() as undo:
        undo(lambda: done.append("first"))
    assert done == []


@pytest.mark.parametrize("error", [Refused("Invalid State", "not now"), HostError(Kind.FAILED, "not now")])
def test_step_that_cannot_be_taken_back(error: Exception) -> None:
    """The others are; the client is told of both failures."""
    done: list[str] = []

    def fail() -> None:
        raise HostError(Kind.TIMEOUT, "the guest does not answer")

    with pytest.raises(Refused) as refused:
        failing(error, lambda: done.append("first"), fail)
    assert done == ["first"]
    assert refused.value.name == "Failed"
    assert refused.value.reason.startswith("not now; ")
    assert "the guest does not answer" in refused.value.reason


def test_bad_property_names_the_parameter() -> None:
    with pytest.raises(Refused, match=r"ResourceSettings\[2\]\.Limit is too low"), refusing("ResourceSettings[2]"):
        raise BadProperty("Limit", "is too low")


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind is not Kind.NOT_SUPPORTED], ids=lambda kind: kind.value)
def test_other_failures_stay_what_they_are(kind: Kind) -> None:
    with pytest.raises(HostError), unless_running("ResourceSettings[0]", "Invalid State"):
        raise HostError(kind, "so it is")


def test_what_libvirt_cannot_do_now() -> None:
    with pytest.raises(Refused) as refused, unless_running("ResourceSettings[0]", "Invalid State"):
        raise HostError(Kind.NOT_SUPPORTED, "cannot modify field 'model'")
    assert (refused.value.name, "ResourceSettings[0]" in refused.value.reason) == ("Invalid State", True)
