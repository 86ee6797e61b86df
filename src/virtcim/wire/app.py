"""The ASGI application: a POST of CIM-XML in, a call dispatched, CIM-XML out (DSP0200 clauses 6 to 8)."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from virtcim.broker.call import Ahead, Answer, Call, CIMError, MethodAnswer, Status
from virtcim.wire import mpost
from virtcim.wire.afterwards import Afterwards, Left, do_all, left_over
from virtcim.wire.body import Disconnected, Receive, read_body
from virtcim.wire.caller import ANYBODY, Caller
from virtcim.wire.coming import LARGEST
from virtcim.wire.elements import Size
from virtcim.wire.encoders import ClassesIn, Encoders
from virtcim.wire.faults import HTTPFault, RefusedCall
from virtcim.wire.gate import Gate
from virtcim.wire.headers import CIMHeaders
from virtcim.wire.heads import SOON, Parts, Soon
from virtcim.wire.heap import Heap
from virtcim.wire.limits import DEFAULT_LIMITS, Limits
from virtcim.wire.names import is_short_pull
from virtcim.wire.needs import AllowAll, Blocking, Dispatch, Done, Judge
from virtcim.wire.paths import Classes
from virtcim.wire.repeated import Decoder, calls_method
from virtcim.wire.replies import (
    Caveats,
    Reply,
    Scope,
    Send,
    at_once,
    caveat_headers,
    is_plain,
    reason_header,
    send_fault,
    send_reply,
    whole,
)
from virtcim.wire.stopping import stopping
from virtcim.wire.terms import Terms, asked_for

log = logging.getLogger(__name__)

# Methods of HTTP that have a meaning, but none here; what is not among them is unknown and answered by 501.
_KNOWN_METHODS = frozenset({"GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT"})


class App:
    """The ASGI callable. `dispatch` answers or raises CIMError; calls for which `blocking` holds run in a thread.

    scope["caller"] says who calls, anybody without it. `done` is told of each call, its CIM status and its seconds.
    `caveats` tells what holds for answers.
    """

    def __init__(
        self,
        dispatch: Dispatch,
        blocking: Blocking,
        classes: Classes,
        limits: Limits,
        host: str | None = None,
        judge: Judge | None = None,
        done: Done | None = None,
        caveats: Callable[[], Caveats] = Caveats,
        classes_in: ClassesIn = lambda _: None,
    ) -> None:
        self._dispatch = dispatch
        self._blocking = blocking
        self._limits = limits
        self._encoders = Encoders(classes, host, classes_in)
        self._decoder = Decoder(Size(limits.max_depth, limits.max_nodes))
        self._judge = judge or AllowAll()
        self._done = done
        self._caveats = caveats
        self._gate = Gate(limits)
        self._afterwards = Afterwards()
        self.stopping = False
        self._pool = ThreadPoolExecutor(limits.workers, thread_name_prefix="call")
        self._heap = Heap(self._pool, self._encoders.model.cool)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One HTTP request; other protocols are not spoken."""
        if scope["type"] != "http":
            raise RuntimeError(f"{scope['type']} is not spoken here")
        caller: Caller = scope.get("caller", ANYBODY)
        try:
            if scope["method"] == mpost.METHOD:
                scope, send = mpost.unwrapped(scope, send)
            _check_method(scope["method"])
            with self._gate.entered(caller):
                await self._respond(caller, scope, receive, send)
        except HTTPFault as fault:
            log.info("refused a request from %s: %s", scope.get("client"), fault)
            await send_fault(send, scope, fault)
        except Disconnected:
            log.info("%s disconnected in the middle of a request", scope.get("client"))

    def ready(self, caller: Caller, scope: Scope, body: bytes, answer: Callable[[Parts], None]) -> Parts | Soon | None:
        """A reply that is kept, or made of what is; or of a method, which a thread calls. Nothing waits."""
        started = time.perf_counter()
        if self.stopping or not self._gate.admits(caller):
            return None
        try:
            expected, asked = asked_for(scope)
            if calls_method(body):
                return self._soon(caller, body, (expected, asked), answer) if is_plain(asked) else None
            call = self._decoder.known(body, expected, caller)
        except HTTPFault:
            return None
        if call is None or not is_plain(asked) or any(self._caveats()):
            return None
        reply = self._at_once(caller, call, asked)
        if reply is None:
            return None
        if self._done is not None:
            self._done(call, reply.status, time.perf_counter() - started)
        reply.is_sent()
        return at_once(reply, asked)

    def _soon(
        self, caller: Caller, body: bytes, terms: tuple[CIMHeaders, Terms], answer: Callable[[Parts], None]
    ) -> Soon | None:
        """Have a thread call a method and hand over the reply, where none has to be waited for."""
        started, (expected, asked) = time.perf_counter(), terms
        try:
            call = self._decoder.decode(body, expected, caller)
        except (HTTPFault, RefusedCall):
            return None
        if call.target is None or not self._gate.take_worker(caller):
            return None
        loop = asyncio.get_running_loop()

        def work() -> None:
            with left_over() as left:
                try:
                    reply = self._run_whole(caller, call)
                except CIMError as error:
                    reply = self._error(call, error, asked)
            try:
                loop.call_soon_threadsafe(finish, reply, left)
            except RuntimeError:  # the server has ended meanwhile
                do_all(left)

        def finish(reply: Reply, left: Left) -> None:
            self._gate.give_worker(caller)
            self._gate.leave(caller)
            answer(at_once(whole(b"".join(reply.chunks), headers=reply.headers), asked))
            if self._done is not None:
                self._done(call, reply.status, time.perf_counter() - started)
            self._afterwards.soon(left)

        self._gate.enter(caller)
        self._pool.submit(work)
        return SOON

    def _at_once(self, caller: Caller, call: Call, asked: Terms) -> Reply | None:
        """A reply of a length that is known."""
        ahead = self._encoders.model.coming.find(call)
        if ahead is None and not is_short_pull(call):
            return self._again(caller, call)
        if ahead is None and self._blocking(call):
            return None
        try:
            reply = self._run(caller, call, ahead)
        except CIMError as error:
            reply = self._error(call, error, asked)
        return reply if reply.length is not None else whole(b"".join(reply.chunks), reply.status)

    @property
    def in_flight(self) -> int:
        """Requests under way."""
        return self._gate.in_flight

    def stop_calls(self) -> None:
        """Refuse what is asked from now on; the calls under way are answered."""
        self.stopping = True

    def close(self) -> None:
        """Take no more calls; those in the threads end by themselves."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._afterwards.now()

    async def _respond(self, caller: Caller, scope: Scope, receive: Receive, send: Send) -> None:
        """The request read, answered and the reply sent. Errors: HTTPFault before anything is sent, Disconnected."""
        expected, asked = asked_for(scope)
        body = await read_body(receive, dict(scope["headers"]), self._limits, scope.get("complete", False))
        started = time.perf_counter()
        try:
            call = self._decoder.decode(body, expected, caller)
            if self.stopping:
                raise stopping(call)
        except RefusedCall as refused:
            call, reply = refused.call, self._error(refused.call, refused.error, asked)
        else:
            reply = self._again(caller, call) or await self._replied(caller, call, asked)
        if await send_reply(send, reply, asked):
            self._heap.used_much()
        reply.is_sent()
        if self._done is not None:
            self._done(call, reply.status, time.perf_counter() - started)

    def _again(self, caller: Caller, call: Call) -> Reply | None:
        """The reply that was given to such a call before, where nothing has changed that it tells of."""
        body = self._encoders.model.again(call)
        if body is None or not self._judge.lets_see(caller, call):
            return None
        return whole(body, headers=caveat_headers(self._caveats()))

    async def _replied(self, caller: Caller, call: Call, asked: Terms) -> Reply:
        try:
            return await self._answer(caller, call)
        except CIMError as error:
            return self._error(call, error, asked)

    async def _answer(self, caller: Caller, call: Call) -> Reply:
        if not self._blocking(call):
            return self._run(caller, call)
        async with self._gate.worker(caller):
            return await asyncio.get_running_loop().run_in_executor(self._pool, partial(self._run_whole, caller, call))

    def _run_whole(self, caller: Caller, call: Call) -> Reply:
        """In a thread: taking the items may block as well, so all are taken there."""
        reply = self._run(caller, call)
        return Reply(iter(list(reply.chunks)), reply.status, reply.headers, reply.length)

    def _run(self, caller: Caller, call: Call, ahead: Ahead | None = None) -> Reply:
        """Its first chunk is made. Errors: CIMError, FAILED for a fault of the program."""
        try:
            dispatch = self._dispatch if ahead is None else lambda _: ahead[2]()
            return self._encoded(call, self._judge.answer(caller, call, dispatch))
        except CIMError:
            raise
        except Exception as error:
            log.exception("%s in %s failed", call.name, call.namespace)
            raise CIMError(Status.FAILED, "internal error") from error

    def _encoded(self, call: Call, answer: Answer | MethodAnswer) -> Reply:
        if isinstance(answer, MethodAnswer):
            return whole(self._encoders.model.method_reply(call, answer), headers=reason_header(answer.reason))
        chunks = self._encoders.of(call.namespace).reply(call, answer)
        chunks.hurried = is_short_pull(call)
        ahead = answer.ahead if chunks.length is not None and chunks.length <= LARGEST else None
        after = partial(self._look_ahead, call, ahead) if ahead else None
        return Reply(chunks.begun(), 0, caveat_headers(self._caveats()), chunks.length, after)

    def _look_ahead(self, call: Call, look: Callable[[], Ahead | None]) -> None:
        """Make the reply to the next call of a session, while its client reads the last one."""
        ahead, encoder = look(), self._encoders.of(call.namespace)
        if ahead is not None and encoder is self._encoders.model and encoder.ahead(call, ahead):
            self._heap.used_much()

    def _error(self, call: Call, error: CIMError, asked: Terms) -> Reply:
        return Reply(self._encoders.model.error_reply(call, error, asked.extended_errors), int(error.status))


def _check_method(method: str) -> None:
    if method == "POST":
        return
    if method in _KNOWN_METHODS:
        raise HTTPFault(405, None, f"{method} is not supported, POST is")
    raise HTTPFault(501, None, f"{method} is not supported, POST is")


def make_app(
    dispatch: Dispatch,
    blocking: Blocking,
    classes: Classes,
    limits: Limits = DEFAULT_LIMITS,
    host: str | None = None,
) -> App:
    """The ASGI application. `classes` gives a class by its name, in whatever namespace; `host` is named in paths."""
    return App(dispatch, blocking, classes, limits, host)
