"""Hand-made CIM-XML messages over HTTP, for what no client library can be made to send or to show."""

from __future__ import annotations

import base64
import http.client
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit
from xml.etree import ElementTree
from xml.sax.saxutils import escape, quoteattr

from pywbem import CIMInstanceName

from virtcim.conformance.site import Site
from virtcim.conformance.verdict import Failed, expect, skip

Element = ElementTree.Element


@dataclass(frozen=True)
class Reply:
    """An HTTP response."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def header(self, name: str) -> str:
        """A header by its name in lower case, empty if absent."""
        return self.headers.get(name.lower(), "")

    @cached_property
    def root(self) -> Element:
        """The document; fails the check if the body is none."""
        try:
            return ElementTree.fromstring(self.body)
        except ElementTree.ParseError as error:
            raise Failed(f"HTTP {self.status} with a body that is no XML: {error}") from error

    @property
    def response(self) -> Element:
        """The IMETHODRESPONSE or METHODRESPONSE."""
        found = [one for one in self.root.iter() if one.tag in ("IMETHODRESPONSE", "METHODRESPONSE")]
        expect(len(found) == 1, f"HTTP {self.status} with {len(found)} method responses instead of one")
        return found[0]

    @property
    def error(self) -> int | None:
        """The CIM status, None for success."""
        found = self.response.find("ERROR")
        return None if found is None else int(found.get("CODE", "-1"))


@dataclass(frozen=True)
class Versions:
    """The versions a message declares."""

    cim: str = "2.0"
    dtd: str = "2.0"
    protocol: str = "1.0"


def message(content: str, versions: Versions = Versions(), message_id: str = "1001") -> str:
    """A whole document around the content of MESSAGE."""
    return (
        '<?xml version="1.0" encoding="utf-8"?>'
        f'<CIM CIMVERSION="{versions.cim}" DTDVERSION="{versions.dtd}">'
        f'<MESSAGE ID={quoteattr(message_id)} PROTOCOLVERSION="{versions.protocol}">{content}</MESSAGE></CIM>'
    )


def namespace_path(namespace: str) -> str:
    """LOCALNAMESPACEPATH of the namespace."""
    steps = "".join(f"<NAMESPACE NAME={quoteattr(step)}/>" for step in namespace.split("/"))
    return f"<LOCALNAMESPACEPATH>{steps}</LOCALNAMESPACEPATH>"


def intrinsic(name: str, namespace: str, **parameters: str) -> str:
    """SIMPLEREQ of an intrinsic operation; parameters as CIM-XML."""
    given = "".join(f'<IPARAMVALUE NAME="{one}">{value}</IPARAMVALUE>' for one, value in parameters.items())
    return f'<SIMPLEREQ><IMETHODCALL NAME="{name}">{namespace_path(namespace)}{given}</IMETHODCALL></SIMPLEREQ>'


def extrinsic(name: str, path: CIMInstanceName) -> str:
    """SIMPLEREQ of a method call without parameters."""
    target = f"<LOCALINSTANCEPATH>{namespace_path(path.namespace)}{instance_name(path)}</LOCALINSTANCEPATH>"
    return f'<SIMPLEREQ><METHODCALL NAME="{name}">{target}</METHODCALL></SIMPLEREQ>'


def text(value: object) -> str:
    """VALUE."""
    return f"<VALUE>{escape(str(value))}</VALUE>"


def class_name(name: str) -> str:
    """CLASSNAME."""
    return f"<CLASSNAME NAME={quoteattr(name)}/>"


def instance_name(path: CIMInstanceName) -> str:
    """INSTANCENAME."""
    return str(path.tocimxml(ignore_host=True, ignore_namespace=True).toxml())


def cim_headers(method: str, cim_object: str) -> dict[str, str]:
    """The headers that go with a simple request."""
    return {"CIMOperation": "MethodCall", "CIMMethod": method, "CIMObject": cim_object}


def post(
    site: Site, body: str | bytes, headers: Mapping[str, str], verb: str = "POST", *, anonymous: bool = False
) -> Reply:
    """Send the body; skips the check where there is no HTTP to send it by."""
    if site.raw_url is None:
        skip("the connection under test is no HTTP connection")
    url = urlsplit(site.raw_url)
    sent = {"Content-Type": 'application/xml; charset="utf-8"', **headers}
    if site.cim.creds and not anonymous:
        sent["Authorization"] = "Basic " + base64.b64encode(":".join(site.cim.creds).encode()).decode()
    connection = _open(url.scheme, url.hostname or "", url.port, bool(site.cim.no_verification))
    try:
        connection.request(verb, url.path or "/cimom", body.encode() if isinstance(body, str) else body, sent)
        response = connection.getresponse()
        received = {name.lower(): value for name, value in response.getheaders()}
        return Reply(response.status, received, response.read())
    finally:
        connection.close()


def _open(scheme: str, host: str, port: int | None, unverified: bool) -> http.client.HTTPConnection:
    if scheme == "http":
        return http.client.HTTPConnection(host, port or 5988, timeout=60)
    context = ssl.create_default_context()
    if unverified:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return http.client.HTTPSConnection(host, port or 5989, timeout=60, context=context)


def call(site: Site, name: str, namespace: str, **parameters: str) -> Reply:
    """An intrinsic operation, expected to be served at the level of HTTP."""
    reply = post(site, message(intrinsic(name, namespace, **parameters)), cim_headers(name, namespace))
    expect(reply.status == 200, f"{name} was answered with HTTP {reply.status} {reply.header('cimerror')}")
    return reply


def returned(reply: Reply) -> list[Any]:
    """The elements inside IRETURNVALUE."""
    container = reply.response.find("IRETURNVALUE")
    return [] if container is None else list(container)
