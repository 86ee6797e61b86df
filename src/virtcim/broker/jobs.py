"""CIM_ConcreteJob life cycle (DSP1103): long work in threads, its state, its end, and when it is forgotten."""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from virtcim.broker.outcome import As, Job, Progress, Refused, Request, Unknown, Work

log = logging.getLogger(__name__)

STARTING, RUNNING, SHUTTING_DOWN, COMPLETED, TERMINATED, KILLED, EXCEPTION = 3, 4, 6, 7, 8, 9, 10  # JobState
ENDED = (COMPLETED, TERMINATED, KILLED, EXCEPTION)
WORKERS = 32
TELL_SECONDS, TELL_PERCENT = 1.0, 5  # progress is told once a second, or when it is that much further
OnJob = Callable[[Job, bool], None]


class _Told(Progress):
    """Progress that says when it gets further, and never goes back."""

    def __init__(self, tell: Callable[[], None], percent: int = 0) -> None:
        self._tell: Callable[[], None] = lambda: None
        super().__init__(percent)
        self._last = (percent, time.monotonic())
        self._tell = tell

    def __setattr__(self, name: str, value: object) -> None:
        if name != "percent" or "_last" not in self.__dict__:
            super().__setattr__(name, value)
        elif isinstance(value, int) and value > self.percent:
            super().__setattr__(name, value)
            self._further()

    def _further(self) -> None:
        percent, since = self._last
        if self.percent - percent >= TELL_PERCENT or time.monotonic() - since >= TELL_SECONDS:
            self._last = (self.percent, time.monotonic())
            self._tell()


def now() -> str:
    """This moment as CIM datetime, in UTC."""
    return datetime.now(UTC).strftime("%Y%m%d%H%M%S.%f+000")


