"""What is declared of a method: the nearest declaration counts, and a Required parameter is there when it runs."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import pytest
from tests.broker.conftest import Client, World, make_profile, parse, translate

from virtcim.broker.broker import Broker
from virtcim.broker.call import CIMError, ClassPath, Instance, MethodAnswer, Path, Status
from virtcim.broker.catalog import Catalog
from virtcim.broker.jobs import Jobs
from virtcim.broker.provider import Profile, Returned
from virtcim.broker.schema import Schema

CREATE = "CreateWBEMServerNamespace"


@pytest.mark.parametrize(
    ("provided", "left_out", "available"),
    [
        ("Virt_Processor", "CIM_LogicalDevice", True),
        ("CIM_LogicalDevice", "Virt_Processor", False),
        ("Virt_Processor", "Virt_Processor", True),
    ],
    ids=["left out above", "left out below", "both said"],
)
@pytest.mark.parametrize("order", [1, -1], ids=["provided first", "left out first"])
def test_nearest_declaration_counts(
    repository: Schema, provided: str, left_out: str, available: bool, order: int
) -> None:
    profile = Profile("more")

    def provide() -> None:
        profile.method(provided, "Reset")(lambda device: Returned(0))

    def leave_out() -> None:
        profile.leaves_out(left_out, "Reset", "not here")

    for declare in (provide, leave_out)[::order]:
        declare()
    base = make_profile(World())
    base.unsupported = [one for one in base.unsupported if one[1] != "Reset"]
    catalog = Catalog(repository, [base, profile])
    assert (catalog.method("Test_Processor", "Reset") is not None) is available
    assert (catalog.left_out("Test_Processor", "Reset") is None) is available


def server_client(repository: Schema, run: Callable[..., Returned]) -> tuple[Client, Jobs]:
    """A client of a CIM_WBEMServer whose CreateWBEMServerNamespace is `run`."""
    profile = Profile("server")
    profile.source(SimpleNamespace, lambda world: [world])
    profile.instance("CIM_WBEMServer", of=SimpleNamespace)(lambda _: {"Name": "one"})
    profile.method("CIM_WBEMServer", CREATE)(run)
    for method in repository.get("CIM_WBEMServer").methods.values():
        if method.name != CREATE:
            profile.leaves_out("CIM_WBEMServer", method.name, "not here")
    jobs = Jobs(60, str)
    return Client(Broker(Catalog(repository, [profile]), SimpleNamespace(), jobs, parse, translate), jobs), jobs


def needs(server: object, NamespaceTemplate: Instance) -> Returned:
    return Returned(0 if NamespaceTemplate.classname else 1)


def copes(server: object, NamespaceTemplate: Instance | None) -> Returned:
    return Returned(1)


def test_required_parameter(repository: Schema) -> None:
    client, jobs = server_client(repository, needs)
    for arguments in ({}, {"NamespaceTemplate": None}):
        with pytest.raises(CIMError) as caught:
            client.invoke(ClassPath("CIM_WBEMServer"), CREATE, **arguments)
        assert caught.value.status == Status.INVALID_PARAMETER
        assert caught.value.message == f"{CREATE} needs NamespaceTemplate"
    template = Instance("CIM_WBEMServerNamespace", {})
    answer = client.invoke(ClassPath("CIM_WBEMServer"), CREATE, NamespaceTemplate=template)
    assert isinstance(answer, MethodAnswer)
    assert answer.value == 0
    jobs.close()


def test_handler_that_takes_null_gets_it(repository: Schema) -> None:
    client, jobs = server_client(repository, copes)
    assert client.invoke(ClassPath("CIM_WBEMServer"), CREATE).value == 1
    jobs.close()


KEYLESS = Path("CIM_ComputerSystem", ())


def test_path_without_keys_is_the_class_of_an_association_operation(client: Client) -> None:
    for name in ("AssociatorNames", "ReferenceNames"):
        found = client(name, ObjectName=KEYLESS)
        assert found
        assert found == client(name, ObjectName=ClassPath("CIM_ComputerSystem"))


@pytest.mark.parametrize(
    ("name", "parameter"),
    [("GetInstance", "InstanceName"), ("OpenAssociatorInstances", "InstanceName"), ("DeleteInstance", "InstanceName")],
)
def test_path_without_keys_elsewhere(client: Client, name: str, parameter: str) -> None:
    with pytest.raises(CIMError) as caught:
        client(name, **{parameter: KEYLESS})
    assert caught.value.status == Status.NOT_FOUND
    assert caught.value.message == "the path of CIM_ComputerSystem lacks Name, CreationClassName"
