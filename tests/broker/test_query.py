"""Queries and filters: what each language selects, by three-valued logic, types and classes of the schema."""

from __future__ import annotations

from typing import Any

import pytest

from virtcim.broker.call import Item, Path
from virtcim.broker.query import parse_filter, parse_select
from virtcim.broker.schema import Schema

SYSTEM = "Test_ComputerSystem"


def make(repository: Schema, classname: str, **properties: Any) -> Item:
    cls = repository.get(classname)
    keys = tuple((key.name, properties.get(key.name)) for key in cls.keys)
    return Item(cls, Path(classname, keys, "root/virt"), properties)


@pytest.fixture
def system(repository: Schema) -> Item:
    return make(
        repository,
        SYSTEM,
        CreationClassName=SYSTEM,
        Name="web1",
        ElementName="it's 100% web_1",
        EnabledState=2,
        OperationalStatus=[2, 5, None],
        StatusDescriptions=[],
        Dedicated=[1, 30000],
        TimeOfLastStateChange="20240101120000.000000+060",
        InstallDate="202401011200**.******+000",
        ResetCapability=4,
    )


WHERE = [
    # comparisons
    ("EnabledState = 2", True),
    ("2 = EnabledState", True),
    ("EnabledState <> 2", False),
    ("EnabledState < 3 AND EnabledState <= 2 AND EnabledState >= 2 AND EnabledState > 1", True),
    ("EnabledState = 2.0", True),
    ("EnabledState = 10b", True),
    ("EnabledState = 0x2", True),
    ("EnabledState > -1", True),
    ("enabledstate = 2", True),
    ("Name = 'web1'", True),
    ("Name = 'WEB1'", False),
    ("Name < 'web2' AND Name > 'Web1'", True),
    ("ElementName = 'it''s 100% web_1'", True),
    ("ElementName = 'it\\'s 100% web_1'", True),
    ("ElementName = 'it\\u0027s 100% web_1'", True),
    ("Name = 'we' || 'b' || '1'", True),
    ("'x' || Description IS NULL", True),
    ("(EnabledState = 2) = TRUE", True),
    # NULL
    ("Description = 'x'", None),
    ("Description <> 'x'", None),
    ("NOT Description = 'x'", None),
    ("Description IS NULL", True),
    ("Description IS NOT NULL", False),
    ("Name IS NOT NULL", True),
    ("Description = 'x' AND EnabledState = 3", False),
    ("Description = 'x' AND EnabledState = 2", None),
    ("Description = 'x' OR EnabledState = 2", True),
    ("Description = 'x' OR EnabledState = 3", None),
    ("NOT NOT EnabledState = 2", True),
    ("EnabledState = 3 OR EnabledState = 2 AND Name = 'no'", False),
    ("(EnabledState = 2 OR EnabledState = 3) AND Name = 'no'", False),
    ("(EnabledState = 2 OR EnabledState = 3) AND NOT Name = 'no'", True),
    # datetimes
    ("TimeOfLastStateChange = '20240101110000.000000+000'", True),
    ("TimeOfLastStateChange > '20240101110000.000000+060'", True),
    ("TimeOfLastStateChange > '00000001000000.000000:000'", None),
    ("InstallDate = '20240101120000.000000+000'", None),
    ("TimeOfLastStateChange < CurrentDateTime()", True),
    # arrays
    ("OperationalStatus[0] = 2", True),
    ("OperationalStatus[7] = 2", None),
    ("OperationalStatus[2] IS NULL", True),
    ("ANY s IN OperationalStatus[*] SATISFIES (s = 5)", True),
    ("ANY s IN OperationalStatus SATISFIES (s = 9)", None),
    ("ANY s IN Dedicated SATISFIES (s = 9)", False),
    ("EVERY s IN Dedicated SATISFIES (s > 0)", True),
    ("EVERY s IN Dedicated SATISFIES (s > 1)", False),
    ("ANY s IN StatusDescriptions SATISFIES (s = 'x')", False),
    ("EVERY s IN StatusDescriptions SATISFIES (s = 'x')", True),
    ("ANY a IN Dedicated SATISFIES (EVERY b IN Dedicated SATISFIES (a >= b))", True),
    ("ANY s IN IdentifyingDescriptions SATISFIES (s = 'x')", None),
    # classes
    ("CIM_ComputerSystem.Name = 'web1'", True),
    ("CIM_ComputerSystem ISA CIM_System", True),
    ("CIM_ComputerSystem ISA KVM_ComputerSystem", False),
    ("ClassName(CIM_ComputerSystem) = 'Test_ComputerSystem'", True),
    (f"""ObjectPath(CIM_ComputerSystem) = '/root/virt:{SYSTEM}.Name="web1",CreationClassName="{SYSTEM}"'""", True),
    (f"""ObjectPath(CIM_ComputerSystem) <> 'root/virt:{SYSTEM}.Name="b",CreationClassName="{SYSTEM}"'""", True),
    # symbols
    ("EnabledState = #'Enabled'", True),
    ("#'Disabled' = EnabledState", False),
    ("EnabledState = CIM_EnabledLogicalElement.EnabledState#'Enabled'", True),
    ("ANY s IN OperationalStatus SATISFIES (s = #'Predictive Failure')", True),
    # patterns
    ("Name LIKE 'eb.$'", True),
    ("Name NOT LIKE '^eb'", True),
    ("Description LIKE '.'", None),
    ("Description NOT LIKE '.'", None),
]


