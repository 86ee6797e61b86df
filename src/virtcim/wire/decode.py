"""A request as bytes of CIM-XML to a Call (DSP0201 clause 5.2; DSP0200 clause 6 for what goes wrong)."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from virtcim.broker.call import Argument, Call, CIMError, ClassPath, Status, Value
from virtcim.wire.called import usual_call
from virtcim.wire.declarations import class_given, qualifier_given
from virtcim.wire.elements import (
    ANY_SIZE,
    Element,
    Size,
    attribute,
    children,
    name_of,
    only_child,
    optional_child,
    parse,
)
from virtcim.wire.embedded import instance, named_instance, unwrapped
from virtcim.wire.faults import BadXML, HTTPFault, Misplaced, RefusedCall, Unacceptable
from virtcim.wire.headers import CIMHeaders
from virtcim.wire.values import (
    VALUES,
    class_name,
    embedded_kind,
    instance_name,
    local_class_path,
    local_instance_path,
    namespace,
)

_IN_VALUES: dict[str, Callable[[Element], Value]] = {
    "VALUE": VALUES["VALUE"],
    "VALUE.ARRAY": VALUES["VALUE.ARRAY"],
    "VALUE.REFERENCE": VALUES["VALUE.REFERENCE"],
    "CLASSNAME": class_name,
    "INSTANCENAME": instance_name,
    "INSTANCE": instance,
    "VALUE.NAMEDINSTANCE": named_instance,
    "CLASS": class_given,
    "QUALIFIER.DECLARATION": qualifier_given,
}
_METHOD_VALUES = {**_IN_VALUES, "VALUE.REFARRAY": VALUES["VALUE.REFARRAY"]}


def decode(body: bytes, headers: CIMHeaders | None = None, size: Size = ANY_SIZE) -> Call:
    """The call in a request body, compared with the CIM `headers` when given.

    Raises HTTPFault for what DSP0200 answers by an HTTP status, RefusedCall for unacceptable parameters.
    """
    return decoded(body, headers, size)[0]


def decoded(body: bytes, headers: CIMHeaders | None, size: Size) -> tuple[Call, str]:
    """As `decode`; with PROTOCOLVERSION."""
    usual = usual_call(body, size)
    if usual is None:
        return parsed(body, headers, size)
    if headers is not None:
        headers.check(*usual)
    return usual


def parsed(body: bytes, headers: CIMHeaders | None, size: Size) -> tuple[Call, str]:
    """As `decoded`, of whatever form."""
    try:
        message = _message(parse(body, size))
        call, parameters = _request(message)
        version = attribute(message, "PROTOCOLVERSION").strip()
        if headers is not None:
            headers.check(call, version)
        return _with_parameters(call, parameters), version
    except BadXML as error:
        raise HTTPFault(400, error.cimerror, str(error)) from error


def _message(root: Element) -> Element:
    if root.tag != "CIM":
        raise Misplaced(f"the root element is {root.tag}, expected CIM")
    _check_version(root, "CIMVERSION", "2", "unsupported-cim-version")
    _check_version(root, "DTDVERSION", "2", "unsupported-dtd-version")
    message = only_child(root, "MESSAGE")
    attribute(message, "ID")
    _check_version(message, "PROTOCOLVERSION", "1", "unsupported-protocol-version")
    return message


def _check_version(element: Element, name: str, major: str, cimerror: str) -> None:
    """A higher minor version is served, another major one is not."""
    version = attribute(element, name).strip()
    found, dot, minor = version.partition(".")
    if not (dot and found.isdecimal() and minor.isdecimal()):
        raise Misplaced(f"{name} is {version!r}, expected {major}.<minor>")
    if found != major:
        raise HTTPFault(501, cimerror, f"{name} {version} is not supported, {major}.x is")


def _request(message: Element) -> tuple[Call, list[Element]]:
    """The call without parameters, and the elements that hold them."""
    request = only_child(message, "SIMPLEREQ", "MULTIREQ", "MULTIEXPREQ")
    if request.tag != "SIMPLEREQ":
        raise HTTPFault(501, "multiple-requests-unsupported", "only simple requests are supported")
    found = [e for e in children(request, "CORRELATOR", "IMETHODCALL", "METHODCALL") if e.tag != "CORRELATOR"]
    if len(found) != 1:
        raise Misplaced(f"SIMPLEREQ holds {len(found)} calls")
    called = found[0]
    read = _intrinsic if called.tag == "IMETHODCALL" else _extrinsic
    return read(called, attribute(message, "ID"))


def _intrinsic(called: Element, message_id: str) -> tuple[Call, list[Element]]:
    head, parameters = _parts(called, ("LOCALNAMESPACEPATH",), "IPARAMVALUE")
    return Call(message_id, name_of(called), namespace(head), {}), parameters


def _extrinsic(called: Element, message_id: str) -> tuple[Call, list[Element]]:
    head, parameters = _parts(called, ("LOCALINSTANCEPATH", "LOCALCLASSPATH"), "PARAMVALUE")
    space = next((namespace(e) for e in head if e.tag == "LOCALNAMESPACEPATH"), "")
    name = name_of(called)
    try:
        target = local_instance_path(head) if head.tag == "LOCALINSTANCEPATH" else local_class_path(head)
    except Unacceptable as error:
        stub = Call(message_id, name, space, {}, target=ClassPath("", space))
        raise _refused(stub, error) from error
    return Call(message_id, name, space, {}, target=target), parameters


def _parts(called: Element, heads: tuple[str, ...], parameter: str) -> tuple[Element, list[Element]]:
    """The element that says where a call goes, and those of its parameters."""
    found = children(called, *heads, parameter)
    if not found or found[0].tag not in heads:
        raise Misplaced(f"{called.tag} does not begin with {' or '.join(heads)}")
    for element in found[1:]:
        if element.tag != parameter:
            raise Misplaced(f"{called.tag} holds {element.tag} after its first element")
    return found[0], found[1:]


def _with_parameters(call: Call, elements: Iterable[Element]) -> Call:
    read: Callable[[Element], Value | Argument] = _in_value if call.target is None else _argument
    parameters: dict[str, Value | Argument] = {}
    seen: set[str] = set()
    try:
        for element in elements:
            name = name_of(element)
            if name.lower() in seen:
                raise Unacceptable(f"parameter {name} is given twice")
            seen.add(name.lower())
            parameters[name] = read(element)
    except Unacceptable as error:
        raise _refused(call, error) from error
    return Call(call.message_id, call.name, call.namespace, parameters, call.target)


def _refused(call: Call, error: Unacceptable) -> RefusedCall:
    return RefusedCall(call, CIMError(Status.INVALID_PARAMETER, str(error)))


def _in_value(element: Element) -> Value:
    child = optional_child(element, *_IN_VALUES)
    return None if child is None else _IN_VALUES[str(child.tag)](child)


def _argument(element: Element) -> Argument:
    """PARAMVALUE; PARAMTYPE `instance` and `object` mean a string with EmbeddedObject (DSP0203 allows both ways)."""
    child = optional_child(element, *_METHOD_VALUES)
    value = None if child is None else _METHOD_VALUES[str(child.tag)](child)
    declared = element.get("PARAMTYPE")
    type_name = declared.strip().lower() if declared else None
    if type_name in ("instance", "object"):
        return Argument(unwrapped(value, name_of(element)), "string")
    if embedded_kind(element):
        return Argument(unwrapped(value, name_of(element)), type_name)
    return Argument(value, type_name)
