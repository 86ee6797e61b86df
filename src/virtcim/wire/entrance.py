"""The way in: who is calling, before anything else of a request is looked at; and the pages beside CIM-XML."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from virtcim.wire.app import App
from virtcim.wire.auth import Authenticator
from virtcim.wire.body import Receive
from virtcim.wire.caller import Caller, Peer
from virtcim.wire.faults import HTTPFault
from virtcim.wire.heads import Parts, Soon
from virtcim.wire.metrics import Metrics
from virtcim.wire.replies import Scope, Send, send_fault
from virtcim.wire.stopping import unavailable

log = logging.getLogger(__name__)

HEALTH, METRICS = "/healthz", "/metrics"
NOBODY = Peer()
_OK = HTTPStatus.OK.value

Health = Callable[[], Mapping[str, object]]


class Entrance:
    """The ASGI callable in front of the application.

    /healthz is open to everybody and so says little; /metrics is for callers for whom `may_watch` holds, or open to
    everybody where that is None.
    """

    def __init__(
        self,
        app: App,
        authenticator: Authenticator,
        metrics: Metrics,
        health: Health,
        may_watch: Callable[[Caller], bool] | None,
    ) -> None:
        self._app = app
        self._authenticator = authenticator
        self._metrics = metrics
        self._health = health
        self._may_watch = may_watch

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One HTTP request."""
        counted = self._counting(send)
        try:
            await self._enter(scope, receive, counted)
        except HTTPFault as fault:
            log.info("refused a request from %s: %s", scope.get("client"), fault)
            await send_fault(counted, scope, fault)

    def ready(self, scope: Scope, body: bytes, answer: Callable[[Parts], None]) -> Parts | Soon | None:
        """A reply that is kept, where nothing but sending it is left to do; or of a thread, which is handed over."""
        if scope["method"] != "POST":
            return None
        caller = self._authenticator.at_once(scope["peer"], scope["headers"])
        return None if caller is None else self._app.ready(caller, scope, body, answer)

    def stop_calls(self) -> None:
        """Refuse what is asked from now on."""
        self._app.stop_calls()

    def close(self) -> None:
        """Take no more calls."""
        self._app.close()
        self._authenticator.close()

    async def _enter(self, scope: Scope, receive: Receive, send: Send) -> None:
        page = scope["path"] if scope["method"] in ("GET", "HEAD") else None
        if page == HEALTH and self._app.stopping:
            raise unavailable()
        if page == HEALTH:
            await _send_page(send, scope, "application/json", json.dumps(self._health()).encode())
            return
        if page == METRICS and self._may_watch is None:
            await _send_page(send, scope, *self._metrics.page())
            return
        peer = scope.get("peer", NOBODY)
        known = self._authenticator.without_asking(peer)
        caller = known or await self._authenticator.caller(peer, dict(scope["headers"]))
        if page == METRICS and self._may_watch is not None:
            if not self._may_watch(caller):
                raise HTTPFault(403, None, "a role is needed")
            await _send_page(send, scope, *self._metrics.page())
            return
        scope["caller"] = caller
        await self._app(scope, receive, send)

    def _counting(self, send: Send) -> Send:
        async def counted(message: Any) -> None:
            if message["type"] == "http.response.start" and message["status"] != _OK:
                self._metrics.fault(message["status"])
            await send(message)

        return counted


async def _send_page(send: Send, scope: Scope, media: str, body: bytes) -> None:
    headers = [(b"content-type", media.encode()), (b"content-length", b"%d" % len(body))]
    headers.append((b"cache-control", b"no-store"))
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
