"""DSP1054: what becomes of subscriptions whose destination takes nothing, or is never reached."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path as File

import pytest
from tests.broker.listeners import listening
from tests.profiles.eventful import SUBSCRIPTION, Eventful, change_state, eventful_running

from virtcim.broker.call import CIMError, Path, Status, Value
from virtcim.broker.delivery import Retry
from virtcim.broker.schema import Schema
from virtcim.broker.store_queue import Queue, Told

CHANGES = "SELECT * FROM CIM_InstModification WHERE SourceInstance ISA CIM_System"
ENABLED, DISABLED = [2], [4]
REMOVED: list[int] = []
ONCE = Retry(0, 0.1)


@pytest.fixture
def client(repository: Schema, node_uri: str, tmp_path: File) -> Iterator[Eventful]:
    with eventful_running(repository, node_uri, tmp_path, ONCE) as client:
        yield client


def states(client: Eventful) -> list[int]:
    return [client.read(one)["SubscriptionState"] for one in client.names(SUBSCRIPTION)]


def becomes(client: Eventful, wanted: list[int]) -> None:
    deadline = time.monotonic() + 10
    while states(client) != wanted:
        assert time.monotonic() < deadline, states(client)
        time.sleep(0.05)


def failed(client: Eventful) -> None:
    """A delivery that fails, and what is done about it."""
    before = len(client.listener.bodies)
    change_state(client, "web2")
    client.listener.wait_for(before + 1)
    client.settle(0.2)


def deliver(client: Eventful, **settings: Value) -> None:
    (service,) = client.names("CIM_IndicationService")
    given: dict[str, Value] = {"DeliveryRetryAttempts": "0", "DeliveryRetryInterval": "1", **settings}
    client.modify(service, None, **given)


@pytest.mark.parametrize(
    ("policy", "left"), [("2", ENABLED), ("3", DISABLED), ("4", REMOVED)], ids=["ignore", "disable", "remove"]
)
def test_on_fatal_error_policy(client: Eventful, policy: str, left: list[int]) -> None:
    client.listener.mode = "500"
    client.subscribe(CHANGES, OnFatalErrorPolicy=policy)
    failed(client)
    becomes(client, left)


@pytest.mark.parametrize(("policy", "left"), [("3", DISABLED), ("4", REMOVED)], ids=["disable", "remove"])
def test_a_policy_waits_for_its_time(client: Eventful, policy: str, left: list[int]) -> None:
    """FailureTriggerTimeInterval is counted from the first indication that could not be delivered."""
    client.listener.mode = "500"
    client.subscribe(CHANGES, OnFatalErrorPolicy=policy, FailureTriggerTimeInterval="1")
    failed(client)
    assert states(client) == ENABLED
    time.sleep(1.0)
    failed(client)
    becomes(client, left)


def test_a_subscription_that_was_disabled_goes_on_when_a_client_says_so(client: Eventful) -> None:
    client.listener.mode = "500"
    path = client.subscribe(CHANGES, OnFatalErrorPolicy="3")
    failed(client)
    becomes(client, DISABLED)
    client.listener.mode = "good"
    change_state(client, "web2")
    client.quiet()
    client.modify(path, SubscriptionState="2")
    before = len(client.listener.bodies)
    change_state(client, "web2")
    client.listener.wait_for(before + 1)
    assert states(client) == ENABLED


# SubscriptionRemovalAction, SubscriptionRemovalTimeInterval -> what is left after two failures a second apart
REMOVAL: dict[str, tuple[str, str, list[int]]] = {
    "remove": ("2", "1", REMOVED),
    "remove later": ("2", "3600", ENABLED),
    "disable": ("3", "1", ENABLED),
    "ignore": ("4", "1", ENABLED),
}


@pytest.mark.parametrize("case", REMOVAL)
def test_removal_of_what_fails_for_long(client: Eventful, case: str) -> None:
    """3 (Disable) and 4 (Ignore) say that nothing is removed."""
    action, interval, left = REMOVAL[case]
    deliver(client, SubscriptionRemovalAction=action, SubscriptionRemovalTimeInterval=interval)
    client.listener.mode = "500"
    client.subscribe(CHANGES)
    failed(client)
    assert states(client) == ENABLED
    time.sleep(1.0)
    failed(client)
    becomes(client, left)


def test_a_success_between_is_a_new_beginning(client: Eventful) -> None:
    deliver(client, SubscriptionRemovalAction="2", SubscriptionRemovalTimeInterval="1")
    client.subscribe(CHANGES)
    for mode in ("500", "good", "500"):
        client.listener.mode = mode
        failed(client)
        time.sleep(0.6)
    assert states(client) == ENABLED


def test_nothing_is_sent_after_the_end_that_was_queued_before(client: Eventful) -> None:
    """A subscription that expires while its destination is away."""
    deliver(client, DeliveryRetryAttempts="100")
    client.listener.mode = "500"
    path = client.subscribe(CHANGES, SubscriptionDuration="1")
    failed(client)
    time.sleep(1.0)
    client.listener.mode = "good"
    before = len(client.listener.bodies)
    time.sleep(2.5)
    assert len(client.listener.bodies) <= before + 1  # one may have been under way
    assert client.read(path)["SubscriptionTimeRemaining"] == 0
    assert client.events._store.queue.waiting() == []


def test_a_subscription_of_a_destination_that_comes_late(client: Eventful) -> None:
    """What nobody could be told within the attempts is gone; what comes later is told, with a gap in the numbers."""
    client.listener.mode = "500"
    path: Path = client.subscribe(CHANGES)
    failed(client)
    client.listener.mode = "good"
    heard = len(client.listener.bodies)
    change_state(client, "web2")
    client.listener.wait_for(heard + 1)
    assert client.listener.indications[heard]["SequenceNumber"] >= 1
    assert client.read(path)["SubscriptionState"] == 2


def test_a_store_that_does_not_answer_at_the_start_is_asked_again(
    repository: Schema, node_uri: str, tmp_path: File, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What has changed since it was told is told once, as soon as the store says what that was."""
    node_file, state = tmp_path / "node.xml", tmp_path / "state"
    uri = f"test://{node_file}"
    node_file.write_text(File(node_uri.removeprefix("test://")).read_text())
    with eventful_running(repository, uri, state) as client:
        client.subscribe("SELECT * FROM CIM_InstIndication WHERE SourceInstance ISA CIM_ComputerSystem")
        port = client.listener.port
        client.events.engine.settle()
    node_file.write_text(node_file.read_text().replace("<title>Web server 2</title>", "<title>new</title>"))
    read, failures = Queue.told, iter((True, True))

    def told(queue: Queue, place: str) -> list[Told]:
        if next(failures, False):
            raise CIMError(Status.FAILED, "store postgresql://...: it is starting")
        return list(read(queue, place))

    monkeypatch.setattr(Queue, "told", told)
    with listening(port=port) as listener, eventful_running(repository, uri, state) as client:
        listener.wait_for(1)
        client.settle()
        (one,) = listener.indications
        assert (one["SourceInstance"]["Name"], one["SourceInstance"]["ElementName"]) == ("web2", "new")
    assert next(failures, None) is None