@pytest.mark.parametrize(("where", "wanted"), WHERE, ids=[where for where, _ in WHERE])
def test_cql(repository: Schema, system: Item, where: str, wanted: bool | None) -> None:
    query = parse_select(repository, "DMTF:CQL", f"SELECT * FROM CIM_ComputerSystem WHERE {where}")
    assert query.matches(system) is wanted


@pytest.mark.parametrize(
    ("where", "wanted"),
    [
        ('Name = "web1"', True),
        ("Name != 'web1'", False),
        ("Description = NULL", True),
        ("NULL <> Description", False),
        ("Name <> NULL", True),
        ("ElementName LIKE '%web_1'", True),
        ("ElementName LIKE 'web_1'", False),
        ("ElementName LIKE '%100[%]%'", True),
        ("Name LIKE '[a-w]__[^2]'", True),
        ('__CLASS = "Test_ComputerSystem"', True),
        ('__THIS ISA "CIM_System"', True),
        (f"""__PATH = '/root/virt:{SYSTEM}.CreationClassName="{SYSTEM}",Name="web1"'""", True),
        ("Name = 'web1' and not (EnabledState = 3 or EnabledState is null)", True),
    ],
    ids=str,
)
def test_wql(repository: Schema, system: Item, where: str, wanted: bool | None) -> None:
    query = parse_select(repository, "wql", f"select * from CIM_ComputerSystem where {where}")
    assert query.matches(system) is wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("EnabledState = 2", True),
        ("EnabledState = ResetCapability", False),
        ("Description = NULL", True),
        ("Description <> NULL", False),
        ("Name <> NULL", True),
        ("Description = 'x'", False),
        ("Description <> 'x'", False),
        ("Description NOT LIKE 'x'", False),
        ("Name NOT LIKE 'x'", True),
        ("Name LIKE '^(web|db)[0-9]$'", True),
        ("ANY OperationalStatus = 2", True),
        ("ANY OperationalStatus = NULL", True),
        ("NOT ANY OperationalStatus = 3", True),
        ("EVERY Dedicated >= 1", True),
        ("NOT EVERY Dedicated = 1", True),
        ("ANY StatusDescriptions LIKE '.'", False),
        ("EVERY StatusDescriptions LIKE '.'", True),
        ("ANY IdentifyingDescriptions NOT LIKE 'x'", False),
        ("NOT ANY IdentifyingDescriptions = 'x'", True),
        ("Dedicated = {1, 30000}", True),
        ("Dedicated = {30000, 1}", False),
        ("Dedicated <> {1}", True),
        ("StatusDescriptions = {}", True),
        ("OperationalStatus = {2,5,NULL}", True),
        ("IdentifyingDescriptions = {}", False),
        ("Dedicated[1] = 30000", True),
        ("Dedicated[0] = OperationalStatus[0]", False),
        ("EnabledState = 3 OR EnabledState = 2 AND Name = 'web1'", True),
        ("(EnabledState = 3 OR EnabledState = 2) AND Name = 'no'", False),
    ],
    ids=str,
)
def test_fql(repository: Schema, system: Item, text: str, wanted: bool) -> None:
    assert parse_filter(repository, "DMTF:FQL", text, "CIM_ComputerSystem").matches(system) is wanted


