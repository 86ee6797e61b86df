"""Delivery to listeners of every kind: in order, again where needed, and nobody waits for another."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path as File

import pytest
from tests.broker.listeners import Listener, listening

from virtcim.broker.delivery import Deliverer, Policy, Retry
from virtcim.broker.delivery_http import Listeners
from virtcim.broker.store import Store, sqlite_url
from virtcim.broker.store_queue import Draft

FAST = Retry(attempts=2, interval=0.2)


class Rig:
    """A deliverer over a store, and what it has told."""

    def __init__(self, store: Store, retry: Retry, listeners: Listeners) -> None:
        self.store = store
        self.unwanted: set[str] = set()
        self.arrived: list[str] = []
        self.given_up: list[str] = []
        policy = Policy(
            wanted=lambda key: key not in self.unwanted,
            link=lambda delivery: listeners.link(delivery.url),
            arrived=self.arrived.append,
            given_up=lambda key, made: self.given_up.append(key),
        )
        self.deliverer = Deliverer(store.queue, lambda: retry, policy)

    def send(self, listener: Listener | str, *bodies: str, subscription: str = "s") -> None:
        url = listener if isinstance(listener, str) else listener.url
        self.store.queue.enqueue([draft(url, subscription, body) for body in bodies])
        self.deliverer.wake(url)


def draft(url: str, subscription: str, body: str, age: float = 0.0) -> Draft:
    return Draft(url, subscription, url, time.time() - age, lambda _context, _number: body.encode())


StartRig = Callable[..., Rig]


@pytest.fixture
def start_rig(tmp_path: File) -> Iterator[StartRig]:
    rigs: list[Rig] = []

    def start(retry: Retry = FAST, timeout: float = 5.0, ca: str = "") -> Rig:
        rigs.append(Rig(Store(sqlite_url(tmp_path)), retry, Listeners(timeout, ca)))
        rigs[-1].deliverer.start()
        rigs[-1].deliverer.resume()
        return rigs[-1]

    yield start
    for rig in rigs:
        rig.deliverer.stop()
        rig.store.close()


def numbers(count: int, first: int = 0) -> list[str]:
    return [f"<n>{number}</n>" for number in range(first, first + count)]


def texts(listener: Listener) -> list[str]:
    return [body.decode() for body in listener.bodies]


def wait(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_in_order_over_one_connection(start_rig: StartRig) -> None:
    rig = start_rig()
    with listening() as listener:
        rig.send(listener, *numbers(200))
        rig.send(listener, *numbers(50, 200))
        listener.wait_for(250)
        assert texts(listener) == numbers(250)
        assert listener.connections == 1
        headers = listener.headers[0]
        assert headers["cimexport"] == "MethodRequest"
        assert headers["cimexportmethod"] == "ExportIndication"
        assert headers["content-type"] == 'application/xml; charset="utf-8"'
        wait(lambda: rig.store.queue.waiting() == [])


@pytest.mark.parametrize("mode", ["500", "error", "drop", "silent", "endless", "redirect"])
def test_what_is_not_taken_is_sent_again_then_given_up(start_rig: StartRig, mode: str) -> None:
    rig = start_rig(timeout=0.4)
    with listening(mode) as listener:
        rig.send(listener, "first", "second")
        listener.wait_for(3)
        wait(lambda: rig.given_up == ["s"])
        assert texts(listener)[:3] == ["first"] * 3
        pauses = [b - a for a, b in zip(listener.times[:2], listener.times[1:3], strict=True)]
        assert pauses[0] >= 0.19
        assert pauses[1] >= 0.39
        listener.mode = "good"
        wait(lambda: rig.arrived == ["s"])
        assert texts(listener)[-1] == "second"
        wait(lambda: rig.store.queue.waiting() == [])


def test_a_slow_listener_gets_everything_once(start_rig: StartRig) -> None:
    """Half a second for each answer is no failure, and holds up nobody else."""
    rig = start_rig()
    with listening("slow") as slow, listening() as good:
        rig.send(slow, *numbers(3))
        rig.send(good, *numbers(50))
        good.wait_for(50)
        assert len(slow.bodies) < 3
        wait(lambda: rig.store.queue.waiting() == [])
        assert texts(slow) == numbers(3)
        assert rig.given_up == []


def test_an_empty_answer_is_an_answer(start_rig: StartRig) -> None:
    rig = start_rig()
    with listening("empty") as listener:
        rig.send(listener, "one", "two")
        wait(lambda: rig.arrived == ["s", "s"])
        assert texts(listener) == ["one", "two"]


def test_nobody_waits_for_bad_listeners(start_rig: StartRig) -> None:
    """Thirty listeners that never answer and a hundred that are not there, and one that works."""
    rig = start_rig(Retry(5, 5.0), timeout=5.0)
    with listening("silent") as silent, listening() as good:
        for number in range(30):
            rig.send(f"http://127.0.0.1:{silent.port}/{number}", "never")
        for number in range(100):
            rig.send(f"http://127.0.0.1:1/{number}", "nowhere")
        begun = time.monotonic()
        rig.send(good, *numbers(20))
        good.wait_for(20, 3.0)
        assert time.monotonic() - begun < 3.0
        silent.close()


def test_a_listener_that_comes_late_misses_nothing(start_rig: StartRig) -> None:
    rig = start_rig(Retry(10, 0.2))
    with listening() as gone:
        port = gone.port
    rig.send(f"http://127.0.0.1:{port}/listener", *numbers(5))
    time.sleep(0.5)
    with listening(port=port) as listener:
        listener.wait_for(5)
        assert texts(listener) == numbers(5)


def test_what_is_queued_outlives_the_server(start_rig: StartRig) -> None:
    with listening("500") as listener:
        rig = start_rig(Retry(10, 0.2))
        rig.send(listener, *numbers(5))
        listener.wait_for(1)
        rig.deliverer.stop()
        listener.mode = "good"
        heard = len(listener.bodies)
        start_rig()
        listener.wait_for(heard + 5)
        assert texts(listener)[heard:] == numbers(5)


def test_what_nobody_wants_any_more_is_not_sent(start_rig: StartRig) -> None:
    rig = start_rig(Retry(10, 0.2))
    with listening("500") as listener:
        rig.send(listener, "gone", subscription="gone")
        rig.send(listener, "kept", subscription="kept")
        listener.wait_for(1)
        rig.unwanted.add("gone")
        listener.mode = "good"
        wait(lambda: rig.arrived == ["kept"])
        assert texts(listener)[-1] == "kept"


def test_what_is_too_old_is_given_up(start_rig: StartRig) -> None:
    rig = start_rig(Retry(100, 0.01))
    with listening("500") as listener:
        rig.store.queue.enqueue([draft(listener.url, "s", "old", age=11)])
        rig.deliverer.wake(listener.url)
        wait(lambda: rig.given_up == ["s"])
        assert len(listener.bodies) == 1


def test_credentials_go_with_the_request() -> None:
    with listening() as listener:
        link = Listeners().link(listener.url, "user", "wrong")
        link.post(b"x")
        link.close()
        assert listener.headers[0]["authorization"].startswith("Basic ")


def test_threads_end_with_the_deliverer(start_rig: StartRig) -> None:
    before = threading.active_count()
    rig = start_rig()
    with listening() as listener:
        rig.send(listener, *numbers(3))
        listener.wait_for(3)
        rig.deliverer.stop()
    assert threading.active_count() <= before
