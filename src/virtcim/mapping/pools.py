"""Resource pools: one primordial pool for each kind of resource, storage and networks below theirs (DSP1041)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from virtcim.mapping import ids
from virtcim.mapping.image import Images, image_of
from virtcim.mapping.kind import ETHERNET, LOGICAL_DISK, MEMORY, PROCESSOR, Kind, Resource
from virtcim.mapping.resources import KINDS
from virtcim.mapping.table import Properties, Row
from virtcim.mapping.units import BYTE, COUNT, KIB, PERCENT
from virtcim.model.network import Network
from virtcim.model.storage import StoragePool

STORAGE, LUNS, NETWORKS, PROCESSORS, MEMORIES = "Disk", "LUN", "Network", "Processor", "Memory"
HOST_DEVICES = "HostDevice"
READY_MADE = frozenset({"iscsi", "iscsi-direct", "scsi", "mpath"})  # storage whose volumes libvirt does not make
WHOLE_PROCESSOR = 100  # percent
# libvirt-cim's classes; pools it had not are Virt_DevicePool.
CLASS_WORDS = {LUNS: STORAGE}
CLASSES = frozenset({STORAGE, LUNS, NETWORKS, PROCESSORS, MEMORIES, "Graphics", "Input", "Controller"})
LABELS = {
    STORAGE: "Storage",
    NETWORKS: "Networks",
    PROCESSORS: "Processors",
    MEMORIES: "Memory",
    "Graphics": "Graphics",
    "Input": "Input devices",
    HOST_DEVICES: "Devices to pass through",
}
UNITS = {PROCESSOR: PERCENT, MEMORY: KIB, LOGICAL_DISK: BYTE}
CONSUMED_UNITS = {PROCESSOR: COUNT, MEMORY: KIB, LOGICAL_DISK: BYTE}


# virStoragePoolState: inactive, building, running, degraded, inaccessible -> OperationalStatus, HealthState
UNKNOWN, HEALTHY = 0, 5
STATES = {0: (10, HEALTHY), 1: (11, HEALTHY), 2: (2, HEALTHY), 3: (3, 10), 4: (12, 20)}


@dataclass(frozen=True, eq=False)
class PoolType:
    """A primordial pool's kind of resource; `units` are those of Capacity and Reserved."""

    id: str
    word: str
    label: str
    classname: str
    resource_type: int
    other_type: str | None
    units: str
    consumed_units: str
    kinds: tuple[Kind[Any], ...]

    @property
    def counts(self) -> bool:
        """Whether the pool hands out devices one by one, and counts them."""
        return self.units == COUNT


def _types() -> Iterator[PoolType]:
    for pool in dict.fromkeys(kind.pool for kind in KINDS):
        word = (ids.parse_pool_id(pool) or ("", ""))[0]
        kinds = tuple(kind for kind in KINDS if kind.pool == pool)
        number = kinds[0].resource_type
        yield PoolType(
            id=pool,
            word=word,
            label=LABELS.get(word, f"{kinds[0].label}s"),
            classname=f"Virt_{CLASS_WORDS.get(word, word)}Pool" if word in CLASSES else "Virt_DevicePool",
            resource_type=number,
            other_type=kinds[0].other_type,
            units=UNITS.get(number, COUNT),
            consumed_units=CONSUMED_UNITS.get(number, COUNT),
            kinds=kinds,
        )


TYPES: Mapping[str, PoolType] = {one.id: one for one in _types()}
POOL_CLASSES = tuple(dict.fromkeys(one.classname for one in TYPES.values()))


@dataclass(frozen=True)
class Share:
    """What one allocation takes from a pool, in the pool's units of allocation and of consumption."""

    pool: str
    reserved: int
    consumed: int


NOTHING: Row[Any] = Row("", None)


def _rows(kind: Kind[Any], name: str) -> Row[Any]:
    return next((row for row in kind.rows if row.name == name), NOTHING)


RESERVATION_ROWS = {kind: _rows(kind, "Reservation") for kind in KINDS}
QUANTITY_ROWS = {kind: _rows(kind, "VirtualQuantity") for kind in KINDS}


def shares(resources: Iterable[tuple[Resource, str]], images: Images) -> Iterator[Share]:
    """What the resources of an active system take, each given with the PoolID that it takes it from.

    Of storage what guests see, as libvirt itself tells what is filled; `images`: the volumes known, by where documents
    say that they are.
    """
    for resource, pool_id in resources:
        kind, view = resource.kind, resource.view
        if kind.resource_type == LOGICAL_DISK:
            image = image_of(resource, images)
            yield Share(pool_id, 0, image.capacity if image else 0)
            continue
        reserved = 1 if kind.resource_type == ETHERNET else RESERVATION_ROWS[kind].get(view) or 0
        yield Share(pool_id, int(reserved), int(QUANTITY_ROWS[kind].get(view) or 0))


def storage_sub_type(xml: str) -> str:
    """ResourceSubType of a storage pool."""
    return ids.sub_type(StoragePool.parse(xml).type or "")


def storage_state(number: int) -> Properties:
    """How a storage pool is, by virStoragePoolState."""
    operational, health = STATES.get(number, (UNKNOWN, UNKNOWN))
    return {"OperationalStatus": [operational], "HealthState": health}


def storage_properties(xml: str) -> Properties:
    """What kind of storage a pool is and where, mostly as libvirt-cim showed it."""
    document = StoragePool.parse(xml)
    server = next((host.name for host in document.hosts), None)
    return {
        "ResourceSubType": ids.sub_type(document.type or ""),
        "StorageType": document.type,
        "Path": document.path,
        "Host": server,
        "SourceDirectory": document.source_directory,
    }


def network_properties(xml: str) -> Properties:
    """What libvirt-cim showed of a network."""
    bridge = Network.parse(xml).bridge
    return {"Caption": f"Bridge: {bridge}"} if bridge else {}
