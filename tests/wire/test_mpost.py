"""M-POST: CIM headers under the number that Man declares, in the request and in the reply."""

from __future__ import annotations

import pytest
from tests.wire.raw_http import GOOD, request, wire
from tests.wire.samples import HEADERS, Served, operation, parameter

CIM = "http://www.dmtf.org/cim/mapping/http/v1.0"
LINE = "M-POST /cimom HTTP/1.1"
UNPREFIXED: dict[str, str | None] = dict.fromkeys(name for name in HEADERS if name.startswith("CIM"))


def prefixed(number: str = "73", man: str | None = f"{CIM} ; ns=73", **more: str) -> dict[str, str | None]:
    """Headers of a correct M-POST but for what is given."""
    own = {f"{number}-{name}": value for name, value in HEADERS.items() if name.startswith("CIM")}
    return {**UNPREFIXED, "Man": man, **own, **more}


SERVED = {
    "as SBLIM sends it": prefixed(),
    "quoted": prefixed(man=f'"{CIM}";ns="73"'),
    "another number": prefixed("07", man=f"{CIM}; ns=07"),
    "protocol version as well": {**prefixed(), "73-CIMProtocolVersion": "1.0"},
    "a plain header that is none": {**prefixed(), "CIMMethod": "Other", "CIMBatch": ""},
}


@pytest.mark.parametrize("change", SERVED.values(), ids=SERVED.keys())
def test_served(served: Served, change: dict[str, str | None]) -> None:
    with wire(served) as connection:
        connection.send(request(change=change, line=LINE))
        response, body = connection.reply()
    number = "07" if "07-CIMMethod" in change else "73"
    assert response.status == 200, body
    assert response.headers["Ext"] == ""
    assert response.headers["Man"] == f"{CIM} ; ns={number}"
    assert response.headers["Cache-Control"] == "no-cache"
    assert response.headers[f"{number}-CIMOperation"] == "MethodResponse"
    assert response.headers["CIMOperation"] is None
    assert [call.name for call in served.calls] == ["GetInstance"]


REFUSED = {
    "no Man": (prefixed(man=None), 400),
    "no number": (prefixed(man=CIM), 400),
    "number of three digits": (prefixed(man=f"{CIM}; ns=731"), 400),
    "unknown extension": (prefixed(man="http://www.example.com/other ; ns=73"), 510),
    "a second extension": (prefixed(man=f"{CIM} ; ns=73, http://www.example.com/other ; ns=12"), 510),
    "headers under another number": (prefixed("74"), 400),
    "headers without the number": ({"Man": f"{CIM} ; ns=73"}, 400),
}


@pytest.mark.parametrize(("change", "status"), REFUSED.values(), ids=REFUSED.keys())
def test_refused(served: Served, change: dict[str, str | None], status: int) -> None:
    with wire(served) as connection:
        connection.send(request(change=change, line=LINE))
        response, _ = connection.reply()
    assert response.status == status
    assert response.headers["CIMError"] is None
    assert not served.calls


def test_fault_is_told_under_the_number(served: Served) -> None:
    with wire(served) as connection:
        connection.send(request(b"<CIM", prefixed(), LINE))
        response, _ = connection.reply()
    assert (response.status, response.headers["73-CIMError"]) == (400, "request-not-well-formed")
    assert response.headers["73-PGErrorDetail"]
    assert response.headers["CIMError"] is None


@pytest.mark.parametrize("cut", [1, 3, 6, 7, 12])
def test_request_line_in_pieces(served: Served, cut: int) -> None:
    data = request(change=prefixed(), line=LINE)
    with wire(served) as connection:
        for _ in range(2):
            connection.send(data[:cut])
            # A ping of the same loop tells that the piece has been read.
            assert served.post(GOOD)[0].status == 200
            connection.send(data[cut:])
            assert connection.reply()[0].status == 200


def test_post_and_m_post_take_turns(served: Served) -> None:
    with wire(served) as connection:
        for data, own in ((request(), "CIMOperation"), (request(change=prefixed(), line=LINE), "73-CIMOperation")) * 2:
            connection.send(data)
            response, _ = connection.reply()
            assert response.headers[own] == "MethodResponse"
            assert (response.headers["Ext"] is None) == (own == "CIMOperation")


def test_several_in_one_packet(served: Served) -> None:
    plain, extended = request(), request(change=prefixed(), line=LINE)
    with wire(served) as connection:
        connection.send(extended + plain + extended + extended + plain)
        for own in ("73-CIMOperation", "CIMOperation", "73-CIMOperation", "73-CIMOperation", "CIMOperation"):
            response, body = connection.reply()
            assert response.status == 200, body
            assert response.headers[own] == "MethodResponse"


def test_behind_what_is_refused_nothing_is_read(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    extended = request(change=prefixed(), line=LINE)
    with wire(served) as connection:
        connection.send(b"hello\r\n\r\n" + extended + b"M-POST x HTTP/1.1\r\nno header\r\n\r\n" + extended)
        assert connection.reply()[0].status == 400
        assert connection.ended()
    assert not served.calls
    assert not [record for record in caplog.records if record.exc_info]


TEXT = parameter("<VALUE>M-POST /cimom HTTP/1.1\r\nM-POST /cimom HTTP/1.1</VALUE>")


@pytest.mark.parametrize("chunked", [False, True], ids=["with a length", "chunked"])
def test_what_looks_like_one_in_a_body_is_none(served: Served, chunked: bool) -> None:
    body = operation(TEXT)
    data = request(body)
    if chunked:
        chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (body[:300], body[300:]))
        data = request(b"", {"Transfer-Encoding": "chunked", "Content-Length": None}) + chunks + b"0\r\n\r\n"
    with wire(served) as connection:
        connection.send(data + request(change=prefixed(), line=LINE))
        assert [connection.reply()[0].status for _ in range(2)] == [200, 200]
    assert [call.parameters.get("X") for call in served.calls] == [
        "M-POST /cimom HTTP/1.1\nM-POST /cimom HTTP/1.1",
        None,
    ]


@pytest.mark.parametrize("before", [1, 3, 6, 7, 10, 18, 21, 22, 23])
def test_another_in_pieces(served: Served, before: int) -> None:
    """The first piece has a whole request and the beginning of the next."""
    first, second = request(change=prefixed(), line=LINE), request(change=prefixed(), line=LINE)
    with wire(served) as connection:
        connection.send(first + second[:before])
        assert connection.reply()[0].status == 200
        connection.send(second[before:])
        response, _ = connection.reply()
    assert (response.status, response.headers["73-CIMOperation"]) == (200, "MethodResponse")


def test_number_on_a_post_is_none(served: Served) -> None:
    response, _ = served.post(GOOD, prefixed())
    assert response.status == 400
    assert not served.calls
