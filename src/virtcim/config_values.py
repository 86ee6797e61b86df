"""How one raw setting is read: text of the environment, or a value of YAML or of a flag, into what Settings holds.

Each parser raises ValueError with the reason; the caller knows the setting and its source.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, urlsplit

Parser = Callable[[object], object]

_BOOLEANS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}


def boolean(raw: object) -> bool:
    """A YAML boolean, or true/yes/on/1 and false/no/off/0 as text."""
    if isinstance(raw, bool):
        return raw
    if isinstance(raw, str) and raw.strip().lower() in _BOOLEANS:
        return _BOOLEANS[raw.strip().lower()]
    raise ValueError(f"must be true or false, not {raw!r}")


def whole(least: int) -> Callable[[object], int]:
    """A whole number of at least `least`."""

    def read(raw: object) -> int:
        if isinstance(raw, str) and raw.strip().isdecimal():
            raw = int(raw)
        if isinstance(raw, bool) or not isinstance(raw, int) or raw < least:
            raise ValueError(f"must be a whole number of at least {least}, not {raw!r}")
        return raw

    return read


def seconds(least: float) -> Callable[[object], float]:
    """A finite number of seconds, at least `least`."""

    def read(raw: object) -> float:
        value = math.nan if isinstance(raw, bool) else _number(raw)
        if not (math.isfinite(value) and value >= least):
            raise ValueError(f"must be a number of seconds of at least {least:g}, not {raw!r}")
        return value

    return read


def _number(raw: object) -> float:
    if not isinstance(raw, str | int | float):
        return math.nan
    try:
        return float(raw)
    except ValueError:
        return math.nan


def choice(*allowed: str) -> Callable[[object], str]:
    """One of the given words, in any case."""

    def read(raw: object) -> str:
        if isinstance(raw, str) and raw.strip().lower() in allowed:
            return raw.strip().lower()
        raise ValueError(f"must be {' or '.join(allowed)}, not {raw!r}")

    return read


def directory(raw: object) -> Path:
    """An absolute directory; ~ is the home directory, a relative path starts where the process does."""
    if isinstance(raw, Path) or (isinstance(raw, str) and raw.strip()):
        return Path(raw).expanduser().absolute()
    raise ValueError(f"must be a directory, not {raw!r}")


def database(raw: object) -> str:
    """An SQLAlchemy URL; empty for none."""
    if isinstance(raw, str) and (not raw.strip() or "://" in raw):
        return raw.strip()
    raise ValueError("must be a URL as postgresql://USER@HOST/NAME")


def uris(raw: object) -> tuple[str, ...]:
    """libvirt URIs: DRIVER[+TRANSPORT]://[HOST]/[PATH][?QUERY]."""
    found = _words(raw)
    for uri in found:
        if not urlsplit(uri).scheme or "://" not in uri:
            raise ValueError(f"{uri!r} is not a libvirt URI such as qemu:///system")
    return found


def file(raw: object) -> Path | None:
    """An absolute path of a file; empty for none."""
    if raw is None or raw == "":
        return None
    if isinstance(raw, Path) or (isinstance(raw, str) and raw.strip()):
        return Path(raw).expanduser().absolute()
    raise ValueError(f"must be a file, not {raw!r}")


def word(raw: object) -> str:
    """A text without blanks; may be empty."""
    if isinstance(raw, str) and not any(map(str.isspace, raw)):
        return raw
    raise ValueError(f"must be a word, not {raw!r}")


def choices(*allowed: str) -> Callable[[object], tuple[str, ...]]:
    """One or more of the given words."""

    def read(raw: object) -> tuple[str, ...]:
        found = _words(raw)
        for one in found:
            if one not in allowed:
                raise ValueError(f"must be of {', '.join(allowed)}, not {one!r}")
        return found

    return read


def urls(raw: object) -> tuple[str, ...]:
    """URLs to listen on: http[s]://ADDRESS:PORT, an https one with ?certificate=FILE&key=FILE; unix:/PATH."""
    found = _words(raw)
    for url in found:
        _check_listen(url)
    return tuple(url if url.startswith("unix:") else url.replace("/?", "?").rstrip("/") for url in found)


@dataclass(frozen=True, slots=True)
class Listen:
    """A URL that urls() accepted, taken apart; `certificate` and `key` are what the URL itself names."""

    url: str  # without the files
    scheme: str
    certificate: Path | None = None
    key: Path | None = None


def listen(url: str) -> Listen:
    """Take apart a URL that urls() accepted."""
    split = urlsplit(url)
    files = {name: Path(path) for name, path in parse_qsl(split.query)}
    base = url.partition("?")[0]
    return Listen(base, split.scheme, files.get("certificate"), files.get("key"))


def endpoint(url: str) -> tuple[str, int]:
    """Address and port of a URL that urls() accepted; 5988 and 5989 are the ports of CIM-XML (DSP0200)."""
    split = urlsplit(url)
    default = 5989 if split.scheme == "https" else 5988
    return split.hostname or "", default if split.port is None else split.port


def is_loopback(url: str) -> bool:
    """Does only this machine reach the URL? A name counts as loopback only when it is localhost."""
    if url.startswith("unix:"):
        return True
    host, _ = endpoint(url)
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def repeated_platform(connect: Iterable[str]) -> str | None:
    """The libvirt driver that more than one URI names, if any."""
    drivers = Counter(urlsplit(uri).scheme.partition("+")[0] for uri in connect)
    return next((driver for driver, times in drivers.items() if times > 1), None)


def _words(raw: object) -> tuple[str, ...]:
    """A list of texts, or one text with blanks between; without repetition, not empty."""
    found = raw.split() if isinstance(raw, str) else list(raw) if isinstance(raw, list | tuple) else []
    if not found or not all(isinstance(word, str) and word for word in found):
        raise ValueError(f"must be one or more texts, not {raw!r}")
    if len(set(found)) < len(found):
        raise ValueError(f"names one of them twice: {' '.join(found)}")
    return tuple(found)


def _check_listen(url: str) -> None:
    split = urlsplit(url)
    if split.scheme == "unix":
        if split.netloc or not split.path.startswith("/") or split.query:
            raise ValueError(f"{url!r} is not of the form unix:/PATH")
        return
    plain = split.scheme in ("http", "https") and split.hostname and not split.path.strip("/")
    if not plain or split.username or (split.query and split.scheme == "http"):
        raise ValueError(f"{url!r} is not of the form http://ADDRESS:PORT, https://ADDRESS:PORT or unix:/PATH")
    if split.query:
        _check_files(url, split.query)
    _check_port(split)


def _check_files(url: str, query: str) -> None:
    given = dict(parse_qsl(query, keep_blank_values=True))
    if given.keys() != {"certificate", "key"} or not all(path.startswith("/") for path in given.values()):
        raise ValueError(f"{url!r}: after the ? goes certificate=FILE&key=FILE, both with their whole paths")


def _check_port(split: SplitResult) -> None:
    try:
        _ = split.port
    except ValueError as error:
        raise ValueError(f"{split.geturl()!r}: {error}") from error
