"""DSP1103 Job Control: work that goes on after its method has returned, and how it ends."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Protocol

from virtcim.broker.call import CIMError, Instance, Properties, Status, Value
from virtcim.broker.provider import VIRT, As, End, Job, Keys, Profile, Refused, Returned, Writer
from virtcim.mapping import ids
from virtcim.messages import Message, message, or_else
from virtcim.profiles import job_services
from virtcim.profiles.cim_error import cim_error
from virtcim.profiles.job_elements import affected, effects, host_of, owners
from virtcim.profiles.method_result import method_result

# JobState
STARTING, RUNNING, SHUTTING_DOWN, COMPLETED, TERMINATED, KILLED, EXCEPTION = 3, 4, 6, 7, 8, 9, 10
FAILED = (TERMINATED, KILLED, EXCEPTION)
ENDED = (COMPLETED, *FAILED)
# Requested states of CIM_ConcreteJob
START, SUSPEND, TERMINATE, KILL, SERVICE = 2, 3, 4, 5, 6

# JobState -> OperationalStatus, Status, HealthState, words for JobStatus. OperationalStatus holds 17 Completed with
# 2 OK or 6 Error only where the profile gives it that meaning; what a client has terminated is 10 Stopped.
STATUS: dict[int, tuple[tuple[int, ...], str, int, str]] = {
    STARTING: ((2,), "OK", 5, "Starting"),
    RUNNING: ((2,), "OK", 5, "Running"),
    SHUTTING_DOWN: ((9,), "Stopping", 5, "Ending early"),
    COMPLETED: ((2, 17), "OK", 5, "Completed"),
    TERMINATED: ((10, 17), "Stopped", 5, "Terminated"),
    KILLED: ((10, 17), "Stopped", 5, "Killed"),
    EXCEPTION: ((6, 17), "Error", 20, "Failed"),
}
UNFINISHED = 99  # the most that PercentComplete says before the work is done
UNKNOWN_HEALTH = 0
NO_TIMEOUT = "00000000000000.000000:000"
CHANGES = ("TimeBeforeRemoval", "DeleteOnCompletion")
JOB, MIGRATION_JOB = "CIM_ConcreteJob", "Virt_MigrationJob"
_INTERVAL = re.compile(r"(\d{8})([01]\d|2[0-3])([0-5]\d)([0-5]\d)\.(\d{6}):000")
KILL_PATIENCE = 10.0  # seconds that KillJob waits for the end


class Jobs(Protocol):
    """The jobs of the server; those that have ended are there for `retention` seconds."""

    @property
    def retention(self) -> float: ...
    def __iter__(self) -> Iterator[Job]: ...
    def get(self, job_id: str) -> Job | None: ...
    def terminate(self, job: Job, kill: bool = False) -> bool:
        """Ask a job's work to end early, or at once; False when it has ended or cannot be asked."""

    def keep(self, job: Job, seconds: float | None = None, remove: bool | None = None) -> None:
        """Change how long a job stays after its end, and whether it is removed then."""

    def remove(self, job: Job) -> bool:
        """Forget a job that has ended; False when it has not."""


def make(jobs: Jobs, served: Sequence[Profile] = ()) -> Profile:
    """The profile over the jobs of a server, which methods of the profiles that are served begin."""
    profile = Profile("dsp1103")
    profile.source(Job, lambda _: jobs)
    profile.central(JOB, Job)

    def find(_: Any, keys: Keys) -> list[Job]:
        return named("job", keys)

    def find_result(_: Any, keys: Keys) -> list[Job]:
        return named("method-result", keys)

    def named(kind: str, keys: Keys) -> list[Job]:
        job = jobs.get(ids.parse_own_id(kind, str(keys["InstanceID"])) or "")
        return [job] if job else []

    def all_jobs(_: object) -> Iterable[Job]:
        return jobs

    for classname, moves in (("Virt_ConcreteJob", False), (MIGRATION_JOB, True)):
        profile.instance(classname, of=Job, when=kind_of(moves), find=find, volatile=True)(job_properties)
    profile.instance("CIM_MethodResult", of=Job, when=has_result, find=find_result, volatile=True)(method_result)
    _declare_associations(profile, all_jobs)
    _declare_methods(profile, jobs)
    if served:
        job_services.declare(profile, served, interval(timedelta(seconds=jobs.retention)))
        _declare_hosting(profile, jobs)
    for classname in ("Virt_ConcreteJob", MIGRATION_JOB):
        profile.writes(Writer(classname, VIRT, None, partial(modify, jobs), CHANGES, partial(delete, jobs)))
    return profile


