"""CLASS and QUALIFIER.DECLARATION elements (DSP0201 clause 5.2.4) to pywbem's objects, and their text for keeping."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from virtcim.broker.call import ClassView, Declaration
from virtcim.later import Later
from virtcim.wire.classes import class_element, qualifier_declaration
from virtcim.wire.elements import Element, Size, attribute, children, name_of, parse, text_of
from virtcim.wire.faults import Misplaced, Unacceptable
from virtcim.wire.values import array, embedded_kind

if TYPE_CHECKING:
    import pywbem
else:
    pywbem = Later("pywbem")

_SIZE = Size(levels=16)

_FLAVORS = ("OVERRIDABLE", "TOSUBCLASS", "TOINSTANCE", "TRANSLATABLE")
_WORDS = {"true": True, "false": False}
_PROPERTIES = ("PROPERTY", "PROPERTY.ARRAY", "PROPERTY.REFERENCE")
_PARAMETERS = ("PARAMETER", "PARAMETER.ARRAY", "PARAMETER.REFERENCE", "PARAMETER.REFARRAY")


def class_given(element: Element) -> Declaration:
    """CLASS. Errors: Misplaced, Unacceptable."""
    name = name_of(element)
    found = children(element, "QUALIFIER", *_PROPERTIES, "METHOD")
    declared = _made(
        name,
        lambda: pywbem.CIMClass(
            name,
            superclass=element.get("SUPERCLASS") or None,
            qualifiers=_each(found, ("QUALIFIER",), _qualifier),
            properties=_each(found, _PROPERTIES, _property),
            methods=_each(found, ("METHOD",), _method),
        ),
    )
    return Declaration(declared)


def qualifier_given(element: Element) -> Declaration:
    """QUALIFIER.DECLARATION. Errors: Misplaced, Unacceptable."""
    name, type_name = name_of(element), attribute(element, "TYPE")
    found = children(element, "SCOPE", "VALUE", "VALUE.ARRAY")
    scopes = {
        key.upper(): _flag(scope, key) for scope in found if scope.tag == "SCOPE" for key in map(str, scope.keys())
    }
    values = [child for child in found if child.tag != "SCOPE"]
    return Declaration(
        _made(
            name,
            lambda: pywbem.CIMQualifierDeclaration(
                name,
                type_name,
                value=_value(name, type_name, values),
                is_array=_flag(element, "ISARRAY"),
                array_size=_size(element),
                scopes=scopes,
                **_flavors(element),
            ),
        )
    )


def declaration_text(declaration: Declaration) -> str:
    """A declaration as an element; `read_declaration` reads it back."""
    declared: Any = declaration.declared
    if isinstance(declared, pywbem.CIMQualifierDeclaration):
        return qualifier_declaration(declared)
    return class_element(ClassView(declared), declared)


def read_declaration(text: str) -> Declaration:
    """Errors: ValueError."""
    root = parse(text.encode(), _SIZE)
    return qualifier_given(root) if root.tag == "QUALIFIER.DECLARATION" else class_given(root)


def _made(name: str, make: Callable[[], Any]) -> Any:
    try:
        return make()
    except (ValueError, TypeError) as error:
        if isinstance(error, (Misplaced, Unacceptable)):
            raise
        raise Unacceptable(f"{name}: {error}") from error


def _each(found: Iterable[Element], tags: tuple[str, ...], read: Callable[[Element], Any]) -> list[Any]:
    made: dict[str, Any] = {}
    for element in found:
        if element.tag in tags:
            name = name_of(element)
            if name.lower() in made:
                raise Unacceptable(f"{element.tag} {name} is given twice")
            made[name.lower()] = _made(name, lambda one=element: read(one))  # type: ignore[misc]
    return list(made.values())


def _qualifier(element: Element) -> Any:
    name, type_name = name_of(element), attribute(element, "TYPE")
    value = _value(name, type_name, children(element, "VALUE", "VALUE.ARRAY"))
    return pywbem.CIMQualifier(
        name, value, type=type_name, propagated=_optional_flag(element, "PROPAGATED"), **_flavors(element)
    )


def _property(element: Element) -> Any:
    name, is_array = name_of(element), element.tag == "PROPERTY.ARRAY"
    is_reference = element.tag == "PROPERTY.REFERENCE"
    type_name = "reference" if is_reference else attribute(element, "TYPE")
    found = children(element, "QUALIFIER", "VALUE.ARRAY" if is_array else "VALUE")
    return pywbem.CIMProperty(
        name,
        _value(name, type_name, [child for child in found if child.tag != "QUALIFIER"]),
        type=type_name,
        is_array=is_array,
        array_size=_size(element),
        reference_class=element.get("REFERENCECLASS") if is_reference else None,
        propagated=_optional_flag(element, "PROPAGATED"),
        qualifiers=_each(found, ("QUALIFIER",), _qualifier),
        embedded_object=embedded_kind(element),
    )


def _method(element: Element) -> Any:
    found = children(element, "QUALIFIER", *_PARAMETERS)
    return pywbem.CIMMethod(
        name_of(element),
        return_type=element.get("TYPE") or "uint32",
        parameters=_each(found, _PARAMETERS, _parameter),
        propagated=_optional_flag(element, "PROPAGATED"),
        qualifiers=_each(found, ("QUALIFIER",), _qualifier),
    )


def _parameter(element: Element) -> Any:
    is_reference = element.tag in ("PARAMETER.REFERENCE", "PARAMETER.REFARRAY")
    return pywbem.CIMParameter(
        name_of(element),
        "reference" if is_reference else attribute(element, "TYPE"),
        reference_class=element.get("REFERENCECLASS") if is_reference else None,
        is_array=element.tag in ("PARAMETER.ARRAY", "PARAMETER.REFARRAY"),
        array_size=_size(element),
        qualifiers=_each(children(element, "QUALIFIER"), ("QUALIFIER",), _qualifier),
    )


def _value(name: str, type_name: str, found: list[Element]) -> Any:
    if len(found) > 1:
        raise Misplaced(f"{name} holds {len(found)} values")
    if not found:
        return None
    if found[0].tag == "VALUE.ARRAY":
        return [_scalar(name, type_name, one) for one in array(found[0])]
    return _scalar(name, type_name, text_of(found[0]))


def _scalar(name: str, type_name: str, text: Any) -> Any:
    if text is None:
        return None
    if type_name != "boolean":
        return pywbem.cimvalue(text, type_name)
    word = _WORDS.get(text.strip().lower())
    if word is None:
        raise Unacceptable(f"{name} is a boolean, {text!r} is neither TRUE nor FALSE")
    return word


def _flavors(element: Element) -> dict[str, bool | None]:
    return {name.lower(): _optional_flag(element, name) for name in _FLAVORS}


def _optional_flag(element: Element, name: str) -> bool | None:
    return None if element.get(name) is None else _flag(element, name)


def _flag(element: Element, name: str) -> bool:
    word = _WORDS.get((element.get(name) or "false").strip().lower())
    if word is None:
        raise Misplaced(f"{name} of {element.tag} is neither true nor false")
    return word


def _size(element: Element) -> int | None:
    size = element.get("ARRAYSIZE")
    if size is None:
        return None
    if not size.isdecimal():
        raise Misplaced(f"ARRAYSIZE of {element.tag} is no number")
    return int(size)
