"""The assembly of indications: store, engine, delivery and profile, tied to the world that causes them."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from virtcim.broker.broker import Broker
from virtcim.broker.call import CIMError, Instance, Item
from virtcim.broker.delivery import Deliverer, Policy, Retry
from virtcim.broker.delivery_http import Link, Listeners
from virtcim.broker.indications import Cause, Indications
from virtcim.broker.indications_lifecycle import Lifecycle, Notice, stamp
from virtcim.broker.indications_told import LEASE, Ledger, Place
from virtcim.broker.jobs import Jobs
from virtcim.broker.jobs_kept import KeptJobs, Whereabouts
from virtcim.broker.jobs_told import ToldJobs
from virtcim.broker.provider import VIRT, Profile
from virtcim.broker.schema import Schema
from virtcim.broker.store import Store
from virtcim.broker.store_leases import Leases
from virtcim.broker.store_queue import DELIVERY, Delivery
from virtcim.broker.store_shelf import Shelf
from virtcim.host.events import Event, Topic
from virtcim.host.inventory import Host, Hosts
from virtcim.host.remembered import document, key_of, objects, restored
from virtcim.profiles import dsp1054, job_elements
from virtcim.profiles.alerts import alert_of
from virtcim.profiles.alerts_pools import alerts_of
from virtcim.profiles.indication_facts import ServiceFacts, cim_now
from virtcim.profiles.indication_settings import ATTEMPTS, INTERVAL
from virtcim.profiles.registration import Facts
from virtcim.profiles.static_filters import collections, static_filters
from virtcim.profiles.subscriptions import Subscriptions
from virtcim.wire.export import ExportEncoder

log = logging.getLogger(__name__)

HEARSAY = 3.0  # seconds that a client waits for other servers to hear of the first subscription
PARTS_OF_HOST = frozenset({Topic.FILTER, Topic.INTERFACE})  # looked at with the host as a whole


@dataclass(frozen=True)
class EventSettings:
    """What the settings say of delivery; `ca` is a file of certificates, "" for the system's. Times in seconds."""

    retry: Retry = Retry()
    timeout: float = 10.0
    ca: str = ""


