"""Which management services manage virtual systems, and which virtual switches."""

from __future__ import annotations

from pywbem import CIMInstanceName

from virtcim.conformance.paths import key, keys, local
from virtcim.conformance.site import VIRTUAL_SWITCH, Site

MANAGEMENT_SERVICE = "CIM_VirtualSystemManagementService"
MANAGEMENT_CAPABILITIES = "CIM_VirtualSystemManagementCapabilities"


def services_of(site: Site, host: CIMInstanceName) -> list[CIMInstanceName]:
    """The services that manage virtual systems of a host; those for virtual switches (DSP1097) are others."""
    hosted = site.across_names(host, "CIM_HostedService", MANAGEMENT_SERVICE, "Antecedent")
    switching = keys(switch_services(site), site.namespace)
    return [
        one for one in (local(path, site.namespace) for path in hosted) if key(one, site.namespace) not in switching
    ]


def switch_services(site: Site) -> list[CIMInstanceName]:
    """The services that manage virtual switches: their capabilities are none of the host's."""
    if not site.registered(*VIRTUAL_SWITCH):
        return []
    return [local(path, site.namespace) for path in site.names(MANAGEMENT_SERVICE) if not _is_for_computers(site, path)]


def _is_for_computers(site: Site, managing: CIMInstanceName) -> bool:
    own = site.across_names(managing, "CIM_ElementCapabilities", MANAGEMENT_CAPABILITIES, "ManagedElement")
    ties = (site.across_names(one, "CIM_ElementCapabilities", "CIM_System", "Capabilities") for one in own)
    return not own or any(ties)
