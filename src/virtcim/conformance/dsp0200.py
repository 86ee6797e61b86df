"""DSP0200 CIM Operations over HTTP with DSP0201 CIM-XML: messages, headers, faults and classic operations."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote

from pywbem import CIMInstance, CIMInstanceName

from virtcim.conformance.check import check
from virtcim.conformance.paths import keys, local
from virtcim.conformance.raw import (
    Reply,
    Versions,
    call,
    cim_headers,
    class_name,
    extrinsic,
    instance_name,
    intrinsic,
    message,
    post,
    returned,
    text,
)
from virtcim.conformance.site import NOT_SUPPORTED, Site, cim_status
from virtcim.conformance.verdict import expect, expect_none, skip, skip_unless

INVALID_NAMESPACE, INVALID_PARAMETER, INVALID_CLASS, METHOD_NOT_FOUND = 3, 4, 5, 17
NO_CLASS = "CIM_VirtcimConformanceNoSuchClass"
NO_NAMESPACE = "virtcim/conformance/no/such"
PROBE = "EnumerateClassNames"


def probe(site: Site) -> str:
    """A request that every server with classes answers."""
    return intrinsic(PROBE, site.interop)


def expect_http(reply: Reply, status: int, *cim_errors: str) -> None:
    """Fail unless the response has the HTTP status and one of the CIMError values (none given: any)."""
    seen = f"HTTP {reply.status}, CIMError {reply.header('cimerror')!r}"
    wanted = f"{status} {' or '.join(cim_errors)}"
    expect(reply.status == status, f"{seen} instead of {wanted}")
    expect(not cim_errors or reply.header("cimerror") in cim_errors, f"{seen} instead of {wanted}")


def some_path(site: Site) -> CIMInstanceName:
    """Some instance every server with registered profiles has."""
    found = site.names("CIM_RegisteredProfile", site.interop)
    skip_unless(found, "no CIM_RegisteredProfile to try operations on")
    return local(found[0], site.interop)


@check("DSP0200-R01")
def operation_header_needed(site: Site) -> None:
    """A POST with neither CIMOperation nor CIMExport header is answered with 400."""
    headers = cim_headers(PROBE, site.interop)
    del headers["CIMOperation"]
    expect_http(post(site, message(probe(site)), headers), 400)


@check("DSP0200-R02")
def unknown_operation_header(site: Site) -> None:
    """An unknown CIMOperation value is answered with 400 and CIMError unsupported-operation."""
    headers = {**cim_headers(PROBE, site.interop), "CIMOperation": "Foo"}
    expect_http(post(site, message(probe(site)), headers), 400, "unsupported-operation")


@check("DSP0200-R03")
def unreadable_request(site: Site) -> None:
    """XML that is not well-formed, and a response sent as a request, are each refused with 400 and their CIMError."""
    headers = cim_headers(PROBE, site.interop)
    expect_http(post(site, message(probe(site))[:-10], headers), 400, "request-not-well-formed")
    answer = '<SIMPLERSP><IMETHODRESPONSE NAME="EnumerateClassNames"/></SIMPLERSP>'
    expect_http(post(site, message(answer), headers), 400, "request-not-loosely-valid", "request-not-valid")


@check("DSP0200-R04")
def headers_match_the_body(site: Site) -> None:
    """CIMMethod or CIMObject differing from the body is answered with 400 and CIMError header-mismatch."""
    for headers in (cim_headers("GetClass", site.interop), cim_headers(PROBE, NO_NAMESPACE)):
        expect_http(post(site, message(probe(site)), headers), 400, "header-mismatch")


@check("DSP0200-R05")
def protocol_version(site: Site) -> None:
    """PROTOCOLVERSION 2.0 is refused with 501 unsupported-protocol-version, 1.9 is served."""
    headers = cim_headers(PROBE, site.interop)
    refused = post(site, message(probe(site), Versions(protocol="2.0")), headers)
    expect_http(refused, 501, "unsupported-protocol-version")
    served = post(site, message(probe(site), Versions(protocol="1.9")), headers)
    expect(served.status == 200, f"PROTOCOLVERSION 1.9 was answered with HTTP {served.status}")


@check("DSP0200-R06")
def document_versions(site: Site) -> None:
    """DTDVERSION 3.0 and CIMVERSION 3.0 are each refused with 501 and their CIMError."""
    headers = cim_headers(PROBE, site.interop)
    expect_http(post(site, message(probe(site), Versions(dtd="3.0")), headers), 501, "unsupported-dtd-version")
    expect_http(post(site, message(probe(site), Versions(cim="3.0")), headers), 501, "unsupported-cim-version")


@check("DSP0200-R07")
def multiple_requests(site: Site) -> None:
    """A multiple request is refused with 501 multiple-requests-unsupported or answered with as many responses."""
    body = message(f"<MULTIREQ>{probe(site)}{probe(site)}</MULTIREQ>")
    reply = post(site, body, {"CIMOperation": "MethodCall", "CIMBatch": ""})
    if reply.status == 501:
        expect_http(reply, 501, "multiple-requests-unsupported")
        return
    answers = len(reply.root.findall("MESSAGE/MULTIRSP/SIMPLERSP"))
    expect(reply.status == 200 and answers == 2, f"HTTP {reply.status} with {answers} responses for 2 requests")


@check("DSP0200-R08")
def m_post(site: Site) -> None:
    """M-POST either works and is acknowledged by Ext, or is refused with 501 or 510 and no CIM headers."""
    headers = {f"73-{name}": value for name, value in cim_headers(PROBE, site.interop).items()}
    headers["Man"] = "http://www.dmtf.org/cim/mapping/http/v1.0 ; ns=73"
    reply = post(site, message(probe(site)), headers, verb="M-POST")
    if reply.status == 200:
        expect("ext" in reply.headers, "M-POST was served without an Ext header")
        return
    expect(reply.status in (501, 510), f"M-POST was answered with HTTP {reply.status}")
    clean = not reply.header("cimerror") and not reply.header("cimprotocolversion")
    expect(clean, "the refusal of M-POST bears CIM headers, which keeps clients from trying POST")


@check("DSP0200-R09")
def errors_come_with_200(site: Site) -> None:
    """A CIM error arrives with HTTP 200 and the header CIMOperation: MethodResponse."""
    reply = call(site, "EnumerateInstances", site.interop, ClassName=class_name(NO_CLASS))
    expect(reply.error is not None, f"EnumerateInstances({NO_CLASS}) succeeded")
    header = reply.header("cimoperation")
    expect(header == "MethodResponse", f"the response's CIMOperation is {header!r}")


@check("DSP0200-R10")
def echoes(site: Site) -> None:
    """The response repeats the message ID and the name of the operation or method."""
    odd = "a b<&>'\"7"
    reply = post(site, message(probe(site), message_id=odd), cim_headers(PROBE, site.interop))
    echoed = reply.root.find("MESSAGE")
    expect(echoed is not None and echoed.get("ID") == odd, "the message ID was not repeated")
    expect(reply.response.get("NAME") == PROBE, f"{PROBE} was answered as {reply.response.get('NAME')!r}")
    path = some_path(site)
    uri = quote(path.to_wbem_uri(format="cimobject"))
    method = "VirtcimConformanceNoSuchMethod"
    reply = post(site, message(extrinsic(method, path)), cim_headers(method, uri))
    expect(reply.response.get("NAME") == method, f"{method} was answered as {reply.response.get('NAME')!r}")


@check("DSP0200-R11")
def unknown_targets(site: Site) -> None:
    """Unknown namespace gives 3, unknown class 5, unknown instance 6, and GetClass of an unknown class 6."""
    cim, real = site.cim, some_path(site)
    ghost = CIMInstanceName(real.classname, dict.fromkeys(real.keybindings, "virtcim-none"), namespace=site.interop)
    stray = CIMInstanceName(real.classname, real.keybindings, namespace=NO_NAMESPACE)
    alien = CIMInstanceName(NO_CLASS, {"InstanceID": "1"}, namespace=site.interop)
    cases: list[tuple[str, int, Callable[[], object]]] = [
        ("EnumerateInstances in an unknown namespace", 3, lambda: cim.EnumerateInstances(real.classname, NO_NAMESPACE)),
        ("GetInstance in an unknown namespace", 3, lambda: cim.GetInstance(stray)),
        ("EnumerateInstances of an unknown class", 5, lambda: cim.EnumerateInstances(NO_CLASS, site.interop)),
        ("GetInstance of an unknown class", 5, lambda: cim.GetInstance(alien)),
        ("GetInstance of an unknown instance", 6, lambda: cim.GetInstance(ghost)),
        ("GetClass of an unknown class", 6, lambda: cim.GetClass(NO_CLASS, site.interop)),
    ]
    seen = [(what, cim_status(operation), wanted) for what, wanted, operation in cases]
    expect_none([f"{what} gave {got} instead of {wanted}" for what, got, wanted in seen if got != wanted])


@check("DSP0200-R12")
def unknown_calls(site: Site) -> None:
    """An unknown intrinsic operation gives 7, an unknown method 17."""
    reply = call(site, "VirtcimNoSuchOperation", site.interop)
    expect(reply.error == NOT_SUPPORTED, f"an unknown operation gave {reply.error} instead of {NOT_SUPPORTED}")
    path = some_path(site)
    got = cim_status(lambda: site.cim.InvokeMethod("VirtcimNoSuchMethod", path))
    expect(got == METHOD_NOT_FOUND, f"an unknown method gave {got} instead of {METHOD_NOT_FOUND}")


@check("DSP0200-R13")
def property_lists(site: Site) -> None:
    """An empty PropertyList, or one of unknown names, gives instances without properties and no error."""
    for wanted in ([], ["VirtcimNoSuchProperty"]):
        for instance in site.cim.EnumerateInstances("CIM_RegisteredProfile", site.interop, PropertyList=wanted):
            got = list(instance.properties)
            expect(not got, f"PropertyList {wanted} on {instance.classname} returned {got}")


def subclassed(site: Site) -> tuple[str, list[CIMInstance]]:
    """A class that has instances of subclasses only adding properties, and these instances."""
    for ancestor in ("CIM_ManagedElement", "CIM_System", "CIM_Service"):
        for namespace in (site.interop, site.namespace):
            found = site.instances(ancestor, namespace)
            if any(one.classname.lower() != ancestor.lower() for one in found):
                return ancestor, found
    return skip("no class with instances of subclasses")


@check("DSP0200-R14")
def shallow_enumeration(site: Site) -> None:
    """DeepInheritance=false still returns subclass instances as such, cut to the superclass's properties."""
    ancestor, deep = subclassed(site)
    namespace = deep[0].path.namespace
    shallow = site.cim.EnumerateInstances(ancestor, namespace, DeepInheritance=False, LocalOnly=False)
    missing = keys([one.path for one in deep], namespace) - keys([one.path for one in shallow], namespace)
    expect(not missing, f"DeepInheritance=false on {ancestor} lost {len(missing)} instances")
    declared = site.cls(ancestor, namespace)
    known = {name.lower() for name in declared.properties} if declared else set()
    faults = [
        f"{one.classname} shows {name}" for one in shallow for name in one.properties if name.lower() not in known
    ]
    faults += [
        f"{one.path.classname} came as {one.classname}" for one in shallow if one.path.classname != one.classname
    ]
    expect_none(faults)


