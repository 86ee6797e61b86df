"""Compressed replies: to whom, in which form, and that a broken one is not taken for a whole one."""

from __future__ import annotations

import gzip
import http.client
import zlib
from collections.abc import Iterator

import pytest
from tests.wire.raw_http import GOOD, request, wire
from tests.wire.samples import Served, system

from virtcim.broker.call import Answer, CIMError, Form, Status
from virtcim.wire.terms import terms

ONLY = "gzip, identity;q=0"  # else nothing is compressed on one machine
FAR, NEAR = ("192.0.2.7", 5), ("127.0.0.1", 5)


def many(count: int) -> Answer:
    return Answer(Form.NAMED_INSTANCE, [system(f"vm{number}") for number in range(count)])


ASKED = {
    "nothing said": (None, FAR, False),
    "gzip": ("gzip", FAR, True),
    "as requests asks": ("gzip, deflate, br", FAR, True),
    "anything": ("*", FAR, True),
    "with a weight": ("deflate;q=1, gzip;q=0.5", FAR, True),
    "in capitals": ("GZIP", FAR, True),
    "refused": ("gzip;q=0, deflate", FAR, False),
    "refused with three digits": ("gzip;q=0.000", FAR, False),
    "another": ("br, deflate", FAR, False),
    "empty": ("", FAR, False),
    "from the same machine": ("gzip, deflate", NEAR, False),
    "by IPv6": ("gzip", ("::1", 5, 0, 0), False),
    "by IPv6 from afar": ("gzip", ("fe80::1%eth0", 5, 0, 0), True),
    "at the Unix socket": ("gzip", None, False),
    "nothing else taken": (ONLY, NEAR, True),
    "nothing else taken by a star": ("gzip, *;q=0", None, True),
    "plain taken as well": ("gzip, identity;q=0.1, *;q=0", NEAR, False),
}


@pytest.mark.parametrize(("accepted", "client", "compressed"), ASKED.values(), ids=ASKED.keys())
def test_asked(accepted: str | None, client: tuple[str, int] | None, compressed: bool) -> None:
    headers = {} if accepted is None else {b"accept-encoding": accepted.encode()}
    assert terms({"http_version": "1.1", "client": client}, headers).gzip is compressed


def test_streamed(served: Served) -> None:
    served.answer = lambda _call: many(5000)
    response, body = served.post(GOOD, {"Accept-Encoding": ONLY})
    assert response.headers["Content-Encoding"] == "gzip"
    assert response.headers["Transfer-Encoding"] == "chunked"
    plain = gzip.decompress(body)
    assert plain.count(b"<VALUE.NAMEDINSTANCE>") == 5000
    assert plain.endswith(b"</CIM>\n")
    assert len(body) < len(plain) / 5
    assert served.post(GOOD)[1] == plain


@pytest.mark.parametrize("count", [20, 5000], ids=["one chunk", "many chunks"])
@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_versions_of_http(served: Served, count: int, version: str) -> None:
    served.answer = lambda _call: many(count)
    with wire(served) as connection:
        connection.send(request(change={"Accept-Encoding": ONLY}, line=f"POST / HTTP/{version}"))
        response, body = connection.reply()
    assert response.headers["Content-Encoding"] == "gzip"
    assert (response.headers["Content-Length"] is None) == (version == "1.1" and count == 5000)
    assert gzip.decompress(body).count(b"<VALUE.NAMEDINSTANCE>") == count


def test_what_is_short_is_left_as_it_is(served: Served) -> None:
    response, body = served.post(GOOD, {"Accept-Encoding": ONLY})
    assert response.headers["Content-Encoding"] is None
    assert body.endswith(b"</CIM>\n")


def test_late_error_leaves_no_whole_member(served: Served) -> None:
    def items() -> Iterator[object]:
        yield from (system(f"vm{number}") for number in range(5000))
        raise CIMError(Status.FAILED, "gone")

    served.answer = lambda _call: Answer(Form.NAMED_INSTANCE, items())
    with pytest.raises((http.client.IncompleteRead, ConnectionError)) as caught:
        served.post(GOOD, {"Accept-Encoding": ONLY})
    if isinstance(caught.value, http.client.IncompleteRead):
        with pytest.raises((EOFError, zlib.error)):
            gzip.decompress(caught.value.partial)
