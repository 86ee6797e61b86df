"""Queries that are refused: with which status, where and why."""

from __future__ import annotations

import pytest

from virtcim.broker.call import CIMError, Status
from virtcim.broker.query import parse_filter, parse_select
from virtcim.broker.query_grammar import MAX_TEXT
from virtcim.broker.schema import Schema

INVALID, UNSUPPORTED = Status.INVALID_QUERY, Status.QUERY_FEATURE_NOT_SUPPORTED
FROM = "SELECT * FROM CIM_ComputerSystem"


def where(condition: str) -> str:
    return f"{FROM} WHERE {condition}"


@pytest.mark.parametrize("language", ["", "SQL", "DMTF:FQL", "DMTF:CQLT"])
def test_unknown_language(repository: Schema, language: str) -> None:
    with pytest.raises(CIMError, match="DMTF:CQL, WQL") as refused:
        parse_select(repository, language, FROM)
    assert refused.value.status is Status.QUERY_LANGUAGE_NOT_SUPPORTED


@pytest.mark.parametrize("language", ["WQL", "DMTF:CQL", "x"])
def test_filters_are_fql(repository: Schema, language: str) -> None:
    with pytest.raises(CIMError, match="DMTF:FQL") as refused:
        parse_filter(repository, language, "Name = 'a'", None)
    assert refused.value.status is Status.QUERY_LANGUAGE_NOT_SUPPORTED


REFUSED = [
    # syntax
    ("", INVALID, "line 1, column 1: the query ends"),
    ("SELECT FROM CIM_System", INVALID, "column 8: FROM"),
    ("SELECT *", INVALID, "column 9: the query ends"),
    ("SELECT *\nFROM CIM_System\nWHERE Name ~ 'a'", INVALID, "line 3, column 12: '~'"),
    (where(""), INVALID, "the query ends"),
    (where("Name = "), INVALID, "the query ends"),
    (where("Name 'a'"), INVALID, "column 45"),
    (where("Name = 'a"), INVALID, 'column 47: "\'"'),
    (where('Name = "a"'), INVALID, "single quotes"),
    (where("(Name = 'a'"), INVALID, "the query ends"),
    (where("Name = 'a')"), INVALID, "column 50: ')'"),
    (where("EnabledState = 123456789012345678901"), INVALID, "column 75"),
    (where("(" * 33 + "Name = 'a'" + ")" * 33), INVALID, "deeper than 32"),
    (where(" OR ".join(["Name = 'a'"] * 1100)), INVALID, "more than 4096"),
    (FROM + " " * MAX_TEXT, INVALID, "longer than 65536"),
    # names
    ("SELECT * FROM CIM_Nothing", INVALID, "column 15: class CIM_Nothing"),
    ("SELECT Nothing FROM CIM_System", INVALID, "column 8: neither CIM_System nor a subclass has a property Nothing"),
    (where("Nothing = 1"), INVALID, "column 40: neither CIM_ComputerSystem"),
    (where("x.Name = 1"), INVALID, "a property x"),
    (where("CIM_ComputerSystem ISA CIM_Nothing"), INVALID, "class CIM_Nothing"),
    (where("CIM_Nothing::Name = 'a'"), INVALID, "class CIM_Nothing"),
    ("SELECT * FROM CIM_InstCreation WHERE SourceInstance.Nothing = 1", INVALID, "no class has a property Nothing"),
    (where("EnabledState = #'Perhaps'"), INVALID, "no value called 'Perhaps'"),
    (where("EnabledState = #'Vendor Reserved'"), INVALID, "range"),
    (where("#'Enabled' = 2"), INVALID, "beside no property"),
    # types
    (where("Name = 1"), INVALID, "a string cannot be compared with a number"),
    (where("EnabledState = '2'"), INVALID, "a number cannot be compared with a string"),
    (where("EnabledState = TRUE"), INVALID, "a number cannot be compared with a boolean"),
    (where("TimeOfLastStateChange = 'yesterday'"), INVALID, "'yesterday' is not a datetime"),
    (where("TimeOfLastStateChange = Name"), INVALID, "a datetime cannot be compared"),
    (where("TRUE < FALSE"), INVALID, "a boolean is not compared by <"),
    (where("ObjectPath(CIM_ComputerSystem) > 'a:b.c=1'"), INVALID, "a reference is not compared by >"),
    (where("ObjectPath(CIM_ComputerSystem) = 'rubbish'"), INVALID, "'rubbish' is not a reference"),
    (where("OperationalStatus = 2"), INVALID, "an array and a single value"),
    (where("OperationalStatus < Dedicated"), INVALID, "arrays are not compared by <"),
    (where("Name[0] = 'a'"), INVALID, "Name is no array"),
    (where("Name.Length = 1"), INVALID, "Length is asked of a string"),
    (where("ANY x IN Name SATISFIES (x = 'a')"), INVALID, "an array is expected"),
    (where("Name ISA CIM_System"), INVALID, "an instance is expected"),
    (where("EnabledState LIKE '2'"), INVALID, "a string is expected"),
    (where("EnabledState || 'a' = 'b'"), INVALID, "a string is expected"),
    (where("Name"), INVALID, "a condition is expected"),
    (where("Name AND EnabledState = 2"), INVALID, "a condition is expected"),
    (where("ClassName() = 'a'"), INVALID, "one argument"),
    (
        "SELECT * FROM CIM_InstModification WHERE SourceInstance <> PreviousInstance",
        INVALID,
        "compared by their properties",
    ),
    # patterns
    (where("Name LIKE '('"), INVALID, "column 50: ) is missing"),
    (where("Name LIKE '[^a]'"), INVALID, "[abc]^"),
    (where("Name LIKE '*'"), INVALID, "repeats nothing"),
    (where(f"Name LIKE '{'a' * 1025}'"), INVALID, "longer than 1024"),
    (where("Name LIKE '(a{1000}){1000}'"), INVALID, "more than 1024 states"),
    (where("Name LIKE ElementName"), UNSUPPORTED, "no string literal"),
    # columns
    ("SELECT Name, Name FROM CIM_System", INVALID, "selected twice"),
    ("SELECT 'x' FROM CIM_System", INVALID, "no name"),
    ("SELECT SourceInstance.* FROM CIM_InstCreation", UNSUPPORTED, "embedded instance as columns"),
    # features
    ("SELECT DISTINCT Name FROM CIM_System", UNSUPPORTED, "DISTINCT"),
    ("SELECT FIRST 5 * FROM CIM_System", UNSUPPORTED, "FIRST"),
    ("SELECT * FROM CIM_System ORDER BY Name", UNSUPPORTED, "column 26: ORDER BY"),
    (where("Name = 'a' ORDER BY Name"), UNSUPPORTED, "ORDER BY"),
    (where("Name = 'a' GROUP BY Name"), UNSUPPORTED, "GROUP BY"),
    ("SELECT * FROM CIM_System, CIM_LogicalDevice", UNSUPPORTED, "joins"),
    ("SELECT * FROM CIM_System a INNER JOIN CIM_Job b ON a.Name = b.Name", UNSUPPORTED, "joins"),
    (where("Name IN (SELECT Name FROM CIM_System)"), UNSUPPORTED, "IN without ANY"),
    (where("Name = (SELECT Name FROM CIM_System)"), UNSUPPORTED, "subqueries"),
    (where("EnabledState + 1 = 2"), UNSUPPORTED, "arithmetic"),
    (where("OperationalStatus[0..1] = 2"), UNSUPPORTED, "array ranges"),
    (where("OperationalStatus[0,1] = 2"), UNSUPPORTED, "array ranges"),
    ("SELECT COUNT(*) FROM CIM_System", UNSUPPORTED, "function COUNT"),
    (where("UpperCase(Name) = 'A'"), UNSUPPORTED, "function UpperCase"),
    ("SELECT * FROM CIM_SystemDevice WHERE GroupComponent.Name = 'a'", UNSUPPORTED, "what a reference names"),
]


