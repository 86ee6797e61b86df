"""Jobs that clients know of, kept in the store, so that the next run of the server can tell what became of them."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace

from virtcim.broker.call import CIMError, Instance, MethodDef, Path, Properties, Value
from virtcim.broker.instances import Instances
from virtcim.broker.jobs import ENDED
from virtcim.broker.methods import Methods
from virtcim.broker.outcome import As, Intent, Job, Progress, Remembered, Request, Returned, Unknown, Work
from virtcim.broker.requests import INPUTS, OUTPUTS, parameters, request_of
from virtcim.broker.store import KeptJob, Store
from virtcim.broker.store_database import StoreError
from virtcim.messages import Message

log = logging.getLogger(__name__)

INTERRUPTED = "the server ended while the job was running; the elements it affects show how far it got"
PATIENCE = 10.0  # seconds that a client waits for its job to be in the store, should that be away
ABSENCE = 5.0  # seconds until a server is taken for gone: it may have lost the database for a moment
FORSAKEN = 3600.0  # seconds until the jobs of a host are ended for which no server has come
UNTIED: Properties = {"owner": None, "affected": [], "effects": []}  # what is called the same here is another's
ClassOf = Callable[[object], str]


@dataclass(frozen=True)
class Whereabouts:
    """What hosts jobs are about: that of an element, "" for none, and those that this server can ask now."""

    place_of: Callable[[object], str]
    managed: Callable[[], Collection[str]]


class KeptJobs:
    """Writes each change of state; `class_of` tells what an affected element is served as."""

    def __init__(
        self, store: Store, instances: Instances, methods: Methods, class_of: ClassOf, where: Whereabouts
    ) -> None:
        self._store = store
        self._where = where
        self._instances = instances
        self._methods = methods
        self._class_of = class_of
        self._written: dict[str, tuple[object, ...]] = {}  # job -> what of it is in the store
        self._missed: dict[str, float] = {}  # server that is away -> since when
        self._late: dict[str, tuple[Job, bool]] = {}  # what the store has not taken
        profiles = instances.catalog.profiles
        self._resumptions = {kind: resume for one in profiles for kind, resume in one.resumptions.items()}

    def changed(self, job: Job, gone: bool) -> bool:
        """A job has got to be known, has changed, or is forgotten; False when another server has taken it over.

        What the store does not take is tried again.
        """
        try:
            ours = self._write(job, gone)
            self._late.pop(job.id, None)
        except CIMError as error:
            if job.id not in self._late:
                log.error("job %s is not kept yet: %s", job.id, error.message)
            self._late[job.id] = (job, gone)
            return True
        return ours

    def catch_up(self) -> list[Job]:
        """Write what the store has not taken so far; answers the jobs that another server has taken over."""
        return [job for job, gone in list(self._late.values()) if not self.changed(job, gone)]

    def settle(self) -> None:
        """Return when all is in the store, or has not been for long."""
        deadline = time.monotonic() + PATIENCE
        while self._late and time.monotonic() < deadline:
            time.sleep(0.05)

    def _write(self, job: Job, gone: bool) -> bool:
        telling = (job.state, job.keep, job.remove)
        if gone:
            known = self._written.pop(job.id, None) is not None
            return self._store.drop_job(job.id) or not known
        if self._written.get(job.id) != telling:
            if not self._store.keep_job(KeptJob(job.id, job.state, time.time(), self._document(job), self._place(job))):
                log.warning("job %s is another server's by now", job.id)
                self._written.pop(job.id, None)
                return False
            self._written[job.id] = telling
        return True

    def _place(self, job: Job) -> str:
        """The host that a job is about, by the first element of it that is on one."""
        elements = [job.owner.target, *(target for target, _ in job.work.affects)]
        plain = (one.target if isinstance(one, As) else one for one in elements)
        return next((place for place in map(self._where.place_of, plain) if place), "")

    def restored(self) -> Iterator[tuple[Job, Request | None]]:
        """The jobs of earlier runs, as they were written last, and the calls they came from; Errors: StoreError."""
        if not self._store.shared:
            return map(self._again, self._store.take_jobs(self._store.absent()))
        self._missed = dict.fromkeys(self._store.absent(), time.monotonic() - ABSENCE)
        return self._without_server()

    def orphaned(self) -> Iterator[tuple[Job, Request | None]]:
        """As `restored`, of other servers that share the store and have been away for a while."""
        if not self._store.shared:
            return iter(())
        try:
            return self._without_server()
        except StoreError as error:
            log.error("jobs of servers that are gone: %s", error)
            return iter(())

    def _without_server(self) -> Iterator[tuple[Job, Request | None]]:
        """What is left of servers that are gone, of the hosts that can be asked here; of others when nobody comes."""
        now = time.monotonic()
        self._missed = {one: self._missed.get(one, now) for one in self._store.absent()}
        gone, forsaken = ([one for one, since in self._missed.items() if now - since >= t] for t in (ABSENCE, FORSAKEN))
        ours = self._store.take_jobs(gone, self._where.managed())
        others = (replace(one, document={**one.document, **UNTIED}) for one in self._store.take_jobs(forsaken))
        return map(self._again, [*ours, *others])

    def _again(self, kept: KeptJob) -> tuple[Job, Request | None]:
        job = self._job(kept)
        self._written[kept.id] = (job.state, job.keep, job.remove)
        return job, self._request(job)

    # To the store

    def _document(self, job: Job) -> Properties:
        affected = [(self._path(target, self._class_of(target)), effect) for target, effect in job.work.affects]
        known = [(path, effect) for path, effect in affected if path is not None]
        intent = job.work.intent
        return {
            "name": job.work.name,
            "method": job.method,
            "platform": job.platform,
            "started": job.started,
            "changed": job.changed,
            "percent": job.progress.percent,
            "error": str(job.error),
            "message": [job.error.symbol, *job.error.arguments] if isinstance(job.error, Message) else None,
            "uncertain": job.uncertain,
            "keep": job.keep,
            "remove": job.remove,
            "user": job.user,
            "value": job.value,
            "inputs": job.inputs,
            "outputs": job.outputs,
            "intent": Instance(intent.kind, intent.facts) if intent else None,
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

    # From the store

    def _job(self, kept: KeptJob) -> Job:
        told = kept.document
        value, keep = told.get("value"), told.get("keep")
        job = Job(
            id=kept.id,
            work=Work(str(told["name"]), self._affects(told), _nobody_knows),
            owner=As(self._remembered(told["owner"], told), str(told["ownerClass"])),
            method=str(told["method"]),
            started=str(told["started"]),
            progress=Progress(int(str(told["percent"]))),
            state=kept.state,
            changed=str(told["changed"]),
            error=words_of(told),
            uncertain=bool(told.get("uncertain")),
            keep=float(str(keep or 0)),
            remove=told.get("remove") is not False,
            user=str(told.get("user") or ""),
            value=value if isinstance(value, int) else None,
        )
        job.source = told["owner"] if isinstance(told["owner"], Path) else None
        declared = self._declared(job)
        job.inputs, job.outputs = (_of(declared, name, told) for name in (INPUTS, OUTPUTS))
        if job.state not in ENDED:
            job.work = self._resumed(job.work, told.get("intent"))
        return job

    def _resumed(self, work: Work, intent: Value) -> Work:
        """The work of finding out what became of it."""
        resume = self._resumptions.get(intent.classname) if isinstance(intent, Instance) else None
        if resume is None or not isinstance(intent, Instance):
            return work
        found = resume(self._instances.world, intent.properties)
        return replace(found, name=work.name, affects=work.affects, intent=Intent(intent.classname, intent.properties))

    def _affects(self, told: Properties) -> list[tuple[object, int]]:
        pairs = zip(_list(told["affected"]), _list(told["effects"]), strict=True)
        return [(self._remembered(path, told), int(str(effect))) for path, effect in pairs]

    def _declared(self, job: Job) -> MethodDef | None:
        found = self._instances.schema.find(job.owner.classname)
        return found.methods.get(job.method.lower()) if found else None

    def _request(self, job: Job) -> Request | None:
        """What is needed to show results; the parameters are shown as they were kept."""
        declared, source = self._declared(job), job.source or Path("", ())
        return request_of(declared, source, {}, self._methods.outs, job.user) if declared else None

    def _remembered(self, path: Value, told: Properties) -> Remembered:
        if not isinstance(path, Path):
            path = Path("", ())
        platform = told["platform"]
        return Remembered(path, None if platform is None else str(platform), self._find)

    def _find(self, path: Path) -> object | None:
        found = self._instances.find(path) if path.classname and self._instances.schema.find(path.classname) else None
        return found.target if found else None


def _of(declared: MethodDef | None, classname: str, told: Properties) -> Instance | None:
    """The parameters that were kept; the class of theirs is made anew."""
    kept = told.get("inputs" if classname == INPUTS else "outputs")
    if declared is None or not isinstance(kept, Instance):
        return None
    return parameters(classname, declared, kept.properties)


def words_of(told: Properties) -> str:
    """The error of a job, as the message that it was."""
    words, (symbol, *arguments) = str(told["error"] or ""), _list(told.get("message")) or [None]
    return Message(words, str(symbol), map(str, arguments)) if symbol else words


def _list(value: Value) -> list[Value]:
    return list(value) if isinstance(value, list) else []


def _nobody_knows(_: Progress) -> Returned:
    raise Unknown(INTERRUPTED)
