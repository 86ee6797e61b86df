"""Hosts behind real connections that go away, hang and come back, as the bench does it to hundreds."""

from __future__ import annotations

import pytest
from bench.hosts import main
from click.testing import CliRunner
from tests.live.host.private_libvirtd import CAN_RUN


@pytest.mark.skipif(not CAN_RUN, reason="needs root, libvirtd, virtlogd, unshare and nsenter")
def test_one_server_outlives_what_happens_to_its_hosts() -> None:
    done = CliRunner().invoke(main, ["--hosts", "3", "--guests", "2", "--rest", "0.2"], catch_exceptions=False)
    assert done.exit_code == 0
    rows = [line.strip("| ").partition("|") for line in done.output.splitlines() if line.startswith("|")]
    figures = {what.strip(): figure.strip() for what, _, figure in rows}
    assert "EnumerateInstances CIM_ComputerSystem (9)" in figures
    assert "EnumerateInstances CIM_ComputerSystem (7)" in figures  # while one is away, its host is shown
    assert figures["lines in the log"] == "6"  # of all three, lost and back
    assert figures["1 hosts hanging, back: until all are read"].endswith(" s")
    assert float(figures["until it has stopped, with hosts hanging"].split()[0]) < 20
