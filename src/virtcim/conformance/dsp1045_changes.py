"""DSP1045 Memory Resource Virtualization: memory changed, on systems of the suite's own."""

from __future__ import annotations

from pywbem import Uint64

from virtcim.conformance.amounts import ask, stays
from virtcim.conformance.check import check
from virtcim.conformance.dsp1042_settings import add
from virtcim.conformance.dsp1045 import BYTES, MIB, amount, memories, quantity, setting
from virtcim.conformance.methods import complete, ended_job
from virtcim.conformance.pools import (
    MEMORY,
    of_type,
)
from virtcim.conformance.site import Site
from virtcim.conformance.systems import (
    DISABLED,
    activate,
    define_call,
    defined_settings,
    defined_system,
    destroy,
    new_name,
    processors,
    rasd,
    reach,
    resource,
    state_settings,
    temporary,
    vssd,
)
from virtcim.conformance.verdict import expect, skip_unless


@check("DSP1045-R11", write=True)
def definition_changes_later(site: Site) -> None:
    """A change of the defined memory shows in a running system after its next activation."""
    with temporary(site) as system:
        activate(site, system)
        before = quantity(setting(site, system))
        defined = resource(site, defined_settings(site, system).path, MEMORY)
        double = amount(defined, 2)
        complete(site, ask(site, defined, VirtualQuantity=double, Limit=double, Reservation=double))
        expect(quantity(setting(site, system)) == before, "the running system has more memory at once")
        reach(site, system, DISABLED, DISABLED)
        activate(site, system)
        expect(quantity(setting(site, system)) == before * 2, "after the next activation it has not twice the memory")


@check("DSP1045-R12", write=True)
def no_more_than_the_limit(site: Site) -> None:
    """A running system is refused more memory than its Limit, and nothing changes."""
    with temporary(site) as system:
        activate(site, system)
        one = setting(site, system)
        answer = ask(site, one, VirtualQuantity=Uint64(int(one["Limit"]) + 1024))
        expect(answer.code in (4, 5, 6), f"{answer} above the limit")
        expect(quantity(setting(site, system)) == quantity(one), "the memory has changed")


@check("DSP1045-R13", write=True)
def mebibytes(site: Site) -> None:
    """512 byte * 2^20 asked for are 536870912 bytes when read back."""
    asked = rasd(site, MEMORY, VirtualQuantity=Uint64(512), VirtualQuantityUnits=MIB, AllocationUnits=MIB)
    with temporary(site, resources=[processors(site, 1), asked]) as system:
        got = quantity(resource(site, defined_settings(site, system).path, MEMORY))
        expect(got == 512 * 2**20, f"{got} bytes were made of 512 MiB")


@check("DSP1045-R14", write=True)
def old_words(site: Site) -> None:
    """A unit that is none is refused with 4, or kept as one that is."""
    skip_unless(site.write, "creates a system of its own; not allowed without --write")
    quantities = {"VirtualQuantity": Uint64(65536), "Limit": Uint64(65536)}
    asked = rasd(site, MEMORY, AllocationUnits="KiloBytes", **quantities)
    answer = define_call(site, vssd(site, ElementName=new_name(site)), [processors(site, 1), asked])
    if answer.code == 4:
        return
    system = defined_system(site, answer)
    try:
        made = resource(site, defined_settings(site, system).path, MEMORY)
        expect(BYTES.fullmatch(str(made.get("AllocationUnits"))), f"it has {made.get('AllocationUnits')!r}")
    finally:
        destroy(site, system)


@check("DSP1045-R15", write=True)
def modules(site: Site) -> None:
    """Memory added to a running system appears with its setting, or the request is refused without a trace."""
    with temporary(site) as system:
        activate(site, system)
        before = len(memories(site, system)), len(of_type(site, system, MEMORY))
        units = {"VirtualQuantityUnits": MIB, "AllocationUnits": MIB}
        asked = rasd(site, MEMORY, VirtualQuantity=Uint64(128), ResourceSubType="dimm", **units)
        answer = add(site, state_settings(site, system).path, [asked])
        job = ended_job(site, answer)
        done = answer.accepted and (job is None or job.get("JobState") == 7)
        site.forget()
        after = len(memories(site, system)), len(of_type(site, system, MEMORY))
        wanted = (before[0] + 1, before[1] + 1) if done else before
        expect(after == wanted, f"{answer}; memories and settings were {before} and are {after}")


@check("DSP1045-R16", write=True)
def limit_of_a_running_system(site: Site) -> None:
    """The Limit of a running system's memory cannot be changed, and stays."""
    with temporary(site) as system:
        activate(site, system)
        one = setting(site, system)
        answer = ask(site, one, Limit=amount(one, 2))
        expect(answer.code in (2, 5), f"{answer} for another Limit")
        expect(setting(site, system).get("Limit") == one.get("Limit"), "the Limit has changed")


@check("DSP1045-R20", write=True)
def memory_stays(site: Site) -> None:
    """The memory of a system cannot be removed."""
    stays(site, MEMORY)