def _declare_associations(profile: Profile, all_jobs: Callable[[object], Iterable[Job]]) -> None:
    profile.associate(
        "Virt_OwningJobElement",
        End("OwnedElement", JOB, owners, of=Job),
        End("OwningElement", "CIM_ManagedElement", all_jobs, candidates=True),
    )
    profile.associate(
        "Virt_AffectedJobElement",
        End("AffectingElement", JOB, affected, of=Job),
        End("AffectedElement", "CIM_ManagedElement", all_jobs, candidates=True),
        effects,
    )
    profile.associate(
        "CIM_AssociatedJobMethodResult",
        End("Job", JOB, result_of, of=Job),
        End("JobParameters", "CIM_MethodResult", lambda job: [As(job, JOB)]),
    )


def _declare_hosting(profile: Profile, jobs: Jobs) -> None:
    profile.associate(
        "CIM_HostedDependency",
        End("Antecedent", "Virt_HostSystem", lambda host: [job for job in jobs if host in host_of(job)]),
        End("Dependent", JOB, host_of, of=Job),
    )


def kind_of(moves: bool) -> Callable[[Job], bool]:
    """Whether a job moves a system to another host, which has a class of its own as in libvirt-cim; or does not."""
    return lambda job: job.owner.classname.endswith("_VirtualSystemMigrationService") is moves


def has_result(job: Job) -> bool:
    return job.inputs is not None


def result_of(job: Job) -> list[As]:
    return [As(job, "CIM_MethodResult")] if has_result(job) else []


def _declare_methods(profile: Profile, jobs: Jobs) -> None:
    def request_state_change(job: Job, RequestedState: int | None, TimeoutPeriod: str | None) -> Returned:
        return change_state(jobs, job, RequestedState, TimeoutPeriod)

    profile.method("CIM_ConcreteJob", "RequestStateChange")(request_state_change)
    profile.method("CIM_ConcreteJob", "GetError")(get_error)
    profile.method("CIM_ConcreteJob", "GetErrors")(get_errors)
    profile.method("CIM_ConcreteJob", "KillJob")(partial(kill, jobs))


def job_properties(job: Job) -> Properties:
    """CIM_ConcreteJob. State and time are read once, as the work goes on meanwhile."""
    state, changed = job.state, job.changed
    operational, status, health, words = STATUS[state]
    ended, failed = state in ENDED, state in FAILED
    properties: Properties = {
        "InstanceID": ids.own_id("job", job.id),
        "Name": job.method,
        "ElementName": job.work.name,
        "Description": job.work.name,
        "JobState": state,
        "JobStatus": str(job.error) if failed else words,
        "OperationalStatus": [*operational],
        "Status": status,
        "HealthState": UNKNOWN_HEALTH if job.uncertain else health,
        "PercentComplete": 100 if state == COMPLETED else min(job.progress.percent, UNFINISHED),
        "TimeSubmitted": job.started,
        "StartTime": job.started,
        "ElapsedTime": interval(moment(changed if ended else None) - moment(job.started)),
        "TimeOfLastStateChange": changed,
        "LocalOrUtcTime": 2,  # UTC Time
        "JobRunTimes": 1,
        "DeleteOnCompletion": job.remove,
        "TimeBeforeRemoval": interval(timedelta(seconds=job.keep)),
        "ErrorCode": int(Status.FAILED) if failed else 0,
    }
    return properties | _where_there(job, state)


def _where_there(job: Job, state: int) -> Properties:
    """What a job has only at times."""
    found: Properties = {
        "ErrorDescription": str(job.error) if state in FAILED else None,
        "Owner": job.user or None,
        "JobInParameters": job.inputs,
        "JobOutParameters": job.outputs if state == COMPLETED else None,
    }
    return {name: value for name, value in found.items() if value is not None}


def moment(text: str | None) -> datetime:
    """A CIM datetime in UTC as datetime; without one, now."""
    return datetime.strptime(text[:21], "%Y%m%d%H%M%S.%f").replace(tzinfo=UTC) if text else datetime.now(UTC)


def interval(time: timedelta) -> str:
    """A CIM interval: days, hours, minutes, seconds, microseconds (DSP0004)."""
    minutes, seconds = divmod(time.seconds, 60)
    return f"{time.days:08}{minutes // 60:02}{minutes % 60:02}{seconds:02}.{time.microseconds:06}:000"


