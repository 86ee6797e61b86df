"""PAM: a service of the test's own, whose one module asks a script; and each client that is let in by it, or is not."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import pywbem
from tests import runs
from tests.conftest import running_server
from tests.wire.secure import Authority

from virtcim.wire import pam


@pytest.fixture(autouse=True)
def no_other_authorities(monkeypatch: pytest.MonkeyPatch) -> None:
    """requests prefers what these name to what its caller asks for."""
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)


WORD = "pass-word"
SERVICE = f"virtcim-test-{runs.WORD}"
SCRIPT = """#!/bin/sh
case "$PAM_USER" in carol | dora) ;; *) exit 1 ;; esac
[ "$(tr -d '\\0')" = 'pass-word' ]
"""


@pytest.fixture
def pam_service(tmp_path: Path) -> Iterator[str]:
    if os.geteuid() != 0 or not Path("/etc/pam.d").is_dir():
        pytest.skip("only root can make a PAM service")
    script = tmp_path / "check"
    script.write_text(SCRIPT, encoding="utf-8")
    script.chmod(0o755)
    service = Path("/etc/pam.d") / SERVICE
    rules = f"auth required pam_exec.so expose_authtok quiet {script}\naccount required pam_permit.so\n"
    service.write_text(rules, encoding="utf-8")
    yield SERVICE
    service.unlink()


@pytest.mark.parametrize(
    ("user", "password", "right"),
    [
        ("carol", WORD, True),
        ("carol", "pass", False),
        ("carol", "", False),
        ("dave", WORD, False),
        ("carol\0", WORD, False),
    ],
)
def test_pam_decides(pam_service: str, user: str, password: str, right: bool) -> None:
    assert pam.Pam(pam_service).check(user, password) is right


def test_account_that_pam_refuses(pam_service: str) -> None:
    service = Path("/etc/pam.d") / pam_service
    service.write_text(service.read_text().replace("account required pam_permit", "account required pam_deny"))
    assert not pam.Pam(pam_service).check("carol", WORD)


def test_service_that_is_missing_lets_nobody_in(pam_service: str) -> None:
    assert not pam.Pam(pam_service + "-absent").check("carol", WORD)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture
def url(pam_service: str, authority: Authority, tmp_path: Path) -> Iterator[str]:
    """A server that asks PAM: carol may read, dora may nothing."""
    (tmp_path / "access.yaml").write_text("users: {carol: reader, dora: []}", encoding="utf-8")
    own = authority.server()
    with running_server(
        tmp_path / "state",
        listen="https://127.0.0.1:0",
        tls_certificate=own.certificate,
        tls_key=own.key,
        authentication="pam",
        pam_service=pam_service,
        access_file=tmp_path / "access.yaml",
        lockout_failures=1000,
    ) as server:
        yield server.url


def test_clients_by_pam(url: str, authority: Authority) -> None:
    """Each client with the right password, a wrong one, no role, and as somebody who is not there."""
    for ask in (by_pywbem, wbemcli, pywbemcli):
        assert "db1" in ask(url, authority, "carol", WORD), ask.__name__
        for user, password in (("carol", "word"), ("dora", WORD), ("eve", WORD)):
            said = ask(url, authority, user, password)
            assert said, ask.__name__
            assert "db1" not in said, (ask.__name__, user)


def by_pywbem(url: str, authority: Authority, user: str, password: str) -> str:
    with pywbem.WBEMConnection(url, (user, password), "root/virt", ca_certs=str(authority.pem)) as connection:
        try:
            return " ".join(map(str, connection.EnumerateInstanceNames("CIM_ComputerSystem")))
        except pywbem.Error as error:
            return str(error)


def wbemcli(url: str, authority: Authority, user: str, password: str) -> str:
    target = url.replace("https://", f"https://{user}:{password}@")
    return _said("wbemcli", "-cacert", str(authority.pem), "ein", f"{target}/root/virt:CIM_ComputerSystem")


def pywbemcli(url: str, authority: Authority, user: str, password: str) -> str:
    command = str(Path(sys.executable).with_name("pywbemcli"))
    known = ("-s", url, "-d", "root/virt", "--ca-certs", str(authority.pem), "-u", user, "-p", password)
    return _said(command, *known, "instance", "enumerate", "CIM_ComputerSystem", "--no")


def _said(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return done.stdout + done.stderr


def test_pam_that_is_not_installed_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pam, "pam", None)
    with pytest.raises(ValueError, match="python-pam"):
        pam.Pam("login")
