"""DSP1092 WBEM Server, with the older object manager model that clients still read."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable

from pywbem import CIMError, CIMInstance, CIMInstanceName, Uint16, Uint32, WBEMServer

from virtcim.conformance.check import check
from virtcim.conformance.dsp0200 import PROBE, probe
from virtcim.conformance.methods import invoke
from virtcim.conformance.paths import key, keys, local, show
from virtcim.conformance.raw import cim_headers, message, post
from virtcim.conformance.site import ABSENT, NOT_SUPPORTED, Site, cim_status
from virtcim.conformance.verdict import expect, expect_none, skip, skip_unless

VERSION_IN_TEXT = re.compile(r"^.* (version|release) *(.+)$", re.IGNORECASE)
CREATE_NAMESPACE = 3
METHOD_ABSENT = (7, 16, 17)
ALREADY_EXISTS, NAMESPACE_NOT_EMPTY, INVALID_TIMEOUT = 11, 20, 22
NO_AUTHENTICATION, BASIC = 2, 3
PULLED_READ = 10
OWN_NAMESPACE = "virtcim/conformance"


def one_of(site: Site, classname: str) -> CIMInstance:
    """The only instance of the class in Interop."""
    found = site.instances(classname, site.interop)
    expect(len(found) == 1, f"{len(found)} instances of {classname} instead of one")
    return found[0]


def in_interop(site: Site, classname: str) -> list[CIMInstance]:
    """The instances of the class in Interop, or the check is not applicable."""
    found = site.instances(classname, site.interop)
    skip_unless(found, f"the server has no {classname}")
    return found


@check("DSP1092-R01")
def one_server(site: Site) -> None:
    """There is exactly one WBEM server and one object manager, of the same system."""
    server, manager = one_of(site, "CIM_WBEMServer"), one_of(site, "CIM_ObjectManager")
    names = (server.get("SystemName"), manager.get("SystemName"))
    expect(names[0] == names[1], f"WBEM server and object manager belong to {names[0]!r} and {names[1]!r}")


def namespace_names(site: Site, classname: str) -> set[str]:
    """The namespaces that the instances of the class stand for."""
    return {str(one.get("Name")).strip("/").lower() for one in site.instances(classname, site.interop)}


@check("DSP1092-R02")
def namespaces_agree(site: Site) -> None:
    """Both models list the same namespaces, the Interop namespace among them, and all of them are served."""
    new, old = namespace_names(site, "CIM_WBEMServerNamespace"), namespace_names(site, "CIM_Namespace")
    expect(new == old, f"only in one of CIM_WBEMServerNamespace and CIM_Namespace: {sorted(new ^ old)}")
    expect(site.interop.lower() in new, f"the Interop namespace {site.interop} is not listed")
    for name in sorted(new):
        status = cim_status(lambda where=name: site.cim.EnumerateClassNames(where))  # type: ignore[misc]
        expect(status == 0, f"EnumerateClassNames in {name} gave {status}")


@check("DSP1092-R03")
def namespaces_tied(site: Site) -> None:
    """Every namespace is tied to the server by CIM_HostedDependency and to the manager by CIM_NamespaceInManager."""
    faults = []
    for head, association, classname in (
        ("CIM_WBEMServer", "CIM_HostedDependency", "CIM_WBEMServerNamespace"),
        ("CIM_ObjectManager", "CIM_NamespaceInManager", "CIM_Namespace"),
    ):
        tied = site.across_names(one_of(site, head).path, association, classname, "Antecedent")
        there = keys(site.names(classname, site.interop), site.interop)
        missing = there - keys(tied, site.interop)
        faults += [f"{dict(path[2])} is not tied by {association}" for path in missing]
    expect_none(faults)


def create_namespace(site: Site, name: str) -> tuple[int, CIMInstanceName | None]:
    """The return value of CreateWBEMServerNamespace and the path of the new namespace."""
    template = CIMInstance("CIM_WBEMServerNamespace", {"Name": name, "InstanceID": f"virtcim:{name}"})
    server = one_of(site, "CIM_WBEMServer")
    answer = invoke(site, server.path, "CreateWBEMServerNamespace", ("NamespaceTemplate", template))
    return answer.code, answer.out.get("Namespace")


def creates_namespaces(site: Site) -> bool:
    """Whether the server's capabilities list the creation of namespaces."""
    listed = [
        one.get("OperationsSupported") or [] for one in site.instances("CIM_WBEMServerCapabilities", site.interop)
    ]
    return any(CREATE_NAMESPACE in operations for operations in listed)


