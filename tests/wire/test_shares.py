"""How much of the server one caller gets: requests, threads, and who that is where nobody is asked for a name."""

from __future__ import annotations

import asyncio
import http.client
import threading
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.wire.samples import HEADERS
from tests.wire.secure import GOOD, ask, basic, front, password_file, settings

from virtcim.broker.call import Answer, Call, Form
from virtcim.wire.caller import Caller
from virtcim.wire.faults import HTTPFault
from virtcim.wire.gate import Gate
from virtcim.wire.limits import Limits

ALICE = basic("alice", "wonder:land")


def test_requests_in_flight_are_bounded() -> None:
    gate = Gate(Limits(max_in_flight=3, max_in_flight_per_user=2))
    alice, bob = Caller("alice"), Caller("bob")
    with gate.entered(alice), gate.entered(alice):
        with pytest.raises(HTTPFault, match="requests of alice") as refused, gate.entered(alice):
            pass
        assert refused.value.status == 503
        assert ("retry-after", "1") in refused.value.headers
        with gate.entered(bob), pytest.raises(HTTPFault, match="3 requests are being served"), gate.entered(bob):
            pass
    assert gate.in_flight == 0
    with gate.entered(Caller()), gate.entered(Caller()), gate.entered(Caller()):
        pass
    assert not gate._requests


def test_one_user_cannot_take_all_the_threads(tmp_path: Path) -> None:
    release, begun = threading.Event(), threading.Semaphore(0)

    def slow(call: Call) -> Answer:
        if call.user == "alice":
            begun.release()
            assert release.wait(30)
        return Answer(Form.NOTHING)

    made = settings(authentication="file", password_file=password_file(tmp_path), workers=4)
    with front(made, slow, blocking=True) as served:
        url = served.urls[0]
        threads = [threading.Thread(target=ask, args=(url, ALICE)) for _ in range(6)]
        for thread in threads:
            thread.start()
        assert begun.acquire(timeout=30)
        assert begun.acquire(timeout=30)
        assert ask(url, basic("bob", "bricks")).status == 200
        assert not begun.acquire(timeout=0.2)
        release.set()
        for thread in threads:
            thread.join(30)
            assert not thread.is_alive()
        assert not served._app._gate._queues


def test_over_the_limit_is_503_and_the_next_is_served(tmp_path: Path) -> None:
    release, begun = threading.Event(), threading.Event()

    def slow(call: Call) -> Answer:
        begun.set()
        assert release.wait(30)
        return Answer(Form.NOTHING)

    made = settings(
        authentication="file", password_file=password_file(tmp_path), max_in_flight_per_user=1, max_in_flight=2
    )
    with front(made, slow, blocking=True) as served:
        url = served.urls[0]
        first = threading.Thread(target=ask, args=(url, ALICE))
        first.start()
        assert begun.wait(30)
        refused = ask(url, ALICE)
        assert (refused.status, refused.headers["Retry-After"]) == (503, "1")
        release.set()
        first.join(30)
        assert ask(url, ALICE).status == 200


def test_where_nobody_is_asked_an_address_has_a_share() -> None:
    gate = Gate(Limits(max_in_flight=4, max_in_flight_per_user=1))
    one, other = Caller(address="192.0.2.1", trusted=True), Caller(address="192.0.2.2", trusted=True)
    with gate.entered(one), gate.entered(other):
        with pytest.raises(HTTPFault, match=r"1 requests of @192\.0\.2\.1"), gate.entered(one):
            pass
        local = Caller(address="127.0.0.1", trusted=True)  # of everybody on this machine
        with gate.entered(local), gate.entered(local):
            pass
    assert not gate._requests


def asked_from(address: str, url: str) -> int:
    """The status of a request that comes from another address of this machine."""
    port = urlsplit(url).port
    with closing(http.client.HTTPConnection("127.0.0.1", port, 30, source_address=(address, 0))) as connection:
        connection.request("POST", "/cimom", GOOD, dict(HEADERS))
        return connection.getresponse().status


def test_an_address_of_those_who_have_no_name_cannot_take_all() -> None:
    release, begun = threading.Event(), threading.Semaphore(0)

    def slow(call: Call) -> Answer:
        if call.share == "@127.0.0.2":
            begun.release()
            assert release.wait(30)
        return Answer(Form.NOTHING)

    with front(settings(workers=4, max_in_flight_per_user=3), slow, blocking=True) as served:
        url = served.urls[0]
        threads = [threading.Thread(target=asked_from, args=("127.0.0.2", url)) for _ in range(3)]
        for thread in threads:
            thread.start()
        assert begun.acquire(timeout=30)
        assert begun.acquire(timeout=30)
        while served._app.in_flight < 3:
            assert any(thread.is_alive() for thread in threads)
        assert asked_from("127.0.0.2", url) == 503
        assert [asked_from("127.0.0.3", url), asked_from("127.0.0.1", url)] == [200, 200]
        release.set()
        for thread in threads:
            thread.join(30)


def test_threads_go_to_who_waits_first() -> None:
    async def crowd() -> list[int]:
        gate, alice, order = Gate(Limits(workers=4)), Caller("alice"), list[int]()
        release = asyncio.Event()

        async def call(number: int) -> None:
            async with gate.worker(alice):
                order.append(number)
                await release.wait()

        assert gate.take_worker(alice)
        tasks = [asyncio.create_task(call(number)) for number in range(5)]
        await asyncio.sleep(0)
        assert (order, gate.take_worker(alice), gate.take_worker(Caller("bob"))) == ([0], False, True)
        tasks[1].cancel()  # it waits
        gate.give_worker(alice)
        tasks[2].cancel()  # its turn has come at the same moment
        await asyncio.sleep(0.01)
        assert (order, gate.take_worker(alice)) == ([0, 3], False)
        release.set()
        await asyncio.gather(*tasks, return_exceptions=True)
        gate.give_worker(Caller("bob"))
        assert not gate._queues
        return order

    assert asyncio.run(crowd()) == [0, 3, 4]
