"""The password file: what is accepted, what is refused with which words, and that it follows changes."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import bcrypt
import pytest
from argon2 import PasswordHasher
from argon2.profiles import CHEAPEST

from virtcim.wire import files
from virtcim.wire.passwords import PasswordFile, read_entries, write_entry

ARGON2 = PasswordHasher.from_parameters(CHEAPEST).hash("wonder")
BCRYPT = bcrypt.hashpw(b"bricks", bcrypt.gensalt(4)).decode()


def password_file(directory: Path, text: str) -> Path:
    path = directory / "users"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("user", "password", "right"),
    [
        ("alice", "wonder", True),
        ("alice", "Wonder", False),
        ("alice", "", False),
        ("bob", "bricks", True),
        ("bob", "wonder", False),
        ("Bob", "bricks", False),
        ("carol", "wonder", False),
        ("", "wonder", False),
        ("alice", "wonder\0", False),
    ],
)
def test_check(tmp_path: Path, user: str, password: str, right: bool) -> None:
    path = password_file(tmp_path, f"# people\n\nalice:{ARGON2}\nbob:{BCRYPT}\n")
    assert PasswordFile(path).check(user, password) is right


def test_long_password_is_cut_as_htpasswd_cuts_it(tmp_path: Path) -> None:
    stored = bcrypt.hashpw(b"x" * 72, bcrypt.gensalt(4)).decode()
    assert PasswordFile(password_file(tmp_path, f"a:{stored}")).check("a", "x" * 100)


def test_empty_file_knows_nobody(tmp_path: Path) -> None:
    assert not PasswordFile(password_file(tmp_path, "")).check("alice", "")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("alice", "line 1: expected USER:HASH"),
        (":x", "line 1: expected USER:HASH"),
        ("alice:secret", "alice is neither an argon2 nor a bcrypt hash"),
        ("alice:$apr1$abc$def", "neither an argon2 nor a bcrypt"),
        ("alice:{SHA}VBPuJHI7uixaa6LQGWx4s+5GKNE=", "neither an argon2 nor a bcrypt"),
        ("alice:$argon2id$v=19$broken", "neither an argon2 nor a bcrypt"),
        ("alice:$2b$03$" + "a" * 53, "neither an argon2 nor a bcrypt"),
        ("alice:", "neither an argon2 nor a bcrypt"),
        (f"alice:{BCRYPT}\nalice:{BCRYPT}", "line 2: alice is there twice"),
    ],
)
def test_bad_line_is_named_and_its_hash_is_not(tmp_path: Path, line: str, reason: str) -> None:
    path = password_file(tmp_path, line)
    with pytest.raises(ValueError, match="line") as refused:
        PasswordFile(path)
    assert reason in str(refused.value)
    assert str(path) in str(refused.value)
    assert "secret" not in str(refused.value)


def test_changes_of_the_file_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(files, "PAUSE", 0.0)
    path = password_file(tmp_path, f"alice:{BCRYPT}\n")
    users = PasswordFile(path)
    path.write_text(f"bob:{BCRYPT}\nalice:{BCRYPT}\n", encoding="utf-8")
    assert users.check("bob", "bricks")
    path.write_text("bob:plain\n", encoding="utf-8")
    assert users.check("bob", "bricks")
    assert "what was read before stays in force" in caplog.text
    path.unlink()
    assert users.check("alice", "bricks")
    path.write_text("\n", encoding="utf-8")
    assert not users.check("alice", "bricks")


def test_written_entries_can_be_checked(tmp_path: Path) -> None:
    path = tmp_path / "users"
    write_entry(path, "alice", "one")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    os.chmod(path, 0o640)
    write_entry(path, "bob", "two")
    write_entry(path, "alice", "three")
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    users = PasswordFile(path)
    assert [users.check("alice", word) for word in ("one", "three")] == [False, True]
    assert users.check("bob", "two")
    assert set(read_entries(path)) == {"alice", "bob"}
    assert os.listdir(tmp_path) == ["users"]


@pytest.mark.parametrize(
    ("user", "password", "reason"),
    [
        ("", "x", "empty or has a blank"),
        ("a:b", "x", "colon"),
        ("a b", "x", "blank"),
        ("#a", "x", "#"),
        ("a", "", "em"),
    ],
)
def test_entries_that_could_not_be_read_back_are_not_written(
    tmp_path: Path, user: str, password: str, reason: str
) -> None:
    with pytest.raises(ValueError, match=reason):
        write_entry(tmp_path / "users", user, password)
    assert not os.listdir(tmp_path)
