"""Jobs that clients know of: each change kept and told, and those of servers that are gone taken over."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from virtcim.broker.call import Item
from virtcim.broker.instances import Instances
from virtcim.broker.jobs import Jobs
from virtcim.broker.jobs_kept import KeptJobs
from virtcim.broker.outcome import Job, Request

JOB = "CIM_ConcreteJob"
Tell = Callable[[Item | None, Item | None], None]


class ToldJobs:
    """`tell` gets a job as it was and as it is, None for not there."""

    def __init__(self, jobs: Jobs, kept: KeptJobs, instances: Instances, tell: Tell) -> None:
        self._jobs = jobs
        self._kept = kept
        self._instances = instances
        self._tell = tell
        self._seen: dict[str, Item] = {}
        self.settle = kept.settle
        jobs.on_change(self._changed)
        self._adopt(kept.restored())

    def catch_up(self) -> None:
        """Write what the store has not taken so far, and take over what nobody looks after any more."""
        for job in self._kept.catch_up():
            self._lose(job)
        self._adopt(self._kept.orphaned())

    def _changed(self, job: Job, gone: bool) -> None:
        if not self._kept.changed(job, gone):
            self._lose(job)
            return
        found = self._instances.named(job, JOB)
        if found is not None:
            before, after = self._seen.pop(job.id, None), None if gone else found.item
            if after is not None:
                self._seen[job.id] = after
            self._tell(before, after)

    def _lose(self, job: Job) -> None:
        """Another server tells of it, and shows it."""
        self._jobs.discard(job)
        self._seen.pop(job.id, None)

    def _adopt(self, found: Iterable[tuple[Job, Request | None]]) -> None:
        for job, request in found:
            known = self._instances.named(job, JOB)
            if known is not None:
                self._seen[job.id] = known.item
                self._jobs.adopt(job, request)
