"""pywbemcli against the running server."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PYWBEMCLI = Path(sys.executable).with_name("pywbemcli")
WEB1 = ("-k", "CreationClassName=Test_ComputerSystem", "-k", "Name=web1")
PROFILES = ("Computer System", "Profile Registration", "System Virtualization", "Virtual System", "WBEM Server")


def pywbemcli(url: str, *arguments: str, general: tuple[str, ...] = ()) -> str:
    """What pywbemcli prints; it has to succeed."""
    command = [str(PYWBEMCLI), "--server", url, "--default-namespace", "root/virt", *general, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_namespaces(shared_server: Any) -> None:
    assert pywbemcli(shared_server.url, "namespace", "list").split()[-2:] == ["interop", "root/virt"]
    assert pywbemcli(shared_server.url, "namespace", "interop").strip() == "interop"


def test_server(shared_server: Any) -> None:
    assert "virtcim" in pywbemcli(shared_server.url, "server", "brand")
    assert pywbemcli(shared_server.url, "server", "info")


@pytest.mark.parametrize("name", PROFILES)
def test_profiles(shared_server: Any, name: str) -> None:
    lines = pywbemcli(shared_server.url, "profile", "list").splitlines()
    assert any(line.startswith("DMTF") and name in line for line in lines)


def test_central_instances(shared_server: Any) -> None:
    text = pywbemcli(shared_server.url, "profile", "centralinsts", "-o", "DMTF", "-p", "System Virtualization")
    assert "Test_HostSystem" in text
    assert "Test_ComputerSystem." in pywbemcli(shared_server.url, "profile", "centralinsts", "-p", "Virtual System")


def test_class_tree(shared_server: Any) -> None:
    lines = pywbemcli(shared_server.url, "class", "tree", "CIM_System").splitlines()
    assert lines[0].strip() == "CIM_System"
    assert any("Test_ComputerSystem" in line for line in lines)


def test_class_find(shared_server: Any) -> None:
    found = pywbemcli(shared_server.url, "class", "find", "*_ComputerSystem").split()
    assert {"CIM_ComputerSystem", "Virt_ComputerSystem", "Test_ComputerSystem"} <= set(found)


def test_class_get(shared_server: Any) -> None:
    text = pywbemcli(shared_server.url, "class", "get", "CIM_VirtualSystemManagementService")
    assert "DefineSystem" in text
    assert "class CIM_VirtualSystemManagementService : CIM_Service" in text


def test_instance_shrub(shared_server: Any) -> None:
    """The tree of everything that a system is associated with."""
    text = pywbemcli(shared_server.url, "instance", "shrub", "Test_ComputerSystem", *WEB1)
    for name in ("Test_SystemDevice", "Test_HostedDependency", "Test_SettingsDefineState", "PartComponent"):
        assert name in text


def test_instance_get(shared_server: Any) -> None:
    text = pywbemcli(shared_server.url, "instance", "get", "Test_ComputerSystem", *WEB1)
    assert 'ElementName = "Web server 1";' in text


@pytest.mark.parametrize("output", ["table", "mof", "xml", "txt"])
def test_instance_enumerate(shared_server: Any, output: str) -> None:
    text = pywbemcli(shared_server.url, "instance", "enumerate", "CIM_ComputerSystem", general=("-o", output))
    assert "web1" in text


def test_instance_count(shared_server: Any) -> None:
    text = pywbemcli(shared_server.url, "instance", "count", "Test_ComputerSystem")
    assert any(line.split()[-2:] == ["Test_ComputerSystem", "8"] for line in text.splitlines() if line.split())


def test_instance_associators(shared_server: Any) -> None:
    more = ("--assoc-class", "CIM_HostedDependency", "--role", "Dependent", "--no")
    assert "Test_HostSystem" in pywbemcli(
        shared_server.url, "instance", "associators", "Test_ComputerSystem", *WEB1, *more
    )


def test_instance_invokemethod(server: Any) -> None:
    """Pause, and a request that is refused."""
    for state, value in ((9, 0), (9, 4097), (2, 0)):
        text = pywbemcli(
            server.url, "instance", "invokemethod", "Test_ComputerSystem", "RequestStateChange", *WEB1,
            "-p", f"RequestedState={state}",
        )  # fmt: skip
        assert text.strip() == f"ReturnValue={value}"


@pytest.mark.parametrize("use", ["yes", "no", "either"])
def test_pull(shared_server: Any, use: str) -> None:
    """With pull operations and without, the same instances."""
    names = pywbemcli(
        shared_server.url, "instance", "enumerate", "Test_ComputerSystem", "--no", general=("--use-pull", use)
    )
    assert len(names.split()) == 8
