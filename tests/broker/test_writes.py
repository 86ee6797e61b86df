"""CreateInstance, ModifyInstance, DeleteInstance over a writer that keeps systems in a list."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.broker.conftest import Client, System, World, make_profile, parse, system_path, translate

from virtcim.broker.broker import Broker
from virtcim.broker.call import CIMError, ClassPath, Instance, Path, Properties, Status
from virtcim.broker.catalog import Catalog, CatalogError
from virtcim.broker.jobs import Jobs
from virtcim.broker.provider import VIRT, Writer
from virtcim.broker.schema import Schema

SYSTEM = "Test_ComputerSystem"


class Asked:
    """What the writer was asked."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.changes: list[Properties] = []

    def create(self, given: Properties) -> Path:
        if given.get("Name") is None:
            raise CIMError(Status.INVALID_PARAMETER, "Name is missing")
        self.world.add(str(given["Name"]))
        return Path(SYSTEM, system_path(str(given["Name"])).keys, VIRT)

    def modify(self, system: System, changes: Properties) -> None:
        assert system in self.world.systems
        self.changes.append(changes)

    def delete(self, system: System) -> None:
        self.world.systems.remove(system)


@pytest.fixture
def asked(world: World) -> Asked:
    return Asked(world)


@pytest.fixture
def writing(repository: Schema, world: World, asked: Asked) -> Iterator[Client]:
    jobs = Jobs(60, str)
    profile = make_profile(world)
    changes = ("ElementName", "EnabledDefault", "Caption", "OperationalStatus")
    profile.writes(Writer("Virt_ComputerSystem", VIRT, asked.create, asked.modify, changes, asked.delete))
    yield Client(Broker(Catalog(repository, [profile]), world, jobs, parse, translate), jobs)
    jobs.close()


def modify(client: Client, name: str, names: list[str] | None = None, **properties: object) -> None:
    given = Instance(SYSTEM, dict(properties), system_path(name))  # type: ignore[arg-type]
    client.answer("ModifyInstance", ModifiedInstance=given, PropertyList=names)


def test_create_answers_the_path_and_it_is_there(writing: Client) -> None:
    (path,) = writing("CreateInstance", NewInstance=Instance(SYSTEM, {"Name": "new", "EnabledState": "2"}))
    assert path == Path(SYSTEM, system_path("new").keys, VIRT)
    assert writing("GetInstance", InstanceName=path)[0].properties["Name"] == "new"


@pytest.mark.parametrize(
    ("given", "namespace", "status", "culprit"),
    [
        (Instance("CIM_Nothing", {}), VIRT, Status.INVALID_CLASS, "CIM_Nothing"),
        (Instance("Test_Processor", {}), VIRT, Status.NOT_SUPPORTED, "Test_Processor"),
        (Instance(SYSTEM, {}), "interop", Status.NOT_SUPPORTED, "root/virt"),
        (Instance(SYSTEM, {"Nonsense": "1"}), VIRT, Status.NO_SUCH_PROPERTY, "Nonsense"),
        (Instance(SYSTEM, {"Name": "x", "EnabledState": "two"}), VIRT, Status.INVALID_PARAMETER, "EnabledState"),
        (Instance(SYSTEM, {"Name": "x", "EnabledState": ["2"]}), VIRT, Status.INVALID_PARAMETER, "EnabledState"),
        (Instance(SYSTEM, {}), VIRT, Status.INVALID_PARAMETER, "Name"),
    ],
    ids=["class", "no writer", "namespace", "property", "type", "array", "writer"],
)
def test_create_refuses(
    writing: Client, world: World, given: Instance, namespace: str, status: Status, culprit: str
) -> None:
    with pytest.raises(CIMError, match=culprit) as refused:
        writing.within(namespace, "CreateInstance", NewInstance=given)
    assert refused.value.status is status
    assert [one.name for one in world.systems] == ["a", "b"]


