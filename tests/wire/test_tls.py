"""TLS as it is spoken: versions, ciphers, bad files, and certificates that change while the server runs."""

from __future__ import annotations

import shutil
import socket
import ssl
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat
from cryptography.hazmat.primitives.serialization import load_pem_private_key as load_key
from tests.wire.secure import Authority, Files, ask, ask_on, connection, front, settings

from virtcim.front import Front
from virtcim.wire import files
from virtcim.wire.tls import TlsFiles, context


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def served(authority: Authority) -> Iterator[Front]:
    own = authority.server()
    made = settings(listen="https://127.0.0.1:0", tls_certificate=own.certificate, tls_key=own.key, header_timeout=2)
    with front(made) as running:
        yield running


def spoken(url: str, client: ssl.SSLContext) -> tuple[str, str]:
    """Version and cipher that come out of a handshake."""
    host, _, port = url.removeprefix("https://").rpartition(":")
    with (
        socket.create_connection((host, int(port)), timeout=10) as sock,
        client.wrap_socket(sock, server_hostname=host) as secured,
    ):
        return secured.version() or "", (secured.cipher() or ("",))[0]


def test_newest_version_is_preferred(served: Front, authority: Authority) -> None:
    version, cipher = spoken(served.urls[0], authority.trusting())
    assert version == "TLSv1.3"
    assert "GCM" in cipher or "CHACHA20" in cipher


def test_older_version_has_forward_secrecy(served: Front, authority: Authority) -> None:
    client = authority.trusting()
    client.maximum_version = ssl.TLSVersion.TLSv1_2
    version, cipher = spoken(served.urls[0], client)
    assert version == "TLSv1.2"
    assert cipher.startswith("ECDHE-")
    assert "GCM" in cipher or "CHACHA20" in cipher


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(
    ("newest", "ciphers"),
    [(ssl.TLSVersion.TLSv1_1, "ALL:@SECLEVEL=0"), (ssl.TLSVersion.TLSv1_2, "AES128-GCM-SHA256:ECDHE+AES+SHA1")],
    ids=["TLS 1.1", "weak ciphers"],
)
def test_what_is_outdated_is_refused(served: Front, authority: Authority, newest: ssl.TLSVersion, ciphers: str) -> None:
    client = authority.trusting()
    client.minimum_version = ssl.TLSVersion.TLSv1
    client.maximum_version = newest
    client.set_ciphers(ciphers)
    with pytest.raises(OSError, match=r"(?i)alert|version|handshake|EOF|protocol|reset"):
        spoken(served.urls[0], client)
    assert ask(served.urls[0], context=authority.trusting()).status == 200


@pytest.mark.parametrize("asked", [True, False], ids=["idle", "silent"])
def test_open_connections_do_not_hold_up_the_end(authority: Authority, asked: bool) -> None:
    own = authority.server()
    made = settings(listen="https://127.0.0.1:0", tls_certificate=own.certificate, tls_key=own.key)
    with front(made) as running:
        host, _, port = running.urls[0].removeprefix("https://").rpartition(":")
        silent = socket.create_connection((host, int(port)), timeout=30)
        kept = connection(running.urls[0], authority.trusting())
        if asked:
            assert ask_on(kept).status == 200
    assert not running._http._thread.is_alive()
    for one in (silent, kept):
        one.close()


def test_minimum_may_be_raised(authority: Authority) -> None:
    own = authority.server()
    made = settings(listen="https://127.0.0.1:0", tls_certificate=own.certificate, tls_key=own.key, tls_minimum="1.3")
    client = authority.trusting()
    client.maximum_version = ssl.TLSVersion.TLSv1_2
    with front(made) as running:
        with pytest.raises(OSError, match=r"(?i)alert|version|EOF|protocol|reset"):
            spoken(running.urls[0], client)
        assert ask(running.urls[0], context=authority.trusting()).status == 200


