"""What can be wrong with a request: faults of HTTP and XML (DSP0200 clause 7.3), and calls refused while read."""

from __future__ import annotations

from virtcim.broker.call import Call, CIMError


class HTTPFault(Exception):
    """A request answered by an HTTP status alone; `cimerror` is the value of the CIMError header, if it gets one.

    `headers` are others that the status needs.
    """

    def __init__(
        self, status: int, cimerror: str | None, detail: str, headers: tuple[tuple[str, str], ...] = ()
    ) -> None:
        super().__init__(f"{status} {cimerror or ''}: {detail}")
        self.status = status
        self.cimerror = cimerror
        self.detail = detail
        self.headers = headers


class RefusedCall(Exception):
    """A call that was understood but has unacceptable parameters: answered by an ERROR element with `error`."""

    def __init__(self, call: Call, error: CIMError) -> None:
        super().__init__(error.message)
        self.call = call
        self.error = error


class BadXML(ValueError):
    """XML that is no CIM-XML; `cimerror` is the CIMError header value for a request that is so."""

    cimerror = "request-not-valid"


class NotWellFormed(BadXML):
    """Not well-formed XML."""

    cimerror = "request-not-well-formed"


class Misplaced(BadXML):
    """Well-formed, but an element or attribute is missing, unknown or in the wrong place."""

    cimerror = "request-not-loosely-valid"


class Unacceptable(ValueError):
    """Correct XML with a value that cannot be meant: a duplicate name, an embedded instance that cannot be read."""
