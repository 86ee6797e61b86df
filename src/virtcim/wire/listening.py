"""URLs to listen on, and the sockets bound for them: http, https, unix."""

from __future__ import annotations

import errno
import os
import shutil
import socket
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from virtcim.wire.tls import Tls

PORTS = {"http": 5988, "https": 5989}  # registered for wbem-http and wbem-https
UNIX = "unix"
BACKLOG = 1024
SOCKET_MODE = 0o660

_NO_SUCH_FAMILY = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT})


@dataclass(frozen=True, slots=True)
class Door:
    """One bound socket; `tls` is None where none is spoken."""

    sock: socket.socket
    tls: Tls | None


@dataclass(frozen=True, slots=True)
class Target:
    """Where to listen: `host` and `port` (0 takes a free one, host * is every address), or the `path` of a socket."""

    scheme: str
    host: str = ""
    port: int = 0
    path: str = ""

    def url(self, port: int) -> str:
        shown = f"[{self.host}]" if ":" in self.host else self.host
        return f"{UNIX}:{self.path}" if self.path else f"{self.scheme}://{shown}:{port}"


class Doors:
    """The sockets of a list of URLs; `tls` has an entry for each https URL, `group` owns Unix sockets."""

    def __init__(self, urls: Sequence[str], tls: Mapping[str, Tls], group: str = "") -> None:
        self._wanted = [(target_of(url), tls.get(url)) for url in urls]
        for target, has_tls in self._wanted:
            if target.scheme == "https" and has_tls is None:
                raise ValueError(f"{target.url(target.port)} needs a certificate")
        self._group = group
        self.open: list[Door] = []

    def bind(self) -> list[str]:
        """Bind all; the URLs that reach them. Errors: OSError that names the URL, with nothing left bound."""
        try:
            return [self._bind(target, tls) for target, tls in self._wanted]
        except OSError:
            self.close()
            raise

    def close(self) -> None:
        for door in self.open:
            door.sock.close()
        if self.open:
            for target, _ in self._wanted:
                if target.path:
                    Path(target.path).unlink(missing_ok=True)
        self.open.clear()

    def _bind(self, target: Target, tls: Tls | None) -> str:
        port = target.port
        try:
            if target.path:
                self.open.append(Door(_unix_socket(target.path, self._group), None))
                return target.url(port)
            infos = socket.getaddrinfo(
                None if target.host == "*" else target.host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )
            for number, (family, *_, address) in enumerate(infos):
                last = number == len(infos) - 1
                port = self._bind_address(family, (address[0], port or address[1]), tls, last)
        except OSError as error:
            reason = error.strerror or str(error)
            raise OSError(error.errno, f"cannot listen on {target.url(port)}: {reason}") from error
        return target.url(port)

    def _bind_address(self, family: int, address: tuple[Any, ...], tls: Tls | None, last: bool) -> int:
        """The port bound. A host name may have addresses of a family that this machine lacks; one must remain."""
        try:
            sock = socket.create_server(address, family=family, backlog=BACKLOG)
        except OSError as error:
            if error.errno in _NO_SUCH_FAMILY and (self.open or not last):
                return int(address[1])
            raise
        self.open.append(Door(sock, tls))
        return int(sock.getsockname()[1])


def target_of(url: str) -> Target:
    """Raises ValueError for anything but http[s]://host[:port] and unix:/path."""
    parts = urlsplit(url)
    if parts.scheme == UNIX and not parts.netloc and parts.path.startswith("/") and not parts.query:
        return Target(UNIX, path=parts.path)
    plain = parts.scheme in PORTS and parts.hostname and parts.path in ("", "/") and not parts.query
    if not plain or parts.username:
        raise ValueError(f"{url} is no URL to listen on, expected http[s]://HOST[:PORT] or unix:/PATH")
    try:
        port = parts.port
    except ValueError as error:
        raise ValueError(f"{url}: {error}") from error
    return Target(parts.scheme, parts.hostname or "", PORTS[parts.scheme] if port is None else port)


def _unix_socket(path: str, group: str) -> socket.socket:
    """A listening socket that its owner and group may use; one that a dead server left behind is replaced."""
    _remove_dead(path)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.bind(path)
        os.chmod(path, SOCKET_MODE)
        if group:
            shutil.chown(path, group=group)
        sock.listen(BACKLOG)
    except (OSError, LookupError) as error:
        sock.close()
        raise error if isinstance(error, OSError) else OSError(errno.EINVAL, str(error)) from error
    return sock


def _remove_dead(path: str) -> None:
    try:
        if not stat.S_ISSOCK(os.stat(path).st_mode):
            raise FileExistsError(errno.EEXIST, "there is a file that is no socket", path)
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)
            return
    raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
