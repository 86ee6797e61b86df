"""Network filters as instances on a real libvirtd: made, nested, applied to a running guest, and taken away again."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import libvirt
import pytest
from tests.live.conftest import Guest, guest_xml, wait_until
from tests.profiles.switching import Switching, switching_client
from tests.profiles.test_symmetry import LIVE_ONLY, pairs
from tests.profiles.test_symmetry import name as shown

from virtcim.broker.call import CIMError, Path, Status
from virtcim.broker.schema import Schema

MINE, INNER, GUEST = "virtcim-test-outer", "virtcim-test-inner", "virtcim-test-guarded"
MAC = "52:54:00:fe:00:2a"
INTERFACE = f"<interface type='network'><mac address='{MAC}'/><source network='default'/></interface>"


@pytest.fixture
def switching(kvm_schema: Schema, libvirtd: str, qemu: libvirt.virConnect) -> Iterator[Switching]:
    """Without anything of these tests before and after."""
    clean(qemu)
    with switching_client(kvm_schema, libvirtd) as found:
        yield found
    clean(qemu)


def clean(qemu: libvirt.virConnect) -> None:
    for domain in qemu.listAllDomains():
        if domain.name() == GUEST:
            with suppress(libvirt.libvirtError):
                domain.destroy()
            domain.undefine()
    for name in (MINE, INNER):
        with suppress(libvirt.libvirtError):
            qemu.nwfilterLookupByName(name).undefine()


def create(switching: Switching, classname: str, **properties: Any) -> Path:
    given = switching.given(classname, **properties)
    (path,) = switching.client.call("CreateInstance", NewInstance=given)
    assert isinstance(path, Path)
    return path


def delete(switching: Switching, path: Path) -> None:
    switching.client.call("DeleteInstance", InstanceName=path)


def refusal(switching: Switching, classname: str, **properties: Any) -> tuple[Status, str]:
    with pytest.raises(CIMError) as error:
        create(switching, classname, **properties)
    return error.value.status, error.value.message


def xml_of(qemu: libvirt.virConnect, name: str) -> str:
    return qemu.nwfilterLookupByName(name).XMLDesc()


def list_named(switching: Switching, name: str) -> Path:
    (found,) = [one.path for one in switching.client.instances("KVM_FilterList") if one.properties["Name"] == name]
    return found


def test_the_filters_of_the_host(switching: Switching) -> None:
    """As many as libvirt has, with their rules by class, and what they include."""
    names = {str(one.properties["Name"]) for one in switching.client.instances("CIM_FilterList")}
    with switching.host.link.borrow() as connection:
        assert names == {one.name() for one in connection.listAllNWFilters()}
    clean_traffic = list_named(switching, "clean-traffic")
    inner = switching.client.across(clean_traffic, "CIM_ConcreteDependency", "CIM_FilterList", role="Antecedent")
    assert "no-mac-spoofing" in [one.properties["Name"] for one in inner]
    rules = switching.client.across(clean_traffic, "CIM_EntriesInFilterList")
    assert [one.properties["Name"] for one in rules] == ["clean-traffic:0", "clean-traffic:1"]
    assert [one.properties["HdrProtocolID8021"] for one in rules] == [0x0800, 0x0806]
    assert all(switching.client.get(one.path).properties == one.properties for one in rules)


def test_a_filter_is_made_and_taken_away(switching: Switching, qemu: libvirt.virConnect) -> None:
    outer = create(switching, "FilterList", Name=MINE, Chain="root", Priority=10)
    assert switching.client.get(outer).properties["Priority"] == 10
    first = create(switching, "IPHeadersFilter", Name=MINE, Action=1, HdrProtocolID=6, HdrDestPortStart=22)
    assert (first.classname, first.key("Name")) == ("KVM_IPHeadersFilter", f"{MINE}:0")
    second = create(switching, "FilterEntry", Name=f"{MINE}:1", Priority=900)
    assert 'dstportstart="22"' in xml_of(qemu, MINE).replace("'", '"')
    inner = create(switching, "FilterList", Name=INNER)
    nested = create(switching, "NestedFilterList", Antecedent=outer, Dependent=inner)
    assert f"<filterref filter='{INNER}'/>" in xml_of(qemu, MINE)
    with pytest.raises(CIMError, match=MINE):
        delete(switching, inner)
    delete(switching, nested)
    assert "filterref" not in xml_of(qemu, MINE)
    delete(switching, first)
    assert switching.client.get(Path(second.classname, _renamed(second, f"{MINE}:0"), "root/virt"))
    delete(switching, inner)
    delete(switching, outer)
    assert {MINE, INNER}.isdisjoint(one.name() for one in qemu.listAllNWFilters())


def _renamed(path: Path, name: str) -> tuple[tuple[str, Any], ...]:
    return tuple((key, name if key == "Name" else value) for key, value in path.keys)


def test_what_cannot_be_changes_nothing(switching: Switching, qemu: libvirt.virConnect) -> None:
    outer = create(switching, "FilterList", Name=MINE)
    before = xml_of(qemu, MINE)
    assert refusal(switching, "FilterList", Name=MINE)[0] == Status.ALREADY_EXISTS
    assert refusal(switching, "FilterList", Name="")[0] == Status.INVALID_PARAMETER
    assert refusal(switching, "FilterList", Name=INNER, SystemName="elsewhere")[0] == Status.INVALID_PARAMETER
    assert refusal(switching, "FilterEntry", Name="no-such-filter:0")[0] == Status.INVALID_PARAMETER
    assert refusal(switching, "FilterEntry", Name=f"{MINE}:7")[0] == Status.INVALID_PARAMETER
    assert refusal(switching, "FilterEntry", Name=MINE, Protocol="tcp")[0] == Status.INVALID_PARAMETER
    status, message = refusal(
        switching, "Hdr8021Filter", Name=MINE, MatchNames=["no"], MatchValues=["x"], Priority=9999
    )
    assert (status, "Priority" in message) == (Status.INVALID_PARAMETER, True)
    missing = Path(outer.classname, _renamed(outer, "no-such-filter"), "root/virt")
    assert refusal(switching, "NestedFilterList", Antecedent=outer, Dependent=missing)[0] == Status.INVALID_PARAMETER
    status, message = refusal(switching, "NestedFilterList", Antecedent=outer, Dependent=outer)
    assert status in (Status.FAILED, Status.INVALID_PARAMETER)
    assert "libvirt" in message
    assert xml_of(qemu, MINE) == before
    with pytest.raises(CIMError) as error:
        delete(switching, missing)
    assert error.value.status == Status.NOT_FOUND


def test_a_filter_guards_a_running_guest(switching: Switching, qemu: libvirt.virConnect, guest_image: Guest) -> None:
    """In the running guest and in its definition; the rules are in the kernel as long as they are applied."""
    qemu.defineXML(guest_xml("guarded", guest_image, linux=False, memory_mib=16, devices=INTERFACE)).create()
    wait_until(lambda: (vm := switching.host.vm_named(GUEST)) is not None and vm.active, 5)
    ports = switching.client.instances("KVM_NetworkPort")
    (port,) = [one.path for one in ports if one.path.key("SystemName") == GUEST]
    guard = list_named(switching, "no-mac-spoofing")
    applied = create(switching, "AppliedFilterList", Antecedent=port, Dependent=guard)  # the ends as of libvirt-cim
    assert (applied.key("Antecedent"), applied.key("Dependent")) == (guard, port)
    assert switching.client.get(applied)
    domain = qemu.lookupByName(GUEST)
    assert all("no-mac-spoofing" in domain.XMLDesc(flags) for flags in (0, libvirt.VIR_DOMAIN_XML_INACTIVE))
    assert MAC in ebtables()
    (found,) = switching.client.across(port, "CIM_ConcreteDependency", "CIM_FilterList")
    assert found.path == guard
    everything = switching.client.broker.instances.catalog.associations
    for association in [one for one in everything if "Filter" in one.classname]:
        assert shown(association) in LIVE_ONLY
        assert pairs(switching.client, association, True) == pairs(switching.client, association, False) != set()
    assert refusal(switching, "AppliedFilterList", Antecedent=guard, Dependent=port)[0] == Status.ALREADY_EXISTS
    with pytest.raises(CIMError, match=GUEST):
        delete(switching, guard)
    delete(switching, applied)
    assert "filterref" not in domain.XMLDesc(0) + domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)
    assert MAC not in ebtables()
    assert refusal(switching, "AppliedFilterList", Antecedent=guard, Dependent=guard)[0] == Status.INVALID_PARAMETER
    rules_of_its_own(switching, qemu, port)


def rules_of_its_own(switching: Switching, qemu: libvirt.virConnect, port: Path) -> None:
    """A list that the client makes: its rules are in the kernel, follow what is changed, and go."""
    own = create(switching, "FilterList", Name=MINE, Chain="root")
    create(switching, "IPHeadersFilter", Name=MINE, Action=2, HdrProtocolID=17, HdrDestPortStart=4747)
    applied = create(switching, "AppliedFilterList", Antecedent=own, Dependent=port)
    assert "4747" in rules()
    create(switching, "IPHeadersFilter", Name=MINE, Action=2, HdrProtocolID=17, HdrDestPortStart=4848)
    assert "4848" in rules()
    delete(switching, applied)
    left = rules()
    assert not [number for number in ("4747", "4848") if number in left]
    delete(switching, own)


def rules() -> str:
    """What the kernel does with frames and packets of guests."""
    done = subprocess.run(["iptables-save"], capture_output=True, text=True, check=True)
    return ebtables() + done.stdout


def ebtables() -> str:
    """The rules that libvirt has put before the guests' ports."""
    return subprocess.run(["ebtables", "-t", "nat", "-L"], check=True, capture_output=True, text=True).stdout
