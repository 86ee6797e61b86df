"""The checks of DSP0200 that need HTTP, against servers that answer everything in one wrong way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from tests.conformance.small_server import small_connection

from virtcim.conformance import runner
from virtcim.conformance.runner import FAIL, PASS, SKIP, Result
from virtcim.conformance.site import Site

CHECKS_BY_ID = {one.id: one for one in runner.checks(["dsp0200"])}
Answer = tuple[int, dict[str, str], str]
Answering = Callable[[BaseHTTPRequestHandler, str], Answer]


def document(content: str, message_id: str = "1001") -> str:
    """A response message."""
    return (
        f'<CIM CIMVERSION="2.0" DTDVERSION="2.0"><MESSAGE ID="{message_id}" PROTOCOLVERSION="1.0"><SIMPLERSP>'
        f"{content}</SIMPLERSP></MESSAGE></CIM>"
    )


def always(status: int, body: str = "", **headers: str) -> Answering:
    """The same answer to everything."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda _request, _body: (status, named, body)


@contextmanager
def serving(answer: Answering) -> Iterator[str]:
    """A server on loopback; gives its URL."""

    class Handler(BaseHTTPRequestHandler):
        def handle_one_request(self) -> None:
            self.raw_requestline = self.rfile.readline()
            if not self.raw_requestline or not self.parse_request():
                return
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            status, headers, content = answer(self, body)
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(content.encode()))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content.encode())

        def log_message(self, format: str, *args: object) -> None:
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def result(check_id: str, answer: Answering) -> Result:
    """The check's result when HTTP is answered so, and everything else by the tiny server."""
    with serving(answer) as url:
        return runner.run_one(CHECKS_BY_ID[check_id], Site(small_connection(), raw_url=url))


CLASS_NAMES = document('<IMETHODRESPONSE NAME="EnumerateClassNames"><IRETURNVALUE/></IMETHODRESPONSE>')
ERROR = document('<IMETHODRESPONSE NAME="EnumerateInstances"><ERROR CODE="5"/></IMETHODRESPONSE>')
A_VALUE = CLASS_NAMES.replace("<IRETURNVALUE/>", "<IRETURNVALUE><VALUE>1</VALUE></IRETURNVALUE>")
TWO = CLASS_NAMES.replace("<SIMPLERSP>", "<MULTIRSP><SIMPLERSP>").replace(
    "</SIMPLERSP>", '</SIMPLERSP><SIMPLERSP><IMETHODRESPONSE NAME="X"/></SIMPLERSP></MULTIRSP>'
)


@pytest.mark.parametrize(
    ("check_id", "answer", "verdict", "reason"),
    [
        ("DSP0200-R01", always(400), PASS, ""),
        ("DSP0200-R01", always(200, CLASS_NAMES), FAIL, "HTTP 200"),
        ("DSP0200-R02", always(400, CIMError="unsupported-operation"), PASS, ""),
        ("DSP0200-R02", always(400), FAIL, "instead of 400 unsupported-operation"),
        ("DSP0200-R03", always(400, CIMError="request-not-well-formed"), FAIL, "request-not-loosely-valid"),
        ("DSP0200-R04", always(400, CIMError="header-mismatch"), PASS, ""),
        ("DSP0200-R04", always(200, CLASS_NAMES), FAIL, "header-mismatch"),
        ("DSP0200-R05", always(501, CIMError="unsupported-protocol-version"), FAIL, "1.9 was answered with HTTP 501"),
        ("DSP0200-R06", always(501, CIMError="unsupported-dtd-version"), FAIL, "unsupported-cim-version"),
        ("DSP0200-R07", always(501, CIMError="multiple-requests-unsupported"), PASS, ""),
        ("DSP0200-R07", always(200, TWO), PASS, ""),
        ("DSP0200-R07", always(200, CLASS_NAMES), FAIL, "0 responses for 2 requests"),
        ("DSP0200-R08", always(501), PASS, ""),
        ("DSP0200-R08", always(200, CLASS_NAMES, Ext=""), PASS, ""),
        ("DSP0200-R08", always(405), FAIL, "HTTP 405"),
        ("DSP0200-R08", always(501, CIMError="unsupported-operation"), FAIL, "keeps clients from trying POST"),
        ("DSP0200-R09", always(200, ERROR, CIMOperation="MethodResponse"), PASS, ""),
        ("DSP0200-R09", always(200, ERROR), FAIL, "CIMOperation is ''"),
        ("DSP0200-R09", always(500), FAIL, "HTTP 500"),
        ("DSP0200-R10", always(200, CLASS_NAMES), FAIL, "message ID was not repeated"),
        ("DSP0200-R12", always(200, ERROR), FAIL, "gave 5 instead of 7"),
        ("DSP0200-R12", always(200, "<CIM"), FAIL, "no XML"),
        ("DSP0200-R15", always(200, A_VALUE), FAIL, "GetClass returned VALUE instead of CLASS"),
        ("DSP0200-R23", always(200, CLASS_NAMES), PASS, ""),
        ("DSP0200-R23", always(200, CLASS_NAMES.replace("IRETURNVALUE", "RESULT")), FAIL, "RESULT is no element"),
        ("DSP0200-R24", always(401, WWW_Authenticate='Basic realm="x"'), PASS, ""),
        ("DSP0200-R24", always(401, WWW_Authenticate="Digest x, Basic y"), FAIL, "'Digest'"),
        ("DSP0200-R24", always(200, CLASS_NAMES), SKIP, "without credentials"),
    ],
    ids=lambda value: value if isinstance(value, str) and value.startswith("DSP") else None,
)  # fmt: skip
def test_http_check(check_id: str, answer: Answering, verdict: str, reason: str) -> None:
    seen = result(check_id, answer)
    assert (seen.verdict, reason in seen.reason) == (verdict, True), seen