@pytest.mark.parametrize("language", ["DMTF:CQL", "CIM:CQL", "CQL", "cql", "dmtf:cql", "WQL", "wql"])
def test_names_of_languages(repository: Schema, system: Item, language: str) -> None:
    assert parse_select(repository, language, "SELECT * FROM CIM_System").matches(system) is True


def test_another_class_is_not_selected(repository: Schema, system: Item) -> None:
    assert parse_select(repository, "WQL", "SELECT * FROM KVM_ComputerSystem").matches(system) is False


def test_a_property_of_a_subclass_is_null_on_others(repository: Schema, system: Item) -> None:
    query = parse_select(repository, "CQL", "SELECT * FROM CIM_ManagedElement m WHERE m.EnabledState = 2")
    assert query.matches(system) is True
    assert query.matches(make(repository, "CIM_RegisteredProfile", InstanceID="x")) is None


def test_uint64_is_exact(repository: Schema) -> None:
    extent = make(repository, "CIM_StorageExtent", NumberOfBlocks=2**64 - 1)
    for number, wanted in ((2**64 - 1, True), (2**64 - 2, False)):
        query = parse_select(repository, "CQL", f"SELECT * FROM CIM_StorageExtent WHERE NumberOfBlocks = {number}")
        assert query.matches(extent) is wanted


def test_isa_looks_at_what_a_reference_names(repository: Schema, system: Item) -> None:
    link = make(repository, "CIM_SystemDevice", GroupComponent=system.path)
    for name, wanted in (("CIM_System", True), ("CIM_LogicalDevice", False)):
        query = parse_select(repository, "CQL", f"SELECT * FROM CIM_SystemDevice WHERE GroupComponent ISA {name}")
        assert query.matches(link) is wanted
    null = parse_select(repository, "CQL", "SELECT * FROM CIM_SystemDevice WHERE PartComponent ISA CIM_LogicalDevice")
    assert null.matches(link) is None


def test_columns(repository: Schema, system: Item) -> None:
    text = (
        "SELECT c.Name, EnabledState AS State, Dedicated, Dedicated[1] AS Second, 'x' || Name AS Label, 7 AS Seven,"
        " -1.5 AS Less, TRUE AS Yes, ClassName(c) AS Class, ObjectPath(c) AS Path, Description"
        " FROM CIM_ComputerSystem AS c"
    )
    query = parse_select(repository, "CQL", text)
    row = query.row(system, query.result_class, "root/virt")
    assert row.properties == {
        "Name": "web1",
        "State": 2,
        "Dedicated": [1, 30000],
        "Second": 30000,
        "Label": "xweb1",
        "Seven": 7,
        "Less": -1.5,
        "Yes": True,
        "Class": SYSTEM,
        "Path": system.path,
        "Description": None,
    }
    assert [(p.type, p.is_array) for p in row.cls.properties.values()] == [
        ("string", False),
        ("uint16", False),
        ("uint16", True),
        ("uint16", False),
        ("string", False),
        ("uint64", False),
        ("real64", False),
        ("boolean", False),
        ("string", False),
        ("reference", False),
        ("string", False),
    ]
    assert not row.cls.keys


@pytest.mark.parametrize("columns", ["*", "c.*", "CIM_ComputerSystem.*", "c.*, Name"])
def test_everything(repository: Schema, columns: str) -> None:
    query = parse_select(repository, "CQL", f"SELECT {columns} FROM CIM_ComputerSystem c")
    assert (query.outputs, query.shown, query.result_class.name) == (None, None, "CIM_ComputerSystem")


def test_columns_of_wql_narrow_the_instances(repository: Schema) -> None:
    query = parse_select(repository, "WQL", "SELECT name, EnabledState FROM CIM_ComputerSystem")
    assert query.outputs is None
    assert query.shown == frozenset({"name", "enabledstate"})
