"""A client of VNC (RFC 6143) that does no more than to log in."""

from __future__ import annotations

import socket
from types import TracebackType
from typing import Self

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, modes

VERSION = b"RFB 003.008\n"
NONE, PASSWORD = 1, 2  # security types


class Viewer:
    """A connection to a console; nothing is said before `greet` or `log_in`."""

    def __init__(self, port: int, host: str = "127.0.0.1") -> None:
        self._socket = socket.create_connection((host, port), timeout=10)
        self.own_port = int(self._socket.getsockname()[1])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self._socket.close()

    def greet(self) -> list[int]:
        """Agree on a version; the security types that are offered."""
        assert self._read(12).startswith(b"RFB ")
        self._socket.sendall(VERSION)
        return list(self._read(self._read(1)[0]))

    def log_in(self, password: str) -> tuple[int, int]:
        """By password; the size of the screen. Errors: AssertionError when it is refused."""
        assert PASSWORD in self.greet()
        self._socket.sendall(bytes([PASSWORD]))
        self._socket.sendall(_answer(self._read(16), password))
        assert self._read(4) == bytes(4), "the password is refused"
        self._socket.sendall(b"\x01")  # others may stay
        told = self._read(24)
        self._read(int.from_bytes(told[20:], "big"))
        return int.from_bytes(told[:2], "big"), int.from_bytes(told[2:4], "big")

    def ask_for_the_screen(self) -> None:
        """Once logged in. Errors: AssertionError when the console has hung up."""
        self._socket.sendall(b"\x03\x00" + bytes(4) + (1).to_bytes(2, "big") * 2)
        assert self._read(1) == b"\x00"

    def _read(self, size: int) -> bytes:
        found = b""
        while len(found) < size:
            more = self._socket.recv(size - len(found))
            assert more, "the console has closed the connection"
            found += more
        return found


def _answer(challenge: bytes, password: str) -> bytes:
    """DES with the password as key, the bits of each byte the other way round."""
    key = bytes(int(f"{byte:08b}"[::-1], 2) for byte in password.encode()[:8].ljust(8, b"\0"))
    encryptor = Cipher(TripleDES(key * 3), modes.ECB()).encryptor()
    return encryptor.update(challenge) + encryptor.finalize()
