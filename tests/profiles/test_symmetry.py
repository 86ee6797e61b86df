"""Every association leads back: y is across from x exactly if x is across from y."""

from __future__ import annotations

from tests.profiles.client import Client

from virtcim.broker.associations import Wanted
from virtcim.broker.call import Path
from virtcim.broker.provider import Association

# The test driver has no network filters, no DHCP and no statistics: tests/live/test_filters_qemu.py,
# test_ethernet_qemu.py and test_metrics_qemu.py see.
LIVE_ONLY = {
    "Virt_HostedFilterList of Virt_HostSystem and Virt_FilterList",
    "Virt_EntriesInFilterList of Virt_FilterList and CIM_FilterEntryBase",
    "Virt_NestedFilterList of Virt_FilterList and Virt_FilterList",
    "Virt_AppliedFilterList of Virt_FilterList and Virt_NetworkPort",
    "Virt_HostedAccessPoint of Virt_ComputerSystem and Virt_IPProtocolEndpoint",
    "Virt_BindsToLANEndpoint of Virt_LANEndpoint and Virt_IPProtocolEndpoint",
}
MEASURED = ("Processor", "LogicalDisk", "DiskDrive", "DVDDrive", "DisketteDrive", "NetworkPort", "SwitchEthernetPort")
LIVE_ONLY |= {f"Virt_MetricDefForME of Virt_{one} and CIM_BaseMetricDefinition" for one in MEASURED}
LIVE_ONLY |= {f"Virt_MetricForME of Virt_{one} and CIM_BaseMetricValue" for one in MEASURED}
Pairs = set[tuple[Path, Path]]


def name(association: Association) -> str:
    return f"{association.classname} of {association.a.classname} and {association.b.classname}"


def pairs(client: Client, association: Association, forwards: bool) -> Pairs:
    """The links of an association as (a, b), walked from its a end or from its b end."""
    associations = client.broker.associations
    near, far = (association.a, association.b) if forwards else (association.b, association.a)
    found: Pairs = set()
    for source in client.broker.instances.all_found(near.classname):
        for step in associations._across(association, near, far, source, Wanted()):
            ends = (step.source.item.path, step.target.item.path)
            found.add(ends if forwards else (ends[1], ends[0]))
    return found


def test_every_association_leads_back(everything: Client) -> None:
    faults = []
    for association in everything.broker.instances.catalog.associations:
        forwards, backwards = (pairs(everything, association, forwards=way) for way in (True, False))
        faults += [f"{name(association)}: no way back from {b} to {a}" for a, b in forwards - backwards]
        faults += [f"{name(association)}: no way from {a} to {b}" for a, b in backwards - forwards]
    assert faults == []


def test_every_association_has_links(everything: Client) -> None:
    """One without any on this world would not be tested."""
    catalog = everything.broker.instances.catalog
    associations = [one for one in catalog.associations if name(one) not in LIVE_ONLY]
    assert [name(one) for one in associations if not pairs(everything, one, forwards=True)] == []
