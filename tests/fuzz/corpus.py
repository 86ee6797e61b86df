"""Requests to begin with: one or more of every operation, a method, every way to write a value."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from tests.caller import instance, method_call, system, value
from tests.test_method_failures import METHODS
from tests.test_operation_failures import CALLS
from tests.wire.samples import SPACE

from virtcim.conformance.raw import class_name, intrinsic, message, text

EMBEDDED = (
    "&lt;INSTANCE CLASSNAME=&quot;CIM_VirtualSystemSettingData&quot;&gt;&lt;PROPERTY NAME=&quot;ElementName&quot;"
    " TYPE=&quot;string&quot;&gt;&lt;VALUE&gt;x&lt;/VALUE&gt;&lt;/PROPERTY&gt;&lt;/INSTANCE&gt;"
)
MOF = (
    'instance of CIM_VirtualSystemSettingData { ElementName = "a\\x41";'
    " VirtualSystemType = {1, 0x2F, -3, 1.5E3, true, null}; };"
)
VALUES = (
    value("A", "<VALUE.ARRAY><VALUE>1</VALUE><VALUE.NULL/><VALUE><![CDATA[<x>]]></VALUE></VALUE.ARRAY>"),
    value("B", f"<VALUE.REFERENCE><LOCALINSTANCEPATH>{SPACE}{system()}</LOCALINSTANCEPATH></VALUE.REFERENCE>"),
    value("C", f"<VALUE.REFARRAY><VALUE.REFERENCE>{system()}</VALUE.REFERENCE><VALUE.NULL/></VALUE.REFARRAY>"),
    f'<PARAMVALUE NAME="D" PARAMTYPE="string" EmbeddedObject="instance"><VALUE>{EMBEDDED}</VALUE></PARAMVALUE>',
    f'<PARAMVALUE NAME="SystemSettings" PARAMTYPE="instance"><VALUE>{MOF}</VALUE></PARAMVALUE>',
    f"<PARAMVALUE NAME='SystemSettings' PARAMTYPE='string'><VALUE>{MOF}</VALUE></PARAMVALUE>",
    value("RequestedState", "<VALUE>2</VALUE>") + value("TimeoutPeriod", "<VALUE>00000000000100.000000:000</VALUE>"),
)
CLASS = (
    '<CLASS NAME="X_A" SUPERCLASS="CIM_Job"><QUALIFIER NAME="Abstract" TYPE="boolean" TOSUBCLASS="false"><VALUE>TRUE'
    '</VALUE></QUALIFIER><PROPERTY NAME="p" TYPE="uint8"><VALUE>7</VALUE></PROPERTY><PROPERTY.ARRAY NAME="q" TYPE="'
    'string" ARRAYSIZE="3"><VALUE.ARRAY><VALUE>a</VALUE></VALUE.ARRAY></PROPERTY.ARRAY><PROPERTY.REFERENCE NAME="r" '
    'REFERENCECLASS="X_A"/><METHOD NAME="m" TYPE="uint32"><PARAMETER NAME="a" TYPE="datetime"/></METHOD></CLASS>'
)
QUALIFIER = (
    '<QUALIFIER.DECLARATION NAME="Values" TYPE="string" ISARRAY="true"><SCOPE PROPERTY="true" METHOD="true"/>'
    "<VALUE.ARRAY><VALUE>a</VALUE></VALUE.ARRAY></QUALIFIER.DECLARATION>"
)
QUERIES = (
    "SELECT Name, EnabledState FROM CIM_ComputerSystem WHERE Name LIKE 'w%' AND NOT (EnabledState <> 2 OR Name = '')",
    "SELECT * FROM CIM_ManagedElement WHERE CIM_ManagedElement ISA CIM_Job OR ANY OperationalStatus = 2",
)


FUZZED = "root/fuzzed"  # a namespace that is made for it
THING = (
    '<CLASS NAME="X_Thing"><PROPERTY NAME="Name" TYPE="string"><QUALIFIER NAME="Key" TYPE="boolean"><VALUE>TRUE</VALUE>'
    '</QUALIFIER></PROPERTY><PROPERTY NAME="Size" TYPE="uint8"/><PROPERTY.ARRAY NAME="Words" TYPE="string"/></CLASS>'
)
KEY = '<QUALIFIER.DECLARATION NAME="Key" TYPE="boolean"><SCOPE PROPERTY="true"/></QUALIFIER.DECLARATION>'
ONE = '<INSTANCENAME CLASSNAME="X_Thing"><KEYBINDING NAME="Name"><KEYVALUE>one</KEYVALUE></KEYBINDING></INSTANCENAME>'
INSTANCE = (
    '<INSTANCE CLASSNAME="X_Thing"><PROPERTY NAME="Name" TYPE="string"><VALUE>one</VALUE></PROPERTY>'
    '<PROPERTY NAME="Size" TYPE="uint8"><VALUE>3</VALUE></PROPERTY></INSTANCE>'
)
OWN = (
    ("SetQualifier", {"QualifierDeclaration": KEY}),
    ("CreateClass", {"NewClass": THING}),
    ("CreateInstance", {"NewInstance": INSTANCE}),
    ("ModifyInstance", {"ModifiedInstance": f"<VALUE.NAMEDINSTANCE>{ONE}{INSTANCE}</VALUE.NAMEDINSTANCE>"}),
    ("SetProperty", {"InstanceName": ONE, "PropertyName": text("Size"), "NewValue": text(4)}),
    ("GetInstance", {"InstanceName": ONE}),
    ("EnumerateInstances", {"ClassName": class_name("X_Thing")}),
    ("ModifyClass", {"ModifiedClass": THING}),
    ("DeleteInstance", {"InstanceName": ONE}),
    ("DeleteClass", {"ClassName": class_name("X_Thing")}),
    ("DeleteQualifier", {"QualifierName": text("Key")}),
)
SPACE_INSTANCE = instance("CIM_Namespace", Name=FUZZED)


class Request(NamedTuple):
    """A request: what CIMMethod and CIMObject name, and the body."""

    method: str
    object: str
    body: bytes


def operation(name: str, namespace: str, given: dict[str, str]) -> Request:
    return Request(name, namespace, message(intrinsic(name, namespace, **given)).encode())


MAKE_SPACE = operation("CreateInstance", "interop", {"NewInstance": SPACE_INSTANCE})


def requests() -> Iterator[Request]:
    """All of them."""
    yield from (operation(name, FUZZED, given) for name, given in OWN)
    for name, (given, _) in CALLS.items():
        yield operation(name, "root/virt", given)
    for query in QUERIES:
        for language in ("WQL", "DMTF:CQL"):
            given = {"QueryLanguage": text(language), "Query": text(query)}
            yield operation("ExecQuery", "root/virt", given)
    for name, given in (
        ("CreateClass", {"NewClass": CLASS}),
        ("SetQualifier", {"QualifierDeclaration": QUALIFIER}),
        ("GetClass", {"ClassName": CLASS}),
    ):
        yield operation(name, "root/virt", given)
    for target, name, _ in METHODS.values():
        yield from _method(name, target)


def _method(name: str, target: str) -> Iterator[Request]:
    classname = target.partition('NAME="')[2].partition('"')[0]
    for given in VALUES:
        yield Request(name, f"root/virt:{classname}", message(method_call(name, target, given)).encode())


REQUESTS = tuple(requests())
