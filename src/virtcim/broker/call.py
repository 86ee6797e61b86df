"""The vocabulary of a call, shared by all above model/: paths, instances, classes, requests, answers, errors."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, IntEnum
from functools import cached_property
from typing import Any, NamedTuple, Union


class Status(IntEnum):
    """CIM status codes (DSP0200; the ValueMap of CIM_Error.CIMStatusCode)."""

    FAILED = 1
    ACCESS_DENIED = 2
    INVALID_NAMESPACE = 3
    INVALID_PARAMETER = 4
    INVALID_CLASS = 5
    NOT_FOUND = 6
    NOT_SUPPORTED = 7
    CLASS_HAS_CHILDREN = 8
    CLASS_HAS_INSTANCES = 9
    INVALID_SUPERCLASS = 10
    ALREADY_EXISTS = 11
    NO_SUCH_PROPERTY = 12
    TYPE_MISMATCH = 13
    QUERY_LANGUAGE_NOT_SUPPORTED = 14
    INVALID_QUERY = 15
    METHOD_NOT_AVAILABLE = 16
    METHOD_NOT_FOUND = 17
    NAMESPACE_NOT_EMPTY = 20
    INVALID_ENUMERATION_CONTEXT = 21
    INVALID_OPERATION_TIMEOUT = 22
    PULL_HAS_BEEN_ABANDONED = 23
    PULL_CANNOT_BE_ABANDONED = 24
    FILTERED_ENUMERATION_NOT_SUPPORTED = 25
    CONTINUATION_ON_ERROR_NOT_SUPPORTED = 26
    SERVER_LIMITS_EXCEEDED = 27
    SERVER_IS_SHUTTING_DOWN = 28
    QUERY_FEATURE_NOT_SUPPORTED = 29


class CIMError(Exception):
    """A CIM status with a message that names the culprit; becomes the ERROR element of the response."""

    def __init__(self, status: Status, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


@dataclass(frozen=True, slots=True)
class ClassPath:
    """A class, optionally with its namespace."""

    classname: str
    namespace: str | None = None


@dataclass(frozen=True, slots=True)
class Path:
    """An instance path. Keys in the order of the class once canonical; from the wire as sent, values still text."""

    classname: str
    keys: tuple[tuple[str, Value], ...]
    namespace: str | None = None

    def key(self, name: str) -> Value:
        """The value of a key by its declared name; None when absent."""
        return next((value for key, value in self.keys if key == name), None)

    def __str__(self) -> str:
        keys = ",".join(f'{name}="{value}"' for name, value in self.keys)
        return f"{self.namespace or ''}:{self.classname}.{keys}"


@dataclass(frozen=True, slots=True)
class Instance:
    """An instance given or embedded. From the wire the values are text (or Path, Instance, list, None), untyped.

    `broker.values` types them (int, bool, float, str) by the class. datetime values are str of 25 characters.
    `declared` is the class of one that no schema has, such as the parameters of a method.
    """

    classname: str
    properties: dict[str, Value] = field(default_factory=dict)
    path: Path | None = None
    declared: ClassDef | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Declaration:
    """A class or qualifier type that a client declares: a pywbem.CIMClass or pywbem.CIMQualifierDeclaration."""

    declared: object

    def __str__(self) -> str:
        return str(getattr(self.declared, "classname", None) or getattr(self.declared, "name", ""))


Value = Union[None, bool, int, float, str, Path, ClassPath, Instance, Declaration, "Sequence[Value]"]
Properties = dict[str, Value]
Holds = Callable[[], bool]


@dataclass(frozen=True, slots=True)
class PropertyDef:
    """A property, or a method parameter, as the schema declares it; `origin` is the class that introduced it."""

    name: str
    type: str  # boolean, string, char16, uint8..sint64, real32, real64, datetime, reference
    is_array: bool = False
    is_key: bool = False
    origin: str = ""
    reference_class: str | None = None
    embedded: str | None = None  # class name of EmbeddedInstance, "" for EmbeddedObject, None for neither
    default: Value = None
    values: Mapping[str, str] = field(default_factory=dict)  # ValueMap entry -> Values entry
    required: bool = False
    is_in: bool = True
    is_out: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class MethodDef:
    """A method with its parameters by lower-case name."""

    name: str
    type: str
    origin: str
    parameters: Mapping[str, PropertyDef]
    values: Mapping[str, str] = field(default_factory=dict)  # ValueMap entry -> Values entry of the return value


@dataclass(frozen=True, eq=False)
class ClassDef:
    """A class with every property and method it has, inherited ones included; the maps are keyed by lower-case name."""

    name: str
    superclass: str | None
    properties: Mapping[str, PropertyDef]
    methods: Mapping[str, MethodDef]
    is_association: bool = False
    is_abstract: bool = False

    @cached_property
    def keys(self) -> tuple[PropertyDef, ...]:
        return tuple(p for p in self.properties.values() if p.is_key)

    @cached_property
    def names(self) -> frozenset[str]:
        """Of the properties, as declared."""
        return frozenset(p.name for p in self.properties.values())

    @cached_property
    def texts(self) -> frozenset[str]:
        """The properties, as declared, of which any text is a value as it is."""
        plain = (p for p in self.properties.values() if p.type == "string" and not p.is_array and p.embedded is None)
        return frozenset(p.name for p in plain)

    @cached_property
    def key_names(self) -> frozenset[str]:
        """In lower case."""
        return frozenset(p.name.lower() for p in self.keys)


class Item:
    """One instance as served; the wire may keep what it encoded of it for as long as it likes."""

    __slots__ = ("cls", "path", "properties")

    def __init__(self, cls: ClassDef, path: Path, properties: Properties) -> None:
        self.cls = cls
        self.path = path  # canonical, with namespace
        self.properties = properties  # declared names, typed values; absent = NULL


class Selection(NamedTuple):
    """Which properties of an item are shown: lower-case names, or None for all; with or without CLASSORIGIN."""

    names: frozenset[str] | None = None
    class_origin: bool = False


EVERYTHING = Selection()


class Form(Enum):
    """What IRETURNVALUE holds, by operation (DSP0200 clause 5.3; DSP0201 element names)."""

    NOTHING = ""
    INSTANCE = "INSTANCE"  # GetInstance
    NAMED_INSTANCE = "VALUE.NAMEDINSTANCE"  # EnumerateInstances
    INSTANCE_NAME = "INSTANCENAME"  # EnumerateInstanceNames
    OBJECT_WITH_PATH = "VALUE.OBJECTWITHPATH"  # Associators, References
    OBJECT_PATH = "OBJECTPATH"  # AssociatorNames, ReferenceNames
    OBJECT = "VALUE.OBJECT"  # ExecQuery: rows of selected columns
    INSTANCE_WITH_PATH = "VALUE.INSTANCEWITHPATH"  # PullInstancesWithPath and the operations that open for it
    INSTANCE_PATH = "INSTANCEPATH"  # PullInstancePaths and the operations that open for it
    VALUE = "VALUE"  # GetProperty, EnumerationCount: items are Out, none for NULL
    CLASS = "CLASS"  # GetClass, EnumerateClasses: items are ClassView
    CLASS_NAME = "CLASSNAME"  # EnumerateClassNames: items are str
    CLASS_WITH_PATH = "VALUE.OBJECTWITHPATH/CLASS"  # Associators, References of a class: (ClassPath, ClassView)
    CLASS_PATH = "OBJECTPATH/CLASSPATH"  # AssociatorNames, ReferenceNames of a class: items are ClassPath
    QUALIFIER = "QUALIFIER.DECLARATION"  # GetQualifier, EnumerateQualifiers: items are pywbem.CIMQualifierDeclaration


@dataclass(frozen=True, slots=True)
class ClassView:
    """A class as a class operation shows it: `declared` is a pywbem.CIMClass, inherited elements `propagated`."""

    declared: object
    local_only: bool = False
    qualifiers: bool = True
    class_origin: bool = False
    names: frozenset[str] | None = None  # lower-case property names of PropertyList


@dataclass(frozen=True, slots=True)
class Argument:
    """A method parameter as sent: the untyped value (an Instance where EmbeddedObject was given) and PARAMTYPE."""

    value: Value
    type: str | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """A request. `namespace` has no leading or trailing slash. Parameter names keep the spelling of the request.

    Intrinsic: `target` is None, `parameters` hold untyped values: str (VALUE), list (VALUE.ARRAY), Path (INSTANCENAME),
    ClassPath (CLASSNAME), Instance (INSTANCE; VALUE.NAMEDINSTANCE fills `path`), None (no child).
    Extrinsic: `target` is a Path or ClassPath, `parameters` hold Argument.
    `memo` is for what follows from the text of the request alone; requests of the same text share it.
    """

    message_id: str
    name: str
    namespace: str
    parameters: Mapping[str, Value | Argument]
    target: Path | ClassPath | None = None
    user: str = ""
    share: str = ""  # whose share of the server it counts to, if not the user's
    memo: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Out:
    """An out parameter: its declaration and its typed value."""

    declared: PropertyDef
    value: Value


@dataclass(frozen=True, slots=True)
class Answer:
    """The result of an intrinsic operation: items to encode as `form`; they may be made while they are sent."""

    form: Form
    items: Iterable[object] = ()
    selection: Selection = EVERYTHING
    out: tuple[Out, ...] = ()
    result_class: ClassView | None = None  # QueryResultClass of OpenQueryInstances
    holds: Holds | None = None  # whether another call of the same text would be answered by the same; None: who knows
    ahead: Callable[[], Ahead | None] | None = None  # makes what answers the next call, if it asks for as many


Ahead = tuple[str, Answer, Callable[[], Answer]]  # the context of a call, what will answer it, and what then does so


@dataclass(frozen=True, slots=True)
class MethodAnswer:
    """The result of a method: the return value with its CIM type, and the out parameters that are not NULL.

    `reason` says in words why a method refused; a return value alone cannot (the wire sends it in a header).
    """

    value: Value
    type: str
    out: tuple[Out, ...] = ()
    reason: str = ""
