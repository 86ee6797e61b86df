"""DSP1059 Generic Device Resource Virtualization: devices added and removed, on systems of the suite's own."""

from __future__ import annotations

from collections import Counter

from pywbem import CIMInstance, CIMInstanceName, CIMProperty

from virtcim.conformance.amounts import ask
from virtcim.conformance.check import check
from virtcim.conformance.dsp1042_settings import add, added, remove
from virtcim.conformance.dsp1043 import owned
from virtcim.conformance.dsp1043_requests import expect_not_shared, offered
from virtcim.conformance.dsp1059 import BOTH, CONTROLLERS, DEDICATED, DVD, GENERAL, SPECIAL, SPECIFIC, _instance_id
from virtcim.conformance.methods import complete
from virtcim.conformance.paths import key, keys, local, show
from virtcim.conformance.pools import (
    ASKED,
    POINT,
    POOL,
    RASD,
    passed_through,
    request,
    samples,
)
from virtcim.conformance.site import Site
from virtcim.conformance.systems import (
    DISABLED,
    ENABLED,
    activate,
    defined_settings,
    memory,
    processors,
    state_settings,
    temporary,
)
from virtcim.conformance.verdict import expect, expect_none, skip_unless


@check("DSP1059-R10", write=True)
def devices_have_to_be_named(site: Site) -> None:
    """A request to pass a device through that names none is refused with 4."""
    with temporary(site) as system:
        head = defined_settings(site, system).path
        faults = []
        for one, default in offered(site, DISABLED, SPECIFIC):
            if one.get("ResourceType") in SPECIAL or one.get("SharingMode") != DEDICATED:
                continue
            answer = add(site, head, [request(default)])
            faults += [f"{answer} for {show(one)}"] if answer.code != 4 else []
        expect_none(faults)


@check("DSP1059-R11", write=True)
def devices_in_use_are_not_given_again(site: Site) -> None:
    """A second system is refused a dedicated device of the host that is in use."""
    expect_not_shared(site, passed_through(site)[0])


@check("DSP1059-R12", write=True)
def media(site: Site) -> None:
    """The medium of an optical drive can be changed, is read back, and can be taken out."""
    drives = [pair for pair in offered(site, DISABLED, BOTH) if pair[0].get("ResourceType") == DVD]
    skip_unless(drives, "there are no optical drives")
    with temporary(site) as system:
        (path,) = added(site, defined_settings(site, system).path, [request(drives[0][1])])
        drive = site.get(local(path, site.namespace))
        for medium in (["file:///var/tmp/virtcim-conformance.iso"], []):
            named = CIMProperty("HostResource", medium, type="string", is_array=True)
            complete(site, ask(site, drive, HostResource=named))
            got = site.get(local(path, site.namespace)).get("HostResource") or []
            expect(list(got) == medium, f"the drive holds {got} after {medium} was asked for")


@check("DSP1059-R13", write=True)
def removal(site: Site) -> None:
    """A device that is removed is gone with its setting, and from its pool."""
    with temporary(site) as system:
        head = defined_settings(site, system).path
        _, default = offered(site, DISABLED, GENERAL)[-1]
        (path,) = added(site, head, [request(default)])
        setting = local(path, site.namespace)
        (pool,) = site.across_names(setting, ASKED, POOL, "Dependent")
        complete(site, remove(site, [setting]))
        expect(not site.exists(setting), f"{show(setting)} is still there")
        left = site.across_names(local(pool, site.namespace), ASKED, RASD, "Antecedent")
        expect(key(setting, site.namespace) not in keys(left, site.namespace), "the pool still leads to it")


@check("DSP1059-R14", write=True)
def states_that_take_nothing(site: Site) -> None:
    """Adding a device in a state that SupportedAddStates does not name returns 2."""
    bound = [
        (one, default)
        for one, default in offered(site, DISABLED, GENERAL)
        if ENABLED not in [int(state) for state in one.get("SupportedAddStates") or []]
    ]
    skip_unless(bound, "all devices can be added while a system is active")
    with temporary(site) as system:
        activate(site, system)
        head = state_settings(site, system).path
        answers = {show(one): add(site, head, [request(default)]).code for one, default in bound}
        expect_none([f"{name}: {code}" for name, code in answers.items() if code != 2])


@check("DSP1059-R18", write=True)
def controllers_in_use_stay(site: Site) -> None:
    """A controller that other devices are on cannot be removed."""
    with temporary(site) as system:
        head = defined_settings(site, system).path
        for _, default in offered(site, DISABLED, GENERAL):
            add(site, head, [request(default)])
        parts = site.across(head, "CIM_VirtualSystemSettingDataComponent", RASD, "GroupComponent")
        names = {_instance_id(one["Parent"]) for one in parts if one.get("Parent")}
        used = [one for one in parts if one.get("InstanceID") in names and one.get("ResourceType") in CONTROLLERS]
        skip_unless(used, "no device says which controller it is on")
        answer = remove(site, [used[0].path])
        expect(not answer.accepted, f"{answer} for {show(used[0])}, which devices are on")
        expect(site.exists(local(used[0].path, site.namespace)), f"{show(used[0])} is gone")


@check("DSP1059-R19", write=True)
def models(site: Site) -> None:
    """A device asked for as one of the supported samples has the sub-type that the sample says."""
    found = []
    for pool, one in owned(site):
        if pool.get("ResourceType") not in SPECIAL and one.get("RequestTypesSupported") != SPECIFIC:
            each = samples(site, local(one.path, site.namespace))
            found += [setting for role, setting, _ in each if role == POINT and setting.get("ResourceSubType")]
    skip_unless(found, "no capabilities tell models")
    faults = []
    for setting in found:
        with temporary(site, resources=[processors(site, 1), memory(site, 64), request(setting)]) as system:
            made = _sub_types(site, defined_settings(site, system).path, setting)
            wanted = setting["ResourceSubType"]
            faults += [f"{show(setting)} made {dict(made)}"] if wanted not in made else []
    expect_none(faults)


def _sub_types(site: Site, head: CIMInstanceName, like: CIMInstance) -> Counter[str]:
    """The sub-types of the settings of a configuration that are of a class."""
    parts = site.across(head, "CIM_VirtualSystemSettingDataComponent", like.classname, "GroupComponent")
    return Counter(str(one.get("ResourceSubType")) for one in parts)
