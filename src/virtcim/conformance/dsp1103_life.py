"""DSP1103 Job Control: the states a job goes through, how long it stays, and what is told of it."""

from __future__ import annotations

import time
from contextlib import ExitStack
from itertools import pairwise

from pywbem import CIMDateTime, CIMInstance, CIMInstanceName

from virtcim.conformance.check import check
from virtcim.conformance.dsp1054_delivery import listening, subscribe
from virtcim.conformance.dsp1103 import LONG, TERMINATION, end_of, job
from virtcim.conformance.methods import JOB_COMPLETED, JOB_ENDED, JOB_STARTED, invoke
from virtcim.conformance.paths import local, show
from virtcim.conformance.site import Site, cim_status
from virtcim.conformance.systems import activate, request_state, temporary
from virtcim.conformance.verdict import expect, skip, skip_unless

NEW, STARTING, RUNNING, SUSPENDED, SHUTTING_DOWN, SERVICE, QUERY = 2, 3, 4, 5, 6, 11, 12
# What a state may lead to, for those who look now and then: in one step or in several.
AFTER_RUNNING = {RUNNING, SUSPENDED, SHUTTING_DOWN, STARTING, SERVICE, QUERY, *JOB_ENDED}
LATER: dict[int, set[int]] = {
    NEW: {NEW, STARTING, *AFTER_RUNNING},
    **dict.fromkeys((STARTING, RUNNING, SUSPENDED, SERVICE, QUERY), AFTER_RUNNING),
    SHUTTING_DOWN: {SHUTTING_DOWN, *JOB_ENDED},
    **{state: {state} for state in JOB_ENDED},
}
NO_STATE = 65000  # RequestedState that stands for nothing
SECOND, HOUR = CIMDateTime("00000000000001.000000:000"), CIMDateTime("00000000010000.000000:000")
REMOVED_WITHIN = 15.0  # seconds
ASSOCIATIONS = ("CIM_OwningJobElement", "CIM_AffectedJobElement")
ABOUT_JOBS = "SELECT * FROM CIM_InstIndication WHERE SourceInstance ISA CIM_ConcreteJob"


@check("DSP1103-R04", write=True)
def states(site: Site) -> None:
    """JobState moves along the edges of its state machine only, and an end is an end."""
    with job(site) as path:
        seen = [int(site.get(path)["JobState"])]
        deadline = time.monotonic() + site.patience
        while seen[-1] not in JOB_ENDED and time.monotonic() < deadline:
            seen.append(int(site.get(path)["JobState"]))
        seen += [int(site.get(path)["JobState"]) for _ in range(3)]
        wrong = [f"{old} to {new}" for old, new in pairwise(seen) if new not in LATER.get(old, set())]
        expect(not wrong, f"JobState went from {', '.join(wrong)}")


def changed(site: Site, path: CIMInstanceName, **properties: object) -> int:
    """The CIM status of a ModifyInstance of just these properties."""
    given = CIMInstance(path.classname, properties, path=path)
    return cim_status(lambda: site.cim.ModifyInstance(given, PropertyList=list(properties)))


@check("DSP1103-R07", write=True)
def failed(site: Site) -> None:
    """A job that did not complete has at least one CIM_Error with a MessageID."""
    with job(site) as path:
        invoke(site, path, "RequestStateChange", TERMINATION)
        end_of(site, path)
        over = [one for one in site.instances("CIM_ConcreteJob") if one.get("JobState") in JOB_ENDED]
        found = [one.path for one in over if one["JobState"] != JOB_COMPLETED]
        skip_unless(found, "every job completed, and could not be terminated before")
        for one in found:
            given = invoke(site, one, "GetErrors").out.get("Errors") or []
            errors = [*given, invoke(site, one, "GetError").out.get("Error")]
            wrong = [error for error in errors if error is None or error.get("MessageID") is None]
            expect(given and not wrong, f"the errors of {show(one)} are {errors}")


