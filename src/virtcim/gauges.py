"""What the metrics tell of libvirt, of enumerations and of jobs."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Sized

from virtcim.broker.jobs import Jobs
from virtcim.host.call_times import BOUNDS, CallTimes
from virtcim.host.inventory import Host, Hosts
from virtcim.wire.measured import Reading, Timing
from virtcim.wire.metrics import Readings

_STATES = {
    3: "starting",
    4: "running",
    6: "shutting down",
    7: "completed",
    8: "terminated",
    9: "killed",
    10: "exception",
}


def of_hosts(hosts: Hosts) -> Readings:
    """Of each host: whether it is reachable, how old what is known of it is, and how many systems it has."""

    def take() -> Iterable[Reading]:
        known = [((host.link.shown_uri,), host) for host in hosts.hosts]
        states = Counter(map(_standing, hosts.hosts))
        counted = {(state,): float(states[state]) for state in ("reachable", "silent", "lost")}
        yield Reading("virtcim_hosts", "Hosts by whether libvirt answers.", counted, ("state",))
        labels = ("host",)
        reachable = {label: float(host.reachable) for label, host in known}
        yield Reading("virtcim_host_reachable", "1 while libvirt answers.", reachable, labels)
        ages = {label: max(0.0, time.time() - host.read_at) for label, host in known if host.read_at}
        yield Reading("virtcim_inventory_age_seconds", "Since everything was last read.", ages, labels)
        silence = {label: host.age for label, host in known}
        yield Reading("virtcim_libvirt_silence_seconds", "Since libvirt answered; 0 while it does.", silence, labels)
        systems = {label: float(len(host.vms)) for label, host in known}
        yield Reading("virtcim_virtual_systems", "Virtual systems known.", systems, labels)

    return take


def _standing(host: Host) -> str:
    if host.age:
        return "silent"
    return "reachable" if host.reachable else "lost"


def of_jobs(jobs: Jobs) -> Readings:
    """Jobs that can be seen, by state."""

    def take() -> Iterable[Reading]:
        counted = Counter(_STATES.get(job.state, str(job.state)) for job in jobs)
        values = {(state,): float(counted[state]) for state in _STATES.values()}
        yield Reading("virtcim_jobs", "Jobs that can be seen.", values, ("state",))

    return take


def of_calls(times: CallTimes) -> Readings:
    """Calls of libvirt by function."""

    def take() -> Iterable[Timing]:
        values = {name: (one.buckets, one.seconds) for name, one in times.so_far().items()}
        yield Timing("virtcim_libvirt_call_seconds", "What libvirt took for a call.", "function", BOUNDS, values)

    return take


def of_enumerations(sessions: Sized) -> Readings:
    """Pulled enumerations that are open."""

    def take() -> Iterable[Reading]:
        yield Reading("virtcim_enumerations", "Pulled enumerations open.", {(): float(len(sessions))})

    return take
