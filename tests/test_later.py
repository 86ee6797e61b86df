"""What a server does not need is not loaded when it starts."""

from __future__ import annotations

import subprocess
import sys

import pytest

from virtcim.later import Later

SELDOM = ("alembic", "lark", "prometheus_client", "pywbem", "requests", "sqlalchemy", "urllib3", "virtcim.conformance")


def test_a_module_is_loaded_when_it_is_used() -> None:
    assert Later("json").dumps([1]) == "[1]"


def test_a_missing_attribute_is_named() -> None:
    with pytest.raises(AttributeError, match="nothing_like_it"):
        _ = Later("json").nothing_like_it


def test_a_server_starts_without_what_few_requests_need(tmp_path_factory: pytest.TempPathFactory) -> None:
    program = (
        "import sys; from virtcim import __main__ as main, config\n"
        "flags = {'connect': ('test:///default',), 'listen': ('http://127.0.0.1:0',), 'state_dir': sys.argv[1]}\n"
        "server = lambda: main.build(config.load(flags, {}, None)[0])\n"
        "server(); "  # the first one migrates the store and compiles the classes
    )
    state = tmp_path_factory.mktemp("state")
    subprocess.run([sys.executable, "-c", program, str(state)], check=True)
    again = program + f"print([name for name in {SELDOM!r} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", again, str(state)], check=True, capture_output=True, text=True)
    assert found.stdout.strip() == "[]"
