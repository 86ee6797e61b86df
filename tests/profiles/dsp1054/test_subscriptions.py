"""DSP1054: subscriptions as clients make them, and how long they last."""

from __future__ import annotations

import time
from pathlib import Path as File

import pytest
from tests.profiles.eventful import (
    DESTINATION,
    FILTER,
    SUBSCRIPTION,
    Eventful,
    change_state,
    eventful_running,
    refusal,
)

from virtcim.broker.call import Path, Status, Value
from virtcim.broker.schema import Schema

HANDLER, COLLECTION_SUBSCRIPTION = "CIM_IndicationHandlerCIMXML", "CIM_FilterCollectionSubscription"


@pytest.fixture
def client(cleared: Eventful) -> Eventful:
    return cleared


def test_references_are_understood_as_clients_write_them(client: Eventful) -> None:
    """Another system name, another namespace name, keys in another order: the name counts."""
    client.filter(Name="f")
    client.create(HANDLER, Name="h", Destination="http://x")
    filter_path = Path(FILTER.lower(), (("name", "f"), ("SystemName", "other")), "root/PG_InterOp")
    handler = Path(HANDLER, (("SystemCreationClassName", "X"), ("Name", "h")))
    path = client.create(SUBSCRIPTION, "root/PG_InterOp", Filter=filter_path, Handler=handler)
    assert client.names(SUBSCRIPTION) == [path]
    assert client.read(path)["SubscriptionState"] == 2
    given = Path(SUBSCRIPTION, (("Filter", filter_path), ("Handler", handler)))
    assert refusal(client, "create", SUBSCRIPTION, Filter=filter_path, Handler=handler)[0] is Status.ALREADY_EXISTS
    client.answer("DeleteInstance", "root/PG_InterOp", InstanceName=given)
    assert client.names(SUBSCRIPTION) == []


@pytest.mark.parametrize("broken", ["Filter", "Handler"])
@pytest.mark.parametrize(
    "reference",
    [
        None,
        Path(FILTER, (("Name", "nobody"),)),
        Path(DESTINATION, (("Name", "nobody"),)),
        Path("CIM_ComputerSystem", (("Name", "x"),)),
        Path(FILTER, (("Name", "f"),), "root/virt"),
    ],
    ids=str,
)
def test_subscriptions_to_nothing_are_refused(client: Eventful, broken: str, reference: Value) -> None:
    ends: dict[str, Value] = {"Filter": client.filter(Name="f"), "Handler": client.destination()}
    ends[broken] = reference
    status, message = refusal(client, "create", SUBSCRIPTION, **ends)
    assert (status, broken in message) == (Status.INVALID_PARAMETER, True), message
    assert client.names(SUBSCRIPTION) == []


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ({"SubscriptionState": "3"}, Status.INVALID_PARAMETER),
        ({"SubscriptionDuration": "0"}, Status.INVALID_PARAMETER),
        ({"SubscriptionDuration": str(2**64 - 1)}, Status.INVALID_PARAMETER),
        ({"OnFatalErrorPolicy": "1"}, Status.NOT_SUPPORTED),
        ({"RepeatNotificationPolicy": "3"}, Status.NOT_SUPPORTED),
        ({"AlertOnStateChange": "TRUE"}, Status.NOT_SUPPORTED),
    ],
    ids=str,
)
def test_what_a_subscription_cannot_be(client: Eventful, given: dict[str, Value], status: Status) -> None:
    assert refusal(client, "subscribe", **given)[0] is status
    assert client.names(SUBSCRIPTION) == []


def test_what_is_in_use_stays(client: Eventful) -> None:
    path = client.subscribe()
    for key in ("Filter", "Handler"):
        used = path.key(key)
        assert isinstance(used, Path)
        status, message = refusal(client, "delete", used)
        assert (status, "in use" in message) == (Status.FAILED, True)
        client.read(used)
    client.delete(path)
    assert isinstance(used, Path)
    client.delete(used)


def test_a_filter_for_collections_only(client: Eventful) -> None:
    path = client.filter(IndividualSubscriptionSupported="FALSE")
    handler = client.destination()
    assert refusal(client, "create", SUBSCRIPTION, Filter=path, Handler=handler)[0] is Status.NOT_SUPPORTED


# Their life


def test_a_filter_that_is_modified_selects_anew(client: Eventful) -> None:
    path = client.subscribe("SELECT * FROM CIM_InstCreation")
    filter_path = path.key("Filter")
    assert isinstance(filter_path, Path)
    assert refusal(client, "modify", filter_path, Query="SELECT")[0] is Status.INVALID_QUERY
    client.modify(filter_path, Query="SELECT * FROM CIM_InstModification")
    heard = len(client.listener.bodies)
    change_state(client, "web2")
    assert client.heard(heard + 1)[heard]["PreviousInstance"] is not None


def test_state_and_duration(client: Eventful) -> None:
    path = client.subscribe("SELECT * FROM CIM_InstModification")
    heard = len(client.listener.bodies)
    client.modify(path, SubscriptionState="4")
    changed = client.read(path)["TimeOfLastStateChange"]
    assert changed >= client.read(path)["SubscriptionStartTime"]
    change_state(client, "web2")
    client.quiet()
    client.modify(path, SubscriptionState="2", SubscriptionInfo="back")
    change_state(client, "web2")
    client.heard(heard + 1)
    shown = client.read(path)
    assert shown["LastIndicationIdentifier"].startswith("virtcim:")
    client.modify(path, SubscriptionDuration="1")
    assert client.read(path)["SubscriptionTimeRemaining"] in (0, 1)
    time.sleep(max(0.0, 1.1 - 0.3))
    while client.read(path)["SubscriptionTimeRemaining"]:
        time.sleep(0.05)
    client.quiet(0.2)
    change_state(client, "web2")
    client.quiet()
    assert refusal(client, "modify", path, SubscriptionInfo="late")[0] is Status.FAILED
    for name, value in (("OnFatalErrorPolicy", "4"), ("SubscriptionStartTime", "20200101000000.000000+000")):
        assert refusal(client, "modify", path, **{name: value})[0] in (Status.INVALID_PARAMETER, Status.FAILED)
    client.delete(path)


def test_everything_is_there_after_a_restart(repository: Schema, node_uri: str, tmp_path: File) -> None:
    with eventful_running(repository, node_uri, tmp_path) as client:
        path = client.subscribe("SELECT * FROM CIM_InstModification", SubscriptionInfo="kept")
        shown = {one: client.read(one) for one in (path, path.key("Filter"), path.key("Handler"))}  # type: ignore[arg-type]
        port = client.listener.port
    with eventful_running(repository, node_uri, tmp_path) as client:
        client.listener.close()
        assert {one: client.read(one) for one in shown} == shown  # type: ignore[arg-type]
        client.listener = type(client.listener)("good", port)
        change_state(client, "web2")
        assert client.heard(1)[0]["SequenceNumber"] == 0
        client.listener.close()
