"""docs/coming-from-libvirt-cim.md: what its clients send that is more, or else, than the schema has."""

from __future__ import annotations

from typing import Any

import pytest
import pywbem
from tests.docs.old_client import DISK, MEM, NET, OK, REFUSED, OldClient, mof, path

NEW_MEMORY = mof(MEM, 'ResourceType = 4; VirtualQuantity = 131072; AllocationUnits = "KiloBytes";')


def test_creation_class_names_in_excess(client: OldClient) -> None:
    """Clients give a CreationClassName to settings, which have none, in instances and in paths."""
    head = 'CreationClassName = "Test_VirtualSystemSettingData"; isFullVirt = TRUE; BootDevice = "network";'
    assert client.define("old1", NEW_MEMORY, system=head)[0] == OK
    assert client.head("old1")["BootDevices"] == ["network"]
    target = path("VirtualSystemSettingData", "Test:old1")
    target["CreationClassName"] = "Test_VirtualSystemSettingData"
    assert client.connection.GetInstance(target)["VirtualSystemIdentifier"] == "old1"
    new = mof(DISK, 'ResourceType = 17; VirtualDevice = "vdb"; Address = "/srv/images/one.img";')
    assert client.call("AddResourceSettings", AffectedConfiguration=target, ResourceSettings=[new])[0] == OK


@pytest.mark.parametrize("given", ['CreationClassName = "Test_Memory";', 'Colour = "red";'])
def test_other_properties_in_excess(client: OldClient, given: str) -> None:
    assert client.define("old1", NEW_MEMORY, system=given)[0] == REFUSED


def sample(client: OldClient, pool: str, **changed: Any) -> str:
    """The default sample of a pool with a few properties changed, without its NULLs, as clients send it back."""
    capabilities = path("AllocationCapabilities", pool)
    found = client.connection.Associators(capabilities, "Test_SettingsDefineCapabilities")
    (default,) = (one for one in found if one["InstanceID"] == f"virtcim:sample/{pool}/Default")
    default.update(changed)
    return "".join(f"{line}\n" for line in default.tomof().splitlines() if not line.endswith("NULL;"))


def test_memory_sample_in_old_words(client: OldClient) -> None:
    """A word in AllocationUnits is the unit of VirtualQuantity too, whatever the sample says of that."""
    size = pywbem.Uint64(2**30)
    memory = sample(client, "MemoryPool/0", VirtualQuantity=size, Limit=size, AllocationUnits="Bytes")
    assert client.define("old1", memory)[0] == OK
    assert client.get(MEM, "old1/mem")["VirtualQuantity"] == 2**20


def test_network_sample_of_another_type(client: OldClient) -> None:
    """The sample's PoolID names a network; NetworkType counts."""
    changed = {"NetworkType": "direct", "SourceDevice": "eth0", "NetworkMode": "vepa", "Address": "00:11:22:33:44:55"}
    assert client.define("old1", NEW_MEMORY, sample(client, "NetworkPool/production", **changed))[0] == OK
    shown = client.get(NET, "old1/00:11:22:33:44:55")
    assert (shown["NetworkType"], shown["SourceDevice"], shown["NetworkMode"]) == ("direct", "eth0", "vepa")


def test_profiles_are_of_the_class_of_the_platform(reader: OldClient) -> None:
    profiles = reader.connection.EnumerateInstances("Test_RegisteredProfile", "root/interop")
    assert "Virtual System Profile" in {one["RegisteredName"] for one in profiles}
    (central,) = (one.path for one in profiles if one["RegisteredName"] == "System Virtualization")
    conforming = reader.connection.AssociatorNames(central, "Test_ElementConformsToProfile")
    assert "Test_HostSystem" in {one.classname for one in conforming}
    assert reader.connection.EnumerateInstanceNames("Test_ReferencedProfile", "root/interop")