@pytest.mark.parametrize(
    ("names", "given", "changes"),
    [
        (None, {"ElementName": "new"}, {"ElementName": "new"}),
        (None, {"ElementName": "a"}, None),
        (None, {"ElementName": "new", "Name": "a", "CreationClassName": SYSTEM}, {"ElementName": "new"}),
        (None, {"ElementName": "new", "EnabledState": "2", "UUID": "u"}, {"ElementName": "new"}),
        (None, {"ElementName": None}, {"ElementName": None}),
        ([], {"ElementName": "new"}, None),
        (["elementname"], {"ElementName": "new", "Caption": "c"}, {"ElementName": "new"}),
        (["EnabledDefault"], {}, {"EnabledDefault": 2}),
        (["ElementName"], {}, {"ElementName": None}),
        (None, {"OperationalStatus": ["2", "6"]}, {"OperationalStatus": [2, 6]}),
    ],
    ids=["given", "same", "keys", "unchanged", "null", "none", "listed", "default", "no default", "array"],
)
def test_modify_changes_what_is_designated(
    writing: Client, asked: Asked, names: list[str] | None, given: dict[str, object], changes: Properties | None
) -> None:
    modify(writing, "a", names, **given)
    assert asked.changes == ([] if changes is None else [changes])


@pytest.mark.parametrize(
    ("name", "names", "given", "status", "culprit"),
    [
        ("nobody", None, {"ElementName": "x"}, Status.NOT_FOUND, "nobody"),
        ("a", None, {"Nonsense": "x"}, Status.NO_SUCH_PROPERTY, "Nonsense"),
        ("a", ["Nonsense"], {}, Status.NO_SUCH_PROPERTY, "nonsense"),
        ("a", None, {"Name": "b"}, Status.INVALID_PARAMETER, "Name"),
        ("a", None, {"ElementName": "x", "EnabledState": "3"}, Status.INVALID_PARAMETER, "EnabledState"),
        ("a", None, {"EnabledDefault": "x"}, Status.INVALID_PARAMETER, "EnabledDefault"),
    ],
    ids=["instance", "property", "list", "key", "fixed", "type"],
)
def test_modify_is_all_or_nothing(
    writing: Client,
    asked: Asked,
    name: str,
    names: list[str] | None,
    given: dict[str, object],
    status: Status,
    culprit: str,
) -> None:
    with pytest.raises(CIMError, match=culprit) as refused:
        modify(writing, name, names, **given)
    assert refused.value.status is status
    assert asked.changes == []


@pytest.mark.parametrize(
    ("given", "status"),
    [
        (Instance(SYSTEM, {}), Status.INVALID_PARAMETER),
        (Instance("CIM_ComputerSystem", {}, system_path("a")), Status.INVALID_PARAMETER),
        ("text", Status.INVALID_PARAMETER),
    ],
    ids=["no path", "another class", "no instance"],
)
def test_modify_needs_an_instance_with_its_path(writing: Client, given: object, status: Status) -> None:
    with pytest.raises(CIMError) as refused:
        writing.answer("ModifyInstance", ModifiedInstance=given)  # type: ignore[arg-type]
    assert refused.value.status is status


def test_delete(writing: Client, world: World) -> None:
    writing.answer("DeleteInstance", InstanceName=system_path("a"))
    assert [one.name for one in world.systems] == ["b"]
    with pytest.raises(CIMError) as refused:
        writing.answer("DeleteInstance", InstanceName=system_path("a"))
    assert refused.value.status is Status.NOT_FOUND


def test_nothing_is_written_without_a_writer(client: Client) -> None:
    for operation, parameters in (
        ("CreateInstance", {"NewInstance": Instance(SYSTEM, {"Name": "x"})}),
        ("ModifyInstance", {"ModifiedInstance": Instance(SYSTEM, {"ElementName": "x"}, system_path("a"))}),
        ("DeleteInstance", {"InstanceName": system_path("a")}),
    ):
        with pytest.raises(CIMError) as refused:
            client.answer(operation, **parameters)
        assert refused.value.status is Status.NOT_SUPPORTED


def test_links_without_a_writer_stay(client: Client) -> None:
    (link,) = client("ReferenceNames", ObjectName=system_path("a"), ResultClass=ClassPath("CIM_SystemDevice"))[:1]
    with pytest.raises(CIMError) as refused:
        client.answer("DeleteInstance", InstanceName=link.path)
    assert refused.value.status is Status.NOT_SUPPORTED


def test_a_writer_of_what_is_not_in_the_schema_is_a_fault(repository: Schema, world: World) -> None:
    profile = make_profile(world)
    profile.writes(Writer("Virt_ComputerSystem", VIRT, changes=("Nonsense",)))
    profile.writes(Writer("Virt_Nothing", VIRT))
    with pytest.raises(CatalogError) as fault:
        Catalog(repository, [profile])
    assert "Nonsense" in str(fault.value)
    assert "Virt_Nothing" in str(fault.value)