class Jobs:
    """Runs work as jobs; a job that has ended stays readable, for `retention` seconds unless its clients want else."""

    def __init__(
        self,
        retention: float,
        explain: Callable[[Exception], str],
        expected: Callable[[Exception], bool] = lambda _: False,
    ) -> None:
        """`expected`: whether an exception tells of the world, such as a guest that refuses, and of no fault here."""
        self.retention = retention
        self._explain, self._expected = explain, expected
        self._jobs: dict[str, Job] = {}
        self._lock = threading.RLock()
        self._due = threading.Condition(self._lock)
        self._pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="job")
        self._sweeper: threading.Thread | None = None
        self._closing = False
        self._published: set[str] = set()
        self._told: OnJob = lambda _job, _gone: None

    def __iter__(self) -> Iterator[Job]:
        with self._lock:
            self._forget()
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

    def start(self, work: Work, method: str, owner: As, request: Request | None = None) -> Job:
        """Start work in the background and answer its job at once; `owner` has the method.

        Work without patience is published before it begins, so that all its changes are told, and its intent is kept.
        """
        started = now()
        job = Job(str(uuid.uuid4()), work, owner, method, started, keep=self.retention, changed=started)
        if request is not None:
            job.user, job.source, job.inputs = request.user, request.source, request.inputs
        with self._lock:
            self._jobs[job.id] = job
        if not work.patience:
            self.publish(job)
        self._submit(job, request)
        return job

    def adopt(self, job: Job, request: Request | None = None) -> None:
        """Take over a job of an earlier run; the work of one that was running is to find out what became of it."""
        with self._lock:
            self._jobs[job.id] = job
            self._published.add(job.id)
            self._await_removal()
        if job.state in ENDED:
            job.ended.set()
        else:
            self._submit(job, request)

    def _submit(self, job: Job, request: Request | None) -> None:
        job.progress = _Told(lambda: self._tell(job), job.progress.percent)
        self._pool.submit(self._run, job, request)

    def terminate(self, job: Job, kill: bool = False) -> bool:
        """Ask a job's work to end early, or at once; False when it has ended or cannot be asked."""
        with self._lock:
            ask = job.work.kill if kill else job.work.cancel
            if job.state in ENDED or ask is None:
                return False
            job.cancelled, job.killed = True, job.killed or kill
            self._set(job, SHUTTING_DOWN)
        ask()
        return True

    def _run(self, job: Job, request: Request | None) -> None:
        with self._lock:
            if not job.cancelled:
                self._set(job, RUNNING)
        try:
            job.returned = job.work.run(job.progress)
            job.outputs = request.outputs(job.returned) if request else None
            job.value = job.returned.value
        except Unknown as unknown:
            job.uncertain = True
            self._fail(job, unknown.args[0])
        except Refused as refusal:
            job.fault = refusal
            job.value = request.refusal(refusal.name) if request else None
            self._say(job, refusal.reason)
            self._fail(job, refusal.reason)
        except Exception as error:  # whatever ends the work is the job's error: nobody else waits for it
            if job.cancelled or self._expected(error):
                self._say(job, self._explain(error))
            else:
                log.warning("job %s (%s) failed", job.id, job.work.name, exc_info=True)
            job.fault = error
            self._fail(job, self._explain(error))
        else:
            job.progress.percent = 100
            self._end(job, COMPLETED)

    def _say(self, job: Job, reason: str) -> None:
        """Of a refusal, which is no fault of the program; a caller that still waits is told instead."""
        if job.id in self._published and not job.cancelled:
            log.info("job %s (%s) failed: %s", job.id, job.work.name, reason)

    def discard(self, job: Job) -> None:
        """Forget a job that no client was told of, or that another server looks after; nothing is told."""
        with self._lock:
            self._jobs.pop(job.id, None)
            self._published.discard(job.id)

    def _fail(self, job: Job, reason: str) -> None:
        if self._closing and job.work.intent and not job.cancelled:
            job.ended.set()  # it stays as it is: the next run of the server finds out
            return
        job.error = reason
        ended_early = KILLED if job.killed else TERMINATED
        self._end(job, ended_early if job.cancelled and not job.uncertain else EXCEPTION)

    def _end(self, job: Job, state: int) -> None:
        with self._lock:
            self._set(job, state)
            self._await_removal()
        job.ended.set()

    def _set(self, job: Job, state: int) -> None:
        if job.state != state:
            job.changed = now()
            job.state = state
            self._tell(job)

    def _tell(self, job: Job) -> None:
        if job.id in self._published:
            self._told(job, False)

    # How long a job stays

    def keep(self, job: Job, seconds: float | None = None, remove: bool | None = None) -> None:
        """Change how long a job stays after its end, and whether it is removed then."""
        with self._lock:
            job.keep = job.keep if seconds is None else seconds
            job.remove = job.remove if remove is None else remove
            self._tell(job)
            self._forget()
            self._await_removal()

    def remove(self, job: Job) -> bool:
        """Forget a job that has ended; False when it has not."""
        with self._lock:
            if job.state not in ENDED:
                return False
            self._drop(job)
            return True

    def _await_removal(self) -> None:
        if self._sweeper is None:
            self._sweeper = threading.Thread(target=self._sweep, name="job removal", daemon=True)
            self._sweeper.start()
        self._due.notify_all()

    def _sweep(self) -> None:
        with self._due:
            while not self._closing:
                self._due.wait(self._forget())

    def _forget(self) -> float | None:
        """Drop what has stayed for long enough; answers the seconds until the next is due, None when there is none."""
        this = time.time()
        due = {job.id: _moment(job.changed) + job.keep for job in self._jobs.values() if job.state in ENDED}
        left = {job_id: when - this for job_id, when in due.items() if self._jobs[job_id].remove}
        for job_id in [job_id for job_id, seconds in left.items() if seconds <= 0]:
            del left[job_id]
            self._drop(self._jobs[job_id])
        return min(left.values(), default=None)

    def _drop(self, job: Job) -> None:
        if self._jobs.pop(job.id, None) is not None and job.id in self._published:
            self._published.discard(job.id)
            self._told(job, True)

    def close(self) -> None:
        """Ask running work to end, or to leave what it began, and take no more."""
        with self._lock:
            self._closing = True
            self._due.notify_all()
            running = [job for job in self._jobs.values() if job.state not in ENDED]
        for job in running:
            ask = job.work.leave or job.work.cancel
            if ask:
                ask()
        self._pool.shutdown(wait=False, cancel_futures=True)


def _moment(text: str) -> float:
    return datetime.strptime(text[:21], "%Y%m%d%H%M%S.%f").replace(tzinfo=UTC).timestamp()
