"""The HTTP header of a request: what DSP0200 clauses 6.3 and 7.1 ask of it, checked before the body is read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import unquote_to_bytes

from virtcim.broker.call import Call
from virtcim.wire.faults import HTTPFault

MISMATCH = "header-mismatch"
_XML = ("application/xml", "text/xml")
_LOOKED_AT = frozenset(
    {
        b"content-type", b"content-encoding", b"range", b"accept-ranges", b"accept", b"accept-charset", b"cimoperation",
        b"cimexport", b"cimmethod", b"cimobject", b"cimprotocolversion", b"cimbatch",
    }
)  # fmt: skip
_USUAL_TYPES = frozenset({b'application/xml; charset="utf-8"', b"application/xml; charset=utf-8"})


@dataclass(frozen=True, slots=True)
class CIMHeaders:
    """The CIM headers, decoded; None where absent."""

    method: str | None = None
    object: str | None = None
    protocol_version: str | None = None
    batch: bool = False

    def check(self, call: Call, protocol_version: str) -> None:
        """Compare with the body; raises HTTPFault 400 header-mismatch."""
        if self.batch:
            raise HTTPFault(400, MISMATCH, "CIMBatch is given with a simple request")
        if self.method != call.name:
            raise HTTPFault(400, MISMATCH, f"CIMMethod is {self.method}, the body calls {call.name}")
        if self.protocol_version not in (None, protocol_version):
            detail = f"CIMProtocolVersion is {self.protocol_version}, the body has PROTOCOLVERSION {protocol_version}"
            raise HTTPFault(400, MISMATCH, detail)
        self._check_object(call)

    def _check_object(self, call: Call) -> None:
        # Key values are not compared: clients quote and order them in too many ways.
        namespace, _, rest = (self.object or "").partition(":")
        wanted = call.namespace
        if namespace.strip("/").lower() != wanted.lower():
            raise HTTPFault(400, MISMATCH, f"CIMObject is {self.object}, the body names the namespace {wanted}")
        classname = rest.partition(".")[0]
        if call.target is not None and classname.lower() != call.target.classname.lower():
            detail = f"CIMObject is {self.object}, the body names the class {call.target.classname}"
            raise HTTPFault(400, MISMATCH, detail)


def checked_headers(headers: Iterable[tuple[bytes, bytes]]) -> CIMHeaders:
    """The CIM headers once all are found right. Errors: those of check_media and cim_headers."""
    return _checked(tuple([header for header in headers if header[0] in _LOOKED_AT]))


@lru_cache(maxsize=512)
def _checked(headers: tuple[tuple[bytes, bytes], ...]) -> CIMHeaders:
    """Clients repeat their headers."""
    found = dict(headers)
    check_media(found)
    return cim_headers(found)


def cim_headers(headers: Mapping[bytes, bytes]) -> CIMHeaders:
    """The CIM headers of lower-case `headers`; raises HTTPFault for anything that is no CIM operation message."""
    operation = headers.get(b"cimoperation")
    if operation is None:
        raise HTTPFault(400, "unsupported-operation" if b"cimexport" in headers else None, "CIMOperation is missing")
    if operation.strip().lower() != b"methodcall":
        raise HTTPFault(400, "unsupported-operation", f"CIMOperation is {operation.decode('latin-1')}, not MethodCall")
    return CIMHeaders(
        method=_unescaped(headers, b"cimmethod"),
        object=_unescaped(headers, b"cimobject"),
        protocol_version=_unescaped(headers, b"cimprotocolversion"),
        batch=b"cimbatch" in headers,
    )


def _unescaped(headers: Mapping[bytes, bytes], name: bytes) -> str | None:
    """A value in the two-step encoding of DSP0200 clause 6.3.3: UTF-8, then %-escapes.

    pywbem escapes nothing and sends Latin-1.
    """
    value = headers.get(name)
    if value is None:
        return None
    unescaped = unquote_to_bytes(value.strip())
    try:
        return unescaped.decode()
    except UnicodeDecodeError:
        return unescaped.decode("latin-1")


def check_media(headers: Mapping[bytes, bytes]) -> None:
    """Content-Type, Content-Encoding and the Accept headers; raises HTTPFault 415 or 406."""
    content_type = headers.get(b"content-type", b"")
    if content_type.lower() not in _USUAL_TYPES:
        _check_content_type(content_type.decode("latin-1"))
    if headers.get(b"content-encoding", b"identity").lower() != b"identity":
        raise HTTPFault(415, None, "Content-Encoding is not identity")
    if b"range" in headers or b"accept-ranges" in headers:
        raise HTTPFault(406, None, "a part of a response cannot be asked for")
    if not admits(headers.get(b"accept"), ("*/*", "application/*", "text/*", *_XML)):
        raise HTTPFault(406, None, "Accept admits neither application/xml nor text/xml")
    if not admits(headers.get(b"accept-charset"), ("*", "utf-8")):
        raise HTTPFault(406, None, "Accept-Charset does not admit utf-8")


def _check_content_type(value: str) -> None:
    media, *parameters = (part.strip().lower() for part in value.split(";"))
    if media not in _XML:
        raise HTTPFault(415, None, f"Content-Type is {value or 'missing'}, not application/xml or text/xml")
    for parameter in parameters:
        name, _, charset = parameter.partition("=")
        if name.strip() == "charset" and charset.strip(" \"'") not in ("utf-8", "utf8"):
            raise HTTPFault(415, None, f"the charset of Content-Type is {charset}, not utf-8")


def admits(value: bytes | None, acceptable: tuple[str, ...]) -> bool:
    """Whether a list of ranges with q values admits one of `acceptable`; an absent header admits all."""
    if value is None or value == b"*/*":
        return True
    for entry in value.decode("latin-1").lower().split(","):
        name, *parameters = (part.strip() for part in entry.split(";"))
        refused = any(p.startswith("q=") and p[2:].strip("0.") == "" for p in parameters)
        if name in acceptable and not refused:
            return True
    return False
