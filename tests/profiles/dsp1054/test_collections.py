"""Collections of filters that clients make, and how the service delivers as clients set it."""

from __future__ import annotations

from pathlib import Path as File

import pytest
from tests.profiles.eventful import DESTINATION, FILTER, Eventful, eventful_running, refusal

from virtcim.broker.call import ClassPath, Path, Status, Value
from virtcim.broker.schema import Schema

COLLECTION, MEMBERSHIP, SUBSCRIPTION = (
    "CIM_FilterCollection",
    "CIM_MemberOfCollection",
    "CIM_FilterCollectionSubscription",
)
CREATED = "SELECT * FROM CIM_InstCreation WHERE SourceInstance ISA CIM_ComputerSystem"
MODIFIED = "SELECT * FROM CIM_InstModification WHERE SourceInstance ISA CIM_ComputerSystem"


def toggle(client: Eventful) -> None:
    """Let a system pause or go on."""
    (path,) = (one for one in systems(client) if one.key("Name") == "web2")
    (item,) = client.answer("GetInstance", "root/virt", InstanceName=Path(path.classname, path.keys)).items
    state = "9" if item.properties["EnabledState"] == 2 else "2"  # type: ignore[attr-defined]
    assert client.invoke(path, "RequestStateChange", RequestedState=state).value == 0


def systems(client: Eventful) -> list[Path]:
    call = client.call("EnumerateInstanceNames", "root/virt", ClassName=ClassPath("Test_ComputerSystem"))
    return [item.path for item in call]


def members(client: Eventful, collection: Path) -> set[object]:
    call = client.call("AssociatorNames", "interop", ObjectName=collection, AssocClass=ClassPath(MEMBERSHIP))
    return {path.key("Name") for path in call}


def test_a_collection_of_a_client(client: Eventful) -> None:
    """Made, filled, subscribed to, changed while it is subscribed to, and removed."""
    made = client.create(COLLECTION, CollectionName="mine:all", ElementName="all of mine")
    assert client.read(made)["CollectionName"] == "mine:all"
    created, modified = client.filter(CREATED, Name="created"), client.filter(MODIFIED, Name="modified")
    client.create(MEMBERSHIP, Collection=made, Member=created)
    assert members(client, made) == {"created"}
    to = client.destination(Name="d")
    subscription = client.create(SUBSCRIPTION, Filter=made, Handler=to)
    toggle(client)
    client.quiet()
    link = client.create(MEMBERSHIP, Collection=made, Member=modified)
    toggle(client)
    client.heard(1)
    client.settle()
    assert {one["IndicationFilterName"] for one in client.listener.indications} == {"modified"}
    assert refusal(client, "delete", modified)[0] is Status.FAILED
    assert refusal(client, "delete", made)[0] is Status.FAILED
    client.delete(link)
    toggle(client)
    client.quiet()
    client.delete(subscription)
    client.modify(made, ElementName="other")
    assert client.read(made)["ElementName"] == "other"
    client.delete(made)
    assert client.names(FILTER) != []
    assert not [one for one in client.names(MEMBERSHIP) if made in dict(one.keys).values()]
    for path in (created, modified, to):
        client.delete(path)


def test_a_filter_that_is_modified_selects_anew_through_its_collection(client: Eventful) -> None:
    made, one = client.create(COLLECTION, CollectionName="c"), client.filter(CREATED, Name="one")
    client.create(MEMBERSHIP, Collection=made, Member=one)
    client.create(SUBSCRIPTION, Filter=made, Handler=client.destination(Name="d"))
    client.modify(one, Query=MODIFIED)
    toggle(client)
    client.heard(1)


def through(client: Eventful) -> list[object]:
    """The filters that the news of a change of state came through."""
    heard = len(client.listener.bodies)
    toggle(client)
    client.settle()
    told = client.listener.indications[heard:]
    return [one["IndicationFilterName"] for one in told if "EnabledState" in one["ChangedPropertyNames"]]


def test_collections_in_collections(client: Eventful) -> None:
    """What is selected changes with what is in them, at any depth; a filter that is in two of them tells once."""
    outer, inner, other = (client.create(COLLECTION, CollectionName=name) for name in ("outer", "inner", "other"))
    one = client.filter(MODIFIED, Name="one")
    links = [client.create(MEMBERSHIP, Collection=outer, Member=inner)]
    links.append(client.create(MEMBERSHIP, Collection=outer, Member=other))
    subscription = client.create(SUBSCRIPTION, Filter=outer, Handler=client.destination(Name="d"))
    assert through(client) == []
    inside = [client.create(MEMBERSHIP, Collection=each, Member=one) for each in (inner, other)]
    assert through(client) == ["one"]
    around = client.call("AssociatorNames", "interop", ObjectName=inner, AssocClass=ClassPath(MEMBERSHIP))
    assert set(around) == {outer, one}
    assert refusal(client, "delete", inner)[0] is Status.FAILED
    status, text = refusal(client, "create", MEMBERSHIP, Collection=inner, Member=outer)
    assert (status, "would be in itself" in text) == (Status.INVALID_PARAMETER, True)
    client.delete(links[0])
    client.delete(inside[1])
    assert through(client) == []
    client.delete(inner)
    (fixed,) = (path for path in client.names(COLLECTION) if str(path.key("InstanceID")).endswith("/dsp1057"))
    client.create(MEMBERSHIP, Collection=other, Member=fixed)
    assert "virtcim:Virtual System:VirtualSystemStateChange" in through(client)
    client.delete(subscription)
    for path in (outer, other):
        client.delete(path)


