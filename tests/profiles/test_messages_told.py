"""Each situation is told by its own message: refusals of the methods, on the embedded node."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.profiles.client import system_path
from tests.profiles.management import OK, embedded, head_path, rasd
from tests.profiles.pooled import Stock, stocked
from tests.profiles.storing import disk

from virtcim import messages
from virtcim.broker.call import MethodAnswer
from virtcim.broker.call import Path as ObjectPath
from virtcim.broker.schema import Schema
from virtcim.host.errors import MESSAGES as OF_LIBVIRT
from virtcim.messages import Message

Call = Callable[[Stock], MethodAnswer]
TESTS = Path(__file__).parents[1]
POOLS = "Test_ResourcePoolConfigurationService"


@pytest.fixture(scope="module")
def stock(repository: Schema, node_uri: str) -> Iterator[Stock]:
    """For all refusals: none of them changes anything."""
    with stocked(repository, node_uri) as stock:
        assert stock.define(ElementName="plain").value == OK
        yield stock


def state(name: str, number: int) -> Call:
    return lambda stock: stock.client.invoke(system_path(name), "RequestStateChange", RequestedState=str(number))


def power(path: ObjectPath | None, number: int = 2) -> Call:
    def call(stock: Stock) -> MethodAnswer:
        (service,) = stock.client.instances("CIM_PowerManagementService")
        method = "RequestPowerStateChange"
        return stock.client.invoke(service.path, method, PowerState=str(number), ManagedElement=path)

    return call


def making_disk(**properties: Any) -> Call:
    """A disk with a volume that is to be made."""
    return lambda stock: stock.add("plain", disk(**properties))


def pools(method: str, **arguments: Callable[[Stock], Any]) -> Call:
    def call(stock: Stock) -> MethodAnswer:
        (service,) = stock.client.instances(POOLS)
        return stock.client.invoke(service.path, method, **{name: of(stock) for name, of in arguments.items()})

    return call


def deleting(pool: str) -> Call:
    return pools("DeleteResourcePool", Pool=lambda stock: stock.pool_path(pool))


def making(name: str, setting: Any, parent: str = "DiskPool/0") -> Call:
    return pools(
        "CreateChildResourcePool",
        ElementName=lambda _: name,
        Settings=lambda _: [setting],
        ParentPool=lambda stock: [stock.pool_path(parent)],
    )


def volume(method: str, parameter: str, **properties: Any) -> Call:
    setting = embedded("Test_StorageVolumeResourceAllocationSettingData", **properties)
    return pools(method, Pool=lambda stock: stock.pool_path("DiskPool/images"), **{parameter: lambda _: setting})


TOLD: list[tuple[str, Call]] = [
    ("VS_NOT_FOUND", lambda stock: stock.destroy("nobody")),
    ("VS_NOT_FOUND", power(system_path("nobody"))),
    ("VS_NOT_FOUND", lambda stock: stock.modify_system(VirtualSystemIdentifier="nobody", ElementName="x")),
    ("VS_INVALID_STATE", state("plain", 9)),
    ("VS_STATE_UNSUPPORTED", state("web1", 8)),
    ("VS_STATE_UNKNOWN", state("web1", 65000)),
    ("VS_DUPLICATE_IDENTIFIER", lambda stock: stock.define(ElementName="web1")),
    ("VS_DUPLICATE_UUID", lambda stock: stock.define(ElementName="other", UUID=stock.client.vm("web1").uuid)),
    ("VS_TYPE_UNSUPPORTED", lambda stock: stock.define(ElementName="other", VirtualSystemType="DMTF:moon")),
    ("SETTING_UNSUPPORTED_VALUE", lambda stock: stock.define(ElementName="other", UUID="none")),
    ("SETTING_UNSUPPORTED_VALUE", lambda stock: stock.modify(rasd("Proc", InstanceID="plain/proc", VirtualQuantity=0))),
    (
        "SETTING_INCOMPATIBLE",
        lambda stock: stock.modify(rasd("Disk", InstanceID="desktop1/sda", Address="/a", HostResource=["/b"])),
    ),
    ("SETTING_INSTANCEID", lambda stock: stock.modify(rasd("Mem", InstanceID="nobody/mem"))),
    ("SETTING_INSTANCEID", lambda stock: stock.modify_system(InstanceID="Test:nobody")),
    ("SETTING_INSTANCEID_MISSING", lambda stock: stock.modify(rasd("Mem", VirtualQuantity=1))),
    ("SETTING_INSTANCEID_MISSING", lambda stock: stock.modify_system(ElementName="x")),
    ("SETTING_PARSE", lambda stock: stock.modify(embedded("Test_VirtualSystemSettingData", InstanceID="Test:web1"))),
    ("SETTINGS_MISSING", lambda stock: stock.modify()),
    (
        "SETTINGS_BLANK",
        lambda stock: stock.call("ModifyResourceSettings", ResourceSettings=[rasd("Mem", InstanceID="web1/mem"), None]),
    ),
    ("SETTING_NOT_WHILE_ACTIVE", lambda stock: stock.modify(rasd("Mem", InstanceID="web1/mem", dumpCore=False))),
    (
        "SETTING_NOT_WHILE_ACTIVE",
        lambda stock: stock.modify_system(InstanceID="Test:web1", VirtualSystemIdentifier="web9"),
    ),
    ("SETTING_TOO_LONG", lambda stock: stock.define(ElementName="x" * 300)),
    ("REFERENCE_CONFIG_INVALID", lambda stock: stock.define(ElementName="other", reference=head_path("nobody"))),
    ("RESOURCE_POOL_UNKNOWN", making_disk(PoolID="DiskPool/none")),
    ("RESOURCE_POOL_UNKNOWN", making_disk(PoolID="DiskPool/0")),
    ("RESOURCE_POOL_UNKNOWN", lambda stock: stock.define(rasd("Mem", PoolID="moon"), ElementName="other")),
    ("RESOURCE_EXHAUSTED", making_disk(VirtualQuantity=2**50, Reservation=2**50)),
    ("RESOURCE_IN_USE", lambda stock: stock.remove("desktop1/defined/controller:sata:0")),
    ("RESOURCE_NOT_FOUND", lambda stock: stock.remove("desktop1/nothing")),
    ("RESOURCE_UNPLUG_UNSUPPORTED", lambda stock: stock.remove("web1/vnc")),
    ("RESOURCE_HOTPLUG_UNSUPPORTED", lambda stock: stock.add("web1", rasd("Sound"), defined=False)),
    ("RESOURCE_SAVED", lambda stock: stock.modify(rasd("Mem", InstanceID="archive1/mem", VirtualQuantity=1024))),
    ("RESOURCE_SINGLE", lambda stock: stock.remove("desktop1/mem")),
    ("RESOURCE_SINGLE", lambda stock: stock.add("desktop1", rasd("Mem", VirtualQuantity=1024))),
    ("POOL_NOT_FOUND", deleting("DiskPool/gone")),
    ("POOL_IN_USE", deleting("DiskPool/images")),
    ("POOL_IN_USE", deleting("NetworkPool/production")),
    ("POOL_PRIMORDIAL", deleting("MemoryPool/0")),
    ("POOL_EXISTS", making("images", rasd("DiskPool", Type=1, Path="/srv/old"))),
    ("POOL_INDIVISIBLE", making("new", rasd("DiskPool", Type=1, Path="/srv/old"), "DiskPool/images")),
    ("POOL_RESOURCE_TYPE", making("new", rasd("NetPool", Address="192.0.2.1"))),
    ("VOLUME_EXISTS", making_disk(VolumeName="base.qcow2")),
    ("RESOURCE_IN_USE", volume("DeleteResourceInPool", "Resource", Address="/srv/images/base.qcow2")),
    ("HYPERVISOR_SETTING", lambda stock: stock.add("plain", rasd("Disk", HostResource=["/a"], BusType="pigeon"))),
    ("METHOD_INVALID_PARAMETER", pools("DeleteResourceInPool", Pool=lambda stock: stock.pool_path("DiskPool/images"))),
    ("METHOD_NOT_SUPPORTED", pools("CreateResourcePool")),
]


@pytest.mark.parametrize(
    ("symbol", "call"), TOLD, ids=[f"{symbol}-{number}" for number, (symbol, _) in enumerate(TOLD)]
)
def test_refusal(stock: Stock, symbol: str, call: Call) -> None:
    answer = call(stock)
    told = answer.reason
    assert isinstance(told, Message), told
    assert told.symbol == symbol, told
    entry = messages.entry_of(told)
    assert told == entry.template.format("", *told.arguments)


# Told where a test of its own brings it about, which names it by symbol or id.
ELSEWHERE: dict[str, tuple[str, ...]] = {
    "host/test_domains.py": ("VS_STATE_REFUSED",),
    "host/test_errors.py": tuple(sorted(set(OF_LIBVIRT.values()))),
    "host/test_link.py": ("HYPERVISOR_LOST",),
    "live/host/test_guests.py": ("VS_SHUTDOWN_TIMEOUT",),
    "live/test_unplug_qemu.py": ("RESOURCE_UNPLUG_TIMEOUT",),
    "namespaces/test_making.py": ("NAMESPACE_EXISTS", "NAMESPACE_NAME_INVALID"),
    "profiles/dsp1103/test_ending.py": ("JOB_CANCELLED", "JOB_ENDED"),
    "profiles/dsp1103/test_jobs.py": ("JOB_LOST_ON_RESTART", "VS_TRANSITION_FAILED"),
    "profiles/dsp1103/test_killing.py": ("JOB_KILL_TIMEOUT", "JOB_NOT_CANCELLABLE"),
    "profiles/migration/test_dsp1081.py": ("VS_BEING_MOVED",),
    "profiles/migration/test_dsp1081_refusals.py": (
        "MIGRATION_CPU_INCOMPATIBLE",
        "MIGRATION_DEST_INCOMPATIBLE",
        "MIGRATION_DEST_UNREACHABLE",
        "MIGRATION_INVALID_STATE",
        "MIGRATION_SAME_HOST",
        "MIGRATION_STORAGE_NOT_SHARED",
        "SETTING_NOT_OFFERED",
    ),
    "profiles/test_dedicated_processors.py": ("RESOURCE_DEDICATED",),
    "profiles/test_dsp1042_modify.py": ("SETTING_IGNORED", "VS_GONE"),
    "profiles/test_dsp1042_snapshots.py": ("SNAPSHOT_GONE", "SNAPSHOT_NOT_FOUND", "SNAPSHOT_STATE", "SNAPSHOT_TYPE"),
    "profiles/test_dsp1057.py": ("VS_BUSY",),
    "profiles/test_dsp1092.py": ("NAMESPACES_FIXED",),
}
# What no test brings about: most of it is told where libvirt, a guest or somebody else does something in between.
NOT_HERE = (
    "MIGRATION_ABORTED",
    "MIGRATION_FAILED",
    "POOL_INACTIVE",
    "POOL_INSUFFICIENT",
    "RESOURCE_GONE",
    "RESOURCE_NOT_SHOWN",
    "RESOURCE_UNPLUG_REFUSED",
    "SNAPSHOT_APPLY_FAILED",
    "SNAPSHOT_DEPENDENT",
    "SNAPSHOT_IMPOSSIBLE",
    "VS_REBOOT_TIMEOUT",
)


def test_every_message_is_brought_about() -> None:
    """Or is an alert, whose tests go by the events."""
    told = {symbol for symbol, _ in TOLD}
    for file, symbols in ELSEWHERE.items():
        text = (TESTS / file).read_text(encoding="utf-8")
        told |= {one for one in symbols if one in text or messages.registry()[one].id in text}
    missing = {one.symbol for one in messages.registry().values() if one.error_type is not None and not one.general}
    assert sorted(missing - told) == sorted(NOT_HERE)
