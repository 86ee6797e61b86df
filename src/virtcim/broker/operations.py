"""The table of intrinsic operations: parameters, converted here, and what runs them (DSP0200 clause 5.3)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from virtcim.broker.call import Argument, Call, CIMError, ClassPath, Declaration, Form, Instance, Path, Status, Value
from virtcim.broker.values import Mistyped, scalar

REQUIRED = object()


@dataclass(frozen=True)
class Parameter:
    """A parameter of an intrinsic operation; `kind` is a key of _CONVERTERS."""

    name: str
    kind: str
    default: Any = None

    @cached_property
    def lower(self) -> str:
        return self.name.lower()

    @cached_property
    def snake(self) -> str:
        """PropertyList -> property_list."""
        return "".join(f"_{c.lower()}" if c.isupper() else c for c in self.name).lstrip("_")


@dataclass(frozen=True)
class Operation:
    """An intrinsic operation; `run` names the broker's method, called with the converted parameters.

    Of a pulled enumeration `session` names what to do with its session, and `form` is how its objects are sent.
    """

    name: str
    parameters: tuple[Parameter, ...]
    run: str
    session: str = ""
    form: Form | None = None


def _flag(name: str, default: bool) -> Parameter:
    return Parameter(name, "flag", default)


_CLASS = Parameter("ClassName", "class", REQUIRED)
_ANY_CLASS = Parameter("ClassName", "class")
_INSTANCE = Parameter("InstanceName", "instance", REQUIRED)
_OBJECT = Parameter("ObjectName", "object", REQUIRED)
_LIST = Parameter("PropertyList", "names")
_LOCAL = _flag("LocalOnly", True)
_QUALIFIERS = _flag("IncludeQualifiers", True)
_NO_QUALIFIERS = _flag("IncludeQualifiers", False)
_ORIGIN = _flag("IncludeClassOrigin", False)
_DEEP = _flag("DeepInheritance", True)
_SHALLOW = _flag("DeepInheritance", False)
_ASSOCIATION = Parameter("AssocClass", "class")
_RESULT = Parameter("ResultClass", "class")
_ROLE = Parameter("Role", "text")
_RESULT_ROLE = Parameter("ResultRole", "text")
_QUALIFIER = Parameter("QualifierName", "text", REQUIRED)
_WAIT = Parameter("OperationTimeout", "count")
_CONTINUE = _flag("ContinueOnError", False)
_FIRST = Parameter("MaxObjectCount", "count", 0)
_OPEN = (
    Parameter("FilterQueryLanguage", "text"),
    Parameter("FilterQuery", "text"),
    _WAIT,
    _CONTINUE,
    _FIRST,
)
_CONTEXT = Parameter("EnumerationContext", "text", REQUIRED)
_PULL = (_CONTEXT, Parameter("MaxObjectCount", "count", REQUIRED))
_ASSOCIATED = (_INSTANCE, _ASSOCIATION, _RESULT, _ROLE, _RESULT_ROLE)
_REFERRING = (_INSTANCE, _RESULT, _ROLE)
_INSTANCES, _PATHS = Form.INSTANCE_WITH_PATH, Form.INSTANCE_PATH

_TABLE = (
    ("GetInstance", "get_instance", (_INSTANCE, _LOCAL, _NO_QUALIFIERS, _ORIGIN, _LIST)),
    ("EnumerateInstances", "enumerate_instances", (_CLASS, _LOCAL, _DEEP, _NO_QUALIFIERS, _ORIGIN, _LIST)),
    ("EnumerateInstanceNames", "enumerate_instance_names", (_CLASS,)),
    (
        "Associators",
        "associators",
        (_OBJECT, _ASSOCIATION, _RESULT, _ROLE, _RESULT_ROLE, _NO_QUALIFIERS, _ORIGIN, _LIST),
    ),
    ("AssociatorNames", "associator_names", (_OBJECT, _ASSOCIATION, _RESULT, _ROLE, _RESULT_ROLE)),
    ("References", "references", (_OBJECT, _RESULT, _ROLE, _NO_QUALIFIERS, _ORIGIN, _LIST)),
    ("ReferenceNames", "reference_names", (_OBJECT, _RESULT, _ROLE)),
    ("GetClass", "get_class", (_CLASS, _LOCAL, _QUALIFIERS, _ORIGIN, _LIST)),
    ("EnumerateClasses", "enumerate_classes", (_ANY_CLASS, _SHALLOW, _LOCAL, _QUALIFIERS, _ORIGIN)),
    ("EnumerateClassNames", "enumerate_class_names", (_ANY_CLASS, _SHALLOW)),
    ("GetQualifier", "get_qualifier", (_QUALIFIER,)),
    ("EnumerateQualifiers", "enumerate_qualifiers", ()),
    ("CreateInstance", "create_instance", (Parameter("NewInstance", "embedded", REQUIRED),)),
    ("ModifyInstance", "modify_instance", (Parameter("ModifiedInstance", "embedded", REQUIRED), _QUALIFIERS, _LIST)),
    ("DeleteInstance", "delete_instance", (_INSTANCE,)),
    (
        "SetProperty",
        "set_property",
        (_INSTANCE, Parameter("PropertyName", "text", REQUIRED), Parameter("NewValue", "any")),
    ),
    ("CreateClass", "create_class", (Parameter("NewClass", "declaration", REQUIRED),)),
    ("ModifyClass", "modify_class", (Parameter("ModifiedClass", "declaration", REQUIRED),)),
    ("DeleteClass", "delete_class", (_CLASS,)),
    ("SetQualifier", "set_qualifier", (Parameter("QualifierDeclaration", "declaration", REQUIRED),)),
    ("DeleteQualifier", "delete_qualifier", (_QUALIFIER,)),
    ("GetProperty", "get_property", (_INSTANCE, Parameter("PropertyName", "text", REQUIRED))),
    (
        "ExecQuery",
        "exec_query",
        (Parameter("QueryLanguage", "text", REQUIRED), Parameter("Query", "text", REQUIRED)),
    ),
)
_SHOWN = (_ORIGIN, _LIST)
_QUERY = (
    Parameter("FilterQueryLanguage", "text", REQUIRED),
    Parameter("FilterQuery", "text", REQUIRED),
    _flag("ReturnQueryResultClass", False),
    _WAIT,
    _CONTINUE,
    _FIRST,
)
_PULLED = (
    Operation("OpenEnumerateInstances", (_CLASS, _DEEP, *_SHOWN, *_OPEN), "enumerate_instances", "open", _INSTANCES),
    Operation("OpenEnumerateInstancePaths", (_CLASS, *_OPEN), "enumerate_instance_names", "open", _PATHS),
    Operation("OpenAssociatorInstances", (*_ASSOCIATED, *_SHOWN, *_OPEN), "associators", "open", _INSTANCES),
    Operation("OpenAssociatorInstancePaths", (*_ASSOCIATED, *_OPEN), "associator_names", "open", _PATHS),
    Operation("OpenReferenceInstances", (*_REFERRING, *_SHOWN, *_OPEN), "references", "open", _INSTANCES),
    Operation("OpenReferenceInstancePaths", (*_REFERRING, *_OPEN), "reference_names", "open", _PATHS),
    Operation("OpenQueryInstances", _QUERY, "exec_query", "open_query", Form.INSTANCE),
    Operation("PullInstancesWithPath", _PULL, "", "pull", _INSTANCES),
    Operation("PullInstancePaths", _PULL, "", "pull", _PATHS),
    Operation("PullInstances", _PULL, "", "pull", Form.INSTANCE),
    Operation("CloseEnumeration", (_CONTEXT,), "", "close"),
    Operation("EnumerationCount", (_CONTEXT,), "", "count"),
)
_PLAIN = tuple(Operation(name, parameters, run) for name, run, parameters in _TABLE)
WRITING = frozenset({"createinstance", "modifyinstance", "deleteinstance", "setproperty"})
WRITING |= {"createclass", "modifyclass", "deleteclass", "setqualifier", "deletequalifier"}
OPERATIONS = {operation.name.lower(): operation for operation in (*_PLAIN, *_PULLED)}


def converted(operation: Operation, call: Call) -> dict[str, Any]:
    """The parameters of a call by snake_case name. Errors: CIMError INVALID_PARAMETER naming the parameter."""
    sent = {name.lower(): value for name, value in call.parameters.items()}
    given = {p.snake: _convert(operation, p, sent.pop(p.lower, None)) for p in operation.parameters}
    if sent:
        unknown = next(name for name in call.parameters if name.lower() in sent)
        raise CIMError(Status.INVALID_PARAMETER, f"{operation.name} has no parameter {unknown}")
    return given


def _convert(operation: Operation, parameter: Parameter, value: Value | Argument) -> Any:
    if value is None:
        if parameter.default is REQUIRED:
            raise CIMError(Status.INVALID_PARAMETER, f"{operation.name} needs {parameter.name}")
        return parameter.default
    try:
        return _CONVERTERS[parameter.kind](parameter.name, value)
    except Mistyped as error:
        raise CIMError(Status.INVALID_PARAMETER, f"{operation.name}: {error}") from error


def _class(name: str, value: object) -> str:
    if isinstance(value, ClassPath):
        return value.classname
    raise Mistyped(f"{name} is a class name")


def _instance(name: str, value: object) -> Path:
    if isinstance(value, Path):
        return value
    if isinstance(value, ClassPath):  # a path without keys looks like a class name in some clients' requests
        return Path(value.classname, (), value.namespace)
    raise Mistyped(f"{name} is an instance name")


def _object(name: str, value: object) -> Path | ClassPath:
    if isinstance(value, Path) and not value.keys:  # wbemcli names a class so
        return ClassPath(value.classname, value.namespace)
    if isinstance(value, Path | ClassPath):
        return value
    raise Mistyped(f"{name} is an instance name or a class name")


def _embedded(name: str, value: object) -> Instance:
    if isinstance(value, Instance):
        return value
    raise Mistyped(f"{name} is an instance")


def _declaration(name: str, value: object) -> Declaration:
    if isinstance(value, Declaration):
        return value
    raise Mistyped(f"{name} is a declaration")


def _any(name: str, value: object) -> object:
    return value


def _boolean(name: str, value: object) -> object:
    if isinstance(value, str):
        return scalar(name, "boolean", value)
    raise Mistyped(f"{name} is a boolean")


def _text(name: str, value: object) -> str:
    if isinstance(value, str):
        return value
    raise Mistyped(f"{name} is a string")


def _count(name: str, value: object) -> object:
    return scalar(name, "uint32", _text(name, value))


def _names(name: str, value: object) -> frozenset[str]:
    names = value if isinstance(value, list) else [value]
    return frozenset(_text(f"each element of {name}", one).lower() for one in names)


_CONVERTERS: Mapping[str, Callable[[str, object], Any]] = {
    "class": _class,
    "instance": _instance,
    "object": _object,
    "embedded": _embedded,
    "declaration": _declaration,
    "any": _any,
    "flag": _boolean,
    "text": _text,
    "names": _names,
    "count": _count,
}
