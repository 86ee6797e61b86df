"""DSP1054 Indications: the service, its filters, destinations and subscriptions, all in the Interop namespace."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pywbem import CIMInstance, CIMInstanceName, Error, Uint16, Uint64

from virtcim.conformance.check import check
from virtcim.conformance.paths import keys, local, show
from virtcim.conformance.site import Site, cim_status
from virtcim.conformance.verdict import expect, expect_none, skip_unless

SERVICE, FILTER, COLLECTION = "CIM_IndicationService", "CIM_IndicationFilter", "CIM_FilterCollection"
DESTINATION, SUBSCRIPTION = "CIM_ListenerDestinationCIMXML", "CIM_IndicationSubscription"
COLLECTION_SUBSCRIPTION = "CIM_FilterCollectionSubscription"
AFFECTS, MEMBERS = "CIM_ServiceAffectsElement", "CIM_MemberOfCollection"
QUERY, LANGUAGE = "SELECT * FROM CIM_InstModification", "DMTF:CQL"
NOWHERE = "http://127.0.0.1:9/"  # the discard port: nobody is to hear anything
NOT_SUPPORTED, EXISTS, BAD_LANGUAGE, BAD_QUERY = 7, 11, 14, 15
ENABLED, DISABLED = 2, 4
LASTS = 2  # seconds


def service(site: Site) -> CIMInstance:
    """The only indication service."""
    found = site.instances(SERVICE, site.interop)
    skip_unless(found, f"the server has no {SERVICE}")
    return found[0]


class Made:
    """What a check creates; all of it is removed in the end, the newest first."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.paths: list[CIMInstanceName] = []

    def create(self, classname: str, **properties: Any) -> CIMInstanceName:
        given = {name: value for name, value in properties.items() if value is not None}
        path = self.site.cim.CreateInstance(CIMInstance(classname, given), namespace=self.site.interop)
        self.paths.append(path)
        return path

    def filter(self, **properties: Any) -> CIMInstanceName:
        return self.create(FILTER, **{"Query": QUERY, "QueryLanguage": LANGUAGE, "Name": new_name(), **properties})

    def destination(self, **properties: Any) -> CIMInstanceName:
        return self.create(DESTINATION, **{"Destination": NOWHERE, "Name": new_name(), **properties})

    def subscription(self, **properties: Any) -> CIMInstanceName:
        return self.create(SUBSCRIPTION, Filter=self.filter(), Handler=self.destination(), **properties)

    def delete(self, path: CIMInstanceName) -> None:
        self.site.cim.DeleteInstance(path)
        self.paths.remove(path)

    def get(self, path: CIMInstanceName) -> CIMInstance:
        return self.site.cim.GetInstance(path)


def new_name() -> str:
    return f"virtcim-conformance:{uuid.uuid4()}"


@contextmanager
def making(site: Site) -> Iterator[Made]:
    """Create filters and the like, where the server lets clients."""
    skip_unless(site.write, "creates filters of its own; not allowed without --write")
    skip_unless(service(site).get("FilterCreationEnabled"), "clients may not create filters")
    made = Made(site)
    try:
        yield made
    finally:
        for path in reversed(made.paths):
            try:
                site.cim.DeleteInstance(path)
            except Error as error:
                site.leftovers.append(f"{show(path)}: {error}")
        site.forget()


def refused(site: Site, classname: str, **properties: Any) -> int:
    """The CIM status that a creation ends with; what is created against expectation is removed."""
    made = Made(site)
    status = cim_status(lambda: made.create(classname, **properties))
    for path in made.paths:
        site.cim.DeleteInstance(path)
    return status


@check("DSP1054-R01")
def one_service(site: Site) -> None:
    """There is exactly one indication service, hosted by a system and with capabilities."""
    service(site)
    found = site.names(SERVICE, site.interop)
    expect(len(found) == 1, f"there are {len(found)} instances of {SERVICE}")
    hosts = site.across_names(found[0], "CIM_HostedService", "CIM_System", "Dependent")
    expect(len(hosts) == 1, f"{show(found[0])} is hosted by {len(hosts)} systems")
    able = site.across_names(found[0], "CIM_ElementCapabilities", "CIM_IndicationServiceCapabilities", "ManagedElement")
    expect(len(able) == 1, f"{show(found[0])} has {len(able)} sets of capabilities")