def span(value: Value) -> float:
    """A CIM interval in seconds. Errors: CIMError INVALID_PARAMETER."""
    found = _INTERVAL.fullmatch(str(value))
    if found is None:
        text = f"TimeBeforeRemoval is an interval of days, hours, minutes and seconds; {value} is none"
        raise CIMError(Status.INVALID_PARAMETER, text)
    days, hours, minutes, seconds, microseconds = map(int, found.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds + microseconds / 1_000_000


def modify(jobs: Jobs, job: Job, properties: Properties) -> None:
    """ModifyInstance: how long the job is to stay after its end, and whether it goes by itself."""
    if "DeleteOnCompletion" in properties and properties["DeleteOnCompletion"] is None:
        raise CIMError(Status.INVALID_PARAMETER, "DeleteOnCompletion cannot be NULL")
    stay = span(properties["TimeBeforeRemoval"]) if "TimeBeforeRemoval" in properties else None
    remove = properties.get("DeleteOnCompletion")
    jobs.keep(job, stay, None if remove is None else bool(remove))


def delete(jobs: Jobs, job: Job) -> None:
    """DeleteInstance: of a job that has ended."""
    if not jobs.remove(job):
        text = f"{ids.own_id('job', job.id)} has not ended: RequestStateChange with 4 (Terminate) may end it"
        raise CIMError(Status.FAILED, text)


def change_state(jobs: Jobs, job: Job, requested: int | None, timeout: str | None) -> Returned:
    """CIM_ConcreteJob.RequestStateChange: Terminate or Kill, where the work can be ended early."""
    if requested not in (START, SUSPEND, TERMINATE, KILL, SERVICE):
        raise Refused("Invalid Parameter", f"RequestedState {requested} is none of 2, 3, 4, 5, 6")
    if timeout not in (None, NO_TIMEOUT):
        raise Refused("Use of Timeout Parameter Not Supported", "TimeoutPeriod must be NULL or 0")
    if job.state in ENDED:
        raise Refused("Invalid State Transition", message("JOB_ENDED"))
    if {TERMINATE: job.work.cancel, KILL: job.work.kill}.get(requested) is None:
        raise Refused("Not Supported", message("JOB_NOT_CANCELLABLE", job.work.name, f"RequestedState {requested}"))
    if not jobs.terminate(job, kill=requested == KILL):
        raise Refused("Invalid State Transition", message("JOB_ENDED"))
    return Returned(4096)  # Method Parameters Checked - Transition Started


def kill(jobs: Jobs, job: Job, DeleteOnKill: bool | None) -> Returned:
    """CIM_Job.KillJob: what RequestStateChange does for 5 (Kill), but with its end; then it goes or stays as asked."""
    if job.state in ENDED:
        raise Refused("Failed", message("JOB_ENDED"))
    if job.work.kill is None:
        raise Refused("Not Supported", message("JOB_NOT_CANCELLABLE", job.work.name, "KillJob"))
    if DeleteOnKill is not None:
        jobs.keep(job, remove=DeleteOnKill)
    jobs.terminate(job, kill=True)
    if not job.ended.wait(KILL_PATIENCE):
        raise Refused("Timeout", message("JOB_KILL_TIMEOUT", job.work.name, f"{KILL_PATIENCE:g}"))
    if job.state != KILLED:
        raise Refused("Failed", f"job {job.work.name} was over before it could be killed")
    if DeleteOnKill:
        jobs.remove(job)
    return Returned()


def errors(job: Job) -> list[Instance]:
    """CIM_Error of a job that failed or was terminated; none of any other."""
    return [cim_error(_told(job))] if job.state in FAILED else []


def _told(job: Job) -> Message:
    if job.state in (TERMINATED, KILLED):
        return message("JOB_CANCELLED", job.error)
    return or_else("JOB_LOST_ON_RESTART" if job.uncertain else "JOB_FAILED", job.error)


def get_error(job: Job, Error: Instance | None) -> Returned:
    """What the client gives for Error has no meaning: the method is declared so that it may be given."""
    del Error
    return Returned(Error=next(iter(errors(job)), None))


def get_errors(job: Job, Errors: list[Instance] | None) -> Returned:
    del Errors
    return Returned(Errors=errors(job) or None)
