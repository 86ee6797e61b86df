"""What a client may put into filters, destinations and subscriptions (DSP1054), completed. Errors: CIMError."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from virtcim.broker.call import CIMError, Path, Properties, Status
from virtcim.broker.provider import INTEROP
from virtcim.mapping import ids

FILTER, COLLECTION = "CIM_IndicationFilter", "CIM_FilterCollection"
MEMBERSHIP = "CIM_MemberOfCollection"
DESTINATIONS = ("CIM_ListenerDestinationCIMXML", "CIM_IndicationHandlerCIMXML")
SUBSCRIPTION, COLLECTION_SUBSCRIPTION = "CIM_IndicationSubscription", "CIM_FilterCollectionSubscription"
SUBSCRIPTIONS = (SUBSCRIPTION, COLLECTION_SUBSCRIPTION)

FILTER_CHANGES = (
    "Query",
    "QueryLanguage",
    "SourceNamespaces",
    "SourceNamespace",
    "IndividualSubscriptionSupported",
    "ElementName",
    "Caption",
    "Description",
)
DESTINATION_CHANGES = ("Destination", "PersistenceType", "ElementName", "Caption", "Description")
SUBSCRIPTION_CHANGES = ("SubscriptionState", "SubscriptionDuration", "SubscriptionInfo")

NAME_LENGTH = 256
PERMANENT, CIM_XML = 2, 2
IGNORE, DISABLE, REMOVE = 2, 3, 4  # OnFatalErrorPolicy
ENABLED, DISABLED = 2, 4  # SubscriptionState
NO_POLICY = 2  # RepeatNotificationPolicy: None
LONGEST = 2**53  # seconds


def system_keys(system_name: str, classname: str) -> Properties:
    """What the server puts in place of what a client gives."""
    return {
        "SystemCreationClassName": "CIM_ComputerSystem",
        "SystemName": system_name,
        "CreationClassName": classname,
    }


def named_path(system_name: str, classname: str, name: str) -> Path:
    """The path of a filter or destination: only its name is the client's."""
    keys = {**system_keys(system_name, classname), "Name": name}
    return Path(classname, tuple(keys.items()), INTEROP)


def name_of(given: Properties, kind: str) -> str:
    """The client's name, or one that nobody else has."""
    name = given.get("Name")
    return str(name) if name else ids.own_id(kind, str(uuid.uuid4()))


def filter_properties(
    given: Properties, check: Callable[[str, str], object], namespaces: Mapping[str, str]
) -> Properties:
    """A filter's properties but the keys; `namespaces` are those served, in lower case."""
    query, language = given.get("Query"), given.get("QueryLanguage")
    if not query or not language:
        missing = "QueryLanguage" if query else "Query"
        raise _invalid(f"{missing} of the filter is missing")
    spaces = given.get("SourceNamespaces")
    listed = spaces if isinstance(spaces, list) else [given["SourceNamespace"]] if given.get("SourceNamespace") else []
    for one in listed:
        if str(one).strip("/").lower() not in namespaces:
            raise _invalid(f"SourceNamespaces: namespace {one} does not exist")
    check(str(language), str(query))
    return {"IndividualSubscriptionSupported": True, **_given(given)}


def watched(properties: Properties, namespaces: Mapping[str, str]) -> tuple[str, ...]:
    """The real names of the namespaces that a filter looks at; its own where it names none."""
    spaces = properties.get("SourceNamespaces")
    old = properties.get("SourceNamespace")
    listed = spaces if isinstance(spaces, list) and spaces else [old] if old else [INTEROP]
    return tuple(dict.fromkeys(namespaces[str(one).strip("/").lower()] for one in listed))


def destination_properties(given: Properties) -> Properties:
    """A destination's properties but the keys."""
    given = _given(given)
    check_url(given.get("Destination"))
    if len(str(given.get("Name") or "")) > NAME_LENGTH:
        raise _invalid(f"Name of the destination is longer than {NAME_LENGTH} characters")
    if given.get("PersistenceType", PERMANENT) not in (1, 2, 3):
        raise _invalid(f"PersistenceType {given['PersistenceType']} is none of 1, 2, 3")
    if given.get("Protocol", CIM_XML) != CIM_XML:
        raise CIMError(Status.NOT_SUPPORTED, f"Protocol {given['Protocol']} is not supported, 2 (CIM-XML) is")
    return {"PersistenceType": PERMANENT, "Protocol": CIM_XML, **given}


def check_url(destination: object) -> None:
    """An http or https URL with a host, and no credentials in it."""
    text = str(destination or "")
    try:
        url = urlsplit(text)
        fault = _url_fault(text, url.scheme, url.hostname, url.port, "@" in url.netloc)
    except ValueError as error:
        fault = str(error)
    if fault:
        raise _invalid(f"Destination {text.rpartition('@')[2]!r}: {fault}")


def _url_fault(text: str, scheme: str, host: str | None, port: int | None, credentials: bool) -> str:
    if not text.isprintable() or " " in text:
        return "a URL has no blanks or control characters"
    if scheme not in ("http", "https"):
        return "the scheme is neither http nor https"
    if credentials:
        return "credentials belong in username and password, not in the URL"
    return "" if host and port != 0 else "there is no host, or no port to connect to"


def subscription_properties(given: Properties, time: str) -> Properties:
    """A subscription's properties but the keys, as it begins at a CIM datetime."""
    given = {name: value for name, value in _given(given).items() if name not in _COMPUTED}
    if given.get("OnFatalErrorPolicy", IGNORE) not in (IGNORE, DISABLE, REMOVE):
        text = f"OnFatalErrorPolicy {given['OnFatalErrorPolicy']} is not supported; 2, 3 and 4 are"
        raise CIMError(Status.NOT_SUPPORTED, text)
    if given.get("RepeatNotificationPolicy", NO_POLICY) != NO_POLICY:
        text = f"RepeatNotificationPolicy {given['RepeatNotificationPolicy']} is not supported, 2 (None) is"
        raise CIMError(Status.NOT_SUPPORTED, text)
    if given.get("AlertOnStateChange"):
        raise CIMError(Status.NOT_SUPPORTED, "AlertOnStateChange is not supported")
    made = {
        "OnFatalErrorPolicy": IGNORE,
        "SubscriptionState": ENABLED,
        "RepeatNotificationPolicy": NO_POLICY,
        "AlertOnStateChange": False,
        **given,
        "SubscriptionStartTime": time,
        "TimeOfLastStateChange": time,
    }
    check_subscription(made)
    return made


_COMPUTED = (
    "SubscriptionTimeRemaining",
    "LastIndicationIdentifier",
    "LastIndicationProductionDateTime",
)


def check_subscription(properties: Properties) -> None:
    """State and duration, which can be changed later."""
    if properties.get("SubscriptionState") not in (ENABLED, DISABLED):
        raise _invalid(
            f"SubscriptionState {properties.get('SubscriptionState')} is neither 2 (Enabled) nor 4 (Disabled)"
        )
    duration = properties.get("SubscriptionDuration")
    if duration is not None and not 0 < int(str(duration)) <= LONGEST:
        raise _invalid(f"SubscriptionDuration {duration} is no number of seconds from 1 to {LONGEST}")


def _given(properties: Properties) -> Properties:
    return {name: value for name, value in properties.items() if value is not None}


def _invalid(text: str) -> CIMError:
    return CIMError(Status.INVALID_PARAMETER, text)
