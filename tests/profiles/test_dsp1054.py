"""DSP1054: filters, destinations and subscriptions as clients make them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path as File

import pytest
from tests.profiles.eventful import ANYTHING, DESTINATION, FILTER, SUBSCRIPTION, Eventful, eventful_running

from virtcim.broker.call import CIMError, ClassPath, Path, Status, Value
from virtcim.broker.schema import Schema

HANDLER, COLLECTION_SUBSCRIPTION = "CIM_IndicationHandlerCIMXML", "CIM_FilterCollectionSubscription"


@pytest.fixture(scope="module")
def client(repository: Schema, node_uri: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Eventful]:
    with eventful_running(repository, node_uri, tmp_path_factory.mktemp("state")) as client:
        yield client


@pytest.fixture(autouse=True)
def nothing_stays(client: Eventful) -> Iterator[None]:
    yield
    for classname in ("CIM_AbstractIndicationSubscription", "CIM_ListenerDestination"):
        for path in client.names(classname):
            client.delete(path)
    for path in client.names(FILTER):
        if not str(path.key("Name")).startswith("virtcim:") or "filter/" in str(path.key("Name")):
            client.delete(path)


def refusal(client: Eventful, operation: str, *arguments: object, **properties: Value) -> tuple[Status, str]:
    with pytest.raises(CIMError) as refused:
        getattr(client, operation)(*arguments, **properties)
    return refused.value.status, refused.value.message


def test_one_service_that_tells_what_it_does(client: Eventful) -> None:
    (path,) = client.names("CIM_IndicationService")
    service = client.read(path)
    assert (service["DeliveryRetryAttempts"], service["FilterCreationEnabled"]) == (2, True)
    (capabilities,) = client.names("CIM_IndicationServiceCapabilities")
    assert client.read(capabilities)["SubscriptionsPersisted"] is True
    (settings,) = client.names("CIM_IndicationServiceSettingData")
    for association, other in (
        ("CIM_HostedService", None),
        ("CIM_ElementCapabilities", capabilities),
        ("CIM_ElementSettingData", settings),
    ):
        (found,) = client.call("AssociatorNames", "interop", ObjectName=path, AssocClass=ClassPath(association))
        assert other in (None, found.path)


def test_the_server_puts_its_own_system(client: Eventful) -> None:
    wrong: dict[str, Value] = {"SystemName": "wrong", "SystemCreationClassName": "Nothing", "CreationClassName": "X"}
    for path in (client.filter(Name="f", **wrong), client.destination(Name="d", **wrong)):
        assert path.key("CreationClassName") == path.classname
        assert path.key("SystemCreationClassName") == "CIM_ComputerSystem"
        assert path.key("SystemName") == client.names("CIM_IndicationService")[0].key("SystemName")
        assert client.read(path)["Name"] == path.key("Name")


def test_names_are_made_when_none_is_given(client: Eventful) -> None:
    first, second = client.filter(), client.filter(Name=None)
    assert first != second
    assert client.destination() != client.destination()


def test_names_are_given_once(client: Eventful) -> None:
    client.filter(Name="same")
    assert refusal(client, "filter", Name="same")[0] is Status.ALREADY_EXISTS
    static = str(client.names(FILTER)[0].key("Name"))
    assert refusal(client, "filter", Name=static)[0] is Status.ALREADY_EXISTS
    client.create(HANDLER, Name="same", Destination="http://x")
    client.destination(Name="same")
    assert refusal(client, "destination", Name="same")[0] is Status.ALREADY_EXISTS


BAD_FILTERS: dict[str, tuple[dict[str, Value], Status, str]] = {
    "no query": ({"Query": None}, Status.INVALID_PARAMETER, "Query"),
    "no language": ({"QueryLanguage": None}, Status.INVALID_PARAMETER, "QueryLanguage"),
    "query": ({"Query": "SELECT FROM"}, Status.INVALID_QUERY, "line 1, column 8"),
    "language": ({"QueryLanguage": "SQL"}, Status.QUERY_LANGUAGE_NOT_SUPPORTED, "SQL"),
    "feature": ({"Query": f"{ANYTHING} ORDER BY IndicationTime"}, Status.QUERY_FEATURE_NOT_SUPPORTED, "line 1"),
    "namespace": ({"SourceNamespaces": ["root/none"]}, Status.INVALID_PARAMETER, "root/none"),
    "old namespace": (
        {"SourceNamespaces": None, "SourceNamespace": "root/none"},
        Status.INVALID_PARAMETER,
        "root/none",
    ),
    "megabyte": ({"Query": "SELECT * FROM " + "x" * 1_000_000}, Status.INVALID_QUERY, "longer"),
}


@pytest.mark.parametrize("name", BAD_FILTERS)
def test_bad_filters_are_refused_and_not_kept(client: Eventful, name: str) -> None:
    given, status, words = BAD_FILTERS[name]
    before = client.names(FILTER)
    properties = {"Query": ANYTHING, "QueryLanguage": "DMTF:CQL", "SourceNamespaces": ["root/virt"], **given}
    found, message = refusal(client, "create", FILTER, **properties)
    assert (found, words in message) == (status, True), message
    assert client.names(FILTER) == before


@pytest.mark.parametrize(
    ("given", "status", "words"),
    [
        ({"Destination": None}, Status.INVALID_PARAMETER, "Destination"),
        ({"Destination": "nowhere"}, Status.INVALID_PARAMETER, "scheme"),
        ({"Destination": "ftp://x"}, Status.INVALID_PARAMETER, "scheme"),
        ({"Destination": "http://"}, Status.INVALID_PARAMETER, "host"),
        ({"Destination": "http://x:99999/"}, Status.INVALID_PARAMETER, "x:99999"),
        ({"Destination": "http://x/a b"}, Status.INVALID_PARAMETER, "blanks"),
        ({"Destination": "http://[::1"}, Status.INVALID_PARAMETER, "::1"),
        ({"Destination": "http://user:secret@x/"}, Status.INVALID_PARAMETER, "credentials"),
        ({"PersistenceType": "9"}, Status.INVALID_PARAMETER, "PersistenceType"),
        ({"Protocol": "4"}, Status.NOT_SUPPORTED, "Protocol"),
        ({"Name": "x" * 257}, Status.INVALID_PARAMETER, "256"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_bad_destinations_are_refused(client: Eventful, given: dict[str, Value], status: Status, words: str) -> None:
    found, message = refusal(client, "destination", **given)
    assert (found, words in message) == (status, True), message
    assert "secret" not in message


def test_a_destination_reads_as_it_was_written_but_for_secrets(client: Eventful) -> None:
    path = client.destination(PersistenceType="3", username="u", password="secret", Destination="https://x:1/y?z")
    shown = client.read(path)
    assert (shown["Destination"], shown["PersistenceType"], shown["username"]) == ("https://x:1/y?z", 3, "u")
    assert "secret" not in str(shown)
    assert client.read(client.destination())["PersistenceType"] == 2


@pytest.mark.parametrize("classname", ["CIM_ListenerDestinationWSManagement", "CIM_IndicationService"])
def test_what_clients_cannot_create(client: Eventful, classname: str) -> None:
    assert refusal(client, "create", classname)[0] is Status.NOT_SUPPORTED


def test_subscriptions_live_in_interop_only(client: Eventful) -> None:
    assert refusal(client, "create", FILTER, "root/virt", Query=ANYTHING)[0] is Status.NOT_SUPPORTED


# Subscriptions


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


def test_static_filters_stay_as_they_are(client: Eventful) -> None:
    for path in client.names(FILTER):
        assert refusal(client, "delete", path)[0] is Status.NOT_SUPPORTED
        assert refusal(client, "modify", path, ElementName="x")[0] is Status.NOT_SUPPORTED
    everything, *others = client.names("CIM_FilterCollection")
    for path in (everything, *others):
        assert refusal(client, "delete", path)[0] is Status.NOT_SUPPORTED
    members = {
        path: client.call("AssociatorNames", "interop", ObjectName=path, AssocClass=ClassPath("CIM_MemberOfCollection"))
        for path in (everything, *others)
    }
    assert len(members[everything]) == len(client.names(FILTER)) == sum(len(members[path]) for path in others)


def test_static_filters_can_be_subscribed_to(client: Eventful) -> None:
    handler = client.destination()
    for path in client.names(FILTER):
        client.create(SUBSCRIPTION, Filter=path, Handler=handler)
    for path in client.names("CIM_FilterCollection"):
        client.create(COLLECTION_SUBSCRIPTION, Filter=path, Handler=handler)
    both = client.names("CIM_AbstractIndicationSubscription")
    assert len(both) == len(client.names(FILTER)) + len(client.names("CIM_FilterCollection"))
    for path in both:
        assert client.read(path)["Handler"] == handler


def test_the_service_affects_what_is_there(client: Eventful) -> None:
    (service,) = client.names("CIM_IndicationService")

    def affected() -> set[Path]:
        items = client.call(
            "AssociatorNames", "interop", ObjectName=service, AssocClass=ClassPath("CIM_ServiceAffectsElement")
        )
        return {item.path for item in items}

    before = affected()
    assert before == set(client.names(FILTER)) | set(client.names("CIM_FilterCollection"))
    made = {client.filter(), client.destination()}
    assert affected() == before | made
    for path in made:
        client.delete(path)
    assert affected() == before


def test_profiles_lead_to_their_collections(client: Eventful) -> None:
    for path in client.names("CIM_FilterCollection")[1:]:
        found = client.call("Associators", "interop", ObjectName=path, AssocClass=ClassPath("CIM_ConcreteDependency"))
        assert found
        assert all("RegisteredName" in item.properties for item in found)


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


def change_state(client: Eventful, name: str) -> None:
    host = client.world.hosts[0]
    vm = client.vm(name)
    with host.link.borrow() as connection:
        domain = connection.lookupByUUIDString(vm.uuid)
        domain.resume() if domain.state()[0] == 3 else domain.suspend()


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


@pytest.mark.parametrize(("policy", "left"), [("2", [2]), ("3", [4]), ("4", [])], ids=["ignore", "disable", "remove"])
def test_what_becomes_of_a_subscription_that_nobody_listens_to(client: Eventful, policy: str, left: list[int]) -> None:
    handler = client.destination(Destination="http://127.0.0.1:1/")
    watched = client.filter("SELECT * FROM CIM_InstModification WHERE SourceInstance ISA CIM_System")
    path = client.create(SUBSCRIPTION, Filter=watched, Handler=handler, OnFatalErrorPolicy=policy)
    change_state(client, "web2")
    deadline = time.monotonic() + (2 if policy == "2" else 10)
    states = [client.read(one)["SubscriptionState"] for one in client.names(SUBSCRIPTION)]
    while (policy == "2" or states != left) and time.monotonic() < deadline:
        time.sleep(0.05)
        states = [client.read(one)["SubscriptionState"] for one in client.names(SUBSCRIPTION)]
    assert states == left
    assert path


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
