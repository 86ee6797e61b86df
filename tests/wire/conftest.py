"""A server over a dispatch that each test sets."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.wire.samples import CLASSES, Served

from virtcim.broker.call import Answer, Form
from virtcim.wire.app import make_app
from virtcim.wire.limits import Limits
from virtcim.wire.server import HttpServer

LIMITS = Limits(max_request_bytes=1_000_000, body_timeout=1.0, header_timeout=1.0, max_header_bytes=20_000)


@pytest.fixture(scope="session")
def one_server() -> Iterator[Served]:
    served = Served()
    app = make_app(served.dispatch, lambda call: call.target is not None, CLASSES.__getitem__, LIMITS, host="here")
    served.server = HttpServer(app, ["http://127.0.0.1:0"], LIMITS)
    served.server.start()
    served.url = served.server.urls[0]
    yield served
    served.server.stop()
    app.close()


@pytest.fixture
def served(one_server: Served) -> Served:
    one_server.calls.clear()
    one_server.answer = lambda _call: Answer(Form.NOTHING)
    return one_server
