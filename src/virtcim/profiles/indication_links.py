"""What leads from the indication service, its filters, collections and destinations to each other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from virtcim.broker.call import Path, Properties
from virtcim.broker.provider import INTEROP, Stored
from virtcim.host.inventory import Host, Hosts
from virtcim.profiles import subscription_rules as rules
from virtcim.profiles.indication_facts import reference
from virtcim.profiles.registration import Registration
from virtcim.profiles.static_filters import Collection
from virtcim.profiles.subscription_collections import Collections
from virtcim.profiles.subscriptions import Subscriptions


@dataclass(frozen=True, eq=False)
class Service:
    """The indication service of the server."""

    subscriptions: Subscriptions


class Served:
    """The ways from one to the other."""

    def __init__(self, service: Service, registrations: tuple[Registration, ...], world: Hosts) -> None:
        self.service = service
        self.all = service.subscriptions
        self.groups = Collections(self.all)
        self._registrations = registrations
        self._world = world

    def stored(self) -> Iterator[Stored]:
        for classname in (rules.FILTER, rules.COLLECTION, *rules.DESTINATIONS):
            yield from self.all.shelf.of_class(classname)

    def to_service(self, _: object) -> list[Service]:
        return [self.service]

    def affected(self, _: object) -> Iterator[object]:
        yield from self.all.filters.values()
        yield from self.all.collections.values()
        yield from self.stored()

    def path(self, one: object) -> Path:
        if isinstance(one, Stored):
            return one.path
        if isinstance(one, Collection):
            return self.all.collection_path(one)
        return self.all.path(rules.FILTER, getattr(one, "name", ""))

    def links(self, one: object) -> Iterator[Stored]:
        """The subscriptions that have to do with a filter, a collection or a destination."""
        return (each for each in self.all.shelf.referring(self.path(one)) if each.classname in rules.SUBSCRIPTIONS)

    def handlers(self, one: object) -> Iterator[Stored]:
        for link in self.links(one):
            found = self.all.shelf.find(reference(link, "Handler"))
            if found is not None:
                yield found

    def sources(self, one: object, classname: str) -> Iterator[object]:
        for link in self.links(one):
            path = reference(link, "Filter")
            found = self.all.filters.get(path) or self.all.collections.get(path) or self.all.shelf.find(path)
            if link.classname == classname and found is not None:
                yield found

    def subscription(self, classname: str, source: object, handler: object) -> Properties:
        path = Path(classname, (("Filter", self.path(source)), ("Handler", self.path(handler))), INTEROP)
        one = self.all.shelf.find(path)
        return {} if one is None else subscription_properties(self.all, one)

    def hosting(self, _: object) -> list[Host]:
        """The host that is named as the server's machine, or else the first."""
        named = [host for host in self._world.hosts if host.name == self.all.facts.system_name]
        return list(named or self._world.hosts)[:1]

    def hosted(self, host: Host) -> list[Service]:
        return [self.service] if host in self.hosting(self.service) else []

    def set_delivery(self, _: Service, changes: Properties) -> None:
        self.all.delivery.modify(changes)

    def collections_of(self, registration: Registration) -> list[Collection]:
        return [one for one in self.all.collections.values() if one.profile == registration.dsp]

    def registrations_of(self, one: Stored | Collection) -> list[Registration]:
        return [each for each in self._registrations if isinstance(one, Collection) and each.dsp == one.profile]


def subscription_properties(subscriptions: Subscriptions, one: Stored) -> Properties:
    """What a subscription has beyond its references; time goes on meanwhile."""
    references = ("Filter", "Handler")
    properties = {name: value for name, value in one.properties.items() if name not in references}
    remaining = subscriptions.remaining(one)
    if remaining is not None:
        properties["SubscriptionTimeRemaining"] = remaining
    identifier, time = subscriptions.last(one)
    if identifier is not None:
        properties |= {"LastIndicationIdentifier": identifier, "LastIndicationProductionDateTime": time}
    return properties
