"""Subscriptions in raw CIM-XML, in the form that the tool of libvirt-cim for them sends."""

from __future__ import annotations

import http.client
import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from tests.broker.listeners import listening
from tests.conftest import StartServer, connect
from tests.docs.old_client import OldClient

INDICATION = "Test_ComputerSystemCreatedIndication"
QUERY = f"SELECT * FROM {INDICATION}\n"


def message(operation: str, parameter: str, value: str, after: str = "") -> bytes:
    space = "".join(f'<NAMESPACE NAME="{name}"/>' for name in ("root", "PG_InterOp"))
    return f"""
    <?xml version="1.0" encoding="utf-8" ?><CIM CIMVERSION="2.0" DTDVERSION="2.0"><MESSAGE ID="4711"
    PROTOCOLVERSION="1.0"><SIMPLEREQ><IMETHODCALL NAME="{operation}"><LOCALNAMESPACEPATH>{space}</LOCALNAMESPACEPATH>
    <IPARAMVALUE NAME="{parameter}">{value}</IPARAMVALUE></IMETHODCALL></SIMPLEREQ></MESSAGE></CIM>{after}
    """.encode()


def properties(**values: str) -> str:
    return "".join(
        f'<PROPERTY NAME="{name}" TYPE="string"><VALUE>{value}</VALUE></PROPERTY>' for name, value in values.items()
    )


def name(classname: str, instance: str) -> str:
    """An INSTANCENAME with each key on a line of its own."""
    keys = {
        "SystemCreationClassName": "CIM_ComputerSystem", "SystemName": "here", "CreationClassName": classname,
        "Name": instance,
    }  # fmt: skip
    bindings = "".join(
        f'<KEYBINDING NAME="{key}"><KEYVALUE VALUETYPE="string">\n      {value}\n      </KEYVALUE></KEYBINDING>'
        for key, value in keys.items()
    )
    return f'<INSTANCENAME CLASSNAME="{classname}">{bindings}</INSTANCENAME>'


def ends(wrap: str) -> str:
    """The references of the subscription, in PROPERTY.REFERENCE or KEYBINDING."""
    named = {
        "Filter": ("CIM_IndicationFilter", "TestFilter"),
        "Handler": ("CIM_IndicationHandlerCIMXML", "TestHandler"),
    }
    return "".join(
        f'<{wrap} NAME="{role}"><VALUE.REFERENCE>{name(*path)}</VALUE.REFERENCE></{wrap}>'
        for role, path in named.items()
    )


class Tool:
    """Posts requests as the tool does, and wants Content-Length in the reply as it does."""

    def __init__(self, url: str) -> None:
        self.connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)

    def post(self, operation: str, body: bytes) -> bytes:
        headers = {
            "CIMOperation": "MethodCall", "CIMMethod": operation, "CIMObject": "root/PG_InterOp",
            "Content-Type": 'application/xml; charset="utf-8"',
        }  # fmt: skip
        self.connection.request("POST", "/cimom", body, headers)
        reply = self.connection.getresponse()
        assert reply.getheader("content-length")
        text = reply.read()
        assert (reply.status, re.findall(rb"<ERROR[^>]*>", text)) == (200, [])
        return text

    def create(self, classname: str, content: str) -> None:
        instance = f'<INSTANCE CLASSNAME="{classname}">{content}</INSTANCE>'
        self.post("CreateInstance", message("CreateInstance", "NewInstance", instance))

    def delete(self, path: str) -> None:
        self.post("DeleteInstance", message("DeleteInstance", "InstanceName", path, after=";"))


@pytest.fixture
def client(start: StartServer) -> Iterator[tuple[OldClient, Tool]]:
    with start() as server, connect(server.url) as connection:
        tool = Tool(server.url)
        yield OldClient(connection), tool
        tool.connection.close()


def test_subscribed_told_and_unsubscribed(client: tuple[OldClient, Tool]) -> None:
    old, tool = client
    of_filter = {"SystemCreationClassName": "CIM_ComputerSystem", "SystemName": "here", "Name": "TestFilter"}
    asks = {"Query": QUERY, "QueryLanguage": "WQL", "SourceNamespace": "root/virt"}
    with listening() as listener:
        tool.create("CIM_IndicationFilter", properties(CreationClassName="CIM_IndicationFilter", **of_filter, **asks))
        handler = of_filter | {"CreationClassName": "CIM_IndicationHandlerCIMXML", "Name": "TestHandler"}
        tool.create("CIM_IndicationHandlerCIMXML", properties(**handler, Destination=listener.url))
        tool.create("CIM_IndicationSubscription", ends("PROPERTY.REFERENCE"))
        assert old.define("old1")[0] == 0
        listener.wait_for(1)
        assert listener.indications[0].classname == INDICATION
        tool.delete(f'<INSTANCENAME CLASSNAME="CIM_IndicationSubscription">{ends("KEYBINDING")}</INSTANCENAME>')
        tool.delete(name("CIM_IndicationHandlerCIMXML", "TestHandler"))
        tool.delete(name("CIM_IndicationFilter", "TestFilter"))
    assert old.connection.EnumerateInstanceNames("CIM_IndicationSubscription", "interop") == []
