"""What a request asks of the form of its reply: compression, language, and whether errors may be told at length."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from virtcim.wire.faults import HTTPFault
from virtcim.wire.headers import CIMHeaders, admits, checked_headers

LANGUAGE = b"en"  # of all that we say

_PLAIN = "identity"
_ASKED = "asked"  # in a scope


class Terms(NamedTuple):
    """The form of a reply; `version` is that of HTTP. What is `encrypted` is copied by who does that."""

    version: str = "1.1"
    gzip: bool = False
    language: bool = False
    extended_errors: bool = True
    encrypted: bool = False


def terms(scope: Mapping[str, Any], headers: Mapping[bytes, bytes]) -> Terms:
    """Read from the request."""
    return Terms(
        scope["http_version"],
        gzip=_gzip(headers.get(b"accept-encoding"), (scope.get("client") or ("",))[0]),
        language=b"accept-language" in headers,
        # wbemcli reads no ERROR but an empty one. It names no media types, which all other clients known to us do.
        extended_errors=b"accept" in headers,
        encrypted=scope.get("scheme") == "https",
    )


def asked_for(scope: dict[str, Any]) -> tuple[CIMHeaders, Terms]:
    """The CIM headers and the terms of a request, kept in its scope. Errors: HTTPFault."""
    found: tuple[CIMHeaders, Terms] | None = scope.get(_ASKED)
    if found is None:
        headers = dict(scope["headers"])
        if scope["http_version"] == "1.1" and b"host" not in headers:
            raise HTTPFault(400, None, "Host is missing")
        found = scope[_ASKED] = checked_headers(scope["headers"]), terms(scope, headers)
    return found


@lru_cache(maxsize=512)
def _gzip(accepted: bytes | None, client: str) -> bool:
    """Whether to compress: where it is asked for, and saves more than it costs.

    On one machine it only costs, so it is done there for a client that takes nothing else.
    """
    if accepted is None or not admits(accepted, ("gzip", "x-gzip", "*")):
        return False
    return not (is_local(client) and _takes_plain(accepted.decode("latin-1").lower()))


def _takes_plain(accepted: str) -> bool:
    """identity is taken unless it is refused, by name or with all that is not named (RFC 9110 clause 12.5.3)."""
    ranges = [entry.partition(";")[0].strip() for entry in accepted.split(",")]
    name = next((one for one in (_PLAIN, "*") if one in ranges), None)
    return name is None or admits(accepted.encode("latin-1"), (name,))


def is_local(client: str) -> bool:
    """Whether an address is of this machine; at the Unix socket there is none."""
    try:
        return not client or ipaddress.ip_address(client.partition("%")[0]).is_loopback
    except ValueError:
        return False
