"""DSP1097: switches defined, changed, stopped and destroyed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pywbem import CIMInstance, CIMInstanceName, Uint16

from virtcim.conformance.check import check
from virtcim.conformance.dsp1097 import SETTINGS, guest_ports, pool_path, pool_texts, settings_of, switches
from virtcim.conformance.methods import INVALID_SETTINGS, UNSUPPORTED, Answer, complete, ended_job, expect_code, invoke
from virtcim.conformance.paths import local, show
from virtcim.conformance.services import switch_services
from virtcim.conformance.site import Site
from virtcim.conformance.systems import new_name
from virtcim.conformance.verdict import expect, skip_unless

IN_USE, FAILED, BAD_STATE, STOP = 6, 4, 5, 3
S_VLAN = 5  # EVBMode


def service(site: Site) -> CIMInstanceName:
    """The service that manages switches, or the check is not applicable."""
    switches(site)
    found = switch_services(site)
    skip_unless(found, "the server has no service of its own for virtual switches")
    return found[0]


def head(site: Site, **properties: Any) -> CIMInstance:
    """Settings to send, of the class the server itself uses for switches."""
    found = [one.classname for switch in switches(site) for one in settings_of(site, switch)]
    return CIMInstance(found[0] if found else SETTINGS, properties)


def define(site: Site, **properties: Any) -> Answer:
    """DefineSystem as asked, whatever it answers."""
    return invoke(site, service(site), "DefineSystem", ("SystemSettings", head(site, **properties)))


@contextmanager
def temporary(site: Site, **properties: Any) -> Iterator[CIMInstance]:
    """A switch of our own; destroyed in the end whatever happens."""
    answer = define(site, ElementName=new_name(site), **properties)
    skip_unless(answer.code != UNSUPPORTED, "the server does not define virtual switches")
    complete(site, answer)
    expect(answer.out.get("ResultingSystem") is not None, "DefineSystem returned 0 without a ResultingSystem")
    path = local(answer.out["ResultingSystem"], site.namespace)
    try:
        yield site.get(path)
    finally:
        site.forget()
        if site.exists(path):
            ended_job(site, destroy(site, path))
        if site.exists(path):
            site.leftovers.append(f"{show(path)} is still there")
        site.forget()


def destroy(site: Site, switch: CIMInstanceName) -> Answer:
    """DestroySystem as asked, whatever it answers."""
    return invoke(site, service(site), "DestroySystem", ("AffectedSystem", switch))


def used_switch(site: Site) -> CIMInstance:
    """A switch that systems are plugged into, or the check is not applicable."""
    found = [one for one in switches(site) if guest_ports(site, one)]
    skip_unless(found, "no virtual switch is in use")
    return found[0]


@check("DSP1097-R14", write=True)
def defined_as_asked(site: Site) -> None:
    """A switch that is defined is there, as asked for, with a pool of its own for connections."""
    with temporary(site) as switch:
        found = settings_of(site, switch)
        expect(len(found) == 1, f"{show(switch)} has {len(found)} sets of settings")
        expect(found[0].get("ElementName") == switch.get("ElementName"), "switch and settings differ in ElementName")
        pools = [pool_path(site, text) for text in pool_texts(site, switch)]
        expect(pools and all(path and site.exists(path) for path in pools), f"the pools {pools} are not all there")


@check("DSP1097-R15", write=True)
def not_cut_off(site: Site) -> None:
    """Stopping a switch that systems are plugged into is refused, or takes its ports away."""
    switch = used_switch(site)
    skip_unless(site.expendable, "could cut systems off that are not ours")
    answer = invoke(site, switch.path, "RequestStateChange", ("RequestedState", Uint16(STOP)))
    site.forget()
    if answer.code in (IN_USE, FAILED, UNSUPPORTED):
        expect(guest_ports(site, switch), f"{answer} and {show(switch)} has lost its ports")
    else:
        complete(site, answer)
        expect(not guest_ports(site, switch), f"{answer} and {show(switch)} still has ports")


@check("DSP1097-R16", write=True)
def used_switch_stays(site: Site) -> None:
    """A switch that systems use is not destroyed."""
    switch = used_switch(site)
    skip_unless(site.expendable, "could cut systems off that are not ours")
    answer = destroy(site, switch.path)
    expect(not answer.accepted, f"{answer} for {show(switch)}, which is in use")
    expect(site.exists(switch.path), f"{answer} and {show(switch)} is gone")


@check("DSP1097-R17", write=True)
def destroyed_wholly(site: Site) -> None:
    """A switch that nothing uses is destroyed with its settings and its pool."""
    with temporary(site) as switch:
        parts = [one.path for one in settings_of(site, switch)]
        parts += [path for text in pool_texts(site, switch) if (path := pool_path(site, text))]
        complete(site, destroy(site, switch.path))
        left = [show(path) for path in (switch.path, *parts) if site.exists(path)]
        expect(not left, f"still there after DestroySystem: {', '.join(left)}")


@check("DSP1097-R18", write=True)
def refused_settings(site: Site) -> None:
    """An S-VLAN component, and VLANs on a switch that has none, are refused with 4 and leave nothing behind."""
    service(site)
    before = len(site.instances("CIM_ComputerSystem"))
    for wrong in ({"EVBMode": Uint16(S_VLAN)}, {"VLANConnection": ["42"], "VirtualSystemType": "Virt:linux-bridge"}):
        answer = define(site, ElementName=new_name(site), **wrong)
        expect_code(answer, INVALID_SETTINGS, why=f"for {wrong}")
    site.forget()
    expect(len(site.instances("CIM_ComputerSystem")) == before, "a switch that was refused is there")


@check("DSP1097-R19", write=True)
def unchangeable_settings(site: Site) -> None:
    """A change of what cannot change is refused with 4 or 5, and nothing is changed."""
    with temporary(site) as switch:
        (settings,) = settings_of(site, switch)
        wrong = CIMInstance(settings.classname, {"InstanceID": settings["InstanceID"], "EVBMode": Uint16(S_VLAN)})
        answer = invoke(site, service(site), "ModifySystemSettings", ("SystemSettings", wrong))
        expect_code(answer, INVALID_SETTINGS, BAD_STATE)
        site.forget()
        expect(site.get(settings.path).get("EVBMode") == settings.get("EVBMode"), f"{answer} and EVBMode has changed")
