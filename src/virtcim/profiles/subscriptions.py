"""The filters, destinations and subscriptions of a server: created, changed, deleted, and put to work."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Sequence
from typing import Any

from virtcim.broker.call import CIMError, Path, Properties, Status
from virtcim.broker.provider import INTEROP, Stored
from virtcim.profiles import indication_settings as settings
from virtcim.profiles import subscription_rules as rules
from virtcim.profiles.indication_facts import (
    DynamicFilter,
    Engine,
    ServiceFacts,
    Shelf,
    cim_now,
    reference,
    seconds,
)
from virtcim.profiles.static_filters import Collection, StaticFilter
from virtcim.profiles.subscription_failures import Failures

log = logging.getLogger(__name__)


class Subscriptions:
    """All of them, over the shelf that keeps them. Errors of all that changes something: CIMError."""

    def __init__(
        self,
        facts: ServiceFacts,
        shelf: Shelf,
        engine: Engine,
        check: Callable[[str, str], object],
        collections: Sequence[Collection],
    ) -> None:
        self.facts = facts
        self.shelf = shelf
        self._engine = engine
        self._check = check
        self.collections = {self.collection_path(one): one for one in collections}
        self.filters = {self.path(rules.FILTER, one.name): one for one in collections[0].filters}
        self.delivery = settings.DeliverySettings(facts, shelf)
        self.begun: Callable[[], None] = lambda: None  # called when a client is the first that is to be told
        self.failures = Failures(self, shelf.lock, self.delivery.number)
        for classname in rules.SUBSCRIPTIONS:
            for one in shelf.of_class(classname):
                self._put_to_work(one)
        shelf.on_foreign(self._changed_elsewhere)

    def _changed_elsewhere(self, removed: Sequence[Stored], added: Sequence[Stored]) -> None:
        """Another server has changed what is stored; what refers to it works with the new one."""
        for one in removed:
            if one.classname in rules.SUBSCRIPTIONS:
                self._engine.unsubscribe(one.path)
            elif one.classname == rules.MEMBERSHIP:
                self.put_to_work_again(reference(one, "Collection"))
        for one in added:
            if one.classname in rules.SUBSCRIPTIONS:
                self._put_to_work(one)
            elif one.classname == rules.MEMBERSHIP:
                self.put_to_work_again(reference(one, "Collection"))
            else:
                self.put_to_work_again(one.path)

    def path(self, classname: str, name: str) -> Path:
        return rules.named_path(self.facts.system_name, classname, name)

    def collection_path(self, one: Collection) -> Path:
        return Path(rules.COLLECTION, (("InstanceID", one.instance_id),), INTEROP)

    # Filters and destinations

    def create_filter(self, given: Properties) -> Path:
        checked = rules.filter_properties(given, self._check, self.facts.namespaces)
        path = self.path(rules.FILTER, rules.name_of(given, "filter"))
        if path in self.filters:
            raise CIMError(Status.ALREADY_EXISTS, f"{path} exists")
        return self._add(path, checked)

    def create_destination(self, classname: str, given: Properties) -> Path:
        checked = rules.destination_properties(given)
        if sum(self.shelf.count(one) for one in rules.DESTINATIONS) >= self.facts.max_destinations:
            raise CIMError(
                Status.FAILED, f"there are {self.facts.max_destinations} destinations, the most there may be"
            )
        return self._add(self.path(classname, rules.name_of(given, "destination")), checked)

    def _add(self, path: Path, properties: Properties) -> Path:
        keys = dict(path.keys)
        self.shelf.add(Stored(path, {**{n: v for n, v in properties.items() if n not in keys}, **keys}))
        return path

    def modify_filter(self, one: Stored | StaticFilter, changes: Properties) -> None:
        with self.shelf.lock:
            old = self._own(one)
            checked = rules.filter_properties({**old.properties, **changes}, self._check, self.facts.namespaces)
            self._replace(old, checked)

    def modify_destination(self, one: Stored, changes: Properties) -> None:
        with self.shelf.lock:
            self._replace(one, rules.destination_properties({**one.properties, **changes}))

    def _replace(self, old: Stored, properties: Properties) -> None:
        """What refers to it works with the new one from now on."""
        self.shelf.replace(old, Stored(old.path, properties))
        self.put_to_work_again(old.path)

    def delete(self, one: Stored | StaticFilter) -> None:
        """A filter or destination that no subscription refers to."""
        with self.shelf.lock:
            old = self._own(one)
            users = self.shelf.referring(old.path)
            if users:
                text = f"{old.path} is in use by {len(users)} subscriptions or collections: {users[0].path}"
                raise CIMError(Status.FAILED, text)
            self.shelf.remove(old)

    def _own(self, one: Stored | StaticFilter) -> Stored:
        if isinstance(one, StaticFilter):
            raise CIMError(Status.NOT_SUPPORTED, f"filter {one.name} belongs to its profile: it stays as it is")
        return one

    # Subscriptions

    def create_subscription(self, classname: str, given: Properties) -> Path:
        path = self.resolve_subscription(
            Path(classname, tuple((k, given.get(k)) for k in ("Filter", "Handler")), INTEROP)
        )
        source, handler = path.key("Filter"), path.key("Handler")
        with self.shelf.lock:
            if not isinstance(source, Path) or not self._exists(source, classname):
                raise CIMError(Status.INVALID_PARAMETER, f"Filter names nothing to subscribe to: {given.get('Filter')}")
            if not isinstance(handler, Path) or self.shelf.find(handler) is None:
                raise CIMError(Status.INVALID_PARAMETER, f"Handler names no destination: {given.get('Handler')}")
            if sum(self.shelf.count(one) for one in rules.SUBSCRIPTIONS) >= self.facts.max_subscriptions:
                most = self.facts.max_subscriptions
                raise CIMError(Status.FAILED, f"there are {most} subscriptions, the most there may be")
            one = Stored(path, {**rules.subscription_properties(given, cim_now()), **dict(path.keys)})
            self.shelf.add(one)
            first = self._put_to_work(one)
        if first:
            self.begun()
        return path

    def _exists(self, source: Path, classname: str) -> bool:
        if classname == rules.COLLECTION_SUBSCRIPTION:
            return source in self.collections or self.shelf.find(source) is not None
        stored = self.shelf.find(source)
        if stored is not None and stored.properties.get("IndividualSubscriptionSupported") is False:
            text = f"{source} is not for subscriptions of its own: IndividualSubscriptionSupported is FALSE"
            raise CIMError(Status.NOT_SUPPORTED, text)
        return source in self.filters or stored is not None

    def modify_subscription(self, path: Path, changes: Properties) -> None:
        with self.shelf.lock:
            old = self.stored(path)
            if self.remaining(old) == 0:
                raise CIMError(Status.FAILED, f"{path} has expired: it can only be deleted")
            new = {**old.properties, **changes}
            rules.check_subscription(new)
            if new["SubscriptionState"] != old.properties["SubscriptionState"]:
                new["TimeOfLastStateChange"] = cim_now()
            one = Stored(path, new)
            self.shelf.replace(old, one)
            first = self._put_to_work(one)
        if first:
            self.begun()

    def delete_subscription(self, path: Path) -> None:
        """Nothing of what is queued for it is sent any more."""
        with self.shelf.lock:
            self.shelf.remove(self.stored(path))
            self._engine.unsubscribe(path)
            self.failures.forget(path)

    def stored(self, path: Path) -> Stored:
        """Errors: CIMError NOT_FOUND."""
        found = self.shelf.find(path)
        if found is None:
            raise CIMError(Status.NOT_FOUND, f"no such instance: {path}")
        return found

    def put_to_work_again(self, path: Path) -> None:
        """What refers to a filter, collection or destination, which is not what it was."""
        for one in self.shelf.referring(path):
            if one.classname in rules.SUBSCRIPTIONS:
                self._put_to_work(one)
            elif one.classname == rules.MEMBERSHIP and reference(one, "Member") == path:
                self.put_to_work_again(reference(one, "Collection"))

    def _put_to_work(self, one: Stored) -> bool:
        """Answers whether nobody was to be told before."""
        destination = self.shelf.find(reference(one, "Handler"))
        if one.properties.get("SubscriptionState") != rules.ENABLED or destination is None or self.remaining(one) == 0:
            self._engine.unsubscribe(one.path)
            return False
        url = str(destination.properties["Destination"])
        try:
            return self._engine.subscribe(one.path, self._filters(one), destination.path, url, self.end(one))
        except CIMError as error:  # of an older version: what it took this one may not
            log.error("subscription %s selects nothing: %s", one.path, error.message)
            return False

    def _filters(self, one: Stored) -> list[Any]:
        found = self._within(reference(one, "Filter")).values()
        return [self._dynamic(each) if isinstance(each, Stored) else each for each in found]

    def _within(self, path: Path) -> dict[Path, Stored | StaticFilter]:
        """The filter that a path names, or those in the collection, and in the collections in that, each once."""
        if path in self.collections:
            return {self.filter_path(one): one for one in self.collections[path].filters}
        if path.classname == rules.COLLECTION:
            return {at: one for member in self.members(path) for at, one in self._within(member).items()}
        found = self.source(path)
        return {} if found is None else {path: found}

    def _dynamic(self, one: Stored) -> DynamicFilter:
        told = one.properties
        spaces = rules.watched(told, self.facts.namespaces)
        return DynamicFilter(str(told["Name"]), str(told["Query"]), str(told["QueryLanguage"]), spaces)

    def source(self, path: Path) -> Stored | StaticFilter | None:
        """The filter, or the collection of a client, that a path names."""
        return self.filters.get(path) or self.shelf.find(path)

    def members(self, path: Path) -> list[Path]:
        """The filters and collections that a client has put into a collection."""
        links = (one for one in self.shelf.referring(path) if one.classname == rules.MEMBERSHIP)
        return [reference(one, "Member") for one in links if reference(one, "Collection") == path]

    def filter_path(self, one: Stored | StaticFilter) -> Path:
        return one.path if isinstance(one, Stored) else self.path(rules.FILTER, one.name)

    # What a path is meant for: the server's system is the only one, whatever a client calls it

    def resolve(self, path: Path) -> Path:
        """The path of the filter or destination of that name, which is about to be changed."""
        self.shelf.catch_up()
        return self.path(path.classname, str(path.key("Name") or ""))

    def resolve_subscription(self, path: Path) -> Path:
        """The subscription that a path is meant for."""
        return self.resolve_link(path, ("Filter", "Handler"))

    def resolve_link(self, path: Path, names: tuple[str, str]) -> Path:
        self.shelf.catch_up()
        return Path(path.classname, tuple((name, self._resolve_key(path.key(name))) for name in names), INTEROP)

    def _resolve_key(self, value: object) -> Path | None:
        if not isinstance(value, Path):
            return None
        known = {one.lower(): one for one in (rules.FILTER, rules.COLLECTION, *rules.DESTINATIONS)}
        classname = known.get(value.classname.lower())
        keys = {name.lower(): key for name, key in value.keys}
        elsewhere = value.namespace and self.facts.namespaces.get(value.namespace.lower()) != INTEROP
        if classname is None or elsewhere:
            return None
        if classname == rules.COLLECTION:
            return Path(classname, (("InstanceID", str(keys.get("instanceid", keys.get("")))),), INTEROP)
        return self.path(classname, str(keys.get("name")))

    # Time, and what delivery tells

    def end(self, one: Stored) -> float | None:
        """When a subscription expires, in seconds since 1970; None for never."""
        duration = one.properties.get("SubscriptionDuration")
        return None if duration is None else seconds(str(one.properties["SubscriptionStartTime"])) + int(str(duration))

    def remaining(self, one: Stored) -> int | None:
        """Seconds a subscription has left; None for no end."""
        end = self.end(one)
        return None if end is None else max(0, math.ceil(end - time.time()))

    def last(self, one: Stored) -> tuple[Any, Any]:
        """Identifier and time of the indication that was made last since the server started."""
        running = self._engine.subscription(one.path)
        return running.last if running else (None, None)
