"""A structural check of CIM-XML responses: which element holds which children, in which order, with which attributes.

This is the suite's own table of the facts of DSP0201 and DSP0203 2.4.0; it is no DTD validation."""

from __future__ import annotations

import re
from typing import NamedTuple

from virtcim.conformance.raw import Element

_PROPERTIES = "(PROPERTY|PROPERTY.ARRAY|PROPERTY.REFERENCE)*"
_OBJECT_REFERENCE = "(CLASSPATH|LOCALCLASSPATH|CLASSNAME|INSTANCEPATH|LOCALINSTANCEPATH|INSTANCENAME)"
_ORIGIN = "CLASSORIGIN PROPAGATED"
_FLAVORS = "OVERRIDABLE TOSUBCLASS TOINSTANCE TRANSLATABLE"
_RESULTS = (
    "CLASSNAME* INSTANCENAME* VALUE* VALUE.OBJECTWITHPATH* VALUE.OBJECTWITHLOCALPATH* VALUE.OBJECT* OBJECTPATH* "
    "QUALIFIER.DECLARATION* VALUE.ARRAY? VALUE.REFERENCE? CLASS* INSTANCE* INSTANCEPATH* VALUE.NAMEDINSTANCE* "
    "VALUE.INSTANCEWITHPATH*"
).replace(" ", "|")
_PARAMETER_VALUES = (
    "VALUE VALUE.REFERENCE VALUE.ARRAY VALUE.REFARRAY CLASSNAME INSTANCENAME CLASS INSTANCE VALUE.NAMEDINSTANCE"
).replace(" ", "|")


class Rule(NamedTuple):
    """What an element holds, as a regular expression of tags, its attributes, and whether it holds text."""

    children: str
    required: str = ""
    optional: str = ""
    text: bool = False