def read_operations(site: Site) -> list[tuple[str, dict[str, str], str]]:
    """The reading operations with parameters that work, and the element their results are made of."""
    profile, path = class_name("CIM_RegisteredProfile"), instance_name(some_path(site))
    return [
        ("GetClass", {"ClassName": profile}, "CLASS"),
        ("GetInstance", {"InstanceName": path}, "INSTANCE"),
        ("EnumerateClasses", {}, "CLASS"),
        ("EnumerateClassNames", {}, "CLASSNAME"),
        ("EnumerateInstances", {"ClassName": profile}, "VALUE.NAMEDINSTANCE"),
        ("EnumerateInstanceNames", {"ClassName": profile}, "INSTANCENAME"),
        ("Associators", {"ObjectName": path}, "VALUE.OBJECTWITHPATH"),
        ("AssociatorNames", {"ObjectName": path}, "OBJECTPATH"),
        ("References", {"ObjectName": path}, "VALUE.OBJECTWITHPATH"),
        ("ReferenceNames", {"ObjectName": path}, "OBJECTPATH"),
        ("GetQualifier", {"QualifierName": text("Key")}, "QUALIFIER.DECLARATION"),
        ("EnumerateQualifiers", {}, "QUALIFIER.DECLARATION"),
    ]


@check("DSP0200-R15")
def return_elements(site: Site) -> None:
    """Operations with results return the element types of their declaration, those without return nothing."""
    faults = []
    for name, parameters, element in read_operations(site):
        reply = call(site, name, site.interop, **parameters)
        if reply.error is not None:
            faults.append(f"{name} ended with {reply.error}")
        wrong = {one.tag for one in returned(reply)} - {element}
        faults += [f"{name} returned {tag} instead of {element}" for tag in sorted(wrong)]
    expect_none(faults)
    expect_nothing_returned(site)


def expect_nothing_returned(site: Site) -> None:
    """Fail if CloseEnumeration, the operation without a result that harms nobody, returns one."""
    profile = class_name("CIM_RegisteredProfile")
    opened = call(site, "OpenEnumerateInstances", site.interop, ClassName=profile, MaxObjectCount=text(0))
    context = opened.response.find("PARAMVALUE[@NAME='EnumerationContext']/VALUE")
    if context is None:
        return
    closed = call(site, "CloseEnumeration", site.interop, EnumerationContext=text(context.text))
    expect(closed.error is None, f"CloseEnumeration ended with {closed.error}")
    expect(closed.response.find("IRETURNVALUE") is None, "CloseEnumeration has an IRETURNVALUE")
