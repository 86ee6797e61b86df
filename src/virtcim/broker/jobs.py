"""CIM_ConcreteJob life cycle (DSP1103): long work in threads, its state, its end, and when it is forgotten."""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from virtcim.broker.provider import As, Job, Progress, Refused, Work

log = logging.getLogger(__name__)

STARTING, RUNNING, SHUTTING_DOWN, COMPLETED, TERMINATED, EXCEPTION = 3, 4, 6, 7, 8, 10  # JobState
ENDED = (COMPLETED, TERMINATED, EXCEPTION)
WORKERS = 32
TELL_SECONDS, TELL_PERCENT = 1.0, 5  # progress is told once a second, or when it is that much further
OnJob = Callable[[Job, bool], None]


class _Told(Progress):
    """Progress that says when it gets further."""

    def __init__(self, tell: Callable[[], None]) -> None:
        self._tell: Callable[[], None] = lambda: None
        super().__init__()
        self._last = (0, time.monotonic())
        self._tell = tell

    def __setattr__(self, name: str, value: object) -> None:
        super().__setattr__(name, value)
        if name == "percent" and "_last" in self.__dict__:
            percent, since = self._last
            if self.percent - percent >= TELL_PERCENT or time.monotonic() - since >= TELL_SECONDS:
                self._last = (self.percent, time.monotonic())
                self._tell()


def now() -> str:
    """This moment as CIM datetime, in UTC."""
    return datetime.now(UTC).strftime("%Y%m%d%H%M%S.%f+000")


class Jobs:
    """Runs work as jobs; a job that has ended stays readable for `retention` seconds."""

    def __init__(self, retention: float, explain: Callable[[Exception], str]) -> None:
        self.retention = retention
        self._explain = explain
        self._jobs: dict[str, Job] = {}
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="job")
        self._published: set[str] = set()
        self._told: OnJob = lambda _job, _gone: None

    def __iter__(self) -> Iterator[Job]:
        self._forget()
        with self._lock:
            return iter(list(self._jobs.values()))

    def get(self, job_id: str) -> Job | None:
        return self._jobs.get(job_id)

    def on_change(self, callback: OnJob) -> None:
        """Call back (job, gone) when a client has got to know a job, and at each change from then on; never wait."""
        self._told = callback

    def publish(self, job: Job) -> None:
        """A client is about to be told of a job."""
        with self._lock:
            if job.id not in self._published:
                self._published.add(job.id)
                self._told(job, False)

    def start(self, work: Work, method: str, owner: As) -> Job:
        """Start work in the background and answer its job at once; `owner` has the method.

        Work without patience is published before it begins, so that all its changes are told.
        """
        started = now()
        job = Job(id=str(uuid.uuid4()), work=work, owner=owner, method=method, started=started, changed=started)
        job.progress = _Told(lambda: self._tell(job))
        with self._lock:
            self._jobs[job.id] = job
        if not work.patience:
            self.publish(job)
        self._pool.submit(self._run, job)
        return job

    def adopt(self, job: Job, reason: str) -> None:
        """Take over a job of an earlier run; one that was running then has failed for this reason."""
        with self._lock:
            self._jobs[job.id] = job
            self._published.add(job.id)
            if job.state not in ENDED:
                job.error = reason
                self._set(job, EXCEPTION)
        job.ended.set()

    def terminate(self, job: Job) -> bool:
        """Ask a job's work to end early; False when it has ended or cannot be asked."""
        with self._lock:
            if job.state in ENDED or job.work.cancel is None:
                return False
            job.cancelled = True
            self._set(job, SHUTTING_DOWN)
        job.work.cancel()
        return True

    def _run(self, job: Job) -> None:
        with self._lock:
            if not job.cancelled:
                self._set(job, RUNNING)
        try:
            job.returned = job.work.run(job.progress)
        except Refused as refusal:
            self._fail(job, refusal.reason)
        except Exception as error:  # whatever ends the work is the job's error: nobody else waits for it
            if not job.cancelled:
                log.warning("job %s (%s) failed", job.id, job.work.name, exc_info=True)
            self._fail(job, self._explain(error))
        else:
            job.progress.percent = 100
            self._end(job, COMPLETED)

    def discard(self, job: Job) -> None:
        """Forget a job that no client was told of."""
        with self._lock:
            self._jobs.pop(job.id, None)

    def _fail(self, job: Job, reason: str) -> None:
        job.error = reason
        self._end(job, TERMINATED if job.cancelled else EXCEPTION)

    def _end(self, job: Job, state: int) -> None:
        with self._lock:
            self._set(job, state)
        job.ended.set()

    def _set(self, job: Job, state: int) -> None:
        job.changed = now()
        job.state = state
        self._tell(job)

    def _tell(self, job: Job) -> None:
        if job.id in self._published:
            self._told(job, False)

    def _forget(self) -> None:
        limit = datetime.now(UTC).timestamp() - self.retention
        with self._lock:
            old = [job.id for job in self._jobs.values() if job.state in ENDED and _moment(job.changed) < limit]
            for job_id in old:
                job = self._jobs.pop(job_id)
                if job_id in self._published:
                    self._published.discard(job_id)
                    self._told(job, True)

    def close(self) -> None:
        """Ask running work to end and take no more."""
        for job in self:
            if job.state not in ENDED and job.work.cancel:
                job.work.cancel()
        self._pool.shutdown(wait=False, cancel_futures=True)


def _moment(text: str) -> float:
    return datetime.strptime(text[:21], "%Y%m%d%H%M%S.%f").replace(tzinfo=UTC).timestamp()
