"""The benchmarks on a libvirtd of their own with few guests: every row is measured."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from bench.__main__ import main
from click.testing import CliRunner
from tests.live.host.private_libvirtd import CAN_RUN

SMALL = ["--guests", "12", "--rounds", "3", "--seconds", "1", "--requests", "400", "--interval", "2"]


@pytest.mark.skipif(not CAN_RUN, reason="needs root and libvirtd, to start one of its own")
def test_every_row_of_a_libvirtd(tmp_path: Path) -> None:
    file = tmp_path / "bench.json"
    options = ["--only", "libvirtd", *SMALL, "--json", str(file)]
    done = CliRunner().invoke(main, options, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    works = [one["work"] for one in json.loads(file.read_text())["rows"]]
    for beginning in ("DefineSystem", "start", "EnumerateInstances", "GetInstance, 8 clients", "change by libvirt"):
        assert any(work.startswith(beginning) for work in works), works
