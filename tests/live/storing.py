"""A client that makes storage pools and volumes on a real libvirtd, all by one name."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import libvirt
import pytest
from tests.profiles.client import out
from tests.profiles.management import embedded
from tests.profiles.pooled import Stock

from virtcim.broker.call import MethodAnswer
from virtcim.broker.call import Path as CimPath

OK, FAILED, INVALID, IN_USE, JOB = 0, 4, 5, 6, 4096
NAME = "virtcim-test-storage"
MIB = 2**20
KVM = "KVM_DiskPoolResourceAllocationSettingData"
VOLUME = "KVM_StorageVolumeResourceAllocationSettingData"


def clean(qemu: libvirt.virConnect) -> None:
    for pool in qemu.listAllStoragePools():
        if pool.name().startswith(NAME):
            with suppress(libvirt.libvirtError):
                pool.destroy()
            with suppress(libvirt.libvirtError):
                pool.undefine()


def create(stock: Stock, kind: str, name: str = NAME, **given: Any) -> MethodAnswer:
    wanted = embedded(KVM, ResourceType=31, ResourceSubType=f"Virt:{kind}", **given)
    parent = [stock.pool_path("DiskPool/0")]
    return service_call(stock, "CreateChildResourcePool", ElementName=name, Settings=[wanted], ParentPool=parent)


def service_call(stock: Stock, method: str, **arguments: Any) -> MethodAnswer:
    (service,) = stock.client.instances("KVM_ResourcePoolConfigurationService")
    return stock.client.invoke(service.path, method, **arguments)


def delete(stock: Stock, name: str = NAME) -> MethodAnswer:
    return service_call(stock, "DeleteResourcePool", Pool=stock.pool_path(f"DiskPool/{name}"))


def add_volume(stock: Stock, name: str, mib: int, **given: Any) -> MethodAnswer:
    wanted = embedded(VOLUME, VolumeName=name, VirtualQuantity=mib * MIB, AllocationUnits="byte", **given)
    return service_call(stock, "CreateResourceInPool", Settings=wanted, Pool=stock.pool_path(f"DiskPool/{NAME}"))


def shown_volumes(stock: Stock) -> dict[str, int]:
    """Names and sizes of what the pool of the test is made up of."""
    found = stock.client.across(stock.pool_path(f"DiskPool/{NAME}"), "CIM_ConcreteComponent")
    facts = [one.properties for one in found if one.cls.name == "KVM_HostStorageVolume"]
    return {str(one["ElementName"]): int(str(one["NumberOfBlocks"])) * 512 for one in facts}


def made(stock: Stock, answer: MethodAnswer, kind: str) -> dict[str, Any]:
    """What a new pool shows, after libvirt has been asked the same."""
    assert answer.value == OK, answer
    path = out(answer, "Pool")
    assert isinstance(path, CimPath)
    shown = stock.client.get(path).properties
    with stock.host.link.borrow() as connection:
        pool = connection.storagePoolLookupByName(NAME)
        state, capacity, allocation, _ = pool.info()
        assert (pool.isActive(), pool.isPersistent(), state) == (1, 1, 2)
    facts = (shown["ResourceSubType"], shown["OperationalStatus"], shown["Capacity"], shown["Reserved"])
    assert facts == (f"Virt:{kind}", [2], capacity, allocation)
    return dict(shown)


def names(stock: Stock) -> set[str]:
    """What `virsh pool-list --all` shows."""
    with stock.host.link.borrow() as connection:
        return {pool.name() for pool in connection.listAllStoragePools()}


def supported(stock: Stock, kind: str) -> None:
    with stock.host.link.borrow() as connection:
        if f"<pool type='{kind}' supported='yes'>" not in connection.getStoragePoolCapabilities():
            pytest.skip(f"libvirt has no driver for pools of type {kind} here")