@check("DSP1092-R04", write=True)
def namespace_creation(site: Site) -> None:
    """A namespace can be created, read and deleted; or creation is not listed and the method says so."""
    if not creates_namespaces(site):
        expect_refused_creation(site)
        return
    code, path = create_namespace(site, OWN_NAMESPACE)
    expect(code == 0 and path is not None, f"CreateWBEMServerNamespace returned {code} with path {path}")
    created = local(path, site.interop)
    try:
        expect(site.exists(created), f"{show(created)} was created but is not there")
    finally:
        site.cim.DeleteInstance(created)
        site.forget()
    expect(not site.exists(created), f"{show(created)} was deleted but is still there")


def expect_refused_creation(site: Site) -> None:
    """Fail unless the method that is not listed refuses to work."""
    try:
        code, _ = create_namespace(site, OWN_NAMESPACE)
    except CIMError as error:
        expect(error.status_code in METHOD_ABSENT, f"CreateWBEMServerNamespace ended with {error.status_code}")
        return
    expect(code == 1, f"CreateWBEMServerNamespace returned {code} although creation is not listed")


@check("DSP1092-R05", write=True)
def namespace_twice(site: Site) -> None:
    """Creating a namespace that exists returns 1 or gives 11."""
    skip_unless(creates_namespaces(site), "the server does not create namespaces")
    code, _ = create_namespace(site, site.interop)
    expect(code == 1, f"creating {site.interop} anew returned {code}")
    namespace = site.instances("CIM_Namespace", site.interop)[0]
    status = cim_status(lambda: site.cim.CreateInstance(namespace, namespace=site.interop))
    expect(status in (ALREADY_EXISTS, NOT_SUPPORTED), f"CreateInstance of an existing CIM_Namespace gave {status}")


@check("DSP1092-R06", write=True)
def interop_stays(site: Site) -> None:
    """Deleting the Interop namespace, or one that is not empty, is refused."""
    skip_unless(
        site.expendable, "a server that allows it would lose its namespaces; only tried on a server made for tests"
    )
    faults = []
    for namespace in site.instances("CIM_Namespace", site.interop):
        status = cim_status(lambda path=namespace.path: site.cim.DeleteInstance(path))  # type: ignore[misc]
        if status not in (1, NOT_SUPPORTED, NAMESPACE_NOT_EMPTY):
            faults.append(f"deleting {namespace.get('Name')} gave {status}")
    expect_none(faults)


def probes(site: Site) -> dict[int, Callable[[], object]]:
    """Harmless operations by their number in OperationsSupported."""
    cim, interop, path = site.cim, site.interop, one_of(site, "CIM_ObjectManager").path
    profile = "CIM_RegisteredProfile"
    return {
        2: lambda: cim.GetInstance(path),
        6: lambda: cim.EnumerateInstances(profile, interop),
        7: lambda: cim.EnumerateInstanceNames(profile, interop),
        8: lambda: cim.Associators(path),
        9: lambda: cim.AssociatorNames(path),
        10: lambda: cim.References(path),
        11: lambda: cim.ReferenceNames(path),
        12: lambda: cim.OpenEnumerateInstances(profile, interop, MaxObjectCount=1000),
        13: lambda: cim.OpenEnumerateInstancePaths(profile, interop, MaxObjectCount=1000),
        14: lambda: cim.OpenAssociatorInstances(path, MaxObjectCount=1000),
        15: lambda: cim.OpenAssociatorInstancePaths(path, MaxObjectCount=1000),
        16: lambda: cim.OpenReferenceInstances(path, MaxObjectCount=1000),
        17: lambda: cim.OpenReferenceInstancePaths(path, MaxObjectCount=1000),
        26: lambda: cim.GetClass(profile, interop),
        30: lambda: cim.EnumerateClasses(interop),
        31: lambda: cim.EnumerateClassNames(interop),
        36: lambda: cim.GetQualifier("Key", interop),
        40: lambda: cim.EnumerateQualifiers(interop),
    }


@check("DSP1092-R07")
def operations_as_listed(site: Site) -> None:
    """Reading operations work if they are listed as supported, and give 7 if they are not."""
    faults = []
    for capabilities in in_interop(site, "CIM_CIMXMLCapabilities"):
        generic = capabilities.get("GenericOperationCapabilities")
        listed = set((generic.get("OperationsSupported") if generic else None) or [])
        for number, operation in probes(site).items():
            unsupported = cim_status(operation) == NOT_SUPPORTED
            if unsupported == (number in listed):
                faults.append(
                    f"operation {number} is {'' if number in listed else 'not '}listed, but {not unsupported=}"
                )
    expect_none(faults)


