"""DSP0200 and DSP0201: what is inside the responses - embedded objects, keys, structure, class paths, credentials."""

from __future__ import annotations

from xml.etree import ElementTree

from pywbem import CIMClass, CIMClassName

from virtcim.conformance import structure
from virtcim.conformance.check import check
from virtcim.conformance.dsp0200 import PROBE, probe, read_operations
from virtcim.conformance.raw import Element, Reply, call, cim_headers, class_name, message, post, returned
from virtcim.conformance.site import Site
from virtcim.conformance.verdict import expect, expect_none, skip, skip_unless

VALUE_TYPES = {"string": "string", "datetime": "string", "char16": "string", "boolean": "boolean"}


def enumerated(site: Site, classname: str, namespace: str) -> Reply:
    """EnumerateInstances as it comes over the wire."""
    return call(site, "EnumerateInstances", namespace, ClassName=class_name(classname))


@check("DSP0200-R21")
def embedded_values(site: Site) -> None:
    """Every embedded value is an INSTANCE after one unescaping, of the declared class or a subclass."""
    seen, faults = 0, []
    for classname, namespace in (
        ("CIM_WBEMServerNamespace", site.interop),
        ("CIM_ProtocolServiceCapabilities", site.interop),
    ):
        for instance in enumerated(site, classname, namespace).response.iter("INSTANCE"):
            for value, declared in _embedded(site, instance, namespace):
                seen += 1
                faults += _embedded_fault(site, value, declared, namespace)
    skip_unless(seen, "no embedded value found to look at")
    expect_none(faults)


def _embedded(site: Site, instance: Element, namespace: str) -> list[tuple[str, str]]:
    """The texts of the embedded values of an instance, each with the class declared for it."""
    found = []
    declared = site.cls(instance.get("CLASSNAME", ""), namespace)
    for one in instance:
        if one.get("EmbeddedObject") is None or declared is None:
            continue
        qualifier = declared.properties[one.get("NAME")].qualifiers.get("EmbeddedInstance")
        found += [(value.text or "", qualifier.value if qualifier else "") for value in one.iter("VALUE")]
    return found


def _embedded_fault(site: Site, value: str, declared: str, namespace: str) -> list[str]:
    try:
        parsed = ElementTree.fromstring(value)
    except ElementTree.ParseError as error:
        return [f"an embedded value is no XML after one unescaping: {error}"]
    classname = parsed.get("CLASSNAME", "")
    if parsed.tag != "INSTANCE":
        return [f"an embedded value is a {parsed.tag}"]
    if declared and not site.is_a(classname, declared, namespace):
        return [f"an embedded {classname} stands where {declared} is declared"]
    return []


@check("DSP0200-R22")
def key_types(site: Site) -> None:
    """Every KEYVALUE has a VALUETYPE and a TYPE, both as the class declares the key."""
    faults = []
    for classname, namespace in (
        ("CIM_RegisteredProfile", site.interop),
        ("CIM_Namespace", site.interop),
        ("CIM_ComputerSystem", site.namespace),
    ):
        reply = call(site, "EnumerateInstanceNames", namespace, ClassName=class_name(classname))
        for name in returned(reply):
            faults += _key_faults(name, site.cls(name.get("CLASSNAME"), namespace))
    expect_none(faults)


def _key_faults(name: Element, declared: CIMClass | None) -> list[str]:
    faults = []
    for binding in name.iter("KEYBINDING"):
        value = binding.find("KEYVALUE")
        if value is None or declared is None or binding.get("NAME") not in declared.properties:
            continue
        kind = declared.properties[binding.get("NAME")].type
        wanted = (kind, VALUE_TYPES.get(kind, "numeric"))
        got = (value.get("TYPE"), value.get("VALUETYPE"))
        if got != wanted:
            faults.append(
                f"{name.get('CLASSNAME')}.{binding.get('NAME')} has TYPE, VALUETYPE {got} instead of {wanted}"
            )
    return faults


@check("DSP0200-R23")
def structure_of_responses(site: Site) -> None:
    """The responses of all reading operations, and an error, have the structure of CIM-XML by the suite's own table."""
    faults = []
    for name, parameters, _ in read_operations(site):
        reply = call(site, name, site.interop, **parameters)
        faults += [f"{name}: {fault}" for fault in structure.faults(reply.root)]
    error = enumerated(site, "CIM_VirtcimNoSuchClass", site.interop)
    faults += [f"error response: {fault}" for fault in structure.faults(error.root)]
    expect_none(sorted(set(faults)))


@check("DSP0200-R24")
def challenge(site: Site) -> None:
    """A refusal for lack of credentials (401) names the scheme Basic first in WWW-Authenticate."""
    reply = post(site, message(probe(site)), cim_headers(PROBE, site.interop), anonymous=True)
    if reply.status == 200:
        skip("the server answers without credentials")
    expect(reply.status == 401, f"a request without credentials was answered with HTTP {reply.status}")
    scheme = reply.header("www-authenticate").split(" ")[0]
    expect(scheme.lower() == "basic", f"WWW-Authenticate starts with {scheme!r}")


@check("DSP0200-R25")
def class_level_traversal(site: Site) -> None:
    """Associators of a class path returns class paths with classes only."""
    source = CIMClassName("CIM_RegisteredProfile", namespace=site.interop)
    found = site.cim.Associators(source, AssocClass="CIM_ElementConformsToProfile")
    expect(found, "Associators of class CIM_RegisteredProfile returned nothing")
    wrong = [f"{path} came with a {type(item).__name__}" for path, item in found if not isinstance(item, CIMClass)]
    wrong += [f"{path} is no class path" for path, _ in found if not isinstance(path, CIMClassName)]
    expect_none(wrong)
