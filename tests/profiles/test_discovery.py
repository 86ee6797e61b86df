"""What a client finds out about the server from Interop alone: pywbem's WBEMServer over HTTP."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import pytest
import pywbem
from tests.conftest import StartServer, connect

from virtcim import __version__
from virtcim.config import embedded_node


@pytest.fixture(autouse=True)
def no_warnings() -> Iterator[None]:
    """pywbem warns of what it tolerates in a server."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


@pytest.fixture
def found(shared_conn: pywbem.WBEMConnection) -> pywbem.WBEMServer:
    return pywbem.WBEMServer(shared_conn)


def test_namespaces(found: pywbem.WBEMServer) -> None:
    assert found.interop_ns == "interop"
    assert set(found.namespaces) == {"interop", "root/virt"}


def test_brand_and_version(found: pywbem.WBEMServer) -> None:
    assert (found.brand, found.version) == ("virtcim", __version__)


def test_profiles(found: pywbem.WBEMServer) -> None:
    names = {profile["RegisteredName"] for profile in found.profiles}
    assert {"System Virtualization", "Virtual System", "Virtual System Profile", "Computer System"} <= names
    assert {"Power State Management", "Profile Registration", "WBEM Server"} <= names
    (selected,) = found.get_selected_profiles("DMTF", "WBEM Server", "1.0.0")
    assert selected["AdvertiseTypes"] == [2]


@pytest.mark.parametrize("by_method", [False, True], ids=["association", "method"])
def test_central_instances(found: pywbem.WBEMServer, by_method: bool) -> None:
    for profile in found.profiles:
        central = found.get_central_instances(profile.path, try_gci_method=by_method)
        assert central or profile["RegisteredName"] == "Job Control", profile["RegisteredName"]
        for path in central:
            assert found.conn.GetInstance(path)


def test_central_instances_are_the_same_by_either_way(found: pywbem.WBEMServer) -> None:
    for profile in found.profiles:
        one, other = (found.get_central_instances(profile.path, try_gci_method=way) for way in (False, True))
        assert {_plain(path) for path in one} == {_plain(path) for path in other}


def _plain(path: pywbem.CIMInstanceName) -> pywbem.CIMInstanceName:
    """Without the host, which a reference in an out parameter does not name."""
    return pywbem.CIMInstanceName(path.classname, path.keybindings, namespace=path.namespace)


def test_namespace_that_exists_is_not_created(found: pywbem.WBEMServer) -> None:
    (server,) = found.conn.EnumerateInstanceNames("CIM_WBEMServer", "interop")
    template = pywbem.CIMInstance("CIM_WBEMServerNamespace", {"InstanceID": "test:virt", "Name": "root/virt"})
    value, out = found.conn.InvokeMethod("CreateWBEMServerNamespace", server, [("NamespaceTemplate", template)])
    assert value == 1
    (error,) = out["Errors"]
    assert (error["CIMStatusCode"], error.classname) == (11, "CIM_Error")


def test_listener_is_where_the_client_came_from(shared_server: Any, found: pywbem.WBEMServer) -> None:
    (listener,) = found.conn.EnumerateInstances("CIM_RemoteServiceAccessPoint", "interop")
    assert listener["AccessInfo"] == shared_server.url


def test_capabilities_hold_embedded_instances(found: pywbem.WBEMServer) -> None:
    (capabilities,) = found.conn.EnumerateInstances("CIM_CIMXMLCapabilities", "interop")
    operations = capabilities["GenericOperationCapabilities"]["OperationsSupported"]
    assert {2, 6, 7, 8, 9, 10, 11, 24} <= set(operations)
    for namespace in found.conn.EnumerateInstances("CIM_WBEMServerNamespace", "interop"):
        assert [one["Name"] for one in namespace["SchemaInformation"]] == ["CIM", "Virt"]


def test_server_is_hosted_by_the_host_system(found: pywbem.WBEMServer) -> None:
    (server,) = found.conn.EnumerateInstanceNames("CIM_WBEMServer", "interop")
    (host,) = found.conn.AssociatorNames(server, AssocClass="CIM_HostedService", ResultRole="Antecedent")
    assert (host.classname, host.namespace) == ("Test_HostSystem", "root/virt")
    assert host["Name"] == server["SystemName"]


def test_alias_is_a_namespace_when_it_is_asked_for(start_server: StartServer) -> None:
    with start_server(cimv2_alias=True, connect=embedded_node()) as server, connect(server.url) as connection:
        assert set(pywbem.WBEMServer(connection).namespaces) == {"interop", "root/virt", "root/cimv2"}
