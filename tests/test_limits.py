"""Every limit that is a setting: a server of small ones says so by the status that its clients expect."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import pywbem
from tests.conftest import connect, running_server
from tests.wire.samples import HEADERS, Served, operation, parameter

from virtcim.broker.call import Status

SMALL = {
    "enumeration_timeout": 1,
    "max_enumeration_timeout": 20,
    "endless_enumerations": True,
    "max_enumeration_batch": 2,
    "max_empty_pulls": 1,
    "max_enumerations_per_user": 2,
    "max_namespaces": 1,
    "max_namespace_classes": 1,
    "max_namespace_instances": 1,
    "max_xml_nodes": 1000,
    "max_xml_depth": 16,
    "max_request_bytes": 50_000,
    "max_header_bytes": 2000,
}
KEY = pywbem.CIMQualifier("Key", True, type="boolean")
MANY = "CIM_SettingData"


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with running_server(tmp_path_factory.mktemp("state"), **SMALL) as server:
        yield server


@pytest.fixture
def conn(small: Any) -> Iterator[pywbem.WBEMConnection]:
    with connect(small.url) as connection:
        yield connection


def refused(status: Status, call: Callable[[], object]) -> str:
    """What the refusal with that status says."""
    with pytest.raises(pywbem.CIMError) as error:
        call()
    assert error.value.status_code == status
    return str(error.value.status_description)


def test_time_of_an_enumeration(conn: pywbem.WBEMConnection) -> None:
    text = refused(Status.INVALID_OPERATION_TIMEOUT, lambda: conn.OpenEnumerateInstances(MANY, OperationTimeout=21))
    assert "1 to 20" in text
    for allowed in (0, 1, 20):
        conn.CloseEnumeration(conn.OpenEnumerateInstances(MANY, OperationTimeout=allowed).context)


def test_what_the_server_says_of_its_times(conn: pywbem.WBEMConnection) -> None:
    (mechanism,) = conn.EnumerateInstances("CIM_CIMXMLCommunicationMechanism", "interop")
    assert mechanism["PulledEnumerationMaximumOperationTimeout"] == SMALL["max_enumeration_timeout"]
    assert mechanism["PulledEnumerationNoOperationTimeoutSupported"] is True


def test_objects_of_a_reply(conn: pywbem.WBEMConnection) -> None:
    opened = conn.OpenEnumerateInstances(MANY, OperationTimeout=20, MaxObjectCount=100)
    assert len(opened.instances) == 2
    pulled = conn.PullInstancesWithPath(opened.context, MaxObjectCount=100)
    assert len(pulled.instances) == 2
    conn.CloseEnumeration(pulled.context)


def test_pulls_of_nothing(conn: pywbem.WBEMConnection) -> None:
    context = conn.OpenEnumerateInstances(MANY, OperationTimeout=20, MaxObjectCount=0).context
    context = conn.PullInstancesWithPath(context, MaxObjectCount=0).context
    text = refused(Status.SERVER_LIMITS_EXCEEDED, lambda: conn.PullInstancesWithPath(context, MaxObjectCount=0))
    assert "1 pulls in a row" in text


def test_enumerations_of_one_caller(conn: pywbem.WBEMConnection) -> None:
    def opened() -> Any:
        return conn.OpenEnumerateInstances(MANY, OperationTimeout=20).context

    contexts = [opened(), opened()]
    assert "2 of one caller" in refused(Status.SERVER_LIMITS_EXCEEDED, opened)
    for context in contexts:
        conn.CloseEnumeration(context)


def test_what_clients_keep(conn: pywbem.WBEMConnection) -> None:
    def created(name: str) -> Any:
        return conn.CreateInstance(pywbem.CIMInstance("CIM_Namespace", {"Name": name}), "interop")

    created("root/one")
    assert "1 namespaces" in refused(Status.SERVER_LIMITS_EXCEEDED, lambda: created("root/two"))
    key = pywbem.CIMProperty("Name", None, "string", qualifiers=[KEY])
    declared = pywbem.CIMQualifierDeclaration("Key", "boolean", value=False, scopes={"PROPERTY": True})
    conn.SetQualifier(declared, "root/one")
    conn.CreateClass(pywbem.CIMClass("LAB_One", properties=[key]), "root/one")
    another = pywbem.CIMClass("LAB_Two", properties=[key])
    assert "1 classes" in refused(Status.SERVER_LIMITS_EXCEEDED, lambda: conn.CreateClass(another, "root/one"))
    conn.CreateInstance(pywbem.CIMInstance("LAB_One", {"Name": "a"}), "root/one")
    more = pywbem.CIMInstance("LAB_One", {"Name": "b"})
    assert "1 instances" in refused(Status.SERVER_LIMITS_EXCEEDED, lambda: conn.CreateInstance(more, "root/one"))


VALUE = parameter('<VALUE.ARRAY><VALUE a=""/></VALUE.ARRAY>')


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        pytest.param(operation(VALUE * 200), {}, 400, id="max_xml_nodes"),
        pytest.param(operation(parameter("<VALUE>" * 20 + "</VALUE>" * 20)), {}, 400, id="max_xml_depth"),
        pytest.param(operation(parameter(f"<VALUE>{'x' * 60_000}</VALUE>")), {}, 413, id="max_request_bytes"),
        pytest.param(operation(), {"X-Long": "x" * 3000}, 431, id="max_header_bytes"),
    ],
)
def test_requests(small: Any, body: bytes, headers: dict[str, str | None], status: int) -> None:
    response, _ = Served(small.url).post(body, headers)
    assert response.status == status
    assert Served(small.url).post(operation(), dict(HEADERS))[0].status == 200


def test_every_limit_is_documented() -> None:
    text = (Path(__file__).parents[1] / "docs" / "security.md").read_text(encoding="utf-8")
    assert [name for name in SMALL if f"`{name}`" not in text] == []
