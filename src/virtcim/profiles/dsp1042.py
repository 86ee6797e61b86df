"""DSP1042 System Virtualization: the host's service that defines, changes and destroys virtual systems."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from virtcim import __version__
from virtcim.broker.call import Instance, Properties
from virtcim.broker.provider import End, Keys, Profile, Reference, Refused, Returned, Work
from virtcim.host.inventory import Host, Vm
from virtcim.mapping import ids, vssd
from virtcim.messages import message
from virtcim.profiles import definition, dsp1042_snapshots, dsp1047_images, dsp1047_requests, removal
from virtcim.profiles import snapshots_requests as snapshots
from virtcim.profiles.dsp1050_connections import Connection
from virtcim.profiles.elements import Configuration, Setting
from virtcim.profiles.of_host import hosts_named, service_keys, service_properties
from virtcim.profiles.snapshots import Snapshot
from virtcim.profiles.switches_paths import is_for_switches

profile = Profile("dsp1042")
profile.central("Virt_HostSystem", Host)
profile.resumes(removal.KIND, removal.resume)
dsp1042_snapshots.declare(profile)

# SynchronousMethodsSupported and AsynchronousMethodsSupported (clause 7.3)
DEFINE_SYSTEM, DESTROY_SYSTEM, MODIFY_RESOURCES, MODIFY_SYSTEM, REMOVE_RESOURCES, ADD_RESOURCES = 2, 3, 5, 6, 7, 10
ALL_METHODS = [DEFINE_SYSTEM, DESTROY_SYSTEM, MODIFY_RESOURCES, MODIFY_SYSTEM, REMOVE_RESOURCES, ADD_RESOURCES]
MANAGES = 5  # ElementEffects
REVISION = "1312"  # the last revision of libvirt-cim that its clients tell features by
STATE_CHANGES = (2, 3, 4)  # IndicationsSupported: of virtual resources, of jobs, of virtual systems


def _service_keys(host: Host) -> Keys:
    return service_keys(host, ids.MANAGEMENT_SERVICE)


@profile.instance("Virt_VirtualSystemManagementService", of=Host, find=hosts_named, volatile=True, keys=_service_keys)
def management_service(host: Host) -> Properties:
    """Clause 10.17; Release, Revision and LibvirtVersion are what clients of libvirt-cim tell features by."""
    description = f"Defines, changes and destroys the virtual systems of {host.name}"
    return {
        **service_properties(host, ids.MANAGEMENT_SERVICE, "Virtual system management service", description),
        "Caption": f"{host.facts.hypervisor} {host.facts.hypervisor_version}",
        "Release": __version__,
        "Revision": REVISION,
        "Changeset": f"virtcim-{__version__}",
        "LibvirtVersion": host.facts.library_version,
    }


@profile.instance("Virt_VirtualSystemManagementCapabilities", of=Host, volatile=True)
def management_capabilities(host: Host) -> Properties:
    """Clause 10.16; jobs may be: what a guest has to let go of, large volumes, the end of a system with snapshots."""
    return {
        "InstanceID": ids.host_scoped(host, ids.MANAGEMENT_CAPABILITIES),
        "ElementName": "Virtual system management capabilities",
        "VirtualSystemTypesSupported": [vssd.SYSTEM_TYPES[host.platform]],
        "SynchronousMethodsSupported": ALL_METHODS,
        "AsynchronousMethodsSupported": [DEFINE_SYSTEM, DESTROY_SYSTEM, REMOVE_RESOURCES, ADD_RESOURCES],
        "IndicationsSupported": [*STATE_CHANGES],
        "ElementNameEditSupported": True,
        "MaxElementNameLen": definition.NAME_LENGTH,
    }


def _itself(host: Host) -> list[Host]:
    return [host]


def _vms(host: Host) -> Iterable[Vm]:
    return host.vms if host.readable else ()


def _host(vm: Vm) -> list[Host]:
    return [vm.host]


def _current(*_: Any) -> Properties:
    return {"Characteristics": [3]}  # Current


def _managed(*_: Any) -> Properties:
    return {"ElementEffects": [MANAGES]}


SERVICE, CAPABILITIES = "Virt_VirtualSystemManagementService", "Virt_VirtualSystemManagementCapabilities"

profile.associate(
    "Virt_HostedDependency",
    End("Antecedent", "Virt_HostSystem", across=_vms),
    End("Dependent", "Virt_ComputerSystem", across=_host),
)
profile.associate(
    "Virt_HostedService",
    End("Antecedent", "Virt_HostSystem", across=_itself),
    End("Dependent", SERVICE, across=_itself),
)
profile.associate(
    "Virt_ElementCapabilities",
    End("ManagedElement", "Virt_HostSystem", across=_itself),
    End("Capabilities", CAPABILITIES, across=_itself),
    properties=_current,
)
profile.associate(
    "Virt_ElementCapabilities",
    End("ManagedElement", SERVICE, across=_itself),
    End("Capabilities", CAPABILITIES, across=_itself),
    properties=_current,
)
profile.associate(
    "Virt_ServiceAffectsElement",
    End("AffectingElement", SERVICE, across=_vms),
    End("AffectedElement", "Virt_ComputerSystem", across=_host),
    properties=_managed,
)


def _vm(name: str, given: Reference | None, host: Host) -> Vm:
    if given is None or not isinstance(given.target, Vm) or given.target.host is not host:
        raise Refused("Invalid Parameter", message("VS_NOT_FOUND", name, host.name, given and given.path))
    return given.target


def _configuration(name: str, given: Reference | None, host: Host) -> Configuration:
    if given is None or not isinstance(given.target, Configuration) or given.target.vm.host is not host:
        raise Refused("Invalid Parameter", message("REFERENCE_CONFIG_INVALID", name, host.name, given and given.path))
    return given.target


def _pattern(given: Reference, host: Host) -> Configuration | Snapshot:
    """What a new system is to be like: a snapshot, too."""
    if isinstance(given.target, Snapshot) and given.target.host is host:
        return given.target
    return _configuration("ReferenceConfiguration", given, host)


def _elements(name: str, given: list[Any] | None) -> list[Any]:
    if not given:
        raise Refused("Invalid Parameter", message("SETTINGS_MISSING", name))
    if None in given:
        raise Refused("Invalid Parameter", message("SETTINGS_BLANK", name))
    return given


def _settings(name: str, given: list[Reference | None] | None, host: Host) -> list[Setting | Connection]:
    found = []
    for one in _elements(name, given):
        if not isinstance(one.target, Setting | Connection) or one.target.vm.host is not host:
            raise Refused("Invalid Parameter", message("RESOURCE_NOT_FOUND", name, host.name, one.path))
        found.append(one.target)
    return found


@profile.method("CIM_VirtualSystemManagementService", "DefineSystem")
def define_system(
    host: Host,
    SystemSettings: Instance | None,
    ResourceSettings: list[Instance | None] | None,
    ReferenceConfiguration: Reference | None,
) -> Returned | Work:
    """Clause 8.2.1."""
    given = ReferenceConfiguration
    reference = None if given is None else _pattern(given, host)
    resources = _elements("ResourceSettings", ResourceSettings) if ResourceSettings else []
    if SystemSettings is not None and is_for_switches(SystemSettings.classname):
        raise Refused("Invalid Parameter", "SystemSettings are those of a switch, which another service defines")
    return dsp1047_requests.define(host, SystemSettings, resources, reference)


@profile.method("CIM_VirtualSystemManagementService", "DestroySystem")
def destroy_system(host: Host, AffectedSystem: Reference | None) -> Returned | Work:
    """Clause 8.2.2: whatever state it is in; its snapshots, and volumes of disks with AutomaticDeallocation, go too."""
    return dsp1047_requests.destroy(_vm("AffectedSystem", AffectedSystem, host))


@profile.method("CIM_VirtualSystemManagementService", "AddResourceSettings")
def add_resource_settings(
    host: Host, AffectedConfiguration: Reference | None, ResourceSettings: list[Instance | None] | None
) -> Returned | Work:
    """Clause 8.2.3: all of them or none, in the order given."""
    configuration = _configuration("AffectedConfiguration", AffectedConfiguration, host)
    return dsp1047_requests.add(configuration, _elements("ResourceSettings", ResourceSettings))


@profile.method("CIM_VirtualSystemManagementService", "ModifyResourceSettings")
def modify_resource_settings(host: Host, ResourceSettings: list[Instance | None] | None) -> Returned:
    """Clause 8.2.4: all of them or none; a property that is not given stays."""
    return dsp1047_requests.modify(host, _elements("ResourceSettings", ResourceSettings))


@profile.method("CIM_VirtualSystemManagementService", "ModifySystemSettings")
def modify_system_settings(host: Host, SystemSettings: Instance | None) -> Returned:
    """Clause 8.2.5."""
    if SystemSettings is None:
        raise Refused("Invalid Parameter", message("SETTINGS_MISSING", "SystemSettings"))
    if snapshots.is_of_snapshot(SystemSettings):
        snapshots.modify(host, SystemSettings)
    else:
        definition.modify(host, SystemSettings)
    return Returned()


@profile.method("CIM_VirtualSystemManagementService", "RemoveResourceSettings")
def remove_resource_settings(host: Host, ResourceSettings: list[Reference | None] | None) -> Returned | Work:
    """Clause 8.2.6: from a running guest as a job, unless the guest lets go soon."""
    return dsp1047_requests.remove(_settings("ResourceSettings", ResourceSettings, host))


# Methods of the server's own: the standard classes have none that does this to the image of a virtual disk (DSP1047).


@profile.method(SERVICE, "CopyImage", kills=True)
def copy_image(host: Host, Image: Reference, Settings: Instance | None, Pivot: bool | None) -> Work:
    """A copy of a disk or volume; with Pivot the disk moves to it."""
    return dsp1047_images.copy(host, Image.target, Settings, bool(Pivot))


@profile.method(SERVICE, "CommitImage", kills=True)
def commit_image(host: Host, Image: Reference) -> Work:
    """A disk goes on with the image that its own lies on."""
    return dsp1047_images.commit(host, Image.target)


@profile.method(SERVICE, "PullImage", kills=True)
def pull_image(host: Host, Image: Reference) -> Work:
    """A disk's image lies on none any more."""
    return dsp1047_images.pull(host, Image.target)


ALWAYS_THERE = "the service runs as long as the server does"
profile.leaves_out("CIM_Service", "StartService", ALWAYS_THERE)
profile.leaves_out("CIM_Service", "StopService", ALWAYS_THERE)
profile.leaves_out("CIM_Service", "ChangeAffectedElementsAssignedSequence", "systems have no order")
profile.leaves_out("CIM_Capabilities", "CreateGoalSettings", "capabilities have no goals here")
