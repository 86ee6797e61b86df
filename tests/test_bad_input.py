"""Bad input over the wire: each gets its status or return value and a message naming the culprit; nothing changes."""

from __future__ import annotations

import http.client
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import libvirt
import pytest
from tests.cim_xml import (
    SPACE,
    array,
    call,
    given,
    head,
    headers_of,
    message,
    mof,
    operation,
    parameter,
    path,
    post,
    ref,
    system,
    text,
)
from tests.conftest import running_server

from virtcim.broker.call import Status

SECURE = libvirt.VIR_DOMAIN_XML_SECURE | libvirt.VIR_DOMAIN_XML_INACTIVE
INVALID = 4  # return value of the management service
MEGABYTES = 50
MEM, DISK = (f"Test_{kind}ResourceAllocationSettingData" for kind in ("Mem", "Disk"))
VSSD = "Test_VirtualSystemSettingData"
HOST = path("Test_HostSystem", CreationClassName="Test_HostSystem", Name="x")
WEB1 = parameter("InstanceName", system("web1"))
GOOD = operation("GetInstance", parameter("InstanceName", system("web1")))
ADD_TO = ref("AffectedConfiguration", head())
GOOD_DISK = mof(DISK, 'HostResource = {"/images/new"};')
NOT_WELL, NOT_LOOSE = "request-not-well-formed", "request-not-loosely-valid"

