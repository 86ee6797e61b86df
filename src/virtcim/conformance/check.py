"""The register of checks: every assertion id has one function."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from virtcim.conformance.site import Site

CheckFunction = Callable[[Site], None]

_ID = re.compile(r"(DSP\d{4}|MSG)-R(\d{2})")


@dataclass(frozen=True)
class Check:
    """One assertion: its id (DSP1057-R03), what it asserts, and whether it creates or changes things on the server."""

    id: str
    text: str
    write: bool
    run: CheckFunction

    @property
    def profile(self) -> str:
        """The specification in lower case, as in dsp1057."""
        return self.id.partition("-")[0].lower()


REGISTRY: dict[str, Check] = {}


def check(check_id: str, *, write: bool = False) -> Callable[[CheckFunction], CheckFunction]:
    """Register the function under the id; its docstring's first line is the assertion's text."""

    def register(function: CheckFunction) -> CheckFunction:
        if not _ID.fullmatch(check_id):
            raise ValueError(f"{check_id!r} is no assertion id")
        if check_id in REGISTRY:
            raise ValueError(f"{check_id} is registered twice")
        if not function.__doc__:
            raise ValueError(f"{check_id} has no docstring to say what it asserts")
        text = function.__doc__.strip().splitlines()[0]
        REGISTRY[check_id] = Check(check_id, text, write, function)
        return function

    return register