@check("DSP1092-R08")
def pull_limits(site: Site) -> None:
    """A mechanism that claims pulled reads states its limits, and a timeout beyond them gives 22."""
    for mechanism in in_interop(site, "CIM_CIMXMLCommunicationMechanism"):
        if PULLED_READ not in (mechanism.get("FunctionalProfilesSupported") or []):
            continue
        limits = ("MaximumOperationTimeout", "MinimumOperationTimeout", "ContinuationOnErrorSupported")
        missing = [name for name in limits if mechanism.get(f"PulledEnumeration{name}") is None]
        expect(not missing, f"{show(mechanism)} claims pulled reads without {missing}")
        beyond = Uint32(int(mechanism["PulledEnumerationMaximumOperationTimeout"]) + 1)
        status = cim_status(
            lambda limit=beyond: site.cim.OpenEnumerateInstances(  # type: ignore[misc]
                "CIM_RegisteredProfile", site.interop, OperationTimeout=limit, MaxObjectCount=1000
            )
        )
        expect(status == INVALID_TIMEOUT, f"an OperationTimeout of {beyond} gave {status}")
        return
    skip("no mechanism claims pulled reads")


@check("DSP1092-R09")
def authentication_as_listed(site: Site) -> None:
    """AuthenticationMechanismsSupported agrees with how a request without credentials is answered."""
    found = in_interop(site, "CIM_CIMXMLCommunicationMechanism")
    listed = {kind for one in found for kind in one.get("AuthenticationMechanismsSupported") or []}
    reply = post(site, message(probe(site)), cim_headers(PROBE, site.interop), anonymous=True)
    wanted = BASIC if reply.status == 401 else NO_AUTHENTICATION
    expect(
        Uint16(wanted) in listed, f"HTTP {reply.status} without credentials, but mechanisms listed are {sorted(listed)}"
    )


@check("DSP1092-R10")
def client_discovery(site: Site) -> None:
    """A client library discovers Interop, namespaces, brand, version and profiles without a warning."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        server = WBEMServer(site.cim)
        found = {
            "Interop namespace": server.interop_ns,
            "namespaces": server.namespaces,
            "brand": server.brand,
            "version": server.version,
            "profiles": server.profiles,
        }
    expect_none([f"no {what}" for what, value in found.items() if not value])
    expect_none([f"warning: {one.message}" for one in caught])


@check("DSP1092-R11")
def version_in_description(site: Site) -> None:
    """Server and object manager name a product and its version in Description."""
    for classname in ("CIM_WBEMServer", "CIM_ObjectManager"):
        one = one_of(site, classname)
        fits = VERSION_IN_TEXT.match(one.get("Description") or "")
        expect(fits and one.get("ElementName"), f"{show(one)}: {one.get('ElementName')!r}, {one.get('Description')!r}")


@check("DSP1092-R12")
def schema_version(site: Site) -> None:
    """The CIM schema version given for a namespace is no older than any CIM class in it."""
    faults = []
    for namespace in in_interop(site, "CIM_WBEMServerNamespace"):
        for one in namespace.get("SchemaInformation") or []:
            if str(one.get("Name")).upper() != "CIM":
                continue
            newest = max(class_versions(site, str(namespace.get("Name"))), default=())
            if numbers(str(one.get("Version"))) < newest:
                faults.append(f"{namespace.get('Name')} claims {one.get('Version')} and has a class of {newest}")
    expect_none(faults)


def numbers(version: str) -> tuple[int, ...]:
    """2.49.0 as (2, 49, 0); empty if it is no version."""
    return tuple(int(part) for part in version.split(".")) if re.fullmatch(r"\d+(\.\d+)*", version) else ()


def class_versions(site: Site, namespace: str) -> list[tuple[int, ...]]:
    """The Version qualifiers of the CIM classes of a namespace."""
    found = site.cim.EnumerateClasses(namespace, DeepInheritance=True, LocalOnly=True, IncludeQualifiers=True)
    return [
        numbers(str(one.qualifiers["Version"].value))
        for one in found
        if one.classname.upper().startswith("CIM_") and "Version" in one.qualifiers
    ]


@check("DSP1092-R13")
def one_central_instance(site: Site) -> None:
    """The registered profile WBEM Server has exactly one central instance, the CIM_WBEMServer."""
    site.require_profile("WBEM Server")
    central = keys(site.central("WBEM Server"), site.interop)
    wanted = {key(one_of(site, "CIM_WBEMServer").path, site.interop)}
    expect(central == wanted, f"WBEM Server leads to {len(central)} instances: {sorted(path[1] for path in central)}")


@check("DSP1092-R14")
def namespaces_elsewhere(site: Site) -> None:
    """CIM_Namespace enumerated outside Interop is unknown or gives the same namespaces."""
    skip_unless(site.namespace.lower() != site.interop.lower(), "there is no namespace but Interop")
    try:
        found = site.cim.EnumerateInstances("CIM_Namespace", site.namespace)
    except CIMError as error:
        expect(error.status_code in ABSENT, f"EnumerateInstances gave {error.status_code}")
        return
    names = {str(one.get("Name")).strip("/").lower() for one in found}
    wanted = namespace_names(site, "CIM_Namespace")
    expect(not names or names == wanted, f"only in one namespace's answer: {sorted(names ^ wanted)}")
