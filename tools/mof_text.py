"""Write CIM class and qualifier declarations as MOF text."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from typing import Any

from pywbem import CIMClass, CIMMethod, CIMParameter, CIMProperty, CIMQualifier, CIMQualifierDeclaration

WIDTH = 110
INDENT = "    "
FLAVORS = (
    ("overridable", True, "EnableOverride"),
    ("overridable", False, "DisableOverride"),
    ("tosubclass", True, "ToSubclass"),
    ("tosubclass", False, "Restricted"),
    ("translatable", True, "Translatable"),
)
ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r", "\b": "\\b", "\f": "\\f"}


def quoted(text: str) -> str:
    """A MOF string literal on one line."""
    return '"' + "".join(ESCAPES.get(character, character) for character in text) + '"'


def constant(value: Any, cim_type: str) -> str:
    """A scalar MOF constant."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "true" if value else "false"
    return quoted(str(value)) if cim_type in ("string", "datetime", "char16") else str(value)


def filled(items: Sequence[str], indent: str) -> list[str]:
    """Items separated by commas, as many on a line as fit."""
    lines = [""]
    for position, item in enumerate(items):
        piece = item + ("," if position < len(items) - 1 else "")
        joined = f"{lines[-1]} {piece}" if lines[-1] else piece
        if len(indent) + len(joined) > WIDTH and lines[-1]:
            lines.append(piece)
        else:
            lines[-1] = joined
    return lines


def initializer(value: Any, cim_type: str) -> str:
    """What follows `=` for a default value."""
    if isinstance(value, list):
        return "{" + ", ".join(constant(item, cim_type) for item in value) + "}"
    return constant(value, cim_type)


def description(text: str, indent: str) -> list[str]:
    """A Description qualifier, its text broken into lines at blanks."""
    if len(indent) + len(text) + 18 <= WIDTH:
        return [f"Description({quoted(text)})"]
    parts = textwrap.wrap(text, WIDTH - len(indent) - 10, drop_whitespace=True)
    pieces = [quoted(part + " ") for part in parts[:-1]] + [quoted(parts[-1])]
    return ["Description(", *(INDENT + piece for piece in pieces[:-1]), f"{INDENT}{pieces[-1]})"]


def qualifier(item: CIMQualifier, indent: str) -> list[str]:
    """One qualifier as lines without the indent."""
    if item.name == "Description":
        return description(item.value, indent)
    if item.type == "boolean" and item.value is True:
        return [item.name]
    if not isinstance(item.value, list):
        return [f"{item.name}({constant(item.value, item.type)})"]
    values = [constant(value, item.type) for value in item.value]
    line = f"{item.name}{{{', '.join(values)}}}"
    if len(indent) + len(line) + 2 <= WIDTH:
        return [line]
    body = filled(values, indent + INDENT + INDENT)
    return [f"{item.name}{{", *(INDENT + line for line in body[:-1]), f"{INDENT}{body[-1]}}}"]


def qualifier_list(items: Iterable[CIMQualifier], indent: str) -> list[str]:
    """`[...]` before a class, property, method or parameter; no line when there are no qualifiers."""
    ordered = sorted(items, key=lambda item: item.name == "Description")
    blocks = [qualifier(item, indent) for item in ordered]
    for block in blocks[:-1]:
        block[-1] += ","
    lines = [line for block in blocks for line in block]
    if not lines:
        return []
    lines[-1] += "]"
    return [f"{indent}{'[' if position == 0 else ' '}{line}" for position, line in enumerate(lines)]


def typed_name(element: CIMProperty | CIMParameter) -> str:
    """Type, name and array brackets."""
    kind = f"{element.reference_class} REF" if element.type == "reference" else element.type
    brackets = f"[{element.array_size or ''}]" if element.is_array else ""
    return f"{kind} {element.name}{brackets}"


def property_lines(prop: CIMProperty) -> list[str]:
    default = "" if prop.value is None else f" = {initializer(prop.value, prop.type)}"
    return [*qualifier_list(prop.qualifiers.values(), INDENT), f"{INDENT}{typed_name(prop)}{default};"]


def method_lines(method: CIMMethod) -> list[str]:
    lines = qualifier_list(method.qualifiers.values(), INDENT)
    head = f"{INDENT}{method.return_type} {method.name}("
    if not method.parameters:
        return [*lines, f"{head});"]
    lines.append(head)
    for parameter in method.parameters.values():
        lines += qualifier_list(parameter.qualifiers.values(), INDENT * 2)
        lines.append(f"{INDENT * 2}{typed_name(parameter)},")
    lines[-1] = lines[-1].removesuffix(",") + ");"
    return lines


def class_text(cls: CIMClass) -> str:
    """The MOF declaration of one class."""
    heading = f"class {cls.classname}" + (f" : {cls.superclass}" if cls.superclass else "")
    features = [property_lines(prop) for prop in cls.properties.values()]
    features += [method_lines(method) for method in cls.methods.values()]
    body = "\n\n".join("\n".join(feature) for feature in features)
    lines = [*qualifier_list(cls.qualifiers.values(), ""), heading, "{"]
    return "\n".join(lines) + "\n" + (body + "\n" if body else "") + "};\n"


def qualifier_text(declaration: CIMQualifierDeclaration) -> str:
    """The MOF declaration of one qualifier."""
    brackets = f"[{declaration.array_size or ''}]" if declaration.is_array else ""
    default = "" if declaration.value is None else f" = {initializer(declaration.value, declaration.type)}"
    scopes = ", ".join(name.lower() for name, applies in declaration.scopes.items() if applies)
    flavors = [word for name, value, word in FLAVORS if getattr(declaration, name) is value]
    flavor = f", Flavor({', '.join(flavors)})" if flavors else ""
    return f"Qualifier {declaration.name} : {declaration.type}{brackets}{default}, Scope({scopes}){flavor};\n"
