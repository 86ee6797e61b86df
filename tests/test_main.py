"""The command line: serve, config and --version, as a user types them."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.command import serving, virtcim
from tests.conftest import connect

from virtcim import __version__
from virtcim.broker.schema import BESIDE
from virtcim.resources import mof_dir


@pytest.fixture(scope="module")
def state_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shared by all, so that the schema is compiled only once."""
    return tmp_path_factory.mktemp("state")


def test_version() -> None:
    assert virtcim("--version").strip() == f"virtcim {__version__}"


def test_help_names_the_commands() -> None:
    text = virtcim("--help")
    assert all(f"\n  {command} " in text for command in ("serve", "config", "conformance"))


def test_config_says_where_settings_come_from(tmp_path: Path) -> None:
    """Flags over file over defaults."""
    file = tmp_path / "settings.yaml"
    file.write_text("shutdown_timeout: 7\nlisten: [http://127.0.0.1:6001]\n")
    text = virtcim("config", "--config", str(file), "--listen", "http://127.0.0.1:6002", "--state-dir", str(tmp_path))
    assert "http://127.0.0.1:6002" in text
    assert "http://127.0.0.1:6001" not in text
    assert re.search(rf"shutdown_timeout: 7(\.0)?\s+# .*{re.escape(str(file))}", text), text
    assert re.search(r"detach_timeout: .*# .*default", text), text


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        (["--config", "/nonexistent.yaml"], "/nonexistent.yaml"),
        (["--listen", "http://0.0.0.0:5988"], "0.0.0.0"),
        (["--listen", "nonsense"], "nonsense"),
        (["--connect", ""], "connect"),
    ],
    ids=["file", "beyond-loopback", "url", "uri"],
)
def test_bad_settings(flags: list[str], named: str) -> None:
    """One line that names the setting, no traceback."""
    text = virtcim("serve", *flags, code=1)
    assert text.startswith("Error: ")
    assert named in text
    assert "Traceback" not in text


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "TERM"])
def test_serve_and_end(state_dir: Path, number: signal.Signals) -> None:
    """It says what it serves and what to try, answers, and ends without a word of complaint."""
    with serving(state_dir) as served:
        served.wait()
        with connect(served.url) as client:
            assert len(client.EnumerateInstanceNames("CIM_ComputerSystem")) > 6
        code, rest = served.end(number)
    assert code == 0
    for word in ("Traceback", "ERROR", "WARNING"):
        assert word not in rest
    assert "wbemcli ei" in "".join(served.said) + rest


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="threads are seen in /proc")
def test_end_by_a_signal_that_another_thread_gets(state_dir: Path) -> None:
    """As happens on a busy machine: which thread takes a signal is for the kernel to say."""
    with serving(state_dir) as served:
        served.wait()
        threads = {int(one.name) for one in Path(f"/proc/{served.process.pid}/task").iterdir()}
        os.kill(max(threads - {served.process.pid}), signal.SIGTERM)
        assert served.process.wait(30) == 0


def test_end_while_a_client_is_connected(state_dir: Path) -> None:
    """A connection that is kept open does not hold it up."""
    with serving(state_dir) as served:
        served.wait()
        with connect(served.url) as client:
            client.EnumerateInstanceNames("CIM_ComputerSystem")
            began = time.monotonic()
            assert served.end()[0] == 0
            assert time.monotonic() - began < 10


def test_second_start_compiles_nothing(tmp_path: Path) -> None:
    """Classes that were not compiled with the installation are once, into the state directory: that takes long."""
    kept = []
    for _ in range(2):
        with serving(tmp_path) as served:
            served.wait()
            assert served.end()[0] == 0
        kept.append({file: file.stat().st_mtime_ns for file in _compiled(tmp_path / "cache", mof_dir() / BESIDE)})
    assert kept[0]
    assert kept[0] == kept[1]


def _compiled(*places: Path) -> Iterator[Path]:
    return (file for place in places if place.is_dir() for file in place.iterdir())


def test_port_that_is_taken(state_dir: Path) -> None:
    with serving(state_dir) as served:
        served.wait()
        text = virtcim("serve", "--listen", served.url, "--state-dir", str(state_dir), code=1)
        (line,) = (line for line in text.splitlines() if line.startswith("Error: "))
        assert served.url in line
        assert "Traceback" not in text


def test_several_hosts(state_dir: Path, tmp_path: Path) -> None:
    """Two hosts of one platform at once, known apart by their UUIDs."""
    settings = tmp_path / "settings.yaml"
    settings.write_text("naming: uuid\n")
    node = ["--connect", "test:///default"]
    own = virtcim("config").split("connect:")[1].splitlines()
    uri = next(found[0] for line in own if (found := re.search(r"test:///\S+?\.xml", line)))
    with serving(state_dir, *node, "--connect", uri, "--config", str(settings)) as served:
        served.wait()
        with connect(served.url) as client:
            hosts = client.EnumerateInstances("CIM_ComputerSystem", PropertyList=["Name", "Dedicated", "ElementName"])
            names = {one["ElementName"] for one in hosts}
            assert {"test", "Web server 1"} <= names
            services = client.EnumerateInstanceNames("Test_VirtualSystemManagementService")
            assert len({one["SystemName"] for one in services}) == 2
        assert served.end()[0] == 0


def test_libvirt_that_is_not_there(state_dir: Path, tmp_path: Path) -> None:
    """It serves what answers, says why the rest does not, and goes on."""
    absent = f"qemu+unix:///system?socket={tmp_path}/none"
    node = virtcim("config")
    uri = re.search(r"test:///\S+?\.xml", node)
    assert uri is not None
    with serving(state_dir, "--connect", absent, "--connect", uri[0]) as served:
        served.wait()
        with connect(served.url) as client:
            assert len(client.EnumerateInstanceNames("Test_ComputerSystem")) == 8
            (service,) = client.EnumerateInstances("KVM_VirtualSystemManagementService")
            assert service["OperationalStatus"] == [13]
        assert served.end()[0] == 0
