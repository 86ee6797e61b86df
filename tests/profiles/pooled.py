"""A manager over a world whose resource pools are served as well."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.profiles.client import OURS, make_client
from tests.profiles.management import Manager

from virtcim.broker.call import Item, Path, Properties
from virtcim.broker.schema import Schema
from virtcim.host.inventory import Hosts
from virtcim.host.settings import HostSettings
from virtcim.profiles import dsp1041, dsp1042, dsp1043, dsp1044, dsp1045, dsp1047, dsp1059

PROFILES = (
    *OURS,
    *(one.profile for one in (dsp1041, dsp1042, dsp1043, dsp1044, dsp1045, dsp1047, dsp1059)),
)
ALLOCATED, ASKED = "CIM_ElementAllocatedFromPool", "CIM_ResourceAllocationFromPool"


class Stock(Manager):
    """The pools of the first host, and what is in them."""

    def pools(self) -> dict[str, Properties]:
        """The properties of every pool by its InstanceID."""
        found = self.client.instances("CIM_ResourcePool")
        return {str(item.properties["InstanceID"]): item.properties for item in found}

    def pool(self, instance_id: str) -> Properties:
        return self.client.get(self.pool_path(instance_id)).properties

    def pool_path(self, instance_id: str) -> Path:
        """The path of a pool; of a class that has none where there is no such pool."""
        for item in self.client.instances("CIM_ResourcePool"):
            if item.properties["InstanceID"] == instance_id:
                return item.path
        return Path(f"{self.host.platform}_DevicePool", (("InstanceID", instance_id),), "root/virt")

    def from_pool(self, instance_id: str, association: str = ASKED) -> set[str]:
        """The InstanceIDs or DeviceIDs of what comes from a pool."""
        found = self.client.across(self.pool_path(instance_id), association, role="Antecedent")
        return {str(one.properties.get("InstanceID") or one.properties.get("DeviceID")) for one in found}

    def capabilities(self) -> dict[str, Item]:
        """The allocation capabilities of all pools by InstanceID."""
        found = self.client.instances("CIM_AllocationCapabilities")
        return {str(one.properties["InstanceID"]): one for one in found if "mutability" not in str(one.path)}

    def samples(self, capabilities: Path) -> dict[str, Item]:
        """The sample settings of capabilities by the last part of their names."""
        found = self.client.across(capabilities, "CIM_SettingsDefineCapabilities")
        return {str(one.properties["InstanceID"]).rpartition("/")[2]: one for one in found}


@contextmanager
def stocked(repository: Schema, uri: str, **settings: Any) -> Iterator[Stock]:
    """A manager of a host and its pools, over a world of its own."""
    world = Hosts([uri], HostSettings(**settings))
    world.start()
    assert world.wait(30), [host.reason for host in world.hosts]
    client = make_client(repository, world, PROFILES)
    try:
        yield Stock(client)
    finally:
        client.jobs.close()
        world.stop()
