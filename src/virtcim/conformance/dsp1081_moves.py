"""DSP1081 Virtual System Migration: systems that are moved, where the server has two hosts, and that cannot be."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pywbem import CIMInstance, CIMInstanceName

from virtcim.conformance.check import check
from virtcim.conformance.methods import JOB_EXCEPTION, JOB_STARTED, OK, complete, ended_job
from virtcim.conformance.migration import (
    MIGRATE_TO_HOST,
    MIGRATE_TO_SYSTEM,
    NOWHERE,
    ask,
    host_of,
    other_host,
    service_of,
)
from virtcim.conformance.paths import keys, local, same, show
from virtcim.conformance.site import Site
from virtcim.conformance.systems import activate, content, defined_settings, enabled_state, resources, temporary
from virtcim.conformance.verdict import expect


@contextmanager
def moved(site: Site, system: CIMInstanceName) -> Iterator[CIMInstanceName]:
    """The system on another host, by its definition; it is moved back in the end, to be destroyed where it was made."""
    own, other = host_of(site, system), other_host(site, system)
    answer = ask(site, system, MIGRATE_TO_SYSTEM, other)
    job = complete(site, answer)
    new = local(answer.out["NewComputerSystem"], site.namespace) if job is None else _made(site, job, system)
    try:
        yield new
    finally:
        complete(site, ask(site, new, MIGRATE_TO_SYSTEM, own))


def _made(site: Site, job: CIMInstance, system: CIMInstanceName) -> CIMInstanceName:
    """What the system is now, by what the job of its move affects."""
    found = site.across_names(job.path, "CIM_AffectedJobElement", "CIM_ComputerSystem", "AffectingElement")
    return local(found[0], site.namespace) if found else system


@check("DSP1081-R11", write=True)
def arrives_the_same(site: Site) -> None:
    """After a move the system is at the destination with the same identity and resources, and no longer here."""
    with temporary(site) as system:
        own, before = host_of(site, system), _resources(site, system)
        with moved(site, system) as new:
            expect(not same(host_of(site, new), own, site.namespace), f"{show(new)} is on the same host")
            expect(new.keybindings["Name"] == system.keybindings["Name"], f"{show(system)} has become {show(new)}")
            expect(_resources(site, new) == before, f"{show(new)} has other resources than before")


def _resources(site: Site, system: CIMInstanceName) -> dict[str, dict[str, str]]:
    return content(resources(site, defined_settings(site, system).path))


@check("DSP1081-R12", write=True)
def fails_without_harm(site: Site) -> None:
    """After a move that fails the system is here in its old state, and a job that there was tells why."""
    with temporary(site) as system:
        activate(site, system)
        own, state = host_of(site, system), enabled_state(site, system)
        answer = ask(site, system, MIGRATE_TO_HOST, NOWHERE)
        job = ended_job(site, answer)
        expect(answer.code != OK, f"{answer} for a host that does not exist")
        if job is not None:
            expect(job.get("JobState") == JOB_EXCEPTION, f"{show(job)} ended in JobState {job.get('JobState')}")
            expect(job.get("ErrorDescription"), f"{show(job)} does not say why it failed")
        expect(same(host_of(site, system), own, site.namespace), f"{show(system)} is on another host")
        expect(enabled_state(site, system) == state, f"{show(system)} is in EnabledState {enabled_state(site, system)}")


@check("DSP1081-R13", write=True)
def jobs_and_results(site: Site) -> None:
    """A move returns 4096 exactly if it gives a job, and one to a system that returns 0 gives that system."""
    with temporary(site) as system:
        answers = [ask(site, system, MIGRATE_TO_HOST, NOWHERE), ask(site, system, MIGRATE_TO_SYSTEM, system)]
        for answer in answers:
            expect((answer.code == JOB_STARTED) == (answer.job is not None), f"{answer} with the job {answer.job}")
            ended_job(site, answer)
        last = answers[-1]
        expect(last.code != OK or last.out.get("NewComputerSystem") is not None, f"{last} without NewComputerSystem")


@check("DSP1081-R23", write=True)
def nothing_dangles(site: Site) -> None:
    """Nothing is tied to a system that has been moved away."""
    with temporary(site) as system, moved(site, system) as new:
        host_of(site, new)
        service_of(site, new)
        if not same(new, system, site.namespace):
            expect(not site.exists(system), f"{show(system)} is still there")
        tied = site.cim.AssociatorNames(new)
        gone = [path for path in tied if not site.exists(local(path, site.namespace))]
        expect(not gone, f"{show(new)} is tied to {len(gone)} instances that are not there")
        expect(len(keys(tied, site.namespace)) == len(tied), f"{show(new)} is tied to something twice")
