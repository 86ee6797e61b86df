"""DSP1033 Profile Registration: the profiles of the server, in Interop, and what conforms to them, wherever it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from virtcim.broker.call import Properties
from virtcim.broker.provider import INTEROP, End, Keys, Profile, Returned
from virtcim.profiles.registration import OTHER, Facts, Registration, Registry

PROFILE = 2  # SpecificationType
NOT_ADVERTISED = 2  # AdvertiseTypes: there is no SLP agent
DEPRECATED = "deprecated: GetCentralInstances gives all of them at once"


def make(facts: Mapping[str, Facts], profiles: Sequence[Profile], world: Any) -> Profile:
    """The profile that registers itself and the others, as far as there are facts on them."""
    profile = Profile("dsp1033")
    profile.central("Virt_RegisteredProfile", Registration)
    registry = Registry(facts, (*profiles, profile), world)
    profile.source(Registration, lambda _: registry.all())

    def find(_: Any, keys: Keys) -> list[Registration]:
        return registry.find(str(keys["InstanceID"]))

    def get_central_instances(registration: Registration) -> Returned:
        return Returned(CentralInstances=list(registry.central_instances(registration)))

    profile.instance("Virt_RegisteredProfile", of=Registration, find=find, namespace=INTEROP)(registered_profile)
    profile.method("CIM_RegisteredProfile", "GetCentralInstances")(get_central_instances)
    for classname in registry.central_classes():
        profile.associate(
            "Virt_ElementConformsToProfile",
            End("ConformantStandard", "Virt_RegisteredProfile", partial(registry.conforming, classname=classname)),
            End("ManagedElement", classname, partial(registry.standards, classname=classname)),
        )
    profile.associate(
        "Virt_ReferencedProfile",
        End("Dependent", "Virt_RegisteredProfile", registry.references),
        End("Antecedent", "Virt_RegisteredProfile", registry.referrers),
    )
    for method in ("OpenConformantInstances", "PullConformantInstances", "CloseConformantInstances"):
        profile.leaves_out("CIM_RegisteredProfile", method, DEPRECATED)
    return profile


def registered_profile(registration: Registration) -> Properties:
    """CIM_RegisteredProfile; a profile of an organization that CIM does not number names it."""
    number = registration.organization_number
    properties: Properties = {
        "InstanceID": registration.instance_id,
        "ElementName": f"{registration.organization} {registration.name} {registration.version}",
        "Description": f"Profile {registration.name} {registration.version}, {registration.dsp.upper()}",
        "RegisteredOrganization": number,
        "RegisteredName": registration.name,
        "RegisteredVersion": registration.version,
        "SpecificationType": PROFILE,
        "AdvertiseTypes": [NOT_ADVERTISED],
    }
    return properties | ({"OtherRegisteredOrganization": registration.organization} if number == OTHER else {})
