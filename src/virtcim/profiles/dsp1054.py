"""DSP1054 Indications: the service, its filters and collections, destinations and subscriptions, all in Interop."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

from virtcim.broker.call import Properties
from virtcim.broker.provider import INTEROP, End, Keys, Profile, Stored, Writer
from virtcim.host.inventory import Hosts
from virtcim.mapping import ids
from virtcim.profiles import indication_settings as settings
from virtcim.profiles import lives, subscription_collections
from virtcim.profiles import subscription_rules as rules
from virtcim.profiles.indication_links import Served, Service
from virtcim.profiles.registration import Registration
from virtcim.profiles.static_filters import Collection, StaticFilter
from virtcim.profiles.subscription_collections import Collections
from virtcim.profiles.subscriptions import Subscriptions

MANAGES = 5  # ElementEffects
SERVICE, CAPABILITIES = "CIM_IndicationService", "CIM_IndicationServiceCapabilities"
SETTINGS = "CIM_IndicationServiceSettingData"
DESTINATION = "CIM_ListenerDestination"
SECRET = "password"


def make(subscriptions: Subscriptions, registrations: Iterable[Registration], world: Hosts) -> Profile:
    """The profile over the subscriptions of a server. `registrations` are those of the profiles that are served."""
    profile = Profile("dsp1054")
    served = Served(Service(subscriptions), tuple(registrations), world)
    profile.source(Service, lambda _: [served.service])
    profile.source(Stored, lambda _: served.stored())
    profile.source(StaticFilter, lambda _: subscriptions.filters.values())
    profile.source(Collection, lambda _: subscriptions.collections.values())
    profile.central(SERVICE, Service)
    _declare_service(profile)
    _declare_stored(profile, subscriptions, served.groups)
    _declare_associations(profile, served)
    _declare_subscriptions(profile, served)
    _declare_writers(profile, served)
    lives.declare(profile)
    for method in ("RequestStateChange", "StartService", "StopService", "ChangeAffectedElementsAssignedSequence"):
        profile.leaves_out(SERVICE, method, "the service is there as long as the server is, and its elements unordered")
    profile.leaves_out("CIM_Capabilities", "CreateGoalSettings", "capabilities have no goals here")
    return profile


# The service (clause 10)


def _declare_service(profile: Profile) -> None:
    profile.instance(SERVICE, of=Service, namespace=INTEROP, volatile=True)(indication_service)
    profile.instance(CAPABILITIES, of=Service, namespace=INTEROP)(service_capabilities)
    profile.instance(SETTINGS, of=Service, namespace=INTEROP, volatile=True)(service_settings)


def delivery_settings(service: Service) -> Properties:
    return {"FilterCreationEnabled": True, **service.subscriptions.delivery.properties()}


def service_name(system_name: str) -> str:
    return ids.own_id("indications", system_name)


def indication_service(service: Service) -> Properties:
    system_name = service.subscriptions.facts.system_name
    return {
        "SystemCreationClassName": "CIM_ComputerSystem",
        "SystemName": system_name,
        "Name": service_name(system_name),
        "ElementName": "Indications",
        "EnabledState": 2,  # Enabled
        "RequestedState": 12,  # Not Applicable
        "EnabledDefault": 2,
        "OperationalStatus": [2],  # OK
        "HealthState": 5,
        "Started": True,
        **delivery_settings(service),
    }


def service_capabilities(service: Service) -> Properties:
    facts = service.subscriptions.facts
    return {
        "InstanceID": ids.own_id("indications-capabilities", facts.system_name),
        "ElementName": "Indication capabilities",
        "FilterCreationEnabledIsSettable": False,
        "DeliveryRetryAttemptsIsSettable": True,
        "DeliveryRetryIntervalIsSettable": True,
        "SubscriptionRemovalActionIsSettable": True,
        "SubscriptionRemovalTimeIntervalIsSettable": True,
        "MaxListenerDestinations": facts.max_destinations,
        "MaxActiveSubscriptions": facts.max_subscriptions,
        "SubscriptionsPersisted": True,
    }


def service_settings(service: Service) -> Properties:
    return {
        "InstanceID": ids.own_id("indications-settings", service.subscriptions.facts.system_name),
        "ElementName": "Indication settings",
        **delivery_settings(service),
    }


# What clients create, and what is there already


def _declare_stored(profile: Profile, subscriptions: Subscriptions, collections: Collections) -> None:
    for classname in (rules.FILTER, *rules.DESTINATIONS):
        profile.instance(
            classname,
            of=Stored,
            when=partial(_is, classname),
            find=partial(_find, subscriptions, classname),
            among=partial(_among, subscriptions, classname),
            namespace=INTEROP,
            volatile=True,
        )(stored_properties)
    profile.instance(rules.FILTER, of=StaticFilter, find=partial(_find_static, subscriptions), namespace=INTEROP)(
        partial(static_filter, subscriptions)
    )
    profile.instance(rules.COLLECTION, of=Collection, namespace=INTEROP)(collection)
    profile.instance(
        rules.COLLECTION,
        of=Stored,
        when=partial(_is, rules.COLLECTION),
        find=lambda _, keys: collections.find(keys),
        among=partial(_among, subscriptions, rules.COLLECTION),
        namespace=INTEROP,
        volatile=True,
    )(stored_properties)


def _is(classname: str, one: Stored) -> bool:
    return one.classname == classname


def _find(subscriptions: Subscriptions, classname: str, _: Any, keys: Keys) -> list[Stored]:
    found = subscriptions.shelf.find(subscriptions.path(classname, str(keys["Name"])))
    return [found] if found else []


def _among(subscriptions: Subscriptions, classname: str, _: Any) -> list[Stored]:
    return subscriptions.shelf.of_class(classname)


def _find_static(subscriptions: Subscriptions, _: Any, keys: Keys) -> list[StaticFilter]:
    found = subscriptions.filters.get(subscriptions.path(rules.FILTER, str(keys["Name"])))
    return [found] if found else []


def stored_properties(one: Stored) -> Properties:
    """As the client gave it, but for what is never read back."""
    return {name: value for name, value in one.properties.items() if name != SECRET}


def static_filter(subscriptions: Subscriptions, one: StaticFilter) -> Properties:
    return {
        **dict(subscriptions.path(rules.FILTER, one.name).keys),
        "ElementName": one.name.rpartition(":")[2],
        "Description": one.text,
        "Query": one.query,
        "QueryLanguage": one.language,
        "SourceNamespaces": [*one.namespaces],
        "SourceNamespace": one.namespaces[0],
        "IndividualSubscriptionSupported": True,
    }


def collection(one: Collection) -> Properties:
    name = one.profile.upper() or "all profiles"
    return {
        "InstanceID": one.instance_id,
        "ElementName": f"Indication filters of {name}",
        "CollectionName": one.name,
    }


# What holds them together


def _declare_associations(profile: Profile, served: Served) -> None:
    def current(*_: object) -> Properties:
        return {"IsDefault": 2 if served.all.delivery.changed else 1, "IsCurrent": 1}

    profile.associate(
        "CIM_HostedService",
        End("Antecedent", "CIM_ComputerSystem", served.hosted),
        End("Dependent", SERVICE, served.hosting),
    )
    profile.associate(
        "CIM_ElementCapabilities",
        End("ManagedElement", SERVICE, served.to_service),
        End("Capabilities", CAPABILITIES, served.to_service),
    )
    profile.associate(
        "CIM_ElementSettingData",
        End("ManagedElement", SERVICE, served.to_service),
        End("SettingData", SETTINGS, served.to_service),
        current,
    )
    _declare_collections(profile, served)


def _declare_collections(profile: Profile, served: Served) -> None:
    def managed(*_: object) -> Properties:
        return {"ElementEffects": [MANAGES]}

    for classname in (rules.FILTER, rules.COLLECTION, DESTINATION):
        profile.associate(
            "CIM_ServiceAffectsElement",
            End("AffectingElement", SERVICE, served.affected),
            End("AffectedElement", classname, served.to_service),
            managed,
        )
    profile.associate(
        "CIM_MemberOfCollection",
        End("Collection", rules.COLLECTION, served.groups.members),
        End("Member", rules.FILTER, served.groups.holding),
    )
    profile.associate(
        "CIM_MemberOfCollection",
        End("Collection", rules.COLLECTION, served.groups.collections_in),
        End("Member", rules.COLLECTION, served.groups.around),
    )
    profile.associate(
        "CIM_OwningCollectionElement",
        End("OwningElement", SERVICE, lambda _: served.groups.everything()),
        End("OwnedElement", rules.COLLECTION, served.to_service),
    )
    profile.associate(
        "CIM_ConcreteDependency",
        End("Antecedent", "CIM_RegisteredProfile", served.collections_of),
        End("Dependent", rules.COLLECTION, served.registrations_of),
    )


def _declare_subscriptions(profile: Profile, served: Served) -> None:
    for classname, source in ((rules.SUBSCRIPTION, rules.FILTER), (rules.COLLECTION_SUBSCRIPTION, rules.COLLECTION)):
        profile.associate(
            classname,
            End("Filter", source, served.handlers),
            End("Handler", DESTINATION, partial(served.sources, classname=classname)),
            partial(served.subscription, classname),
        )


def _declare_writers(profile: Profile, served: Served) -> None:
    all_of_them, groups = served.all, served.groups
    service = Writer(SERVICE, INTEROP, modify=served.set_delivery, changes=settings.CHANGES)
    profile.writes(service)
    mine = (groups.create, groups.modify, subscription_collections.CHANGES, groups.delete)
    profile.writes(Writer(rules.COLLECTION, INTEROP, *mine))
    links = Writer(rules.MEMBERSHIP, INTEROP, groups.put_in, delete=groups.take_out, resolve=groups.resolve)
    profile.writes(links)
    filters = (all_of_them.create_filter, all_of_them.modify_filter, rules.FILTER_CHANGES, all_of_them.delete)
    profile.writes(Writer(rules.FILTER, INTEROP, *filters, all_of_them.resolve))
    for classname in rules.DESTINATIONS:
        create = partial(all_of_them.create_destination, classname)
        destinations = (all_of_them.modify_destination, rules.DESTINATION_CHANGES, all_of_them.delete)
        profile.writes(Writer(classname, INTEROP, create, *destinations, all_of_them.resolve))
    for classname in rules.SUBSCRIPTIONS:
        create = partial(all_of_them.create_subscription, classname)
        subscriptions = (all_of_them.modify_subscription, rules.SUBSCRIPTION_CHANGES, all_of_them.delete_subscription)
        profile.writes(Writer(classname, INTEROP, create, *subscriptions, all_of_them.resolve_subscription))
