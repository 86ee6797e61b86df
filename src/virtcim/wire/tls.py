"""TLS for https listeners: current versions and ciphers only, client certificates where they are wanted."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from virtcim.wire.files import Reloaded

# Of TLS 1.2, what has forward secrecy and authenticated encryption; TLS 1.3 has nothing else.
CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
CLIENTS = {"off": ssl.CERT_NONE, "optional": ssl.CERT_OPTIONAL, "required": ssl.CERT_REQUIRED}


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """What a listener speaks TLS with. `clients` is off, optional or required; `minimum` is 1.2 or 1.3."""

    certificate: Path
    key: Path
    client_ca: Path | None = None
    clients: str = "off"
    minimum: str = "1.2"
    client_crl: Path | None = None

    def paths(self) -> tuple[Path, ...]:
        wanted = (self.certificate, self.key, self.client_ca, self.client_crl)
        return tuple(dict.fromkeys(path for path in wanted if path is not None))


Tls = Reloaded[ssl.SSLContext]


def reloaded(files: TlsFiles) -> Tls:
    """A context that follows its files. Errors: OSError (ssl.SSLError among it) and ValueError that name the file."""
    return Reloaded(partial(context, files), files.paths())


def context(files: TlsFiles) -> ssl.SSLContext:
    """A server's context. Errors: as reloaded()."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = VERSIONS[files.minimum]
    made.set_ciphers(CIPHERS)
    made.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE | ssl.OP_NO_COMPRESSION
    made.set_alpn_protocols(["http/1.1"])
    _load_own(made, files)
    if files.client_ca is not None:
        _load(made, files.client_ca, "CA certificates")
        made.verify_mode = CLIENTS[files.clients]
    if files.client_crl is not None:
        _load(made, files.client_crl, "revocation lists")
        if not made.cert_store_stats()["crl"]:
            raise ValueError(f"{files.client_crl} has no revocation lists")
        made.verify_flags |= ssl.VerifyFlags.VERIFY_CRL_CHECK_LEAF
    return made


def _load(made: ssl.SSLContext, file: Path, what: str) -> None:
    try:
        made.load_verify_locations(file)
    except OSError as error:
        raise ValueError(f"{file} has no usable {what}: {error}") from error


def _load_own(made: ssl.SSLContext, files: TlsFiles) -> None:
    try:
        made.load_cert_chain(files.certificate, files.key, password=_no_password)
    except OSError as error:
        raise ValueError(f"certificate {files.certificate} with key {files.key}: {error}") from error


def _no_password() -> str:
    """Asked for only when the key is encrypted; OpenSSL would ask at the terminal otherwise."""
    raise ValueError("the key is encrypted, and nobody is there to give the password: store it without one")
