"""When domains were started, as a server sees it that is there."""

from __future__ import annotations

import re
import time
from pathlib import Path

import libvirt
import pytest

from virtcim.host import domains, starts
from virtcim.host.inventory import Hosts
from virtcim.host.settings import HostSettings
from virtcim.host.starts import Starts, run_of, written_at


def test_starts_are_seen(node_uri: str) -> None:
    world, seen = Hosts([node_uri], HostSettings()), Starts()
    world.on_change(seen.changed)
    world.start()
    assert world.wait(30)
    try:
        before = time.time()
        running = next(vm for vm in world.vms() if vm.active and vm.persistent)
        assert seen.of(running.uuid, run_of(running.state_xml)) is None  # it was there before
        domains.destroy(running)
        (off,) = world.vm_by_key(running.name)
        assert run_of(off.state_xml) == -1
        domains.start(off)
        (again,) = world.vm_by_key(running.name)
        assert again.active
        assert run_of(again.state_xml) != run_of(running.state_xml)
        assert before <= (seen.of(again.uuid, run_of(again.state_xml)) or 0) <= time.time()
        assert seen.of(again.uuid, run_of(running.state_xml)) is None
        domains.destroy(again)
        assert seen.of(again.uuid, run_of(again.state_xml)) is None
    finally:
        world.stop()


def test_only_a_local_qemu_leaves_something_behind(
    node_uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(starts, "_PID_FILES", tmp_path)
    (tmp_path / "web1.pid").write_text("1")
    connection = libvirt.open(node_uri)
    assert written_at(connection)("web1") is None
    monkeypatch.setattr(starts, "_LOCAL", re.compile("test:"))
    assert written_at(connection)("web1") == (tmp_path / "web1.pid").stat().st_mtime
    assert written_at(connection)("nobody") is None
    connection.close()
