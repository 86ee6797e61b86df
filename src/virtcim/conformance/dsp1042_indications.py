"""DSP1042 System Virtualization: the families of indications that the management service promises."""

from __future__ import annotations

from pywbem import CIMInstance, CIMInstanceName

from virtcim.conformance.check import check
from virtcim.conformance.dsp1042 import CAPABILITIES
from virtcim.conformance.dsp1054_delivery import listening, subscribe
from virtcim.conformance.dsp1103 import LONG
from virtcim.conformance.methods import JOB_STARTED, ended_job
from virtcim.conformance.paths import show
from virtcim.conformance.site import Site
from virtcim.conformance.systems import activate, request_state, supported_states, temporary

OF_RESOURCES, OF_JOBS, OF_SYSTEMS = 2, 3, 4  # IndicationsSupported
TOLD = {
    OF_RESOURCES: "SELECT * FROM CIM_InstIndication WHERE SourceInstance ISA CIM_LogicalDevice",
    OF_JOBS: "SELECT * FROM CIM_InstIndication WHERE SourceInstance ISA CIM_ConcreteJob",
    OF_SYSTEMS: "SELECT * FROM CIM_InstModification WHERE SourceInstance ISA CIM_ComputerSystem",
}


@check("DSP1042-R29", write=True)
def promised_indications(site: Site) -> None:
    """What IndicationsSupported promises is delivered; a server that promises nothing conforms."""
    promised = {kind for one in site.instances(CAPABILITIES) for kind in one.get("IndicationsSupported") or []}
    kinds = sorted(promised & TOLD.keys())
    if not kinds:
        return
    with temporary(site) as system, listening(site) as (made, ears):
        destination = made.destination(Destination=ears.url)
        names = {kind: subscribe(made, destination, TOLD[kind]) for kind in kinds}
        activate(site, system)
        if not _by_job(site, system):
            names.pop(OF_JOBS, None)

        def told(heard: list[CIMInstance]) -> bool:
            return {one.get("IndicationFilterName") for one in heard} >= set(names.values())

        ears.wait(told, f"what IndicationsSupported promises, {kinds}, of {show(system)}")


def _by_job(site: Site, system: CIMInstanceName) -> bool:
    """Whether a change of state becomes a job; it has ended then."""
    possible = supported_states(site, system)
    for state in [one for one in LONG if one in possible]:
        answer = request_state(site, system, state)
        if answer.code == JOB_STARTED:
            ended_job(site, answer)
            return True
    return False