@check("DSP1054-R02", write=True)
def creation_as_told(site: Site) -> None:
    """A filter can be created exactly if FilterCreationEnabled is TRUE; otherwise the answer is 7."""
    enabled = service(site).get("FilterCreationEnabled")
    status = refused(site, FILTER, Name=new_name(), Query=QUERY, QueryLanguage=LANGUAGE)
    expected = 0 if enabled else NOT_SUPPORTED
    expect(status == expected, f"FilterCreationEnabled is {enabled}, CreateInstance ends with status {status}")


@check("DSP1054-R03", write=True)
def own_system(site: Site) -> None:
    """Wrong values of SystemName and SystemCreationClassName do not fail a creation; the server puts its own."""
    with making(site) as made:
        wrong = {"SystemName": "wrong.example", "SystemCreationClassName": "CIM_Nothing"}
        for path in (made.filter(**wrong), made.destination(**wrong)):
            kept = [name for name, value in wrong.items() if path.keybindings[name] == value]
            expect(not kept, f"{show(path)} kept {kept}")
            made.get(path)


@check("DSP1054-R04", write=True)
def names_of_their_own(site: Site) -> None:
    """Filters created without a name get one each; a name that is taken is refused with 11."""
    with making(site) as made:
        first, second = made.filter(Name=None), made.filter(Name=None)
        expect(first.keybindings["Name"] != second.keybindings["Name"], f"two filters are called {show(first)}")
        named = made.filter()
        given = {"Name": named.keybindings["Name"], "Query": QUERY, "QueryLanguage": LANGUAGE}
        status = refused(site, FILTER, **given)
        expect(status == EXISTS, f"a second filter of the name {given['Name']} ends with status {status}")


@check("DSP1054-R05", write=True)
def bad_queries(site: Site) -> None:
    """A query that is not understood is refused with 15, an unknown language with 14; nothing is stored."""
    with making(site):
        before = keys(site.names(FILTER, site.interop))
        for query, language, expected in (("SELECT FROM", LANGUAGE, BAD_QUERY), (QUERY, "No:Such", BAD_LANGUAGE)):
            status = refused(site, FILTER, Name=new_name(), Query=query, QueryLanguage=language)
            expect(status == expected, f"query {query!r} in {language} ends with status {status}")
        site.forget()
        expect(keys(site.names(FILTER, site.interop)) == before, "a refused filter was stored")


@check("DSP1054-R06", write=True)
def affected_elements(site: Site) -> None:
    """CIM_ServiceAffectsElement leads to each filter, destination and collection as long as it is there."""
    path = service(site).path

    def affected() -> set[Any]:
        return keys(local(one, site.interop) for one in site.across_names(path, AFFECTS, "CIM_ManagedElement"))

    with making(site) as made:
        before = affected()
        new = [made.filter(), made.destination()]
        missing = [show(one) for one in new if not keys([local(one, site.interop)]) <= affected()]
        expect_none([f"{one} is not among the elements of the service" for one in missing])
        for one in new:
            made.delete(one)
        expect(affected() == before, "elements that are gone are still affected")
    listed = [*site.names(FILTER, site.interop), *site.names(COLLECTION, site.interop)]
    missing = [show(one) for one in listed if not keys([local(one, site.interop)]) <= affected()]
    expect_none([f"{one} is not among the elements of the service" for one in missing])


@check("DSP1054-R07", write=True)
def in_use(site: Site) -> None:
    """A filter or destination that a subscription refers to is not deleted."""
    with making(site) as made:
        path = made.subscription()
        for name in ("Filter", "Handler"):
            used = local(path.keybindings[name], site.interop)
            status = cim_status(lambda used=used: site.cim.DeleteInstance(used))  # type: ignore[misc]
            expect(status != 0, f"{show(used)} was deleted in spite of {show(path)}")
            made.get(used)


@check("DSP1054-R08", write=True)
def static_filters(site: Site) -> None:
    """Filters that belong to a collection of the server are neither deleted nor modified."""
    skip_unless(site.write, "tries to delete; not allowed without --write")
    static = collected(site)
    skip_unless(static, "there are no filters in collections")
    for path in static[:3]:
        status = cim_status(lambda path=path: site.cim.DeleteInstance(path))  # type: ignore[misc]
        expect(status != 0, f"{show(path)} was deleted")
        changed = CIMInstance(path.classname, {"Query": QUERY + " WHERE IndicationTime IS NULL"}, path=path)
        status = cim_status(lambda changed=changed: site.cim.ModifyInstance(changed))  # type: ignore[misc]
        expect(status != 0, f"{show(path)} was modified")


