"""Client certificates that are revoked: refused as soon as the list says so, and when there is no list that counts."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests.wire.secure import Authority, Files, ask, front, settings

from virtcim.config import ConfigError, Settings
from virtcim.wire.tls import TlsFiles, context

REFUSED = pytest.raises(OSError, match=r"(?i)revoked|certificate|alert|EOF|reset|closed")


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def cliff(authority: Authority) -> Files:
    return authority.issue("cliff", "cliff.example", common_name="cliff")


def made(authority: Authority, crl: Path) -> Settings:
    own = authority.server()
    return settings(
        listen="https://127.0.0.1:0",
        tls_certificate=own.certificate,
        tls_key=own.key,
        client_ca=authority.pem,
        client_crl=crl,
        authentication="certificate",
    )


def test_a_revoked_certificate_is_refused_from_the_reload_on(authority: Authority, cliff: Files) -> None:
    dora = authority.issue("dora", "dora.example", common_name="dora")
    with front(made(authority, authority.revoke())) as served:
        url = served.urls[0]
        assert ask(url, context=authority.trusting(cliff)).status == 200
        authority.revoke(cliff)
        served.reload()
        with REFUSED:
            ask(url, context=authority.trusting(cliff))
        assert ask(url, context=authority.trusting(dora)).status == 200


def test_a_list_out_of_date_lets_nobody_in(authority: Authority, cliff: Files) -> None:
    with front(made(authority, authority.revoke(expired=True))) as served, REFUSED:
        ask(served.urls[0], context=authority.trusting(cliff))


def test_a_list_of_another_authority_lets_nobody_in(authority: Authority, cliff: Files, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    with front(made(authority, Authority(tmp_path / "other").revoke())) as served, REFUSED:
        ask(served.urls[0], context=authority.trusting(cliff))


def test_an_unusable_new_list_leaves_the_old_one(authority: Authority, cliff: Files) -> None:
    crl = authority.revoke(cliff)
    with front(made(authority, crl)) as served:
        crl.write_text("nonsense", encoding="utf-8")
        served.reload()
        with REFUSED:
            ask(served.urls[0], context=authority.trusting(cliff))


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        pytest.param(lambda crl, _: crl.unlink(), "revoked.pem has no usable revocation lists", id="missing"),
        pytest.param(lambda crl, _: crl.write_text("x"), "revoked.pem has no usable revocation lists", id="no PEM"),
        pytest.param(lambda crl, ca: shutil.copy(ca, crl), "revoked.pem has no revocation lists", id="certificates"),
    ],
)
def test_unusable_lists_are_named(authority: Authority, spoil: object, reason: str) -> None:
    own, crl = authority.server(), authority.revoke()
    spoil(crl, authority.pem)  # type: ignore[operator]
    with pytest.raises(ValueError, match=reason):
        context(TlsFiles(own.certificate, own.key, authority.pem, "optional", client_crl=crl))


def test_a_list_needs_an_authority(authority: Authority) -> None:
    with pytest.raises(ConfigError, match="client_crl"):
        settings(client_crl=authority.revoke())