def test_what_collections_refuse(client: Eventful) -> None:
    """What belongs to profiles stays as it is; members are filters."""
    (fixed, *_) = client.names(COLLECTION)
    one, made = client.filter(CREATED, Name="one"), client.create(COLLECTION, CollectionName="c")
    nothing = Path(FILTER, (("Name", "nothing"),), "interop")
    assert refusal(client, "create", MEMBERSHIP, Collection=fixed, Member=one)[0] is Status.NOT_SUPPORTED
    assert refusal(client, "delete", fixed)[0] is Status.NOT_SUPPORTED
    assert refusal(client, "modify", fixed, ElementName="x")[0] is Status.NOT_SUPPORTED
    bad: tuple[tuple[Value, Value, str], ...] = (
        (made, nothing, "Member names no filter"),
        (made, made, "would be in itself"),
        (made, Path(COLLECTION, (("InstanceID", "nothing"),), "interop"), "Member names no filter or collection"),
        (made, client.destination(Name="d"), "Member names no filter"),
        (one, one, "Collection names no collection"),
    )
    for collection, member, words in bad:
        status, text = refusal(client, "create", MEMBERSHIP, Collection=collection, Member=member)
        assert (status, words in text) == (Status.INVALID_PARAMETER, True), text
    client.create(MEMBERSHIP, Collection=made, Member=one)
    assert refusal(client, "create", MEMBERSHIP, Collection=made, Member=one)[0] is Status.ALREADY_EXISTS
    (link,) = (path for path in client.names(MEMBERSHIP) if fixed in dict(path.keys).values() and _named(path, "Alert"))
    assert refusal(client, "delete", link)[0] is Status.NOT_SUPPORTED


def _named(path: Path, end: str) -> bool:
    member = path.key("Member")
    return isinstance(member, Path) and str(member.key("Name")).endswith(f"Virtual System:{end}")


def test_what_is_known_of_collections_survives(repository: Schema, node_uri: str, tmp_path: File) -> None:
    with eventful_running(repository, node_uri, tmp_path) as client:
        made, one = client.create(COLLECTION, CollectionName="c"), client.filter(MODIFIED, Name="one")
        client.create(MEMBERSHIP, Collection=made, Member=one)
        to = client.create(DESTINATION, Destination="http://127.0.0.1:9/", Name="d")
        client.create(SUBSCRIPTION, Filter=made, Handler=to)
        client.modify(service(client), DeliveryRetryAttempts="7")
    with eventful_running(repository, node_uri, tmp_path) as client:
        assert members(client, made) == {"one"}
        assert len(client.names(SUBSCRIPTION)) == 1
        assert client.read(service(client))["DeliveryRetryAttempts"] == 7


# The service


def service(client: Eventful) -> Path:
    (path,) = client.names("CIM_IndicationService")
    return path


def test_the_service_delivers_as_clients_set_it(client: Eventful) -> None:
    """One attempt and no more, instead of three."""
    (capabilities,) = client.names("CIM_IndicationServiceCapabilities")
    assert client.read(capabilities)["DeliveryRetryAttemptsIsSettable"] is True
    client.modify(service(client), DeliveryRetryAttempts="0", DeliveryRetryInterval="1", SubscriptionRemovalAction="4")
    read = client.read(service(client))
    assert [read[name] for name in ("DeliveryRetryAttempts", "DeliveryRetryInterval")] == [0, 1]
    (settings,) = client.names("CIM_IndicationServiceSettingData")
    assert client.read(settings)["SubscriptionRemovalAction"] == 4
    client.listener.mode = "500"
    client.subscribe(MODIFIED)
    toggle(client)
    client.heard(1)
    client.settle(1.5)
    assert len(set(client.listener.bodies)) == len(client.listener.bodies)
    client.modify(service(client), ["DeliveryRetryAttempts", "DeliveryRetryInterval"])
    assert client.read(service(client))["DeliveryRetryAttempts"] == 3  # the default of the class


@pytest.mark.parametrize(
    ("given", "status", "words"),
    [
        ({"DeliveryRetryInterval": "86401"}, Status.INVALID_PARAMETER, "DeliveryRetryInterval 86401"),
        ({"SubscriptionRemovalAction": "9"}, Status.INVALID_PARAMETER, "SubscriptionRemovalAction 9"),
        (
            {"DeliveryRetryAttempts": "1", "SubscriptionRemovalTimeInterval": "0"},
            Status.INVALID_PARAMETER,
            "TimeInterval 0",
        ),
        ({"FilterCreationEnabled": "FALSE"}, Status.INVALID_PARAMETER, "FilterCreationEnabled"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_the_service_refuses(client: Eventful, given: dict[str, Value], status: Status, words: str) -> None:
    found, text = refusal(client, "modify", service(client), **given)
    assert (found, words in text) == (status, True), text
    assert client.read(service(client))["DeliveryRetryAttempts"] == 2
