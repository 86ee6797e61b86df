"""Messages: what a client can see of the registry behind CIM_Error and CIM_AlertIndication."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection, Iterable

from pywbem import CIMError, CIMInstance, CIMInstanceName

from virtcim.conformance.check import check
from virtcim.conformance.dsp1054_delivery import QUIET, listening, subscribe
from virtcim.conformance.dsp1103 import TERMINATION, end_of, job
from virtcim.conformance.methods import INVALID_SETTINGS, JOB_COMPLETED, JOB_ENDED, embedded, expect_code, invoke
from virtcim.conformance.paths import show
from virtcim.conformance.site import Site
from virtcim.conformance.systems import MEMORY, activate, define_call, new_name, rasd, service, temporary, vssd
from virtcim.conformance.values import unlisted
from virtcim.conformance.verdict import Skipped, expect, expect_none, skip_unless

DMTF_ID = re.compile(r"[A-Z]{3,5}\d{4,}")  # as the registries of the DMTF number their messages
USER, SECRET = "virtcim-conformance-user", "virtcim-conformance-secret"
URI = f"qemu+ssh://{USER}:{SECRET}@host.invalid/system"
GIVEN_AWAY = re.compile(r"Traceback \(most recent|File \"[^\"]+\", line \d|\bat [\w.$]+\(\w+\.java:\d+\)|://[^/\s]*@")
NO_SUCH_TYPE = "DMTF:virtcim-conformance-none"
ALERTS = "SELECT * FROM CIM_AlertIndication"

Failing = Callable[[Site, str], object]
FAILING: dict[str, Failing] = {
    "GetClass": lambda site, name: site.cim.GetClass(name, site.namespace),
    "EnumerateInstances": lambda site, name: site.cim.EnumerateInstances(name, site.namespace),
    "GetInstance": lambda site, name: site.cim.GetInstance(absent(site, name)),
    "GetInstance of no namespace": lambda site, name: site.cim.GetInstance(absent(site, name, name)),
    "InvokeMethod": lambda site, name: site.cim.InvokeMethod(name, service(site)),
    "ExecQuery": lambda site, name: site.cim.ExecQuery(name, "SELECT * FROM CIM_ComputerSystem", site.namespace),
    "GetQualifier": lambda site, name: site.cim.GetQualifier(name, site.namespace),
}


def absent(site: Site, name: str, namespace: str | None = None) -> CIMInstanceName:
    """The path of a system that is not there."""
    keys = {"CreationClassName": "CIM_ComputerSystem", "Name": name}
    return CIMInstanceName("CIM_ComputerSystem", keys, namespace=namespace or site.namespace)


def provoked(site: Site, name: str, among: Collection[str] = ()) -> dict[str, CIMInstance]:
    """The CIM_Errors of operations about what is not there, by operation; skips where none has one."""
    found = {}
    for operation in among or FAILING:
        try:
            FAILING[operation](site, name)
        except CIMError as error:
            for instance in error.instances or ():
                found[f"{operation} ({error.status_code_name})"] = instance
    skip_unless(found, "the server sends no CIM_Error with its errors")
    return found


def failed_jobs(site: Site) -> list[CIMInstance]:
    """The jobs that did not complete; one is ended before its time where that is possible."""
    try:
        with job(site) as path:
            invoke(site, path, "RequestStateChange", TERMINATION)
            end_of(site, path)
            site.forget()
            return _failed(site)
    except Skipped:
        return _failed(site)


def _failed(site: Site) -> list[CIMInstance]:
    states = set(JOB_ENDED) - {JOB_COMPLETED}
    return [one for one in site.instances("CIM_ConcreteJob") if one.get("JobState") in states]


def template(error: CIMInstance) -> str:
    """The Message with places for its arguments."""
    text = str(error.get("Message"))
    arguments = [str(one) for one in error.get("MessageArguments") or ()]
    for one in sorted(filter(None, arguments), key=len, reverse=True):
        text = text.replace(one, f"{{{arguments.index(one) + 1}}}")
    return text


def nameless(errors: Iterable[tuple[str, CIMInstance]]) -> list[str]:
    """What has no id, or nobody who answers for it."""
    needed = ("OwningEntity", "MessageID", "Message")
    return [f"{where} without {name}" for where, one in errors for name in needed if not one.get(name)]


@check("MSG-R01")
def identified(site: Site) -> None:
    """A CIM_Error has a MessageID, an OwningEntity and a Message."""
    expect_none(nameless(provoked(site, new_name(site)).items()))


@check("MSG-R02")
def owned(site: Site) -> None:
    """OwningEntity is DMTF only of a message that is numbered as in a registry of the DMTF."""
    errors = provoked(site, new_name(site)).items()
    theirs = [(where, str(one.get("MessageID"))) for where, one in errors if one.get("OwningEntity") == "DMTF"]
    expect_none([f"{where}: {one} of DMTF" for where, one in theirs if not DMTF_ID.fullmatch(one)])


@check("MSG-R03")
def composed(site: Site) -> None:
    """A Message is the text of its MessageID with MessageArguments inserted."""
    pairs = [provoked(site, new_name(site)) for _ in range(2)]
    skip_unless(any(one.get("MessageArguments") for one in pairs[0].values()), "no error has MessageArguments")
    faults = []
    for where in pairs[0].keys() & pairs[1].keys():
        first, second = (one[where] for one in pairs)
        absent_from = [one for one in first.get("MessageArguments") or () if one not in str(first.get("Message"))]
        faults += [f"{where}: {one!r} is not in {first.get('Message')!r}" for one in absent_from]
        if first.get("MessageID") == second.get("MessageID") and template(first) != template(second):
            faults.append(f"{where}: {first.get('MessageID')} is {template(first)!r} and {template(second)!r}")
    expect_none(faults)


@check("MSG-R04")
def listed(site: Site) -> None:
    """PerceivedSeverity, ErrorType, ProbableCause and CIMStatusCode of a CIM_Error are in their ValueMaps."""
    skip_unless(site.cls("CIM_Error"), "the server does not serve the class CIM_Error")
    faults = []
    for where, one in provoked(site, new_name(site)).items():
        one.path = CIMInstanceName(one.classname, {}, namespace=site.namespace)
        faults += [f"{where}: {fault}" for fault in unlisted(site, one)]
    expect_none(faults)


@check("MSG-R05", write=True)
def refused(site: Site) -> None:
    """What a method refuses it answers with the return value for that, and a job that failed has a CIM_Error."""
    odd = vssd(site, ElementName=new_name(site), VirtualSystemType=NO_SUCH_TYPE)
    expect_code(define_call(site, odd), INVALID_SETTINGS, why="for a VirtualSystemType that there is not")
    named = CIMInstanceName(odd.classname, {"InstanceID": new_name(site)}, namespace=site.namespace)
    answer = define_call(site, vssd(site, ElementName=new_name(site)), reference=named)
    expect_code(answer, INVALID_SETTINGS, why="for a ReferenceConfiguration that is not there")
    nobody = embedded("ResourceSettings", [rasd(site, MEMORY, InstanceID=new_name(site))])
    answer = invoke(site, service(site), "ModifyResourceSettings", nobody)
    expect_code(answer, INVALID_SETTINGS, why="for an InstanceID that is not there")
    faults = []
    for one in failed_jobs(site):
        errors = invoke(site, one.path, "GetErrors").out.get("Errors") or []
        faults += [] if errors else [f"{show(one.path)} has no CIM_Error"]
        faults += nameless((show(one.path), error) for error in errors)
    expect_none(faults)


@check("MSG-R06")
def steady(site: Site) -> None:
    """The same failure has the same MessageID each time, and failures of different statuses have different ones."""
    first, again = (provoked(site, new_name(site)) for _ in range(2))
    for where in first.keys() & again.keys():
        before, now = first[where].get("MessageID"), again[where].get("MessageID")
        expect(before == now, f"{where}: {before}, then {now}")
    statuses: dict[object, set[object]] = {}
    for one in first.values():
        statuses.setdefault((one.get("OwningEntity"), one.get("MessageID")), set()).add(one.get("CIMStatusCode"))
    expect_none([f"{key} stands for {found}" for key, found in statuses.items() if len(found) > 1])


@check("MSG-R07", write=True)
def discreet(site: Site) -> None:
    """No text of an error has credentials, a URI with a user, or a stack trace in it."""
    errors = provoked(site, URI, ("GetInstance",)).items()
    texts = [(where, one.get(name)) for where, one in errors for name in ("Message", "CIMStatusCodeDescription")]
    for one in failed_jobs(site):
        texts += [(show(one.path), one.get(name)) for name in ("ErrorDescription", "JobStatus")]
        found = invoke(site, one.path, "GetErrors").out.get("Errors") or []
        texts += [(show(one.path), error.get("Message")) for error in found]
    wrong = [(where, str(text)) for where, text in texts if SECRET in str(text) or GIVEN_AWAY.search(str(text))]
    expect_none([f"{where} says {text!r}" for where, text in wrong])


@check("MSG-R08", write=True)
def alerts(site: Site) -> None:
    """An alert has an OwningEntity, a MessageID and a Message."""
    with temporary(site) as system, listening(site) as (made, ears):
        subscribe(made, made.destination(Destination=ears.url), ALERTS)
        activate(site, system)
        time.sleep(QUIET)
        skip_unless(ears.heard, "the activation of a system is no reason for an alert, and no other came meanwhile")
        expect_none(nameless((str(one.get("EventID")), one) for one in ears.heard))