RULES = {
    "CIM": Rule("MESSAGE", "CIMVERSION DTDVERSION"),
    "MESSAGE": Rule("(SIMPLERSP|MULTIRSP)", "ID PROTOCOLVERSION"),
    "MULTIRSP": Rule("SIMPLERSP SIMPLERSP SIMPLERSP*"),
    "SIMPLERSP": Rule("(METHODRESPONSE|IMETHODRESPONSE)"),
    "METHODRESPONSE": Rule("(ERROR|(RETURNVALUE? PARAMVALUE*))", "NAME"),
    "IMETHODRESPONSE": Rule("(ERROR|(IRETURNVALUE? PARAMVALUE*))", "NAME"),
    "ERROR": Rule("INSTANCE*", "CODE", "DESCRIPTION"),
    "RETURNVALUE": Rule("(VALUE|VALUE.REFERENCE)?", "", "PARAMTYPE EmbeddedObject"),
    "IRETURNVALUE": Rule(f"({_RESULTS})"),
    "PARAMVALUE": Rule(f"({_PARAMETER_VALUES})?", "NAME", "PARAMTYPE EmbeddedObject"),
    "VALUE": Rule("", text=True),
    "VALUE.NULL": Rule(""),
    "VALUE.ARRAY": Rule("(VALUE|VALUE.NULL)*"),
    "VALUE.REFERENCE": Rule(_OBJECT_REFERENCE),
    "VALUE.REFARRAY": Rule("(VALUE.REFERENCE|VALUE.NULL)*"),
    "VALUE.OBJECT": Rule("(CLASS|INSTANCE)"),
    "VALUE.NAMEDINSTANCE": Rule("INSTANCENAME INSTANCE"),
    "VALUE.INSTANCEWITHPATH": Rule("INSTANCEPATH INSTANCE"),
    "VALUE.OBJECTWITHPATH": Rule("((CLASSPATH CLASS)|(INSTANCEPATH INSTANCE))"),
    "VALUE.OBJECTWITHLOCALPATH": Rule("((LOCALCLASSPATH CLASS)|(LOCALINSTANCEPATH INSTANCE))"),
    "NAMESPACEPATH": Rule("HOST LOCALNAMESPACEPATH"),
    "LOCALNAMESPACEPATH": Rule("NAMESPACE NAMESPACE*"),
    "HOST": Rule("", text=True),
    "NAMESPACE": Rule("", "NAME"),
    "CLASSPATH": Rule("NAMESPACEPATH CLASSNAME"),
    "LOCALCLASSPATH": Rule("LOCALNAMESPACEPATH CLASSNAME"),
    "CLASSNAME": Rule("", "NAME"),
    "INSTANCEPATH": Rule("NAMESPACEPATH INSTANCENAME"),
    "LOCALINSTANCEPATH": Rule("LOCALNAMESPACEPATH INSTANCENAME"),
    "OBJECTPATH": Rule("(INSTANCEPATH|CLASSPATH)"),
    "INSTANCENAME": Rule("(KEYBINDING*|KEYVALUE?|VALUE.REFERENCE?)", "CLASSNAME"),
    "KEYBINDING": Rule("(KEYVALUE|VALUE.REFERENCE)", "NAME"),
    "KEYVALUE": Rule("", "TYPE", "VALUETYPE", text=True),
    "CLASS": Rule(f"QUALIFIER* {_PROPERTIES} METHOD*", "NAME", "SUPERCLASS"),
    "INSTANCE": Rule(f"QUALIFIER* {_PROPERTIES}", "CLASSNAME", "xml:lang"),
    "PROPERTY": Rule("QUALIFIER* VALUE?", "NAME TYPE", f"{_ORIGIN} EmbeddedObject xml:lang"),
    "PROPERTY.ARRAY": Rule("QUALIFIER* VALUE.ARRAY?", "NAME TYPE", f"ARRAYSIZE {_ORIGIN} EmbeddedObject xml:lang"),
    "PROPERTY.REFERENCE": Rule("QUALIFIER* VALUE.REFERENCE?", "NAME", f"REFERENCECLASS {_ORIGIN}"),
    "METHOD": Rule(
        "QUALIFIER* (PARAMETER|PARAMETER.REFERENCE|PARAMETER.ARRAY|PARAMETER.REFARRAY)*", "NAME", f"TYPE {_ORIGIN}"
    ),
    "PARAMETER": Rule("QUALIFIER*", "NAME TYPE"),
    "PARAMETER.REFERENCE": Rule("QUALIFIER*", "NAME", "REFERENCECLASS"),
    "PARAMETER.ARRAY": Rule("QUALIFIER*", "NAME TYPE", "ARRAYSIZE"),
    "PARAMETER.REFARRAY": Rule("QUALIFIER*", "NAME", "REFERENCECLASS ARRAYSIZE"),
    "QUALIFIER": Rule("(VALUE|VALUE.ARRAY)?", "NAME TYPE", f"PROPAGATED {_FLAVORS} xml:lang"),
    "QUALIFIER.DECLARATION": Rule("SCOPE? (VALUE|VALUE.ARRAY)?", "NAME TYPE", f"ISARRAY ARRAYSIZE {_FLAVORS}"),
    "SCOPE": Rule("", "", "CLASS ASSOCIATION REFERENCE PROPERTY METHOD PARAMETER INDICATION"),
}

_XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
_TAG = re.compile(r"[A-Z][A-Z.]*")


def _compiled(children: str) -> re.Pattern[str]:
    """The rule as an expression over tags that each end in a blank."""
    marked = _TAG.sub(lambda tag: f"(?:{re.escape(tag[0])}#)", children)
    return re.compile(marked.replace(" ", "").replace("#", " "))


_MODELS = {tag: _compiled(rule.children) for tag, rule in RULES.items()}


def faults(root: Element) -> list[str]:
    """What is wrong with the document's structure, element by element; empty if nothing is."""
    found = [] if root.tag == "CIM" else [f"the root element is {root.tag}"]
    for element in root.iter():
        found += _faults_of(element)
    return found


def _faults_of(element: Element) -> list[str]:
    rule = RULES.get(element.tag)
    if rule is None:
        return [f"{element.tag} is no element of a CIM-XML response"]
    found = []
    if not _MODELS[element.tag].fullmatch("".join(f"{child.tag} " for child in element)):
        found.append(f"{element.tag} holds {[child.tag for child in element]}")
    attributes = {"xml:lang" if name == _XML_LANG else name for name in element.attrib}
    required, known = set(rule.required.split()), set(f"{rule.required} {rule.optional}".split())
    found += [f"{element.tag} lacks {name}" for name in sorted(required - attributes)]
    found += [f"{element.tag} has an attribute {name}" for name in sorted(attributes - known)]
    between = [element.text, *(child.tail for child in element)]
    if not rule.text and any(text and text.strip() for text in between):
        found.append(f"{element.tag} has text between its elements")
    return found
