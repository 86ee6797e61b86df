"""Pulled enumerations (DSP0200 clause 5.3.2.24): sessions, their contexts, time-outs and limits.

A session that nobody pulls from is dropped when its time is over, by a timer that waits for the earliest of them.
A session holds the iterator of its operation, over objects that live anyway, and looks ahead to know the end.
An iterator walks the collections that the inventory held when it came to them: those never change, a change replaces
them. So what exists all the time comes once, and what comes or goes meanwhile may or may not show.
What the next pull will get, if it asks for as many objects as the last one, can be made before it comes: it is of
objects that were chosen already, and the one of another number is made as if nobody had looked.
Every reply brings a new context, and the one before is void. Pulls on one session take turns, the second with a void
context; a session that is closed during a pull ends the pull with PULL_HAS_BEEN_ABANDONED.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from hashlib import blake2b

from virtcim.broker.call import Ahead, Answer, CIMError, Form, Out, PropertyDef, Selection, Status
from virtcim.broker.portions import Portions

_CONTEXT = PropertyDef("EnumerationContext", "string")
_END_OF_SEQUENCE = PropertyDef("EndOfSequence", "boolean")
_FOREVER = float("inf")
_LATE = 0.05  # seconds after a deadline


@dataclass(frozen=True)
class PullLimits:
    """Bounds of enumeration sessions; times in seconds."""

    timeout: int = 60  # where the client names none
    max_timeout: int = 3_600
    allow_no_timeout: bool = False  # whether OperationTimeout 0 is taken
    sessions: int = 512
    sessions_per_user: int = 128
    batch: int = 10_000  # objects in one reply, whatever MaxObjectCount says
    empty_pulls: int = 1_000  # pulls of no object in a row


@dataclass(frozen=True)
class Owner:
    """Who may use a session, and where."""

    namespace: str
    user: str
    share: str = field(default="", compare=False)  # whose enumerations they count to, if not the user's

    @property
    def counted_to(self) -> str:
        return self.share or self.user


@dataclass(frozen=True, slots=True)
class _Coming:
    """The answer to the next pull of so many objects, and the context that it brings."""

    count: int
    answer: Answer
    context: str


@dataclass(eq=False)
class _Session:
    owner: Owner
    form: Form
    selection: Selection
    items: Portions
    timeout: float
    context: str = ""
    deadline: float = _FOREVER
    empty_pulls: int = 0
    abandoned: bool = False
    coming: _Coming | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, count: int) -> Iterable[object]:
        """The next items, at most `count`."""
        return self.items.take(count, lambda: self.abandoned)


class Sessions:
    """The open enumerations. Errors of all methods: CIMError."""

    def __init__(self, limits: PullLimits, clock: Callable[[], float] = time.monotonic) -> None:
        self.limits = limits
        self._clock = clock
        self._lock = threading.Lock()  # of the table, and of every session's context and deadline
        self._sessions: dict[str, _Session] = {}
        self._secret, self._made = secrets.token_bytes(32), 0
        self._timer: threading.Timer | None = None
        self._due = _FOREVER  # when the timer looks

    def __len__(self) -> int:
        with self._lock:
            self._forget()
            return len(self._sessions)

    def seconds(self, wanted: int | None) -> float:
        """How long a session waits for the next pull. Errors: INVALID_OPERATION_TIMEOUT."""
        if wanted is None:
            return self.limits.timeout
        if wanted == 0 and self.limits.allow_no_timeout:
            return _FOREVER
        if not 0 < wanted <= self.limits.max_timeout:
            text = f"OperationTimeout {wanted} is not supported, 1 to {self.limits.max_timeout} seconds are"
            raise CIMError(Status.INVALID_OPERATION_TIMEOUT, text)
        return wanted

    def open(self, owner: Owner, answer: Answer, timeout: float, count: int) -> Answer:
        """The first batch of an answer, and a session for the rest if there is one. Errors: SERVER_LIMITS_EXCEEDED."""
        session = _Session(owner, answer.form, answer.selection, Portions(answer.items), timeout)
        batch = session.take(min(count, self.limits.batch))
        with self._lock:
            if not session.items.ended:
                self._forget()
                self._check_room(owner)
                self._renew(session)
            return replace(self._reply(session, batch, count), result_class=answer.result_class)

    def pull(self, owner: Owner, form: Form, context: str, count: int) -> Answer:
        """The next batch. Errors: INVALID_ENUMERATION_CONTEXT, PULL_HAS_BEEN_ABANDONED, SERVER_LIMITS_EXCEEDED."""
        session = self._begin(owner, form, context)
        with session.lock:
            if session.context != context:
                raise _invalid()
            coming, session.coming = session.coming, None
            if coming is not None and coming.count == count:
                session.items.skip()
                return self._end(session, count, coming)
            with ExitStack() as unfinished:
                unfinished.callback(self._drop, session)  # what it has taken cannot be told again
                batch = session.take(min(count, self.limits.batch))
                unfinished.pop_all()
            return self._end(session, count, batch)

    def close(self, owner: Owner, context: str) -> None:
        """End a session at once, a pull that is under way as well. Errors: INVALID_ENUMERATION_CONTEXT."""
        with self._lock:
            session = self._find(owner, context)
            session.abandoned = True
            del self._sessions[context]

    def end(self) -> None:
        """End all sessions."""
        with self._lock:
            for session in self._sessions.values():
                session.abandoned = True
            self._sessions.clear()
            self._wait_for(_FOREVER)

    def check(self, owner: Owner, context: str) -> None:
        """Errors: INVALID_ENUMERATION_CONTEXT."""
        with self._lock:
            self._find(owner, context)

    def _begin(self, owner: Owner, form: Form, context: str) -> _Session:
        with self._lock:
            session = self._find(owner, context)
            if session.form is not form:
                raise _invalid(f": it is for {session.form.value}")
            session.deadline = _FOREVER
            return session

    def _end(self, session: _Session, count: int, made: Iterable[object] | _Coming) -> Answer:
        with self._lock:
            if session.abandoned:
                raise CIMError(Status.PULL_HAS_BEEN_ABANDONED, "the enumeration was closed during the pull")
            session.empty_pulls = 0 if count else session.empty_pulls + 1
            del self._sessions[session.context]
            if session.empty_pulls > self.limits.empty_pulls:
                text = f"{self.limits.empty_pulls} pulls in a row asked for no object: the enumeration is closed"
                raise CIMError(Status.SERVER_LIMITS_EXCEEDED, text)
            if isinstance(made, _Coming):
                self._renew(session, made.context)
                return made.answer
            if not session.items.ended:
                self._renew(session)
            else:
                session.context = ""
            return self._reply(session, made, count)

    def _ahead(self, session: _Session, context: str, count: int) -> Ahead | None:
        """What will answer the next pull of so many objects, if that can be told; for who makes use of the meantime."""
        if not session.lock.acquire(blocking=False):
            return None
        try:
            with self._lock:
                if session.coming is not None or self._sessions.get(context) is not session:
                    return None
                following = self._context()
            batch = session.items.ahead(count)
            if batch is None:
                return None
            answer = self._answered(session, batch, following, count)
            session.coming = _Coming(count, answer, following)
            return context, answer, partial(self.pull, session.owner, session.form, context, count)
        finally:
            session.lock.release()

    def _find(self, owner: Owner, context: str) -> _Session:
        self._forget()
        session = self._sessions.get(context)
        if session is None or session.owner != owner:
            raise _invalid()
        return session

    def _renew(self, session: _Session, context: str = "") -> None:
        session.context = context or self._context()
        session.deadline = self._clock() + session.timeout
        self._sessions[session.context] = session
        if session.deadline < self._due:
            self._wait_for(session.deadline)

    def _context(self) -> str:
        """One that nobody guesses, nor finds out from others; asking the system for each would take longer."""
        self._made += 1
        return blake2b(b"%d" % self._made, digest_size=24, key=self._secret).hexdigest()

    def _reply(self, session: _Session, batch: Iterable[object], count: int) -> Answer:
        if not session.items.ended:
            return self._answered(session, batch, session.context, count)
        outs = Out(_CONTEXT, None), Out(_END_OF_SEQUENCE, True)
        return Answer(session.form, batch, session.selection, outs)

    def _answered(self, session: _Session, batch: Iterable[object], context: str, count: int) -> Answer:
        """A batch that is not the last one."""
        ahead = partial(self._ahead, session, context, count) if 0 < count <= self.limits.batch else None
        outs = Out(_CONTEXT, context), Out(_END_OF_SEQUENCE, False)
        return Answer(session.form, batch, session.selection, outs, ahead=ahead)

    def _drop(self, session: _Session) -> None:
        with self._lock:
            self._sessions.pop(session.context, None)
            session.context = ""

    def _forget(self) -> None:
        now = self._clock()
        if now < self._due:  # no deadline is earlier
            return
        for session in [one for one in self._sessions.values() if one.deadline < now]:
            del self._sessions[session.context]

    def _wait_for(self, deadline: float) -> None:
        """Look again when a deadline has passed: what a client has forgotten is not kept for long."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._due = None, deadline
        if deadline != _FOREVER:
            self._timer = threading.Timer(max(deadline - self._clock(), 0) + _LATE, self._look)
            self._timer.daemon = True
            self._timer.start()

    def _look(self) -> None:
        with self._lock:
            self._forget()
            self._wait_for(min((one.deadline for one in self._sessions.values()), default=_FOREVER))

    def _check_room(self, owner: Owner) -> None:
        limits = self.limits
        mine = sum(session.owner.counted_to == owner.counted_to for session in self._sessions.values())
        if len(self._sessions) >= limits.sessions or mine >= limits.sessions_per_user:
            text = f"too many open enumerations: {limits.sessions} may be, {limits.sessions_per_user} of one caller"
            raise CIMError(Status.SERVER_LIMITS_EXCEEDED, text)


def _invalid(reason: str = "") -> CIMError:
    return CIMError(
        Status.INVALID_ENUMERATION_CONTEXT, f"EnumerationContext is not that of an open enumeration{reason}"
    )
