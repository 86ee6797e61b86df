"""Method calls as answers: return value, out parameters, the job behind it and the state that comes of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from pywbem import CIMInstance, CIMInstanceName, CIMParameter

from virtcim.conformance.paths import local, show
from virtcim.conformance.site import Site
from virtcim.conformance.verdict import Failed, expect

OK = 0
UNSUPPORTED = 1
INVALID_PARAMETER = 5
INVALID_SETTINGS = 4  # Invalid Parameter in the ValueMaps of the virtual system management service
JOB_STARTED = 4096
INVALID_TRANSITION = 4097
NO_TIMEOUTS = 4098

JOB_COMPLETED = 7
JOB_EXCEPTION = 10
SETTLING = 30.0  # seconds in which a state that was reached has to show
JOB_ENDED = (JOB_COMPLETED, 8, 9, JOB_EXCEPTION)

Parameter: TypeAlias = "tuple[str, Any] | CIMParameter"


@dataclass(frozen=True)
class Answer:
    """What a method call gave back."""

    method: str
    code: int
    out: dict[str, Any] = field(default_factory=dict)

    @property
    def accepted(self) -> bool:
        """Done, or a job is at it."""
        return self.code in (OK, JOB_STARTED)

    @property
    def job(self) -> CIMInstanceName | None:
        """The path of the job, if there is one."""
        return self.out.get("Job")

    def __str__(self) -> str:
        return f"{self.method} returned {self.code}"


def invoke(site: Site, target: CIMInstanceName, method: str, *parameters: Parameter) -> Answer:
    """Call the method; parameters whose value is None are left out."""
    given = [item for item in parameters if not (isinstance(item, tuple) and item[1] is None)]
    code, out = site.cim.InvokeMethod(method, target, Params=given)
    expect(code is not None, f"{method} on {show(target)} returned no value")
    return Answer(method, int(code), dict(out))


def expect_code(answer: Answer, *codes: int, why: str = "") -> None:
    """Fail unless the method returned one of the codes."""
    wanted = " or ".join(map(str, codes))
    expect(answer.code in codes, f"{answer} instead of {wanted}{' ' if why else ''}{why}")


def ended_job(site: Site, answer: Answer) -> CIMInstance | None:
    """The job of the answer once it has ended, None if there was none."""
    if answer.code != JOB_STARTED:
        return None
    expect(answer.job is not None, f"{answer} without a Job")
    path = local(answer.job, site.namespace)
    job = site.get(path)
    deadline = time.monotonic() + site.patience
    while job.get("JobState") not in JOB_ENDED:
        expect(
            time.monotonic() < deadline,
            f"{show(path)} is still in JobState {job.get('JobState')} after {site.patience:g} s",
        )
        time.sleep(0.2)
        job = site.get(path)
    return job


def complete(site: Site, answer: Answer) -> CIMInstance | None:
    """Fail unless the call succeeded in the end; gives the job, if it took one."""
    expect_code(answer, OK, JOB_STARTED)
    job = ended_job(site, answer)
    if job is not None and job.get("JobState") != JOB_COMPLETED:
        raise Failed(
            f"the job of {answer.method} ended in JobState {job.get('JobState')}: {job.get('ErrorDescription')}"
        )
    site.forget()
    return job


def wait_until(site: Site, done: Callable[[], bool], waited_for: str, patience: float) -> None:
    """Poll until done, or fail."""
    limit = min(patience, site.patience)
    deadline = time.monotonic() + limit
    while not done():
        expect(time.monotonic() < deadline, f"{waited_for} did not come within {limit:g} s")
        time.sleep(0.2)


def embedded(name: str, instances: Sequence[CIMInstance]) -> CIMParameter:
    """An array parameter of embedded instances; empty is sent as an empty array."""
    bare = [CIMInstance(one.classname, one.properties) for one in instances]
    return CIMParameter(name, "string", value=bare, is_array=True, embedded_object="instance")
