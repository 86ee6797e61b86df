"""Who is calling: a user of this machine at the Unix socket, a client certificate, or HTTP Basic."""

from __future__ import annotations

import asyncio
import logging
import math
import os
import pwd
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Protocol

from virtcim.wire.caller import Caller, Certificate, Peer
from virtcim.wire.faults import HTTPFault
from virtcim.wire.remembered import Proof, Remembered
from virtcim.wire.throttle import Throttle

REALM = 'Basic realm="virtcim", charset="UTF-8"'
CHECKERS = 4  # passwords checked at the same time

audit = logging.getLogger("virtcim.audit")


class Passwords(Protocol):
    """One source of passwords."""

    def check(self, user: str, password: str) -> bool:
        """Whether the password is the user's; may take long."""

    def stored(self, user: str) -> str:
        """What changes when the password does, where that can be told at once."""


@dataclass(frozen=True, kw_only=True)
class AuthRules:
    """How callers may show who they are. `remember` is seconds that a checked password counts as checked.

    `certificate_user` gives the user of a certificate, None for one that is nobody's.
    """

    anonymous: bool = True
    passwords: Sequence[Passwords] = ()
    certificate_user: Callable[[Certificate], str | None] = field(default=lambda certificate: certificate.common_name)
    lockout_failures: int = 5
    lockout_seconds: float = 300.0
    remember: float = 60.0
    checks: int = 64  # passwords being checked or waiting for it; above, 503


class Authenticator:
    """Makes a Caller of a peer and its headers."""

    def __init__(self, rules: AuthRules) -> None:
        self._rules = rules
        self._throttle = Throttle(rules.lockout_failures, rules.lockout_seconds)
        self._remembered = Remembered(rules.remember)
        self._pool = ThreadPoolExecutor(CHECKERS, thread_name_prefix="password")
        self._waiting = 0
        self.failures = 0

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    def without_asking(self, peer: Peer) -> Caller | None:
        """Who calls, where nothing in the header can change it."""
        if peer.uid is None and self._rules.anonymous:
            return _anybody(peer.address)
        return None

    def at_once(self, peer: Peer, headers: Iterable[tuple[bytes, bytes]]) -> Caller | None:
        """Who calls, where that is known without a check that takes time, and nothing speaks against it."""
        if peer.uid is not None:
            return _local_user(peer.uid)
        if self._rules.anonymous:
            return _anybody(peer.address)
        given = dict(headers).get(b"authorization")
        return None if given is None or not self._rules.passwords else self._remembered_caller(peer, given)

    def _remembered_caller(self, peer: Peer, given: bytes) -> Caller | None:
        """The user of a password that was found right a moment ago."""
        try:
            proof = self._proof(peer, given)
        except HTTPFault:
            return None
        if not self._remembered.knows(proof) or self._throttle.wait(proof.user, peer.address, True):
            return None
        self._throttle.succeeded(proof.user, peer.address)
        return Caller(proof.user, peer.address)

    async def caller(self, peer: Peer, headers: Mapping[bytes, bytes]) -> Caller:
        """Who calls. Errors: HTTPFault 401, 403 where no password can help, 503 when too many are being checked."""
        if peer.uid is not None:
            return _local_user(peer.uid)
        if self._rules.anonymous:
            return _anybody(peer.address)
        given = headers.get(b"authorization")
        if given is not None and self._rules.passwords:
            return await self._by_password(peer, given)
        if peer.certificate is not None:
            return self._by_certificate(peer.address, peer.certificate)
        if not self._rules.passwords:
            raise HTTPFault(403, None, "a client certificate is needed")
        raise _unauthorized("a user name and password are needed")

    def _by_certificate(self, address: str, certificate: Certificate) -> Caller:
        user = self._rules.certificate_user(certificate)
        if not user:
            self._note(address, certificate.subject, "the certificate is nobody's")
            raise HTTPFault(403, None, "the client certificate belongs to no user")
        return Caller(user, address)

    async def _by_password(self, peer: Peer, given: bytes) -> Caller:
        proof = self._proof(peer, given)
        user, password = proof.user, proof.password
        known = self._remembered.knows(proof)
        wait = self._throttle.wait(user, peer.address, known)
        if wait:
            # Right or wrong, the password is not looked at: an answer would help who guesses.
            self._note(peer.address, user, "too many failures before")
            raise _unauthorized("too many failures, try again later", math.ceil(wait))
        if known or await self._is_right(user, password):
            self._throttle.succeeded(user, peer.address)
            if not known:
                self._remembered.add(proof)
            return Caller(user, peer.address)
        self._throttle.failed(user, peer.address)
        self._note(peer.address, user, "wrong user name or password")
        raise _unauthorized("wrong user name or password")

    def _proof(self, peer: Peer, given: bytes) -> Proof:
        """What an Authorization header wants to show. Errors: HTTPFault 401."""
        user, password = _credentials(given)
        stored = "\0".join(source.stored(user) for source in self._rules.passwords)
        return Proof(user, password, stored, peer.address)

    async def _is_right(self, user: str, password: str) -> bool:
        if self._waiting >= self._rules.checks:
            raise HTTPFault(503, None, "too many passwords are being checked", (("retry-after", "1"),))
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, self._check, user, password)
        finally:
            self._waiting -= 1

    def _check(self, user: str, password: str) -> bool:
        return any(source.check(user, password) for source in self._rules.passwords)

    def _note(self, address: str, user: str, why: str) -> None:
        self.failures += 1
        fields = {"event": "authentication", "user": user[:200], "from": address, "result": "refused", "reason": why}
        audit.warning("authentication refused", extra={"fields": fields})


@lru_cache(maxsize=512)
def _anybody(address: str) -> Caller:
    """Every request needs one."""
    return Caller("", address, trusted=True)


def _credentials(given: bytes) -> tuple[str, str]:
    """User and password of an Authorization header (RFC 7617); raises HTTPFault 401 for anything else."""
    scheme, _, encoded = given.strip().partition(b" ")
    if scheme.lower() != b"basic":
        raise _unauthorized("only Basic authentication is supported")
    try:
        decoded = b64decode(encoded.strip(), validate=True)
    except NotBase64 as error:
        raise _unauthorized("the credentials are not base64") from error
    try:
        text = decoded.decode()
    except UnicodeDecodeError:
        text = decoded.decode("latin-1")
    user, colon, password = text.partition(":")
    if not colon or not user:
        raise _unauthorized("the credentials name no user")
    return user, password


def _local_user(uid: int) -> Caller:
    """The user of a process on this machine; root and the server's own user need no role."""
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        name = str(uid)
    return Caller(name, "unix", trusted=uid in (0, os.geteuid()))


def _unauthorized(why: str, wait: int | None = None) -> HTTPFault:
    headers = (("www-authenticate", REALM), *((("retry-after", str(wait)),) if wait else ()))
    return HTTPFault(401, None, why, headers)