# Requests that no call can be made of: body -> HTTP status, CIMError header
REQUESTS: dict[str, tuple[bytes, int, str | None]] = {
    "empty": (b"", 400, NOT_WELL),
    "no xml": (b"hello", 400, NOT_WELL),
    "not well-formed": (GOOD.replace(b"</SIMPLEREQ>", b""), 400, NOT_WELL),
    "cut in half": (GOOD[: len(GOOD) // 2], 400, NOT_WELL),
    "cut before the end": (GOOD[:-1], 400, NOT_WELL),
    "another document": (b"<html/>", 400, NOT_LOOSE),
    "cim version": (message("<SIMPLEREQ/>", cim="3.0"), 501, "unsupported-cim-version"),
    "protocol version": (message("<SIMPLEREQ/>", protocol="2.0"), 501, "unsupported-protocol-version"),
    "several requests": (message("<MULTIREQ/>"), 501, "multiple-requests-unsupported"),
}

# Operations: body -> CIM status, what the message names
OPERATIONS: dict[str, tuple[bytes, Status, str]] = {
    "unknown namespace": (
        operation("GetInstance", parameter("InstanceName", system("web1")), SPACE.replace("virt", "vert")),
        Status.INVALID_NAMESPACE, "root/vert",
    ),
    "unknown class": (
        operation("EnumerateInstances", parameter("ClassName", '<CLASSNAME NAME="CIM_Nothing"/>')),
        Status.INVALID_CLASS, "CIM_Nothing",
    ),
    "instance of an unknown class": (
        operation("GetInstance", parameter("InstanceName", path("CIM_Nothing", Name="web1"))),
        Status.INVALID_CLASS, "CIM_Nothing",
    ),
    "unknown instance": (
        operation("GetInstance", parameter("InstanceName", system("nobody"))), Status.NOT_FOUND, "nobody",
    ),
    "keys of another object": (
        operation("GetInstance", parameter("InstanceName", path(VSSD, InstanceID="desktop1/mem"))),
        Status.NOT_FOUND, "desktop1/mem",
    ),
    "key that is none": (
        operation("GetInstance", parameter("InstanceName", path(VSSD, Caption="Virtual System"))),
        Status.INVALID_PARAMETER, "Caption",
    ),
    "unknown operation": (operation("GetEverything"), Status.NOT_SUPPORTED, "GetEverything"),
    "missing parameter": (operation("GetInstance"), Status.INVALID_PARAMETER, "InstanceName"),
    "unknown parameter": (
        operation("GetInstance", parameter("InstanceName", system("web1")) + parameter("Depth", text("1"))),
        Status.INVALID_PARAMETER, "Depth",
    ),
    "parameter twice": (
        operation("GetInstance", WEB1 * 2), Status.INVALID_PARAMETER, "InstanceName",
    ),
    "ill-typed parameter": (
        operation("GetInstance", parameter("InstanceName", system("web1")) + parameter("LocalOnly", text("perhaps"))),
        Status.INVALID_PARAMETER, "LocalOnly",
    ),
    "value for a path": (
        operation("GetInstance", parameter("InstanceName", text("web1"))), Status.INVALID_PARAMETER, "InstanceName",
    ),
    "deletion": (
        operation("DeleteInstance", parameter("InstanceName", system("desktop1"))), Status.NOT_SUPPORTED, "",
    ),
    "unknown method": (call("DefineSystems"), Status.METHOD_NOT_FOUND, "DefineSystems"),
    "method of an unknown class": (
        call("RequestStateChange", target=path("CIM_Nothing", Name="web1")), Status.NOT_FOUND, "CIM_Nothing",
    ),
    "method of an unknown instance": (call("RequestStateChange", target=system("nobody")), Status.NOT_FOUND, "nobody"),
    "method of a class with many instances": (
        call("RequestStateChange").replace(b"Test_VirtualSystemManagementService", b"Test_ComputerSystem"),
        Status.INVALID_PARAMETER, "Test_ComputerSystem",
    ),
    "unknown parameter of a method": (
        call("DestroySystem", ref("System", system("desktop1"))), Status.INVALID_PARAMETER, "System",
    ),
    "text for a reference": (
        call("DestroySystem", given("AffectedSystem", text("desktop1"))), Status.INVALID_PARAMETER, "AffectedSystem",
    ),
    "one for an array": (
        call("AddResourceSettings", ADD_TO, given("ResourceSettings", GOOD_DISK)), Status.INVALID_PARAMETER,
        "ResourceSettings",
    ),
    "array for one": (
        call("ModifySystemSettings", given("SystemSettings", array(mof(VSSD)))), Status.INVALID_PARAMETER,
        "SystemSettings",
    ),
    "text for a number": (
        call("RequestStateChange", given("RequestedState", text("on"), "uint16"), target=system("desktop1")),
        Status.INVALID_PARAMETER, "RequestedState",
    ),
    "number out of range": (
        call("RequestStateChange", given("RequestedState", text("65536"), "uint16"), target=system("desktop1")),
        Status.INVALID_PARAMETER, "RequestedState",
    ),
    "no datetime": (
        call("RequestStateChange", given("RequestedState", text("2"), "uint16"),
             given("TimeoutPeriod", text("soon"), "datetime"), target=system("desktop1")),
        Status.INVALID_PARAMETER, "TimeoutPeriod",
    ),
    "ill-typed property of a setting": (
        call("ModifyResourceSettings",
             given("ResourceSettings", array(mof(MEM, 'InstanceID = "desktop1/mem"; VirtualQuantity = "much";')))),
        Status.INVALID_PARAMETER, "VirtualQuantity",
    ),
}  # fmt: skip

# Methods of the management service: call -> what the reason names; the return value is 4
METHODS: dict[str, tuple[bytes, str]] = {
    "destroy nothing": (call("DestroySystem"), "AffectedSystem"),
    "destroy an unknown system": (call("DestroySystem", ref("AffectedSystem", system("nobody"))), "nobody"),
    "destroy a configuration": (call("DestroySystem", ref("AffectedSystem", head())), "AffectedSystem"),
    "destroy the host": (call("DestroySystem", ref("AffectedSystem", HOST)), "AffectedSystem"),
    "destroy what has no class": (call("DestroySystem", ref("AffectedSystem", path("X", Name="d"))), "AffectedSystem"),
    "settings left out": (call("AddResourceSettings", ADD_TO), "ResourceSettings"),
    "settings empty": (call("AddResourceSettings", ADD_TO, given("ResourceSettings", array())), "ResourceSettings"),
    "settings null": (call("ModifyResourceSettings", given("ResourceSettings", "")), "ResourceSettings"),
    "element null": (
        call("AddResourceSettings", ADD_TO, given("ResourceSettings", array(GOOD_DISK, "<VALUE.NULL/>"))), "NULL",
    ),
    "element blank": (
        call("AddResourceSettings", ADD_TO, given("ResourceSettings", array(GOOD_DISK, text("")))), "ResourceSettings",
    ),
    "element of no form": (
        call("AddResourceSettings", ADD_TO, given("ResourceSettings", array(GOOD_DISK, text("a disk, please")))),
        "ResourceSettings",
    ),
    "element of a wrong class": (
        call("AddResourceSettings", ADD_TO, given("ResourceSettings", array(GOOD_DISK, mof(VSSD)))), VSSD,
    ),
    "element of an unknown class": (
        call("AddResourceSettings", ADD_TO, given("ResourceSettings", array(mof("Test_Nothing")))), "Test_Nothing",
    ),
    "element with an unknown property": (
        call("AddResourceSettings", ADD_TO, given("ResourceSettings", array(mof(DISK, 'Colour = "red";')))), "Colour",
    ),
    "system settings of a wrong class": (call("DefineSystem", given("SystemSettings", mof(MEM))), MEM),
    "system settings null": (call("ModifySystemSettings", given("SystemSettings", "")), "SystemSettings"),
    "configuration of another object": (
        call("AddResourceSettings", ref("AffectedConfiguration", head("desktop1/mem")),
             given("ResourceSettings", array(GOOD_DISK))),
        "AffectedConfiguration",
    ),
    "configuration null": (
        call("AddResourceSettings", given("ResourceSettings", array(GOOD_DISK))), "AffectedConfiguration",
    ),
    "setting of another object": (
        call("ModifyResourceSettings", given("ResourceSettings", array(mof(MEM, 'InstanceID = "Test:desktop1";')))),
        "Test:desktop1",
    ),
    "no id": (
        call("ModifyResourceSettings", given("ResourceSettings", array(mof(MEM, "Limit = 1;")))), "InstanceID",
    ),
    "removal of nothing": (
        call("RemoveResourceSettings", given("ResourceSettings", "<VALUE.REFARRAY/>", "reference")), "ResourceSettings",
    ),
    "removal of another object": (
        call("RemoveResourceSettings",
             given("ResourceSettings", f"<VALUE.REFARRAY><VALUE.REFERENCE>{head()}</VALUE.REFERENCE></VALUE.REFARRAY>",
                   "reference")),
        "ResourceSettings",
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """One server for all, as nothing here may change anything."""
    with running_server(tmp_path_factory.mktemp("state")) as server:
        yield server


@pytest.fixture(autouse=True)
def untouched(server: Any) -> Iterator[None]:
    """Every domain is the same before and after, byte for byte, and the server still answers."""
    before = documents(server)
    yield
    assert documents(server) == before
    assert post(server.url, GOOD).text == ""


def documents(server: Any) -> dict[str, tuple[str, str]]:
    """Definition and running document of every domain, from libvirt."""
    (host,) = server.hosts.hosts
    with host.link.borrow() as connection:
        return {
            domain.name(): (domain.XMLDesc(SECURE), domain.XMLDesc(libvirt.VIR_DOMAIN_XML_SECURE))
            for domain in connection.listAllDomains()
        }


@pytest.mark.parametrize(("body", "status", "cimerror"), REQUESTS.values(), ids=REQUESTS)
def test_request(server: Any, body: bytes, status: int, cimerror: str | None) -> None:
    reply = post(server.url, body)
    assert (reply.http, reply.cimerror) == (status, cimerror)
    assert reply.text.strip()


@pytest.mark.parametrize(("body", "status", "named"), OPERATIONS.values(), ids=OPERATIONS)
def test_operation(server: Any, body: bytes, status: Status, named: str) -> None:
    reply = post(server.url, body)
    assert (reply.http, reply.status) == (200, status), reply
    assert re.search(re.escape(named), reply.text), reply.text


@pytest.mark.parametrize(("body", "named"), METHODS.values(), ids=METHODS)
def test_method(server: Any, body: bytes, named: str) -> None:
    reply = post(server.url, body)
    assert (reply.http, reply.status, reply.value) == (200, None, str(INVALID)), reply
    assert named in reply.text


def test_body_of_50_megabytes(server: Any) -> None:
    reply = post(server.url, GOOD.replace(b"web1", b"w" * (MEGABYTES * 2**20)))
    assert (reply.http, "larger than" in reply.text) == (413, True)


def test_connection_cut_in_half(server: Any) -> None:
    """A client that goes away in the middle of a request."""
    body = call("DestroySystem", ref("AffectedSystem", system("desktop1")))
    parts = urlsplit(server.url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
    connection.putrequest("POST", "/cimom")
    for name, value in {**headers_of(body), "Content-Length": str(len(body))}.items():
        connection.putheader(name, value)
    connection.endheaders(body[: len(body) // 2])
    connection.close()