def collected(site: Site) -> list[CIMInstanceName]:
    """The filters in the server's collections."""
    found: dict[Any, CIMInstanceName] = {}
    for collection in site.names(COLLECTION, site.interop):
        for path in site.across_names(collection, MEMBERS, FILTER, "Collection"):
            found[next(iter(keys([path])))] = local(path, site.interop)
    return list(found.values())


@check("DSP1054-R09", write=True)
def collections_only(site: Site) -> None:
    """A filter whose IndividualSubscriptionSupported is FALSE takes no subscription of its own."""
    with making(site) as made:
        path = made.filter(IndividualSubscriptionSupported=False)
        status = refused(site, SUBSCRIPTION, Filter=path, Handler=made.destination())
        expect(status != 0, f"{show(path)} was subscribed to")


@check("DSP1054-R10", write=True)
def expiry(site: Site) -> None:
    """SubscriptionTimeRemaining decreases, and an expired subscription cannot be modified."""
    with making(site) as made:
        path = made.subscription(SubscriptionDuration=Uint64(LASTS))
        left = [made.get(path).get("SubscriptionTimeRemaining")]
        expect(left[0] is not None and left[0] <= LASTS, f"SubscriptionTimeRemaining is {left[0]} of {LASTS}")
        time.sleep(LASTS + 0.5)
        status = modified(made, path, SubscriptionInfo="late")
        expect(status != 0, "a subscription was modified after its end")


@check("DSP1054-R11", write=True)
def states(site: Site) -> None:
    """SubscriptionState can be set to 4 (Disabled) and back to 2 (Enabled)."""
    with making(site) as made:
        path = made.subscription()
        seen = [made.get(path).get("SubscriptionState")]
        for state in (DISABLED, ENABLED):
            status = modified(made, path, SubscriptionState=state)
            expect(status == 0, f"setting SubscriptionState to {state} ends with status {status}")
            seen.append(made.get(path).get("SubscriptionState"))
        expect(seen == [ENABLED, DISABLED, ENABLED], f"SubscriptionState was {seen}")


def modified(made: Made, path: CIMInstanceName, **properties: Any) -> int:
    """The CIM status of a ModifyInstance that names just these properties."""
    whole = made.get(path)
    whole.path = path
    for name, value in properties.items():
        whole[name] = value if not isinstance(value, int) else type(whole[name])(value)
    return cim_status(lambda: made.site.cim.ModifyInstance(whole, PropertyList=list(properties)))


@check("DSP1054-R16", write=True)
def kept_as_given(site: Site) -> None:
    """If SubscriptionsPersisted is TRUE, what was created is read back as it was given."""
    (able,) = site.instances("CIM_IndicationServiceCapabilities", site.interop)[:1] or [None]
    skip_unless(able is not None and able.get("SubscriptionsPersisted"), "SubscriptionsPersisted is not TRUE")
    with making(site) as made:
        path = made.filter(QueryLanguage="CIM:CQL", ElementName="a filter")
        got = made.get(path)
        shown = (got.get("Query"), got.get("QueryLanguage"), got.get("ElementName"))
        expect(shown == (QUERY, "CIM:CQL", "a filter"), f"{show(path)} reads {shown}")
        destination = made.get(made.destination(PersistenceType=Uint16(3)))
        expect(destination.get("PersistenceType") == 3, f"PersistenceType reads {destination.get('PersistenceType')}")


@check("DSP1054-R18", write=True)
def collections(site: Site) -> None:
    """A collection can be subscribed to, and all its members are filters."""
    found = site.names(COLLECTION, site.interop)
    skip_unless(found, "there are no filter collections")
    for collection in found:
        members = site.across_names(collection, MEMBERS, "CIM_ManagedElement", "Collection")
        others = [show(one) for one in members if not site.is_a(one.classname, FILTER, site.interop)]
        others = [one for one in others if COLLECTION not in one]
        expect(not others, f"{show(collection)} holds {others}")
    with making(site) as made:
        path = made.create(COLLECTION_SUBSCRIPTION, Filter=found[0], Handler=made.destination())
        made.get(path)


@check("DSP1054-R20", write=True)
def nothing_stays(site: Site) -> None:
    """Adding and removing a filter, a destination and a subscription leaves nothing behind."""
    classes = (FILTER, DESTINATION, SUBSCRIPTION)
    before = {name: keys(site.names(name, site.interop)) for name in classes}
    with making(site) as made:
        made.subscription()
    after = {name: keys(site.names(name, site.interop)) for name in classes}
    differing = [name for name in classes if after[name] != before[name]]
    expect_none([f"{name} has {len(after[name])} instances after {len(before[name])}" for name in differing])
