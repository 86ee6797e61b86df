"""DSP1054 Indications: the export requests as they arrive, and those that come again to a listener that refuses."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from threading import Thread
from xml.etree import ElementTree

from pywbem import CIMInstance, CIMInstanceName, Uint16, Uint32

from virtcim.conformance.check import check
from virtcim.conformance.dsp1054 import Made, making, service
from virtcim.conformance.dsp1054_delivery import CHANGES, PATIENCE, own_address, subscribe
from virtcim.conformance.site import Site, cim_status
from virtcim.conformance.systems import activate, temporary
from virtcim.conformance.verdict import expect, expect_none, skip_unless

CAPABILITIES = "CIM_IndicationServiceCapabilities"
ATTEMPTS, INTERVAL = "DeliveryRetryAttempts", "DeliveryRetryInterval"
RETRIES, SECONDS = 1, 1  # what both are set to
NO_MORE = 4.0  # seconds after which no further attempt is expected
EARLY = 0.05  # seconds by which clocks may differ
ACCEPTED = (
    b'<?xml version="1.0" encoding="utf-8"?><CIM CIMVERSION="2.0" DTDVERSION="2.0"><MESSAGE ID="1"'
    b' PROTOCOLVERSION="1.0"><SIMPLEEXPRSP><EXPMETHODRESPONSE NAME="ExportIndication"><IRETURNVALUE/>'
    b"</EXPMETHODRESPONSE></SIMPLEEXPRSP></MESSAGE></CIM>"
)
NESTING = ("CIM", "MESSAGE", "SIMPLEEXPREQ", "EXPMETHODCALL", "EXPPARAMVALUE", "INSTANCE")
ATTRIBUTES = {
    "CIM": ("CIMVERSION", "DTDVERSION"),
    "MESSAGE": ("ID", "PROTOCOLVERSION"),
    "EXPMETHODCALL": ("NAME",),
    "EXPPARAMVALUE": ("NAME",),
    "INSTANCE": ("CLASSNAME",),
}
NAMES = {"EXPMETHODCALL": "ExportIndication", "EXPPARAMVALUE": "NewIndication"}


@dataclass(frozen=True)
class Received:
    """A request: when it came, its headers by their names in lower case, and its body."""

    at: float
    headers: dict[str, str]
    body: bytes

    def value(self, name: str) -> str | None:
        """What a string or number of the indication is."""
        found = ElementTree.fromstring(self.body).find(f".//EXPPARAMVALUE/INSTANCE/PROPERTY[@NAME='{name}']/VALUE")
        return None if found is None else found.text


class RawListener:
    """Keeps each request as it comes, and answers all of them with one HTTP status."""

    def __init__(self, host: str, status: int) -> None:
        self.received: list[Received] = []
        kept = self.received

        class Handler(BaseHTTPRequestHandler):
            """One connection."""

            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                kept.append(Received(time.monotonic(), headers, body))
                self.send_response(status)
                self.send_header("Content-Type", 'application/xml; charset="utf-8"')
                self.send_header("Content-Length", str(len(ACCEPTED)))
                self.end_headers()
                self.wfile.write(ACCEPTED)

            def log_message(self, *_: object) -> None:
                """Nothing to the terminal."""

        setattr(Handler, "do_M-POST", Handler.do_POST)

        class Server(ThreadingHTTPServer):
            """For either version of IP."""

            address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
            daemon_threads = True

        self._server = Server((host, 0), Handler)
        shown = f"[{host}]" if ":" in host else host
        self.url = f"http://{shown}:{self._server.server_address[1]}"
        self._thread = Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def wait(self, count: int, seconds: float) -> None:
        """Until so many requests have come."""
        deadline = time.monotonic() + seconds
        while len(self.received) < count:
            expect(time.monotonic() < deadline, f"{len(self.received)} of {count} requests came in {seconds:g} s")
            time.sleep(0.02)


@contextmanager
def told(site: Site, *statuses: int) -> Iterator[list[RawListener]]:
    """Listeners that answer so each, as a system is activated that all of them have subscribed to."""
    with temporary(site) as system, making(site) as made:
        listeners = [RawListener(own_address(site), status) for status in statuses]
        try:
            for one in listeners:
                subscribe(made, made.destination(Destination=one.url), CHANGES)
            activate(site, system)
            yield listeners
        finally:
            _end_subscriptions(made)
            for one in listeners:
                one.stop()


def _end_subscriptions(made: Made) -> None:
    """Nobody is to send to a listener that has gone."""
    for path in [one for one in reversed(made.paths) if "Subscription" in one.classname]:
        made.delete(path)


@check("DSP1054-R19", write=True)
def export_request(site: Site) -> None:
    """The export request has the elements and headers that DSP0200 and DSP0201 ask for."""
    with told(site, 200) as (listener,):
        listener.wait(1, min(PATIENCE, site.patience))
        expect_none([*_header_faults(listener.received[0].headers), *_body_faults(listener.received[0].body)])


def _header_faults(headers: dict[str, str]) -> Iterator[str]:
    """M-POST puts a number before the names of its own headers."""
    prefix = headers.get("man", "").partition("ns=")[2].strip()
    lead = f"{prefix}-" if prefix else ""
    for name, wanted in (("cimexport", "MethodRequest"), ("cimexportmethod", "ExportIndication")):
        value = headers.get(lead + name)
        if value != wanted:
            yield f"the header {name} is {value}"
    content = headers.get("content-type", "").replace(" ", "").lower()
    kind, _, charset = content.partition(";")
    if kind not in ("application/xml", "text/xml") or charset not in ("charset=utf-8", 'charset="utf-8"'):
        yield f"Content-Type is {content}"


def _body_faults(body: bytes) -> Iterator[str]:
    try:
        element = ElementTree.fromstring(body)
    except ElementTree.ParseError as error:
        yield f"the request is no XML: {error}"
        return
    found: ElementTree.Element | None = element if element.tag == NESTING[0] else None
    for name in NESTING:
        if found is None:
            yield f"there is no {name} where it should be"
            return
        yield from (f"{name} has no {one}" for one in ATTRIBUTES.get(name, ()) if found.get(one) is None)
        if name in NAMES and found.get("NAME") != NAMES[name]:
            yield f"{name} has the NAME {found.get('NAME')}"
        following = NESTING[NESTING.index(name) + 1 :][:1]
        found = found.find(following[0]) if following else None


@contextmanager
def hasty(site: Site) -> Iterator[None]:
    """The service tries again once, after a second; in the end it delivers as before."""
    path = service(site).path
    found = site.across(path, "CIM_ElementCapabilities", CAPABILITIES, "ManagedElement")
    settable = all(one.get(f"{name}IsSettable") for one in found for name in (ATTEMPTS, INTERVAL))
    skip_unless(found and settable, "clients cannot set how often the service tries")
    before = {name: service(site).get(name) for name in (ATTEMPTS, INTERVAL)}
    status = _deliver(site, path, {ATTEMPTS: Uint16(RETRIES), INTERVAL: Uint32(SECONDS)})
    expect(status == 0, f"setting {ATTEMPTS} and {INTERVAL} ends with status {status}")
    try:
        yield
    finally:
        _deliver(site, path, before)
        site.forget()


def _deliver(site: Site, path: CIMInstanceName, values: dict[str, object]) -> int:
    given = CIMInstance(path.classname, values, path=path)
    return cim_status(lambda: site.cim.ModifyInstance(given, PropertyList=list(values)))


@check("DSP1054-R13", write=True)
def tried_again(site: Site) -> None:
    """A destination that is away is tried again as often and as far apart as the service says; others do not wait."""
    skip_unless(site.write, "changes how the service delivers; not allowed without --write")
    with hasty(site), told(site, 500, 200) as (refusing, good):
        good.wait(1, min(PATIENCE, site.patience))
        refusing.wait(1 + RETRIES, min(PATIENCE, site.patience))
        time.sleep(NO_MORE)
        first = refusing.received[0].body
        tries = [one for one in refusing.received if one.body == first]
        expect(len(tries) == 1 + RETRIES, f"an indication was sent {len(tries)} times, not {1 + RETRIES}")
        gaps = [after.at - before.at for before, after in pairwise(tries)]
        expect(all(gap >= SECONDS - EARLY for gap in gaps), f"it was sent again after {gaps} s")
        numbers = {one.value("SequenceNumber") for one in tries}
        expect(len(numbers) == 1, f"an attempt that is made again is numbered {numbers}")
        expect(good.received[0].at < tries[-1].at, "another destination waited for it")
