"""DSP1054: the service, its filters, collections and destinations, as clients find and make them."""

from __future__ import annotations

import pytest
from tests.profiles.eventful import (
    ANYTHING,
    FILTER,
    SUBSCRIPTION,
    Eventful,
    refusal,
)

from virtcim.broker.call import ClassPath, Path, Status, Value

HANDLER, COLLECTION_SUBSCRIPTION = "CIM_IndicationHandlerCIMXML", "CIM_FilterCollectionSubscription"


@pytest.fixture
def client(cleared: Eventful) -> Eventful:
    return cleared


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
        assert other in (None, found)


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
        association = ClassPath("CIM_ServiceAffectsElement")
        return set(client.call("AssociatorNames", "interop", ObjectName=service, AssocClass=association))

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