@pytest.mark.parametrize("data", [b"", b"\x16\x03\x01", b"POST / HTTP/1.1\r\n\r\n", b"\0" * 5000], ids=str)
def test_no_handshake_is_no_harm(served: Front, authority: Authority, data: bytes) -> None:
    host, _, port = served.urls[0].removeprefix("https://").rpartition(":")
    with socket.create_connection((host, int(port)), timeout=20) as sock:
        sock.sendall(data)
        with suppress(ConnectionResetError):
            while sock.recv(1000):
                pass
    assert ask(served.urls[0], context=authority.trusting()).status == 200


def replace(certificate: Files, over: Files) -> None:
    shutil.copy(certificate.certificate, over.certificate)
    shutil.copy(certificate.key, over.key)


@pytest.mark.parametrize("told", [True, False], ids=["by reload", "by itself"])
def test_certificate_is_replaced_without_a_restart(tmp_path: Path, told: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "PAUSE", 30.0 if told else 0.0)
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
    old, new = Authority(tmp_path / "old"), Authority(tmp_path / "new")
    own = old.server()
    made = settings(listen="https://127.0.0.1:0", tls_certificate=own.certificate, tls_key=own.key)
    with front(made) as running, closing(connection(running.urls[0], old.trusting())) as kept:
        assert ask_on(kept).status == 200
        replace(new.server(), own)
        if told:
            running.reload()
        assert ask(running.urls[0], context=new.trusting()).status == 200
        with pytest.raises(ssl.SSLCertVerificationError):
            ask(running.urls[0], context=old.trusting())
        assert ask_on(kept).status == 200


def test_unusable_new_certificate_leaves_the_old_one(
    served: Front, authority: Authority, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "server-key.pem").write_text("nothing", encoding="utf-8")
    served.reload()
    assert "cannot be used, what was read before stays in force" in caplog.text
    assert ask(served.urls[0], context=authority.trusting()).status == 200


def test_expired_certificate_is_refused_by_clients(authority: Authority) -> None:
    own = authority.server(expired=True)
    made = settings(listen="https://127.0.0.1:0", tls_certificate=own.certificate, tls_key=own.key)
    with front(made) as running, pytest.raises(ssl.SSLCertVerificationError, match="expired"):
        ask(running.urls[0], context=authority.trusting())


def test_each_url_may_have_a_certificate_of_its_own(authority: Authority, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = Authority(tmp_path / "other")
    one, two = authority.server(), other.server()
    listen = ["https://127.0.0.1:0", f"https://localhost:0?certificate={two.certificate}&key={two.key}"]
    with front(settings(listen=listen, tls_certificate=one.certificate, tls_key=one.key)) as running:
        assert ask(running.urls[0], context=authority.trusting()).status == 200
        assert ask(running.urls[1], context=other.trusting()).status == 200
        with pytest.raises(ssl.SSLCertVerificationError):
            ask(running.urls[1], context=authority.trusting())


def encrypted(own: Files) -> None:
    key = load_key(own.key.read_bytes(), None)
    own.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x")))


def mismatched(own: Files) -> None:
    shutil.copy(Authority(own.key.parent).issue("other", "localhost").key, own.key)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda own: own.key.unlink(), "No such file"),
        (lambda own: own.certificate.write_text("x"), "server.pem with key"),
        (mismatched, "(?i)mismatch"),
        (encrypted, "the key is encrypted"),
    ],
    ids=["missing", "no PEM", "mismatch", "encrypted"],
)
def test_unusable_files_are_named(authority: Authority, spoil: object, reason: str) -> None:
    own = authority.server()
    spoil(own)  # type: ignore[operator]
    with pytest.raises(ValueError, match=reason):
        context(TlsFiles(own.certificate, own.key))


def test_unusable_client_authority_is_named(authority: Authority, tmp_path: Path) -> None:
    own = authority.server()
    with pytest.raises(ValueError, match=r"absent\.pem has no usable CA certificates"):
        context(TlsFiles(own.certificate, own.key, tmp_path / "absent.pem", "optional"))
