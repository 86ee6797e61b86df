"""Migration services and what is asked of them: the four methods, the settings, a host that is none."""

from __future__ import annotations

import re
from typing import Any

from pywbem import CIMInstance, CIMInstanceName, CIMParameter, Uint16

from virtcim.conformance.methods import Answer, invoke
from virtcim.conformance.paths import local, same, show
from virtcim.conformance.site import Site
from virtcim.conformance.verdict import expect, skip_unless

SERVICE = "CIM_VirtualSystemMigrationService"
CAPABILITIES = "CIM_VirtualSystemMigrationCapabilities"
SETTING = "CIM_VirtualSystemMigrationSettingData"
PROFILE = "Virtual System Migration"

MIGRATE_TO_HOST, MIGRATE_TO_SYSTEM = "MigrateVirtualSystemToHost", "MigrateVirtualSystemToSystem"
CHECK_TO_HOST, CHECK_TO_SYSTEM = "CheckVirtualSystemIsMigratableToHost", "CheckVirtualSystemIsMigratableToSystem"
METHODS = {2: MIGRATE_TO_HOST, 3: MIGRATE_TO_SYSTEM, 4: CHECK_TO_HOST, 5: CHECK_TO_SYSTEM}
OTHER, LIVE, RESUME, RESTART = 1, 2, 3, 4
INVALID, BAD_STATE, INCOMPATIBLE = 4, 5, 6
DEFAULT, SUPPORTED = 0, 3  # ValueRole
VERDICT = re.compile(rb'NAME="IsMigratable"[^>]*>\s*<VALUE>(\w+)<')
NOWHERE = "virtcim-conformance.invalid"  # no resolver knows names of this domain (RFC 2606)


def services(site: Site) -> list[CIMInstanceName]:
    """The migration services, or the check is not applicable."""
    site.require_profile(PROFILE)
    found = [local(path, site.namespace) for path in site.names(SERVICE)]
    skip_unless(found, f"the server has no {SERVICE}")
    return found


def service_of(site: Site, system: CIMInstanceName) -> CIMInstanceName:
    """The migration service that affects a system."""
    services(site)
    found = site.across_names(system, "CIM_ServiceAffectsElement", SERVICE, "AffectedElement")
    expect(len(found) == 1, f"{show(system)} is affected by {len(found)} {SERVICE} instead of one")
    return local(found[0], site.namespace)


def capabilities(site: Site, service: CIMInstanceName) -> CIMInstance:
    """The only capabilities of a service."""
    found = site.across(service, "CIM_ElementCapabilities", CAPABILITIES, "ManagedElement")
    expect(len(found) == 1, f"{show(service)} has {len(found)} {CAPABILITIES} instead of one")
    return found[0]


def samples(site: Site, service: CIMInstanceName, role: int) -> list[CIMInstance]:
    """The settings that the capabilities are defined by in a ValueRole."""
    links = site.links(capabilities(site, service).path, "CIM_SettingsDefineCapabilities", "GroupComponent")
    wanted = [one["PartComponent"] for one in links if one.get("ValueRole") == role]
    return [site.get(local(path, site.namespace)) for path in wanted]


def supported_types(site: Site, service: CIMInstanceName) -> set[int]:
    """The MigrationTypes that are shown to be supported."""
    return {int(one["MigrationType"]) for one in samples(site, service, SUPPORTED) if one.get("MigrationType")}


def default_for(site: Site, system: CIMInstanceName) -> CIMInstance:
    """The settings that a system is moved with by default: its own, else those of the service."""
    own = site.across(system, "CIM_ElementSettingData", SETTING, "ManagedElement")
    found = own or samples(site, service_of(site, system), DEFAULT)
    expect(found, f"there are no default settings to move {show(system)} with")
    return found[0]


def setting(site: Site, system: CIMInstanceName, **properties: Any) -> CIMInstance:
    """Settings to send, of the class the server itself uses."""
    return CIMInstance(default_for(site, system).classname, properties)


def of_type(site: Site, system: CIMInstanceName, number: int) -> CIMInstance:
    """Settings of a MigrationType."""
    return setting(site, system, MigrationType=Uint16(number))


def ask(
    site: Site, system: CIMInstanceName, method: str, destination: Any, settings: CIMInstance | None = None
) -> Answer:
    """The method of the system's service, whatever it answers; `destination` is a host's name or path."""
    name = "DestinationHost" if method.endswith("ToHost") else "DestinationSystem"
    more = []
    if settings is not None:
        bare = CIMInstance(settings.classname, settings.properties)
        more = [CIMParameter("MigrationSettingData", "string", value=bare, embedded_object="instance")]
    given = (("ComputerSystem", system), (name, destination), *more)
    service, debug = service_of(site, system), site.cim.debug
    site.cim.debug = True  # else it keeps no reply
    try:
        answer = invoke(site, service, method, *given)
    finally:
        site.cim.debug = debug
    return _as_sent(answer, bytes(site.cim.last_raw_reply or b""))


def _as_sent(answer: Answer, reply: bytes) -> Answer:
    """With IsMigratable as the server has sent it: pywbem takes any boolean out parameter for true."""
    sent = VERDICT.search(reply)
    if sent is not None:
        answer.out["IsMigratable"] = sent[1].lower() == b"true"
    return answer


def check_host(site: Site, system: CIMInstanceName, host: str, settings: CIMInstance | None = None) -> Answer:
    """CheckVirtualSystemIsMigratableToHost."""
    return ask(site, system, CHECK_TO_HOST, host, settings)


def host_of(site: Site, system: CIMInstanceName) -> CIMInstanceName:
    """The host that a system depends on."""
    found = site.across_names(system, "CIM_HostedDependency", "CIM_System", "Dependent")
    expect(len(found) == 1, f"{show(system)} depends on {len(found)} hosts instead of one")
    return local(found[0], site.namespace)


def other_host(site: Site, system: CIMInstanceName) -> CIMInstanceName:
    """A host that the system is not on, of the same class; without one the check is not applicable."""
    own = host_of(site, system)
    others = [one for one in site.hosts() if one.classname == own.classname and not same(one, own, site.namespace)]
    skip_unless(others, "the server has no second host to move a system to")
    return local(others[0], site.namespace)
