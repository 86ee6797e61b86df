"""DSP1050: connections asked for, changed and removed on systems of the suite's own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pywbem import CIMInstance, CIMInstanceName, Uint8, Uint16, Uint32

from virtcim.conformance.check import check
from virtcim.conformance.dsp1050 import ADAPTER, CONNECTION, bare, pools_of_type, settings_of_type
from virtcim.conformance.dsp1097 import pool_texts, switches
from virtcim.conformance.dsp1097_changes import destroy
from virtcim.conformance.dsp1097_changes import temporary as temporary_switch
from virtcim.conformance.methods import INVALID_SETTINGS, Answer, complete, embedded, expect_code, invoke
from virtcim.conformance.paths import show
from virtcim.conformance.site import Site
from virtcim.conformance.systems import defined_settings, memory, processors, rasd, resources, service, temporary
from virtcim.conformance.verdict import expect, skip_unless

LOCAL_BIT = 0x02  # of the first byte of an address: administered locally
QEMU = "525400"
TOO_MUCH = 256


def wire(site: Site, **properties: Any) -> CIMInstance:
    """A connection to ask for."""
    return rasd(site, CONNECTION, **properties)


def some_pool(site: Site, vlans: bool) -> str:
    """PoolID of a pool whose switch has VLANs, or has none."""
    texts = {text: bool(one.get("VLANConnection")) for one, text in _pools_of_switches(site)}
    for pool in pools_of_type(site, CONNECTION):
        for text, has_vlans in texts.items():
            if f'"{pool["InstanceID"]}"' in text and has_vlans is vlans:
                return str(pool["PoolID"])
    skip_unless(False, f"the server has no switch with{'' if vlans else 'out'} VLANs")
    raise AssertionError


def _pools_of_switches(site: Site) -> Iterator[tuple[CIMInstance, str]]:
    for switch in switches(site):
        state = site.across(switch.path, "CIM_SettingsDefineState", "CIM_VirtualSystemSettingData", "ManagedElement")
        for one in state:
            yield from ((one, text) for text in pool_texts(site, switch))


@contextmanager
def wired(site: Site, pool: str | None, **properties: Any) -> Iterator[CIMInstanceName]:
    """The Defined configuration of a system of our own with an adapter, connected to a pool where one is given."""
    settings_of_type(site, CONNECTION)
    asked = [processors(site, 1), memory(site, 64), rasd(site, ADAPTER, InstanceID="new:1")]
    if pool is not None:
        asked.append(wire(site, Parent="new:1", PoolID=pool, **properties))
    with temporary(site, resources=asked) as system:
        yield defined_settings(site, system).path


def of_type(site: Site, configuration: CIMInstanceName, number: int) -> list[CIMInstance]:
    """The settings of a type in a configuration, as they are now."""
    site.forget()
    return [one for one in resources(site, configuration) if one.get("ResourceType") == number]


def modify(site: Site, setting: CIMInstance, **properties: Any) -> Answer:
    """ModifyResourceSettings of one setting, whatever it answers."""
    given = CIMInstance(setting.classname, {"InstanceID": setting["InstanceID"], **properties})
    return invoke(site, service(site), "ModifyResourceSettings", embedded("ResourceSettings", [given]))


def remove(site: Site, setting: CIMInstance) -> None:
    """RemoveResourceSettings of one setting."""
    answer = invoke(site, service(site), "RemoveResourceSettings", ("ResourceSettings", [setting.path]))
    complete(site, answer)


@check("DSP1050-R16", write=True)
def no_vlan_without(site: Site) -> None:
    """A VLAN on a switch that has none is refused with 4, and nothing is changed."""
    with wired(site, some_pool(site, vlans=False)) as configuration:
        (setting,) = of_type(site, configuration, CONNECTION)
        expect_code(modify(site, setting, PortVID=Uint16(42)), INVALID_SETTINGS)
        (after,) = of_type(site, configuration, CONNECTION)
        expect(not after.get("PortVID"), f"{show(after)} has PortVID {after.get('PortVID')} all the same")


@check("DSP1050-R17", write=True)
def vlan_changes(site: Site) -> None:
    """PortVID of a connection to a switch with VLANs can be changed, and reads back."""
    pool = some_pool(site, vlans=True)
    reached = sorted(
        {
            int(text)
            for one, uri in _pools_of_switches(site)
            for text in one.get("VLANConnection") or []
            if pool.rpartition("/")[2] in uri
        }
    )
    with wired(site, pool, PortVID=Uint16(reached[0])) as configuration:
        (setting,) = of_type(site, configuration, CONNECTION)
        complete(site, modify(site, setting, PortVID=Uint16(reached[-1])))
        (after,) = of_type(site, configuration, CONNECTION)
        expect(after.get("PortVID") == reached[-1], f"{show(after)} has PortVID {after.get('PortVID')}")


@check("DSP1050-R18", write=True)
def unplugged(site: Site) -> None:
    """Removing a connection leaves its adapter."""
    with wired(site, some_pool(site, vlans=False)) as configuration:
        (setting,) = of_type(site, configuration, CONNECTION)
        remove(site, setting)
        left = of_type(site, configuration, CONNECTION), of_type(site, configuration, ADAPTER)
        expect([len(one) for one in left] == [0, 1], f"{len(left[0])} connections and {len(left[1])} adapters are left")


@check("DSP1050-R19", write=True)
def adapter_removed(site: Site) -> None:
    """Removing an adapter removes its connection."""
    with wired(site, some_pool(site, vlans=False)) as configuration:
        (setting,) = of_type(site, configuration, ADAPTER)
        remove(site, setting)
        left = len(of_type(site, configuration, CONNECTION)) + len(of_type(site, configuration, ADAPTER))
        expect(left == 0, f"{left} settings are left")


@check("DSP1050-R21", write=True)
def made_address(site: Site) -> None:
    """An adapter that asks for no address gets one that is locally administered."""
    with wired(site, some_pool(site, vlans=False)) as configuration:
        (setting,) = of_type(site, configuration, ADAPTER)
        address = bare(setting.get("Address"))
        local = len(address) == 12 and int(address[:2], 16) & LOCAL_BIT
        expect(local or address.startswith(QEMU), f"{show(setting)} has Address {setting.get('Address')!r}")


@check("DSP1050-R22", write=True)
def used_switch_is_kept(site: Site) -> None:
    """A switch that a definition uses is not destroyed."""
    with temporary_switch(site) as switch:
        text = pool_texts(site, switch)[0]
        (pool,) = [one for one in pools_of_type(site, CONNECTION) if f'"{one["InstanceID"]}"' in text]
        with wired(site, str(pool["PoolID"])):
            answer = destroy(site, switch.path)
            expect(not answer.accepted, f"{answer} for {show(switch)}, which a definition uses")
            expect(site.exists(switch.path), f"{answer} and {show(switch)} is gone")


@check("DSP1050-R23", write=True)
def numbers_of_eight_bits(site: Site) -> None:
    """A ManagerID beyond 255 is refused with 4, and VSITypeID beyond 24 bits too."""
    with wired(site, some_pool(site, vlans=False)) as configuration:
        (setting,) = of_type(site, configuration, CONNECTION)
        for wrong in ({"ManagerID": Uint32(TOO_MUCH)}, {"VSITypeID": Uint32(1 << 24), "VSITypeIDVersion": Uint8(1)}):
            expect_code(modify(site, setting, **wrong), INVALID_SETTINGS, why=f"for {wrong}")
