"""Tests that a machine's kernel is not up to, whatever is installed."""

from __future__ import annotations

from typing import NoReturn

import pytest

BEYOND = "beyond this kernel: "


def beyond(what: str) -> NoReturn:
    """Skip a test, also where live tests are required: no package brings what is missing."""
    pytest.skip(BEYOND + what)
