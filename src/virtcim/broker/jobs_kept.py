"""Jobs that clients know of, kept in the store, so that the next run of the server can tell what became of them."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator

from virtcim.broker.call import CIMError, Path, Properties, Value
from virtcim.broker.instances import Instances
from virtcim.broker.provider import As, Job, Progress, Remembered, Returned, Work
from virtcim.broker.store import KeptJob, Store

log = logging.getLogger(__name__)

INTERRUPTED = "the server ended while the job was running; the elements it affects show how far it got"
ClassOf = Callable[[object], str]


class KeptJobs:
    """Writes each change of state; `class_of` tells what an affected element is served as."""

    def __init__(self, store: Store, instances: Instances, class_of: ClassOf) -> None:
        self._store = store
        self._instances = instances
        self._class_of = class_of
        self._written: dict[str, int] = {}  # job -> state that is in the store

    def changed(self, job: Job, gone: bool) -> None:
        """A job has got to be known, has changed, or is forgotten. What the store does not take is only logged."""
        try:
            if gone:
                self._written.pop(job.id, None)
                self._store.drop_job(job.id)
            elif self._written.get(job.id) != job.state:
                self._store.keep_job(KeptJob(job.id, job.state, time.time(), self._document(job)))
                self._written[job.id] = job.state
        except CIMError as error:
            log.error("job %s is not kept: %s", job.id, error.message)

    def restored(self) -> Iterator[Job]:
        """The jobs of earlier runs, as they were written last."""
        for kept in self._store.jobs():
            self._written[kept.id] = kept.state
            yield self._job(kept)

    def _document(self, job: Job) -> Properties:
        affected = [(self._path(target, self._class_of(target)), effect) for target, effect in job.work.affects]
        known = [(path, effect) for path, effect in affected if path is not None]
        return {
            "name": job.work.name,
            "method": job.method,
            "platform": job.platform,
            "started": job.started,
            "changed": job.changed,
            "percent": job.progress.percent,
            "error": job.error,
            "owner": self._path(job.owner.target, job.owner.classname),
            "ownerClass": job.owner.classname,
            "affected": [path for path, _ in known],
            "effects": [effect for _, effect in known],
        }

    def _path(self, target: object, classname: str) -> Path | None:
        plain = target.target if isinstance(target, As) else target
        if isinstance(plain, Remembered):
            return plain.path
        found = self._instances.named(plain, classname)
        return found.item.path if found else None

    def _job(self, kept: KeptJob) -> Job:
        told = kept.document
        paths, effects = _list(told["affected"]), _list(told["effects"])
        pairs = zip(paths, effects, strict=True)
        affects = [(self._remembered(path, told), int(str(effect))) for path, effect in pairs]
        return Job(
            id=kept.id,
            work=Work(str(told["name"]), affects, _over),
            owner=As(self._remembered(told["owner"], told), str(told["ownerClass"])),
            method=str(told["method"]),
            started=str(told["started"]),
            progress=Progress(int(str(told["percent"]))),
            state=kept.state,
            changed=str(told["changed"]),
            error=str(told["error"] or ""),
        )

    def _remembered(self, path: Value, told: Properties) -> Remembered:
        if not isinstance(path, Path):
            path = Path("", ())
        platform = told["platform"]
        return Remembered(path, None if platform is None else str(platform), self._find)

    def _find(self, path: Path) -> object | None:
        found = self._instances.find(path) if path.classname and self._instances.schema.find(path.classname) else None
        return found.target if found else None


def _list(value: Value) -> list[Value]:
    return list(value) if isinstance(value, list) else []


def _over(_: Progress) -> Returned:
    raise LookupError("the work of an earlier run cannot be done again")
