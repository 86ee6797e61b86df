"""Certificates made for a test, a front with nothing but a few answers behind it, and raw requests to it."""

from __future__ import annotations

import base64
import http.client
import socket
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import bcrypt
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from tests.wire.samples import CLASSES, HEADERS, operation, system

from virtcim.broker.call import Answer, Call, Form, MethodAnswer
from virtcim.config import Settings, load
from virtcim.front import Behind, Front

GOOD = operation()
PASSWORDS = {"alice": "wonder:land", "bob": "bricks"}
NAMESPACES = {"root/virt": "root/virt", "interop": "interop"}


class Files(NamedTuple):
    """PEM files of one certificate."""

    certificate: Path
    key: Path


class Authority:
    """A CA of the test's own, which writes what it issues below a directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._ca = trustme.CA()
        self.pem = directory / "ca.pem"
        self._ca.cert_pem.write_to_path(self.pem)

    def issue(self, name: str, *names: str, common_name: str | None = None, expired: bool = False) -> Files:
        """A certificate for host names and addresses, written to files called `name`."""
        end = datetime.now(UTC) + timedelta(days=-1 if expired else 1)
        start = end - timedelta(days=3)
        made = self._ca.issue_cert(*names, common_name=common_name, not_before=start, not_after=end)
        files = Files(self._directory / f"{name}.pem", self._directory / f"{name}-key.pem")
        files.certificate.write_bytes(b"".join(one.bytes() for one in made.cert_chain_pems))
        made.private_key_pem.write_to_path(files.key)
        return files

    def server(self, **more: bool) -> Files:
        return self.issue("server", "localhost", "127.0.0.1", common_name="localhost", **more)

    def revoke(self, *revoked: Files, expired: bool = False) -> Path:
        """The list of certificates that are revoked, written to a file."""
        now = datetime.now(UTC) - timedelta(days=2 if expired else 0)
        ca = x509.load_pem_x509_certificate(self._ca.cert_pem.bytes())
        made = x509.CertificateRevocationListBuilder(ca.subject, now, now + timedelta(days=1))
        for one in revoked:
            number = x509.load_pem_x509_certificate(one.certificate.read_bytes()).serial_number
            entry = x509.RevokedCertificateBuilder().serial_number(number).revocation_date(now).build()
            made = made.add_revoked_certificate(entry)
        key = load_pem_private_key(self._ca.private_key_pem.bytes(), None)
        path = self._directory / "revoked.pem"
        path.write_bytes(made.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM))  # type: ignore[arg-type]
        return path

    def trusting(self, client: Files | None = None) -> ssl.SSLContext:
        """A client's context that trusts this CA alone, and shows a certificate when asked."""
        context = ssl.create_default_context(cafile=str(self.pem))
        if client is not None:
            context.load_cert_chain(client.certificate, client.key)
        return context


def password_file(directory: Path, passwords: Mapping[str, str] = PASSWORDS) -> Path:
    """A file of cheap bcrypt hashes."""
    path = directory / "users"
    lines = (f"{user}:{bcrypt.hashpw(word.encode(), bcrypt.gensalt(4)).decode()}" for user, word in passwords.items())
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def settings(**flags: object) -> Settings:
    """Settings as loaded, on a free loopback port."""
    return load({"listen": "http://127.0.0.1:0", **flags}, {})[0]


def answer(call: Call) -> Answer | MethodAnswer:
    """What is behind the front: who called is told by the name of the system."""
    if call.target is not None:
        return MethodAnswer(0, "uint32")
    return Answer(Form.INSTANCE, [system(call.user)])


@contextmanager
def front(
    made: Settings, dispatch: Callable[[Call], Answer | MethodAnswer] = answer, blocking: bool = False
) -> Iterator[Front]:
    """A front that serves, for the time of the context."""
    behind = Behind(
        dispatch=dispatch,
        blocking=lambda call: blocking or call.target is not None,
        classes=CLASSES.__getitem__,
        find_class=CLASSES.get,
        namespaces=NAMESPACES,
        host="here",
    )
    served = Front(made, behind)
    served.start()
    try:
        yield served
    finally:
        served.stop()


class Reply(NamedTuple):
    """A response as received."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes


def basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def connection(url: str, context: ssl.SSLContext | None = None) -> http.client.HTTPConnection:
    """A connection to an http, https or unix URL; a call may take 30 seconds."""
    parts = urlsplit(url)
    if parts.scheme == "unix":
        made = http.client.HTTPConnection("localhost", timeout=30)
        made.sock = socket.socket(socket.AF_UNIX)
        made.sock.connect(parts.path)
        return made
    host = parts.hostname or ""
    if parts.scheme == "https":
        return http.client.HTTPSConnection(host, parts.port, timeout=30, context=context)
    return http.client.HTTPConnection(host, parts.port, timeout=30)


def ask(
    url: str,
    headers: Mapping[str, str] | None = None,
    context: ssl.SSLContext | None = None,
    method: str = "POST",
    path: str = "/cimom",
    body: bytes = GOOD,
) -> Reply:
    """One request; by default a correct GetInstance."""
    with closing(connection(url, context)) as made:
        return ask_on(made, headers, method, path, body)


def ask_on(
    made: http.client.HTTPConnection,
    headers: Mapping[str, str] | None = None,
    method: str = "POST",
    path: str = "/cimom",
    body: bytes = GOOD,
) -> Reply:
    """As ask(), on a connection that stays open."""
    made.request(method, path, body if method == "POST" else None, {**HEADERS, **(headers or {})})
    response = made.getresponse()
    return Reply(response.status, response.headers, response.read())
