"""Who may come in by a certificate, alone or instead of a password."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from cryptography import x509
from tests.wire.secure import (
    PASSWORDS,
    Authority,
    ask,
    basic,
    front,
    password_file,
    settings,
)

ALICE = basic("alice", PASSWORDS["alice"])
METHOD = {"CIMMethod": "Start", "CIMObject": "root/virt:Virt_System"}


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"))


def tls_settings(authority: Authority, **more: object) -> dict[str, object]:
    files = authority.server()
    return {
        "listen": "https://127.0.0.1:0",
        "tls_certificate": files.certificate,
        "tls_key": files.key,
        "client_ca": authority.pem,
        **more,
    }


def test_certificate_alone(authority: Authority, tmp_path: Path) -> None:
    cliff = authority.issue("cliff", "cliff.example", common_name="cliff")
    subject = x509.load_pem_x509_certificate(cliff.certificate.read_bytes()).subject.rfc4514_string()
    (tmp_path / "access").write_text(yaml.safe_dump({"certificates": {subject: "carol"}, "users": {"carol": "reader"}}))
    made = settings(**tls_settings(authority, authentication="certificate", access_file=tmp_path / "access"))
    with front(made) as served:
        url = served.urls[0]
        known = authority.trusting(cliff)
        reply = ask(url, context=known)
        assert b"<VALUE>carol</VALUE>" in reply.body
        other = ask(url, context=authority.trusting(authority.issue("dan", "dan.example", common_name="dan")))
        assert (other.status, other.body.strip()) == (403, b"the client certificate belongs to no user")
        for refused in (None, authority.issue("expired", "cliff.example", common_name="cliff", expired=True)):
            with pytest.raises(OSError, match=r"(?i)certificate|alert|EOF|reset|closed"):
                ask(url, context=authority.trusting(refused))
        stranger = Authority(tmp_path).issue("cliff", "cliff.example", common_name="cliff")
        with pytest.raises(OSError, match=r"(?i)unknown ca|alert|EOF|reset|closed"):
            ask(url, context=authority.trusting(stranger))
        assert ask(url, context=known).status == 200


def test_certificate_or_password(authority: Authority, tmp_path: Path) -> None:
    ways = ["certificate", "file"]
    made = settings(**tls_settings(authority, authentication=ways, password_file=password_file(tmp_path)))
    with front(made) as served:
        url, plain = served.urls[0], authority.trusting()
        certified = authority.trusting(authority.issue("cliff", "cliff.example", common_name="cliff"))
        assert ask(url, context=plain).status == 401
        assert b"<VALUE>alice</VALUE>" in ask(url, ALICE, plain).body
        assert b"<VALUE>cliff</VALUE>" in ask(url, context=certified).body
        assert b"<VALUE>alice</VALUE>" in ask(url, ALICE, certified).body
        assert ask(url, basic("alice", "x"), certified).status == 401
