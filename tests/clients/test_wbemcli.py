"""wbemcli of sblim against the running server: the commands that the server tells its users to try, and the rest."""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import Any

import pytest

pytestmark = pytest.mark.skipif(shutil.which("wbemcli") is None, reason="wbemcli is not installed")

SYSTEM = 'Test_ComputerSystem.CreationClassName="Test_ComputerSystem",Name="web1"'
SERVICE = "Test_VirtualSystemManagementService"
NAMES = {"web1", "web2", "db1", "probe1", "mail1", "archive1", "desktop1", "legacy1"}
NAME = re.compile(r'Test_ComputerSystem\.(?:[^/]*,)?Name="(\w+)"')


def wbemcli(command: str, url: str, path: str, *more: str, options: tuple[str, ...] = ()) -> str:
    """What wbemcli prints; it has to succeed and to complain of nothing."""
    arguments = ["wbemcli", command, f"{url}/root/virt:{path}", *more, *options]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr.strip(" *\n")) == (0, ""), done.stderr
    return done.stdout


def paths(text: str) -> list[str]:
    """The lines that are paths, without the authority."""
    return [line.partition("/root/virt:")[2] for line in text.splitlines() if "/root/virt:" in line.split(" ")[0]]


def test_enumerate_instances(shared_server: Any) -> None:
    """All systems and the host, by a class of the standard."""
    text = wbemcli("ei", shared_server.url, "CIM_ComputerSystem", options=("-nl",))
    found = paths(text)
    assert {match[1] for path in found if (match := NAME.match(path))} == NAMES
    assert sum(path.startswith("Test_HostSystem") for path in found) == 1
    assert text.count("-EnabledState=2\n") >= 4


def test_enumerate_instance_names(shared_server: Any) -> None:
    text = wbemcli("ein", shared_server.url, "CIM_VirtualSystemManagementService")
    assert any(path.startswith(f"{SERVICE}.") for path in paths(text))


def test_get_instance(shared_server: Any) -> None:
    text = wbemcli("gi", shared_server.url, SYSTEM, options=("-nl",))
    for line in ('-Name="web1"', '-ElementName="Web server 1"', "-EnabledState=2", '-NameFormat="Other"'):
        assert line in text.splitlines()


def test_get_instance_of_some_properties(shared_server: Any) -> None:
    text = wbemcli("gi", shared_server.url, SYSTEM, "Name,EnabledState", options=("-nl",))
    assert {line for line in text.splitlines() if line.startswith("-")} == {'-Name="web1"', "-EnabledState=2"}


def test_every_path_can_be_got(shared_server: Any) -> None:
    """What one command prints, the next one takes."""
    head = 'Test_VirtualSystemSettingData.InstanceID="Test:web1"'
    found = paths(wbemcli("ain", shared_server.url, head, options=("-ac", "CIM_VirtualSystemSettingDataComponent")))
    assert len(found) > 15
    for path in found:
        assert "InstanceID=" in wbemcli("gi", shared_server.url, path)


@pytest.mark.parametrize("command", ["ai", "ain"])
def test_associators(shared_server: Any, command: str) -> None:
    options = ("-ac", "CIM_HostedDependency", "-arc", "CIM_ComputerSystem", "-ar", "Dependent")
    (path,) = paths(wbemcli(command, shared_server.url, SYSTEM, options=options))
    assert path.startswith("Test_HostSystem.")


@pytest.mark.parametrize("command", ["ri", "rin"])
def test_references(shared_server: Any, command: str) -> None:
    options = ("-arc", "CIM_ServiceAffectsElement")
    found = paths(wbemcli(command, shared_server.url, SYSTEM, options=options))
    for service in ("Management Service", "VirtualSystemMigrationService", "VirtualSystemSnapshotService"):
        assert len([path for path in found if service in path]) == 1, (service, found)


def test_classes(shared_server: Any) -> None:
    assert "CIM_VirtualSystemSettingData" in wbemcli("ecn", shared_server.url, "CIM_SettingData")
    assert "-EnabledState=" in wbemcli("gc", shared_server.url, "Test_ComputerSystem", options=("-nl",))


def test_call_method(server: Any) -> None:
    """RequestStateChange pauses and resumes; the return value is printed."""
    for state in (9, 2):
        text = wbemcli("cm", server.url, SYSTEM, f"RequestStateChange.RequestedState={state}")
        assert text.rstrip().endswith("RequestStateChange: 0")
        assert f"-EnabledState={state}" in wbemcli("gi", server.url, SYSTEM, options=("-nl",))


def test_call_of_a_method_that_refuses(server: Any) -> None:
    text = wbemcli("cm", server.url, SYSTEM, "RequestStateChange.RequestedState=2")
    assert text.rstrip().endswith("RequestStateChange: 4097")


def test_error_is_shown(shared_server: Any) -> None:
    path = f'{shared_server.url}/root/virt:Test_ComputerSystem.CreationClassName="Test_ComputerSystem",Name="none"'
    done = subprocess.run(["wbemcli", "gi", path], capture_output=True, text=True, timeout=60, check=False)
    assert "(6) CIM_ERR_NOT_FOUND" in done.stderr