PROFILE_NAME = (
    '<INSTANCENAME CLASSNAME="CIM_RegisteredProfile"><KEYBINDING NAME="InstanceID">'
    '<KEYVALUE VALUETYPE="string" TYPE="string">x</KEYVALUE></KEYBINDING></INSTANCENAME>'
)


@pytest.mark.parametrize(
    ("name", "verdict"),
    [
        (PROFILE_NAME, PASS),
        (PROFILE_NAME.replace(' TYPE="string"', ""), FAIL),
        (PROFILE_NAME.replace('VALUETYPE="string"', 'VALUETYPE="numeric"'), FAIL),
    ],
    ids=["typed", "untyped", "numeric"],
)
def test_keys_are_typed(name: str, verdict: str) -> None:
    names = f'<IMETHODRESPONSE NAME="X"><IRETURNVALUE>{name}</IRETURNVALUE></IMETHODRESPONSE>'
    assert result("DSP0200-R22", always(200, document(names))).verdict == verdict


def test_requests_are_well_formed_and_carry_credentials() -> None:
    seen: list[tuple[str, str | None, str]] = []

    def record(request: BaseHTTPRequestHandler, body: str) -> Answer:
        seen.append((request.headers["CIMMethod"], request.headers["Authorization"], body))
        return 200, {"CIMOperation": "MethodResponse"}, ERROR

    with serving(record) as url:
        site = Site.at(url, "me", "secret")
        site.interop = "interop"
        assert runner.run_one(CHECKS_BY_ID["DSP0200-R09"], site).verdict == PASS
        assert runner.run_one(CHECKS_BY_ID["DSP0200-R24"], site).verdict == SKIP
    assert [one[:2] for one in seen] == [("EnumerateInstances", "Basic bWU6c2VjcmV0"), ("EnumerateClassNames", None)]
    assert '<LOCALNAMESPACEPATH><NAMESPACE NAME="interop"/></LOCALNAMESPACEPATH>' in seen[0][2]


@pytest.mark.parametrize(
    ("closing", "verdict"),
    [("", PASS), ("<IRETURNVALUE/>", FAIL), ('<ERROR CODE="21"/>', FAIL)],
    ids=["void", "value", "error"],
)
def test_closing_returns_nothing(closing: str, verdict: str) -> None:
    def answer(request: BaseHTTPRequestHandler, _body: str) -> Answer:
        context = '<PARAMVALUE NAME="EnumerationContext"><VALUE>x</VALUE></PARAMVALUE>'
        contents = {"OpenEnumerateInstances": context, "CloseEnumeration": closing}
        content = contents.get(request.headers["CIMMethod"], "")
        return 200, {}, document(f'<IMETHODRESPONSE NAME="X">{content}</IMETHODRESPONSE>')

    assert result("DSP0200-R15", answer).verdict == verdict
