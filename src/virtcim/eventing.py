"""The assembly of indications: store, engine, delivery and profile, tied to the world that causes them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from virtcim.broker.broker import Broker
from virtcim.broker.call import Item
from virtcim.broker.delivery import Deliverer, Policy, Retry
from virtcim.broker.delivery_http import Link, Listeners
from virtcim.broker.indications import Indications
from virtcim.broker.indications_lifecycle import Lifecycle, Notice, stamp
from virtcim.broker.jobs import Jobs
from virtcim.broker.jobs_kept import INTERRUPTED, KeptJobs
from virtcim.broker.provider import VIRT, Job, Profile
from virtcim.broker.schema import Schema
from virtcim.broker.store import Delivery, Store
from virtcim.broker.store_shelf import Shelf
from virtcim.host.events import Event
from virtcim.host.inventory import Host, Hosts
from virtcim.profiles import dsp1054, dsp1103
from virtcim.profiles.alerts import alert_of
from virtcim.profiles.indication_facts import ServiceFacts, cim_now
from virtcim.profiles.registration import Facts
from virtcim.profiles.static_filters import collections, static_filters
from virtcim.profiles.subscriptions import Subscriptions
from virtcim.wire.export import ExportEncoder

JOB = "CIM_ConcreteJob"


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
        self._engine = Indications(schema, store, ExportEncoder(schema.get), dsp1054.service_name(system_name))
        self._listeners = Listeners(settings.timeout, settings.ca)
        self._facts = ServiceFacts(
            system_name=system_name,
            namespaces=namespaces,
            retry_attempts=settings.retry.attempts,
            retry_interval=round(settings.retry.interval),
        )
        self._subscriptions: Subscriptions | None = None
        self._looking: set[Host] = set()
        policy = Policy(self._wanted, self._link, self._arrived, self._given_up)
        self._deliverer = Deliverer(store, settings.retry, policy)

    @property
    def shelf(self) -> Shelf:
        """Everything that is stored."""
        return self._shelf

    def profile(self, served: Sequence[Profile], facts: Mapping[str, Facts], world: Hosts) -> Profile:
        """DSP1054 beside the profiles that are served; what was subscribed to before is at work from here on."""
        names = [one.facts for one in served]
        self._subscriptions = Subscriptions(
            self._facts, self._shelf, self._engine, self._engine.compile, collections(static_filters(names))
        )
        registrations = [one for name in names if name in facts for one in facts[name].registrations]
        return dsp1054.make(self._subscriptions, registrations, world)

    def watch(self, broker: Broker, hosts: Hosts, jobs: Jobs) -> None:
        """Make indications of what happens to the hosts, once they have been read in, and to jobs."""
        lifecycle = Lifecycle(broker.instances, self._facts.system_name)

        def changed(_topic: object, old: Any, new: Any) -> None:
            host = (new or old).host
            if host.known:
                self._engine.note(partial(lifecycle.compare, old, new))
                self._look(lifecycle, host)

        def happened(host: Host, event: Event) -> None:
            self._engine.note(partial(_alerts, host, event, cim_now()))

        self._watch_jobs(broker, jobs, lifecycle)
        broker.methods.settle = self._engine.settle
        self._engine.on_first = partial(_look_around, lifecycle, hosts)
        hosts.on_change(changed)
        hosts.on_event(happened)

    def _watch_jobs(self, broker: Broker, jobs: Jobs, lifecycle: Lifecycle) -> None:
        """Keep and tell of jobs, and take over those of an earlier run."""
        kept = KeptJobs(self._store, broker.instances, dsp1103.classname_of)
        seen: dict[str, Item] = {}

        def job_changed(job: Job, gone: bool) -> None:
            kept.changed(job, gone)
            found = broker.instances.named(job, JOB)
            if found is not None:
                before, after = seen.pop(job.id, None), None if gone else found.item
                if after is not None:
                    seen[job.id] = after
                self._engine.note(partial(lifecycle.between, before, after))

        jobs.on_change(job_changed)
        for job in kept.restored():
            found = broker.instances.named(job, JOB)
            if found is not None:
                seen[job.id] = found.item
                jobs.adopt(job, INTERRUPTED)

    def _look(self, lifecycle: Lifecycle, host: Host) -> None:
        """At what a host has beside its systems, once for all changes that have been noted by then."""

        def look() -> Iterable[Notice]:
            self._looking.discard(host)
            return lifecycle.look(host)

        if host not in self._looking:
            self._looking.add(host)
            if not self._engine.note(look):
                self._looking.discard(host)

    def start(self) -> None:
        self._deliverer.start()
        self._engine.start(self._deliverer.wake)

    def look_around(self) -> None:
        """The hosts have been read: what they have now is no news."""
        self._engine.note(self._engine.on_first)

    def stop(self) -> None:
        """What is queued stays queued, and goes out after the next start."""
        self._engine.stop()
        self._deliverer.stop()
        self._store.close()

    # What delivery asks and tells

    def _wanted(self, key: str) -> bool:
        found = self._engine.by_key(key)
        return found is not None and not found.expired

    def _link(self, delivery: Delivery) -> Link:
        found = self._engine.by_key(delivery.subscription)
        stored = self._shelf.find(found.destination) if found else None
        properties = stored.properties if stored else {}
        user, password = (str(properties.get(name) or "") for name in ("username", "password"))
        return self._listeners.link(delivery.url, user, password)

    def _arrived(self, key: str) -> None:
        found = self._engine.by_key(key)
        if found is not None and self._subscriptions is not None:
            self._subscriptions.arrived(found.path)

    def _given_up(self, key: str, made: float) -> None:
        found = self._engine.by_key(key)
        if found is not None and self._subscriptions is not None:
            self._subscriptions.given_up(found.path, made)


def _look_around(lifecycle: Lifecycle, hosts: Hosts) -> list[Notice]:
    """As things are before anybody is told of changes."""
    lifecycle.forget()
    for host in hosts.hosts:
        if host.known:
            list(lifecycle.look(host))
    return []


def _alerts(host: Host, event: Event, time: str) -> list[Notice]:
    alert = alert_of(host, event, time)
    if alert is None:
        return []
    alert.properties.update(stamp())
    return [Notice(VIRT, alert)]