@pytest.mark.parametrize(("text", "status", "reason"), REFUSED, ids=[f"{text:.60}" for text, _, _ in REFUSED])
def test_cql(repository: Schema, text: str, status: Status, reason: str) -> None:
    with pytest.raises(CIMError) as refused:
        parse_select(repository, "DMTF:CQL", text)
    assert (refused.value.status, reason in refused.value.message) == (status, True), refused.value.message
    assert refused.value.message.startswith("DMTF:CQL query, line ")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("SELECT * FROM CIM_System WHERE Name < NULL", "neither less nor greater"),
        ("SELECT * FROM CIM_System WHERE Name = 'a' OR", "the query ends"),
        ("SELECT * FROM CIM_System s", "'s' is not expected"),
        ("ASSOCIATORS OF {x}", "'ASSOCIATORS'"),
    ],
)
def test_wql(repository: Schema, text: str, reason: str) -> None:
    with pytest.raises(CIMError) as refused:
        parse_select(repository, "WQL", text)
    assert (refused.value.status, reason in refused.value.message) == (INVALID, True), refused.value.message


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "the query ends"),
        ("Name", "the query ends"),
        ("Nothing = 1", "neither CIM_ComputerSystem nor a subclass"),
        ("NOT Name = 'a'", "column 5: 'Name'"),
        ("'a' = Name", "column 1"),
        ("Name ISA CIM_System", "column 6"),
        ("Name IS NULL", "column 6"),
        ("Name = 1", "a string cannot be compared with a number"),
        ("Name = 1 OR", "the query ends"),
        ("OperationalStatus = 2", "ANY"),
        ("OperationalStatus = {2, 'a'}", "several types"),
        ("OperationalStatus = {'a'}", "a number cannot be compared with a string"),
        ("OperationalStatus < {2}", "arrays are not compared by <"),
        ("Name = {'a'}", "an array and a single value"),
        ("ANY Name = 'a'", "an array is expected"),
        ("EnabledState < NULL", "neither less nor greater"),
        ("EnabledState + 1 = 3", "'+'"),
        ("UpperCase(Name) = 'A'", "'('"),
        ("Name LIKE 1", "'1'"),
        ("SELECT * FROM CIM_System", "'*'"),
    ],
)
def test_fql(repository: Schema, text: str, reason: str) -> None:
    with pytest.raises(CIMError) as refused:
        parse_filter(repository, "DMTF:FQL", text, "CIM_ComputerSystem")
    assert (refused.value.status, reason in refused.value.message) == (INVALID, True), refused.value.message


def test_a_property_whose_type_differs_between_classes_is_no_column(repository: Schema) -> None:
    types: dict[str, set[str]] = {}
    for cls in repository:
        for name, declared in cls.properties.items():
            types.setdefault(name, set()).add(declared.type)
    name = next(name for name, found in sorted(types.items()) if len(found) > 1)
    with pytest.raises(CIMError, match="Class::Property"):
        parse_select(repository, "CQL", f"SELECT SourceInstance.{name} FROM CIM_InstCreation")
