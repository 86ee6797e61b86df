"""One attempt to hand an indication to a listener: an HTTP POST of the ready request (DSP0200 clause 6)."""

from __future__ import annotations

import re
import ssl
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from virtcim.later import Later

if TYPE_CHECKING:
    import urllib3
else:
    urllib3 = Later("urllib3")

HEADERS = {
    "Content-Type": 'application/xml; charset="utf-8"',
    "Accept": "application/xml",
    "CIMExport": "MethodRequest",
    "CIMExportMethod": "ExportIndication",
}
MAX_ANSWER = 64 * 1024  # bytes of an answer that are looked at
CONNECT_SECONDS = 5.0
_ERROR = re.compile(rb"<ERROR\s[^>]*?CODE\s*=\s*[\"'](\d+)[\"']")


class Undelivered(Exception):
    """The listener did not take it; the message says why."""


class Link(Protocol):
    """A connection to one listener, kept between indications."""

    def post(self, body: bytes) -> None:
        """Hand over a request. Errors: Undelivered."""

    def close(self) -> None: ...


@dataclass(frozen=True)
class Listeners:
    """How listeners are reached. `ca` is a file of certificates to trust instead of the system's, "" for those."""

    timeout: float = 10.0
    ca: str = ""

    def link(self, url: str, user: str = "", password: str = "") -> Link:
        """A link to the listener at an http or https URL; its certificate is verified."""
        return HttpLink(url, self.timeout, self.ca, (user, password))


class HttpLink:
    """One kept-alive connection."""

    def __init__(self, url: str, timeout: float, ca: str, credentials: tuple[str, str]) -> None:
        split = urlsplit(url)
        self._target = (split.path or "/") + (f"?{split.query}" if split.query else "")
        self._timeout = timeout
        self._headers = dict(HEADERS)
        if credentials[0]:
            self._headers |= urllib3.util.make_headers(basic_auth=":".join(credentials))
        limits = urllib3.util.Timeout(connect=min(CONNECT_SECONDS, timeout), read=timeout)
        host = split.hostname or ""
        self._pool: urllib3.HTTPConnectionPool
        if split.scheme == "https":
            context = ssl.create_default_context(cafile=ca or None)
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            self._pool = urllib3.HTTPSConnectionPool(
                host, split.port or 443, timeout=limits, maxsize=1, ssl_context=context
            )
        else:
            self._pool = urllib3.HTTPConnectionPool(host, split.port or 80, timeout=limits, maxsize=1)

    def close(self) -> None:
        self._pool.close()

    def post(self, body: bytes) -> None:
        """Hand over a request: 200 without ERROR is taken for success. Errors: Undelivered."""
        deadline = time.monotonic() + self._timeout
        try:
            answer = self._pool.urlopen(
                "POST",
                self._target,
                body=body,
                headers=self._headers,
                retries=False,
                redirect=False,
                preload_content=False,
                assert_same_host=False,
            )
            try:
                content = _content(answer, deadline)
            except BaseException:
                answer.close()
                raise
            answer.release_conn()
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise Undelivered(str(error) or type(error).__name__) from error
        if answer.status != 200:
            raise Undelivered(f"the listener answers HTTP status {answer.status}")
        refusal = _ERROR.search(content)
        if refusal:
            raise Undelivered(f"the listener answers ERROR {refusal[1].decode()}")


def _content(answer: urllib3.BaseHTTPResponse, deadline: float) -> bytes:
    """The body, which neither its size nor its pace may make endless."""
    content = b""
    for piece in answer.stream(8192):
        content += piece
        if len(content) > MAX_ANSWER:
            raise Undelivered(f"the listener answers more than {MAX_ANSWER} bytes")
        if time.monotonic() > deadline:
            raise Undelivered("the listener does not come to the end of its answer")
    return content
