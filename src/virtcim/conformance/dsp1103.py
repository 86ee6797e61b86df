"""DSP1103 Job Control: the job behind a change of state that takes long, from its beginning to its end."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from pywbem import CIMDateTime, CIMInstance, CIMInstanceName, Uint16

from virtcim.conformance.check import check
from virtcim.conformance.methods import (
    INVALID_TRANSITION,
    JOB_COMPLETED,
    JOB_ENDED,
    JOB_STARTED,
    NO_TIMEOUTS,
    UNSUPPORTED,
    ended_job,
    expect_code,
    invoke,
)
from virtcim.conformance.paths import local, show
from virtcim.conformance.site import Site
from virtcim.conformance.systems import activate, request_state, supported_states, temporary
from virtcim.conformance.verdict import expect, skip_unless

LONG = (10, 4)  # RequestedState of what takes long: Reboot, Shut Down
TERMINATION = ("RequestedState", Uint16(4))
OK, COMPLETED = 2, 17  # OperationalStatus
FIVE_SECONDS = CIMDateTime("00000000000005.000000:000")


@contextmanager
def job(site: Site) -> Iterator[CIMInstanceName]:
    """A job as it has just been answered, of a system that is destroyed in the end."""
    with temporary(site) as system:
        activate(site, system)
        for state in LONG:
            if state not in supported_states(site, system):
                continue
            answer = request_state(site, system, state)
            if answer.code == JOB_STARTED:
                expect(answer.job is not None, f"{answer} without a Job")
                yield local(answer.job, site.namespace)
                ended_job(site, answer)
                return
        skip_unless(False, "no change of state became a job")


def end_of(site: Site, path: CIMInstanceName) -> tuple[CIMInstance, list[int]]:
    """The job after its end, and each PercentComplete that was seen on the way."""
    percents: list[int] = []
    deadline = time.monotonic() + site.patience
    while True:
        found = site.get(path)
        percents.append(int(found.get("PercentComplete") or 0))
        if found.get("JobState") in JOB_ENDED:
            return found, percents
        expect(time.monotonic() < deadline, f"{show(path)} does not end")
        time.sleep(0.05)


@check("DSP1103-R01", write=True)
def there_at_once(site: Site) -> None:
    """A method that answers 4096 names a job, and the job can be read at once."""
    with job(site) as path:
        found = site.get(path)
        expect(found.get("Name") is not None, f"{show(path)} has no Name")


@check("DSP1103-R02", write=True)
def one_owner(site: Site) -> None:
    """A job has exactly one owning element."""
    with job(site) as path:
        owners = site.across_names(path, "CIM_OwningJobElement", "CIM_ManagedElement", "OwnedElement")
        expect(len(owners) == 1, f"{show(path)} has {len(owners)} owning elements")


@check("DSP1103-R03", write=True)
def affected(site: Site) -> None:
    """A job has an element that it affects."""
    with job(site) as path:
        found = site.across_names(path, "CIM_AffectedJobElement", "CIM_ManagedElement", "AffectingElement")
        expect(found, f"{show(path)} affects nothing")


@check("DSP1103-R05", write=True)
def percent(site: Site) -> None:
    """PercentComplete never decreases, and is 100 exactly if the job is completed."""
    with job(site) as path:
        found, percents = end_of(site, path)
        expect(percents == sorted(percents), f"PercentComplete went {percents}")
        done = found.get("JobState") == JOB_COMPLETED
        expect((percents[-1] == 100) == done, f"JobState {found.get('JobState')} has PercentComplete {percents[-1]}")


@check("DSP1103-R06", write=True)
def completed(site: Site) -> None:
    """A completed job has OperationalStatus OK and Completed, ErrorCode 0, and no errors."""
    with job(site) as path:
        found, _ = end_of(site, path)
        skip_unless(found.get("JobState") == JOB_COMPLETED, f"the job ended in JobState {found.get('JobState')}")
        status = set(found.get("OperationalStatus") or [])
        expect(status == {OK, COMPLETED}, f"OperationalStatus is {sorted(status)}")
        expect(found.get("ErrorCode") in (0, None), f"ErrorCode is {found.get('ErrorCode')}")
        answer = invoke(site, path, "GetErrors")
        expect_code(answer, 0)
        expect(not answer.out.get("Errors"), f"GetErrors gives {answer.out.get('Errors')}")


@check("DSP1103-R08", write=True)
def stays(site: Site) -> None:
    """A job that has ended stays for TimeBeforeRemoval at least."""
    with job(site) as path:
        found, _ = end_of(site, path)
        span = found.get("TimeBeforeRemoval")
        expect(span is not None and span.is_interval, f"TimeBeforeRemoval is {span}")
        time.sleep(min(1.0, span.timedelta.total_seconds() / 2))
        expect(site.exists(path), f"{show(path)} is gone before {span}")


@check("DSP1103-R10", write=True)
def over_is_over(site: Site) -> None:
    """A job that has ended refuses to be terminated with 4097."""
    with job(site) as path:
        end_of(site, path)
        expect_code(invoke(site, path, "RequestStateChange", TERMINATION), INVALID_TRANSITION)


@check("DSP1103-R11", write=True)
def no_timeouts(site: Site) -> None:
    """A TimeoutPeriod of five seconds is refused with 4098."""
    with job(site) as path:
        answer = invoke(site, path, "RequestStateChange", TERMINATION, ("TimeoutPeriod", FIVE_SECONDS))
        skip_unless(answer.code not in (UNSUPPORTED, 0, JOB_STARTED), "the server takes a TimeoutPeriod, or no request")
        expect_code(answer, NO_TIMEOUTS)


@check("DSP1103-R13", write=True)
def times(site: Site) -> None:
    """ElapsedTime is an interval, and a job does not start before it is submitted."""
    with job(site) as path:
        found, _ = end_of(site, path)
        elapsed = found.get("ElapsedTime")
        expect(elapsed is not None and elapsed.is_interval, f"ElapsedTime is {elapsed}")
        submitted, started = found.get("TimeSubmitted"), found.get("StartTime")
        expect(submitted is not None, "TimeSubmitted is NULL")
        expect(started is None or started.datetime >= submitted.datetime, f"started {started}, submitted {submitted}")