@check("DSP1103-R09", write=True)
def written(site: Site) -> None:
    """TimeBeforeRemoval and DeleteOnCompletion can be written, nothing else of a job."""
    with job(site) as path:
        status = changed(site, path, TimeBeforeRemoval=HOUR)
        skip_unless(status == 0, f"writing TimeBeforeRemoval ends with status {status}")
        expect(site.get(path)["TimeBeforeRemoval"] == HOUR, "TimeBeforeRemoval does not read as it was written")
        for value in (False, True):
            status = changed(site, path, DeleteOnCompletion=value)
            expect(status == 0, f"setting DeleteOnCompletion to {value} ends with status {status}")
            expect(site.get(path)["DeleteOnCompletion"] is value, "DeleteOnCompletion does not read as it was written")
        before = site.get(path)["Name"]
        status = changed(site, path, Name="virtcim-conformance")
        expect(status != 0 and site.get(path)["Name"] == before, "Name of a job was written")


def begun(site: Site, system: CIMInstanceName) -> CIMInstanceName:
    """A job of a system that is activated for it."""
    activate(site, system)
    answers = (request_state(site, system, state) for state in LONG)
    path = next((answer.job for answer in answers if answer.code == JOB_STARTED), None)
    if path is None:
        skip("no change of state became a job")
    return local(path, site.namespace)


@check("DSP1103-R12", write=True)
def gone(site: Site) -> None:
    """The associations of a job go when it goes."""
    with temporary(site) as system:
        path = begun(site, system)
        end_of(site, path)
        linked = site.across_names(path, ASSOCIATIONS[0], "CIM_ManagedElement", "OwnedElement")
        status = changed(site, path, TimeBeforeRemoval=SECOND, DeleteOnCompletion=True)
        skip_unless(status == 0, "how long a job stays cannot be written")
        deadline = time.monotonic() + REMOVED_WITHIN
        while site.exists(path):
            expect(time.monotonic() < deadline, f"{show(path)} stays for longer than its TimeBeforeRemoval")
            time.sleep(0.1)
        for owner in linked:
            left = site.across_names(owner, ASSOCIATIONS[0], "CIM_ConcreteJob", "OwningElement")
            ours = [show(one) for one in left if one.keybindings["InstanceID"] == path.keybindings["InstanceID"]]
            expect(not ours, f"{show(owner)} still owns {ours}")


@check("DSP1103-R14", write=True)
def no_job(site: Site) -> None:
    """A request that is refused starts no job."""
    with temporary(site) as system:
        answer = request_state(site, system, NO_STATE)
        expect(answer.code != JOB_STARTED and answer.job is None, f"{answer} to RequestedState {NO_STATE}")
        for association in ASSOCIATIONS:
            found = site.across_names(system, association, "CIM_ConcreteJob")
            expect(not found, f"{show(system)} has {[show(one) for one in found]} by {association}")


@check("DSP1103-R15", write=True)
def told(site: Site) -> None:
    """Indications tell of the creation of a job, of its end and of its removal, in this order."""
    with ExitStack() as stack:
        system = stack.enter_context(temporary(site))
        made, ears = stack.enter_context(listening(site))
        subscribe(made, made.destination(Destination=ears.url), ABOUT_JOBS)
        path = begun(site, system)
        end_of(site, path)
        status = changed(site, path, TimeBeforeRemoval=SECOND, DeleteOnCompletion=True)
        skip_unless(status == 0, "how long a job stays cannot be written")

        def ours(heard: list[CIMInstance]) -> list[CIMInstance]:
            key = path.keybindings["InstanceID"]
            return [one for one in heard if one["SourceInstance"].get("InstanceID") == key]

        def kinds(heard: list[CIMInstance]) -> list[str]:
            bases = ("CIM_InstCreation", "CIM_InstModification", "CIM_InstDeletion")
            return [
                next((base for base in bases if site.is_a(one.classname, base)), one.classname) for one in ours(heard)
            ]

        heard = ears.wait(lambda so_far: "CIM_InstDeletion" in kinds(so_far), f"the removal of {show(path)}")
        order = kinds(heard)
        expect(order[0] == "CIM_InstCreation" and order[-1] == "CIM_InstDeletion", f"of {show(path)} came {order}")
        ends = [int(one["SourceInstance"]["JobState"]) for one in ours(heard)[1:-1]]
        expect(any(state in JOB_ENDED for state in ends), f"modifications of {show(path)} had JobState {ends}")
