"""A file of users and password hashes in the form of htpasswd: argon2 and bcrypt, nothing weaker."""

from __future__ import annotations

import os
import re
import tempfile
from functools import cache, partial
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING

from virtcim.later import Later
from virtcim.wire.files import Reloaded

if TYPE_CHECKING:
    import argon2
    import bcrypt
    from argon2 import exceptions as faults
else:
    argon2, faults, bcrypt = Later("argon2"), Later("argon2.exceptions"), Later("bcrypt")

_BCRYPT = re.compile(r"\$2[aby]\$(?:0[4-9]|[12]\d|3[01])\$[./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{31}\Z")
_BCRYPT_LENGTH = 72  # bytes of a password that bcrypt looks at
_SALT = os.urandom(16)


class PasswordFile:
    """Checks passwords against a file; an unknown user takes as long as a known one."""

    def __init__(self, path: Path) -> None:
        self.entries = Reloaded(partial(read_entries, path), [path])

    def stored(self, user: str) -> str:
        """The hash of a user; empty when there is no such user."""
        return self.entries.get().get(user, "")

    def check(self, user: str, password: str) -> bool:
        """Whether the password is the user's. Takes long on purpose: not for the loop that serves."""
        stored = self.stored(user)
        if stored:
            return matches(stored, password)
        matches(self._somebody(user), password)
        return False

    def _somebody(self, user: str) -> str:
        """The hash to spend the time on, always the same one for the same name."""
        hashes = list(self.entries.get().values()) or [_nobody()]
        return hashes[int.from_bytes(blake2b(user.encode(), key=_SALT).digest()[:4]) % len(hashes)]


def matches(stored: str, password: str) -> bool:
    """Whether a hash is the password's."""
    if stored.startswith("$argon2"):
        try:
            return _hasher().verify(stored, password)
        except (faults.Argon2Error, faults.InvalidHashError):
            return False
    return bcrypt.checkpw(password.encode()[:_BCRYPT_LENGTH], stored.encode())


def read_entries(path: Path) -> dict[str, str]:
    """User -> hash. Errors: OSError; ValueError that names the line, never the hash."""
    found: dict[str, str] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        user, colon, stored = line.strip().partition(":")
        if not user or not colon:
            raise ValueError(f"{path}, line {number}: expected USER:HASH")
        if user in found:
            raise ValueError(f"{path}, line {number}: {user} is there twice")
        if not _usable(stored):
            raise ValueError(f"{path}, line {number}: the password of {user} is neither an argon2 nor a bcrypt hash")
        found[user] = stored
    return found


def write_entry(path: Path, user: str, password: str) -> None:
    """Add a user, or replace the password of one, in a file that only its owner may read.

    Errors: OSError; ValueError when the file or the name cannot be.
    """
    if not user or re.search(r"[:\s#\x00-\x1f]", user):
        raise ValueError(f"{user!r} cannot be a user name: it is empty or has a blank, a colon or a #")
    if not password:
        raise ValueError("the password is empty")
    entries = read_entries(path) if path.exists() else {}
    entries[user] = _hasher().hash(password)
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=path.parent, delete=False) as file:
        file.writelines(f"{name}:{stored}\n" for name, stored in entries.items())
    if path.exists():
        before = path.stat()
        os.chmod(file.name, before.st_mode & 0o777)
        os.chown(file.name, before.st_uid, before.st_gid)
    os.replace(file.name, path)


def _usable(stored: str) -> bool:
    if _BCRYPT.match(stored):
        return True
    try:
        argon2.extract_parameters(stored)
    except faults.InvalidHashError:
        return False
    return True


@cache
def _hasher() -> argon2.PasswordHasher:
    return argon2.PasswordHasher()


@cache
def _nobody() -> str:
    """A hash where there is no user at all; making one takes as long as checking one."""
    return _hasher().hash("")
