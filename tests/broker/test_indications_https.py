"""Delivery over HTTPS: to listeners whose certificate a CA vouches for, by the name that they are called by."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path as File

import pytest
from tests.broker.listeners import listening
from tests.wire.secure import Authority, Files

from virtcim.broker.delivery_http import Listeners, Undelivered

HERE = "127.0.0.1"


@pytest.fixture(scope="module")
def trusted(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("trusted"))


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("other"))


def secure(files: Files, newest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.certificate, files.key)
    context.maximum_version = newest
    return context


def post(url: str, authority: str) -> None:
    link = Listeners(1.0, authority).link(url)
    try:
        link.post(b"secret")
    finally:
        link.close()


def test_a_listener_that_is_trusted(trusted: Authority) -> None:
    with listening(context=secure(trusted.issue("good", HERE))) as listener:
        post(listener.url, str(trusted.pem))
        assert listener.bodies == [b"secret"]


def test_a_listener_that_is_trusted_by_name(trusted: Authority) -> None:
    with listening(context=secure(trusted.issue("named", "localhost"))) as listener:
        post(listener.url.replace(HERE, "localhost"), str(trusted.pem))
        assert listener.bodies == [b"secret"]


Issue = Callable[[Authority, Authority], Files]
REFUSED: dict[str, tuple[Issue, str]] = {
    "of another CA": (lambda _, other: other.issue("another", HERE), "unable to get local issuer certificate"),
    "of another address": (lambda trusted, _: trusted.issue("away", "127.0.0.2"), "IP address mismatch"),
    "of a name instead": (lambda trusted, _: trusted.issue("name", "localhost"), "IP address mismatch"),
    "expired": (lambda trusted, _: trusted.issue("late", HERE, expired=True), "certificate has expired"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_certificate_that_is_no_good(trusted: Authority, other: Authority, case: str) -> None:
    """Nothing is sent then, and the reason is told."""
    issue, words = REFUSED[case]
    with listening(context=secure(issue(trusted, other))) as listener:
        with pytest.raises(Undelivered, match=words):
            post(listener.url, str(trusted.pem))
        assert listener.bodies == []


def test_the_cas_of_the_system_do_not_vouch_for_ours(trusted: Authority) -> None:
    with listening(context=secure(trusted.issue("private", HERE))) as listener:
        with pytest.raises(Undelivered, match="certificate"):
            post(listener.url, "")
        assert listener.bodies == []


def test_a_listener_without_tls(trusted: Authority) -> None:
    with listening() as listener:
        with pytest.raises(Undelivered):
            post(listener.url.replace("http:", "https:"), str(trusted.pem))
        assert listener.bodies == []


def test_a_file_of_cas_that_is_none(trusted: Authority, tmp_path: File) -> None:
    """The indication waits, as for a listener that is away."""
    with listening(context=secure(trusted.issue("fine", HERE))) as listener:
        with pytest.raises(Undelivered):
            post(listener.url, str(tmp_path / "missing.pem"))
        assert listener.bodies == []