class Events:
    """Everything between a change in the world and the listeners that hear of it."""

    def __init__(
        self, schema: Schema, store: Store, settings: EventSettings, system_name: str, namespaces: Mapping[str, str]
    ) -> None:
        self.schema = schema
        self._store = store
        self._shelf = Shelf(store)
        self.engine = Indications(schema, store, ExportEncoder(schema.get), dsp1054.service_name(system_name))
        self._listeners = Listeners(settings.timeout, settings.ca)
        self._facts = ServiceFacts(
            system_name=system_name,
            namespaces=namespaces,
            retry_attempts=settings.retry.attempts,
            retry_interval=round(settings.retry.interval),
        )
        self._started_with = settings.retry
        self._subscriptions: Subscriptions | None = None
        self._jobs: ToldJobs | None = None
        self._places: dict[str, Place] = {}
        self._hosts: tuple[Host, ...] = ()
        self._looking: set[str] = set()
        policy = Policy(self._wanted, self._link, self._arrived, self._given_up)
        self._deliverer = Deliverer(store.queue, self._retry, policy)
        self._leases = Leases(store, self._leases_wanted, self._gained, self._lost, self._learn)

    @property
    def shelf(self) -> Shelf:
        """Everything that is stored."""
        return self._shelf

    def profile(self, served: Sequence[Profile], facts: Mapping[str, Facts], world: Hosts) -> Profile:
        """DSP1054 beside the profiles that are served; what was subscribed to before is at work from here on."""
        names = [one.facts for one in served]
        self._subscriptions = Subscriptions(
            self._facts, self._shelf, self.engine, self.engine.compile, collections(static_filters(names))
        )
        registrations = [one for name in names if name in facts for one in facts[name].registrations]
        return dsp1054.make(self._subscriptions, registrations, world)

    def watch(self, broker: Broker, hosts: Hosts, jobs: Jobs) -> None:
        """Make indications of what happens to the hosts, once they have been read in, and to jobs."""
        lifecycle = Lifecycle(broker.instances, self._facts.system_name)
        self._hosts = hosts.hosts
        self._ledger = ledger = Ledger(self._store, lifecycle, self._leases.held)
        where = Whereabouts(self._place_of, lambda: {self._place(host).lease for host in self._at_hand()})
        kept = KeptJobs(self._store, broker.instances, broker.methods, job_elements.classname_of, where)

        def tell(before: Item | None, after: Item | None) -> None:
            self.engine.note(partial(lifecycle.between, before, after))

        self._jobs = ToldJobs(jobs, kept, broker.instances, tell)
        broker.methods.settle = self._settle
        self.engine.on_first = self._first
        self.engine.on_last = partial(_silently, ledger.forget)
        self.engine.beside = ledger.beside
        self.engine.lost = ledger.close
        if self._store.shared:
            self.engine.sync = self._shelf.catch_up
            self.engine.alone = False
            if self._subscriptions is not None:
                self._subscriptions.begun = self._known_elsewhere
        for host in hosts.hosts:
            host.on_change(partial(self._changed, host))
        hosts.on_event(self._happened)

    def _changed(self, host: Host, topic: Topic, old: Any, new: Any) -> None:
        """Something of a host has been replaced; its alerts are made as of this moment."""
        if not host.known or not self.engine.listening:
            return
        place = self._place(host)
        if topic not in PARTS_OF_HOST:
            key = topic.value, key_of(topic, new or old)
            self.engine.note(partial(self._ledger.changed, place, key, old, new), place.lease)
        if topic is Topic.POOL:
            made = partial(alerts_of, old, new, cim_now())
            self.engine.note(partial(self._alerts, place.lease, made), place.lease)
        self._look(place)

    def _happened(self, host: Host, event: Event) -> None:
        if host.known and self.engine.listening:
            lease = self._place(host).lease
            made = partial(_alert_of, host, event, cim_now())
            self.engine.note(partial(self._alerts, lease, made), lease)

    def _settle(self) -> None:
        """Until what a method did is safe."""
        if self._jobs is not None:
            self._jobs.settle()
        self.engine.settle()

    def _place(self, host: Host) -> Place:
        """A host by what every server calls it that reaches it."""
        name = f"{host.platform} {host.uuid or host.link.shown_uri}"
        lease = f"{LEASE}{hashlib.sha256(name.encode()).hexdigest()[:32]}"
        if lease not in self._places:
            self._places[lease] = Place(lease, host, partial(objects, host), document, partial(restored, host))
        return self._places[lease]

    def _first(self) -> Cause:
        """As things are before anybody is told of changes."""
        self._looking.clear()
        causes = [self._ledger.snapshot(self._place(host)) for host in self._hosts if host.known]
        return lambda: [notice for cause in causes for notice in cause()]

    def _known_elsewhere(self) -> None:
        """Until the other servers know that somebody listens: what happens to their hosts from now on is told."""
        deadline = time.monotonic() + HEARSAY
        try:
            while (waiting := self._ledger.unopened()) and time.monotonic() < deadline:
                time.sleep(0.05)
        except CIMError as error:
            log.warning("whether other servers know of the subscription is not known: %s", error.message)
        else:
            if waiting:
                log.warning("%d hosts of other servers are not watched yet", len(waiting))

    def _look(self, place: Place) -> None:
        """At what a host has beside its systems, once for all changes that have been noted by then."""

        def look() -> Iterable[Notice]:
            self._looking.discard(place.lease)
            return self._ledger.look(place)

        if place.lease not in self._looking:
            self._looking.add(place.lease)
            self.engine.note(look, place.lease)

    def _alerts(self, lease: str, made: Callable[[], Iterable[Instance]]) -> list[Notice]:
        """What is told by the server alone that has the lease."""
        if not self._ledger.tells(lease):
            return []
        return [Notice(VIRT, Instance(one.classname, {**one.properties, **stamp()})) for one in made()]

    def start(self) -> None:
        self._store.queue.tidy(self._store.database.servers())
        self._deliverer.start()
        self.engine.start(self._deliverer.wake)
        self._leases.start()

    def look_around(self) -> None:
        """The hosts have been read: what has changed of them since it was told is told."""
        self._leases.look()

    def stop(self) -> None:
        """What is queued stays queued, and goes out after the next start."""
        self.engine.stop()
        self._deliverer.stop()
        self._leases.stop()
        self._store.close()

    # What only one of several servers does

    def _leases_wanted(self) -> Iterator[str]:
        yield DELIVERY
        for host in self._at_hand():
            yield self._place(host).lease

    def _at_hand(self) -> Iterator[Host]:
        """The hosts that this server answers for; where there are others, what it cannot reach is theirs."""
        return (host for host in self._hosts if host.known and (host.reachable or not self._store.shared))

    def _place_of(self, element: object) -> str:
        host = job_elements.host_with(element)
        return self._place(host).lease if host is not None and host.known else ""

    def _gained(self, name: str) -> None:
        if name == DELIVERY:
            self._deliverer.resume()
        else:
            self.engine.note(partial(self._ledger.open, self._places[name]), name)

    def _lost(self, name: str) -> None:
        if name == DELIVERY:
            self._deliverer.pause()
        else:
            self.engine.drop(name, partial(self._ledger.close, name))

    def _learn(self) -> None:
        """What other servers have done, now and then, or left; and what the store did not take is written."""
        if self._jobs is not None:
            self._jobs.catch_up()
        if self._store.shared:
            self._shelf.catch_up()
            self._deliverer.look()

    # What delivery asks and tells

    def _wanted(self, key: str) -> bool:
        found = self.engine.by_key(key)
        return found is not None and not found.expired

    def _retry(self) -> Retry:
        """As the server was started, which may be in fractions of a second, unless a client has set something else."""
        if self._subscriptions is None or not self._subscriptions.delivery.changed:
            return self._started_with
        delivery = self._subscriptions.delivery
        return Retry(delivery.number(ATTEMPTS), float(delivery.number(INTERVAL)))

    def _link(self, delivery: Delivery) -> Link:
        found = self.engine.by_key(delivery.subscription)
        stored = self._shelf.find(found.destination) if found else None
        properties = stored.properties if stored else {}
        user, password = (str(properties.get(name) or "") for name in ("username", "password"))
        return self._listeners.link(delivery.url, user, password)

    def _arrived(self, key: str) -> None:
        found = self.engine.by_key(key)
        if found is not None and self._subscriptions is not None:
            self._subscriptions.failures.forget(found.path)

    def _given_up(self, key: str, made: float) -> None:
        found = self.engine.by_key(key)
        if found is not None and self._subscriptions is not None:
            self._subscriptions.failures.given_up(found.path, made)


def _silently(work: Callable[[], None]) -> tuple[Notice, ...]:
    """Do it in the engine's thread; nothing is told."""
    work()
    return ()


def _alert_of(host: Host, event: Event, time: str) -> list[Instance]:
    alert = alert_of(host, event, time)
    return [] if alert is None else [alert]
