"""pywbem, wbemcli and pywbemcli over HTTPS: each kind of authentication, and each way of not being let in."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import pywbem
from tests.conftest import running_server
from tests.wire.secure import PASSWORDS, Authority, Files, password_file

ACCESS = """
users: {alice: operator, bob: reader, cliff: operator, mallory: []}
roles:
  interop-reader: [{operations: "@read", namespaces: interop}]
groups: {}
"""
ALICE = ("alice", PASSWORDS["alice"])
SYSTEM = 'Test_ComputerSystem.CreationClassName="Test_ComputerSystem",Name="db1"'


@pytest.fixture(autouse=True)
def no_other_authorities(monkeypatch: pytest.MonkeyPatch) -> None:
    """requests prefers what these name to what its caller asks for."""
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def cliff(authority: Authority) -> Files:
    return authority.issue("cliff", "cliff.example", common_name="cliff")


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[str]:
    """A server on the embedded node that takes passwords and certificates."""
    directory = tmp_path_factory.mktemp("secured")
    (directory / "access.yaml").write_text(ACCESS, encoding="utf-8")
    own = authority.server()
    with running_server(
        directory / "state",
        listen="https://127.0.0.1:0",
        tls_certificate=own.certificate,
        tls_key=own.key,
        client_ca=authority.pem,
        authentication=["certificate", "file"],
        password_file=password_file(directory, {**PASSWORDS, "mallory": "m"}),
        access_file=directory / "access.yaml",
        lockout_failures=1000,
    ) as server:
        yield server.url


def client(url: str, authority: Authority, **more: Any) -> pywbem.WBEMConnection:
    more.setdefault("ca_certs", str(authority.pem))
    return pywbem.WBEMConnection(url, default_namespace="root/virt", timeout=60, **more)


def system() -> pywbem.CIMInstanceName:
    keys = {"CreationClassName": "Test_ComputerSystem", "Name": "db1"}
    return pywbem.CIMInstanceName("Test_ComputerSystem", keys, namespace="root/virt")


def test_pywbem_with_a_password(url: str, authority: Authority) -> None:
    with client(url, authority, creds=ALICE) as connection:
        assert connection.GetInstance(system())["Name"] == "db1"
        assert connection.IterEnumerateInstances("CIM_ComputerSystem")


def test_pywbem_with_a_certificate(url: str, authority: Authority, cliff: Files) -> None:
    x509 = {"cert_file": str(cliff.certificate), "key_file": str(cliff.key)}
    with client(url, authority, x509=x509) as connection:
        assert connection.GetInstance(system())["Name"] == "db1"


@pytest.mark.parametrize(
    "creds",
    [None, ("alice", "x"), ("eve", PASSWORDS["alice"])],
    ids=["no password", "wrong password", "unknown user"],
)
def test_pywbem_is_turned_away(url: str, authority: Authority, creds: tuple[str, str] | None) -> None:
    with client(url, authority, creds=creds) as connection, pytest.raises(pywbem.AuthError) as refused:
        connection.GetInstance(system())
    assert "db1" not in str(refused.value)


def test_pywbem_with_an_expired_certificate(url: str, authority: Authority) -> None:
    old = authority.issue("expired", "cliff.example", common_name="cliff", expired=True)
    x509 = {"cert_file": str(old.certificate), "key_file": str(old.key)}
    with client(url, authority, x509=x509) as connection, pytest.raises(pywbem.ConnectionError):
        connection.GetInstance(system())


def test_pywbem_does_not_trust_a_stranger(url: str, tmp_path: Path) -> None:
    other = Authority(tmp_path)
    with client(url, other, creds=ALICE) as connection, pytest.raises(pywbem.ConnectionError, match="certificate"):
        connection.GetInstance(system())


@pytest.mark.parametrize("name", ["db1", "no such system"])
@pytest.mark.parametrize("classname", ["Test_ComputerSystem", "CIM_NoSuchClass"])
def test_without_a_role_nothing_leaks(
    url: str, authority: Authority, name: str, classname: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = pywbem.CIMInstanceName(classname, {"CreationClassName": classname, "Name": name})
    with client(url, authority, creds=("mallory", "m")) as connection:
        connection.default_namespace = "root/virt"
        calls: tuple[Callable[[], Any], ...] = (
            lambda: connection.GetInstance(path),
            lambda: connection.InvokeMethod("RequestStateChange", path, RequestedState=pywbem.Uint16(2)),
            lambda: connection.EnumerateInstances(classname, namespace="root/nowhere"),
            lambda: connection.GetClass(classname),
        )
        for call in calls:
            with pytest.raises(pywbem.CIMError) as denied:
                call()
            assert denied.value.status_code == pywbem.CIM_ERR_ACCESS_DENIED
            assert name not in denied.value.status_description
            assert classname not in denied.value.status_description
    logged = [record.__dict__["fields"]["user"] for record in caplog.records if record.name == "virtcim.audit"]
    assert logged == ["mallory"] * 4


def test_roles_decide_and_changes_are_logged(url: str, authority: Authority, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "virtcim.audit")
    wanted = {"RequestedState": pywbem.Uint16(9)}  # Quiesce
    with client(url, authority, creds=("bob", PASSWORDS["bob"])) as connection:
        assert connection.GetInstance(system())["Name"] == "db1"
        with pytest.raises(pywbem.CIMError, match="do not allow"):
            connection.InvokeMethod("RequestStateChange", system(), **wanted)
    with client(url, authority, creds=ALICE) as connection:
        result, _ = connection.InvokeMethod("RequestStateChange", system(), **wanted)
        with pytest.raises(pywbem.CIMError, match="do not allow"):
            connection.InvokeMethod("DefineSystem", "Virt_VirtualSystemManagementService")
    fields = [record.__dict__["fields"] for record in caplog.records if record.name == "virtcim.audit"]
    assert [(one["user"], one["call"]) for one in fields] == [
        ("bob", "RequestStateChange"),
        ("alice", "RequestStateChange"),
        ("alice", "DefineSystem"),
    ]
    assert fields[1]["result"].startswith(str(result))
    assert 'Name="db1"' in fields[1]["target"]
    assert fields[1]["parameters"] == "RequestedState=9"


@pytest.fixture(scope="module")
def turned_away(authority: Authority) -> dict[str, Files]:
    """Certificates that let nobody in: one that has expired, and one of a user without a role."""
    return {
        "expired": authority.issue("expired", "cliff.example", common_name="cliff", expired=True),
        "without a role": authority.issue("mallory", "mallory.example", common_name="mallory"),
    }


CERTIFICATES = ("expired", "without a role")


def wbemcli(url: str, authority: Authority, *more: str, user: str = "") -> tuple[str, str]:
    """Output and errors of enumerating systems."""
    target = url.replace("https://", f"https://{user}@" if user else "https://")
    command = ["wbemcli", "-cacert", str(authority.pem), *more, "ein", f"{target}/root/virt:CIM_ComputerSystem"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return done.stdout, done.stderr


def test_wbemcli_with_a_password(url: str, authority: Authority) -> None:
    out, _ = wbemcli(url, authority, user="bob:bricks")
    assert SYSTEM.partition(".")[2].partition(",")[2] in out


def test_wbemcli_with_a_certificate(url: str, authority: Authority, cliff: Files) -> None:
    out, err = wbemcli(url, authority, "-clientcert", str(cliff.certificate), "-clientkey", str(cliff.key))
    assert "db1" in out, err


@pytest.mark.parametrize("user", ["", "bob:brick", "eve:bricks", "mallory:m"])
def test_wbemcli_is_turned_away(url: str, authority: Authority, user: str) -> None:
    out, err = wbemcli(url, authority, user=user)
    assert "db1" not in out + err
    assert "wbemcli:" in err


@pytest.mark.parametrize("which", CERTIFICATES)
def test_wbemcli_with_a_certificate_is_turned_away(
    url: str, authority: Authority, turned_away: dict[str, Files], which: str
) -> None:
    own = turned_away[which]
    out, err = wbemcli(url, authority, "-clientcert", str(own.certificate), "-clientkey", str(own.key))
    assert "db1" not in out + err
    assert "wbemcli:" in err


def pywbemcli(url: str, authority: Authority, *more: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("pywbemcli")), "-s", url, "-d", "root/virt"]
    command += ["--ca-certs", str(authority.pem), *more, "instance", "enumerate", "CIM_ComputerSystem", "--no"]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_pywbemcli_with_a_password(url: str, authority: Authority) -> None:
    done = pywbemcli(url, authority, "-u", "bob", "-p", "bricks")
    assert "db1" in done.stdout, done.stderr


def test_pywbemcli_with_a_certificate(url: str, authority: Authority, cliff: Files) -> None:
    done = pywbemcli(url, authority, "--certfile", str(cliff.certificate), "--keyfile", str(cliff.key))
    assert "db1" in done.stdout, done.stderr


@pytest.mark.parametrize(("user", "password", "reason"), [("bob", "x", "AuthError"), ("mallory", "m", "ACCESS_DENIED")])
def test_pywbemcli_is_turned_away(url: str, authority: Authority, user: str, password: str, reason: str) -> None:
    done = pywbemcli(url, authority, "-u", user, "-p", password)
    assert done.returncode != 0
    assert reason in done.stderr + done.stdout
    assert "db1" not in done.stderr + done.stdout


@pytest.mark.parametrize("which", CERTIFICATES)
def test_pywbemcli_with_a_certificate_is_turned_away(
    url: str, authority: Authority, turned_away: dict[str, Files], which: str
) -> None:
    own = turned_away[which]
    done = pywbemcli(url, authority, "--certfile", str(own.certificate), "--keyfile", str(own.key))
    assert done.returncode != 0
    assert "db1" not in done.stderr + done.stdout


def test_pywbem_with_a_certificate_without_a_role(
    url: str, authority: Authority, turned_away: dict[str, Files]
) -> None:
    own = turned_away["without a role"]
    x509 = {"cert_file": str(own.certificate), "key_file": str(own.key)}
    with client(url, authority, x509=x509) as connection, pytest.raises(pywbem.CIMError) as denied:
        connection.GetInstance(system())
    assert denied.value.status_code == pywbem.CIM_ERR_ACCESS_DENIED
    assert "db1" not in denied.value.status_description
