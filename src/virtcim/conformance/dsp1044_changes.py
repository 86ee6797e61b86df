"""DSP1044 Processor Resource Virtualization: processors changed, on systems of the suite's own."""

from __future__ import annotations

from pywbem import CIMInstance, Uint32, Uint64

from virtcim.conformance.amounts import ask, stays
from virtcim.conformance.check import check
from virtcim.conformance.dsp1044 import primordial, setting, virtual_processors
from virtcim.conformance.methods import complete
from virtcim.conformance.paths import local
from virtcim.conformance.pools import (
    AC,
    CAPABILITIES,
    DEFAULT,
    MAXIMUM,
    PROCESSOR,
    capabilities,
    request,
    sample,
)
from virtcim.conformance.site import Site
from virtcim.conformance.systems import (
    DISABLED,
    activate,
    defined_settings,
    memory,
    processors,
    reach,
    resource,
    temporary,
)
from virtcim.conformance.verdict import expect, skip_unless


@check("DSP1044-R10", write=True)
def definition_changes_later(site: Site) -> None:
    """A change of the defined number of processors shows in a running system after its next activation."""
    with temporary(site) as system:
        activate(site, system)
        defined = resource(site, defined_settings(site, system).path, PROCESSOR)
        complete(site, ask(site, defined, VirtualQuantity=Uint64(2)))
        expect(len(virtual_processors(site, system)) == 1, "the running system has another processor at once")
        reach(site, system, DISABLED, DISABLED)
        activate(site, system)
        expect(len(virtual_processors(site, system)) == 2, "after the next activation there are not two processors")


def most_now(site: Site, one: CIMInstance) -> int | None:
    """The maximum of the capabilities of a State setting."""
    for each in site.across(local(one.path, site.namespace), CAPABILITIES, AC, "ManagedElement"):
        found = sample(site, local(each.path, site.namespace), MAXIMUM)
        if found is not None and found.get("VirtualQuantity") is not None:
            return int(found["VirtualQuantity"])
    return None


@check("DSP1044-R11", write=True)
def processors_are_added(site: Site) -> None:
    """A running system gets a processor more when its State setting asks for it within its maximum."""
    wanted = processors(site, 1)
    declared = site.cls(wanted.classname)
    skip_unless(
        declared is not None and "MaxVirtualQuantity" in declared.properties, "no setting tells a maximum to start with"
    )
    with temporary(site, resources=[request(wanted, MaxVirtualQuantity=Uint64(2)), memory(site, 64)]) as system:
        activate(site, system)
        one = setting(site, system)
        expect(most_now(site, one) == 2, f"the maximum is {most_now(site, one)} instead of 2")
        complete(site, ask(site, one, VirtualQuantity=Uint64(2)))
        expect(len(virtual_processors(site, system)) == 2, "there are not two processors")


@check("DSP1044-R12", write=True)
def no_more_than_the_maximum(site: Site) -> None:
    """A running system is refused more processors than its maximum, by 4 or 5, and nothing changes."""
    with temporary(site) as system:
        activate(site, system)
        one = setting(site, system)
        answer = ask(site, one, VirtualQuantity=Uint64((most_now(site, one) or 1) + 1))
        expect(answer.code in (4, 5), f"{answer} above the maximum")
        expect(len(virtual_processors(site, system)) == 1, "the number of processors has changed")


@check("DSP1044-R14", write=True)
def default_number(site: Site) -> None:
    """A system defined without processors has as many as the default says."""
    one = capabilities(site, primordial(site))
    default = sample(site, local(one[0].path, site.namespace), DEFAULT) if one else None
    skip_unless(default is not None, "no default is told")
    with temporary(site, resources=[memory(site, 64)]) as system:
        said = default.get("VirtualQuantity") if default is not None else None
        made = resource(site, defined_settings(site, system).path, PROCESSOR).get("VirtualQuantity")
        expect(made == said, f"{made} processors were made, the default is {said}")


@check("DSP1044-R18", write=True)
def weights(site: Site) -> None:
    """The weight of processors can be changed in a definition and is then read back."""
    with temporary(site) as system:
        defined = resource(site, defined_settings(site, system).path, PROCESSOR)
        complete(site, ask(site, defined, Weight=Uint32(512)))
        got = resource(site, defined_settings(site, system).path, PROCESSOR).get("Weight")
        expect(got == 512, f"Weight is {got} after it was set to 512")


@check("DSP1044-R19", write=True)
def processors_stay(site: Site) -> None:
    """The processors of a system cannot be removed."""
    stays(site, PROCESSOR)
