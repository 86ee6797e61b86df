"""Reading pools with their volumes, networks, node devices and the host itself into records."""

from __future__ import annotations

import re
import uuid as uuids
from collections.abc import Iterable, Mapping
from functools import partial

import libvirt

from virtcim.host.errors import unsupported
from virtcim.host.reading import all_found, found, where_supported
from virtcim.host.records import (
    FilterRecord,
    HostFacts,
    InterfaceRecord,
    NetworkRecord,
    NodeDeviceRecord,
    NodeInfo,
    PoolRecord,
    VolumeRecord,
    version_text,
)
from virtcim.model.capabilities import Capabilities
from virtcim.model.storage import Volume

# Names of what libvirt makes for guests: their own documents tell of these interfaces.
_OF_GUESTS = re.compile(r"(vnet|macvtap|macvlan)[0-9]+")

KINDS = {
    "file": libvirt.VIR_STORAGE_VOL_FILE,
    "block": libvirt.VIR_STORAGE_VOL_BLOCK,
    "dir": libvirt.VIR_STORAGE_VOL_DIR,
    "network": libvirt.VIR_STORAGE_VOL_NETWORK,
    "netdir": libvirt.VIR_STORAGE_VOL_NETDIR,
    "ploop": libvirt.VIR_STORAGE_VOL_PLOOP,
}


def _definition(handle: libvirt.virNetwork | libvirt.virStoragePool, flag: int) -> str:
    """The inactive document; the only one there is where the driver knows no flag for it (test)."""
    try:
        return handle.XMLDesc(flag)
    except libvirt.libvirtError as error:
        if unsupported(error):
            return handle.XMLDesc()
        raise


def read_pool(connection: libvirt.virConnect, uuid: str) -> PoolRecord | None:
    """One storage pool with its volumes, None when it is gone."""
    handle = found(connection.storagePoolLookupByUUIDString, uuid)
    return None if handle is None else found(_pool, handle)


def read_pools(connection: libvirt.virConnect) -> list[PoolRecord]:
    pools = where_supported(connection.listAllStoragePools)
    return all_found(_pool, pools)


def changed_pools(connection: libvirt.virConnect, known: Mapping[str, PoolRecord]) -> list[str]:
    """The UUIDs of the storage pools that are not as `known`; no volume is read where names and sizes are the same."""
    there = {pool.UUIDString(): pool for pool in where_supported(connection.listAllStoragePools)}
    differ = [uuid for uuid, pool in there.items() if found(partial(_pool, pool), known.get(uuid)) != known.get(uuid)]
    return [*differ, *(uuid for uuid in known if uuid not in there)]


def _pool(pool: libvirt.virStoragePool, known: PoolRecord | None = None) -> PoolRecord:
    state, capacity, allocation, available = sizes = pool.info()
    active, persistent = bool(pool.isActive()), bool(pool.isPersistent())
    listed = pool.listAllVolumes() if active else []
    same = known is not None and [known.state, known.capacity, known.allocation, known.available] == sizes
    if known is not None and same and {one.name for one in known.volumes} == {one.name() for one in listed}:
        volumes = known.volumes
    else:
        volumes = _volumes(pool, listed)
    return PoolRecord(
        uuid=pool.UUIDString(),
        name=pool.name(),
        active=active,
        persistent=persistent,
        autostart=bool(pool.autostart()),
        state=state,
        capacity=capacity,
        allocation=allocation,
        available=available,
        xml=pool.XMLDesc(),
        defined_xml=_definition(pool, libvirt.VIR_STORAGE_XML_INACTIVE) if persistent else None,
        volumes=volumes,
    )


def _volumes(pool: libvirt.virStoragePool, listed: Iterable[libvirt.virStorageVol]) -> tuple[VolumeRecord, ...]:
    records = all_found(partial(_volume, pool.UUIDString()), listed)
    return tuple(sorted(records, key=lambda record: record.name))


def _volume(pool: str, volume: libvirt.virStorageVol) -> VolumeRecord:
    """All of it is in the document, for which libvirt looks at the volume: one call."""
    xml = volume.XMLDesc()
    view = Volume.parse(xml)
    return VolumeRecord(
        pool_uuid=pool,
        name=volume.name(),
        key=volume.key(),
        path=view.path or volume.path(),
        kind=KINDS.get(view.type or "", libvirt.VIR_STORAGE_VOL_FILE),
        capacity=view.capacity or 0,
        allocation=view.allocation or 0,
        xml=xml,
    )


def read_network(connection: libvirt.virConnect, uuid: str) -> NetworkRecord | None:
    """One virtual network, None when it is gone."""
    handle = found(connection.networkLookupByUUIDString, uuid)
    return None if handle is None else found(_network, handle)


def read_networks(connection: libvirt.virConnect) -> list[NetworkRecord]:
    networks = where_supported(connection.listAllNetworks)
    return all_found(_network, networks)


def _network(network: libvirt.virNetwork) -> NetworkRecord:
    persistent = bool(network.isPersistent())
    return NetworkRecord(
        uuid=network.UUIDString(),
        name=network.name(),
        active=bool(network.isActive()),
        persistent=persistent,
        autostart=bool(network.autostart()),
        xml=network.XMLDesc(),
        defined_xml=_definition(network, libvirt.VIR_NETWORK_XML_INACTIVE) if persistent else None,
    )


def read_node_device(connection: libvirt.virConnect, name: str) -> NodeDeviceRecord | None:
    """One device of the host, None when it is gone."""
    handle = found(connection.nodeDeviceLookupByName, name)
    return None if handle is None else found(_node_device, handle)


def read_node_devices(connection: libvirt.virConnect) -> list[NodeDeviceRecord]:
    return all_found(_node_device, where_supported(connection.listAllDevices))


def _node_device(device: libvirt.virNodeDevice) -> NodeDeviceRecord:
    return NodeDeviceRecord(name=device.name(), xml=device.XMLDesc())


def read_filter(connection: libvirt.virConnect, uuid: str) -> FilterRecord | None:
    """One network filter, None when it is gone."""
    handle = found(connection.nwfilterLookupByUUIDString, uuid)
    return None if handle is None else found(_filter, handle)


def read_filters(connection: libvirt.virConnect) -> list[FilterRecord]:
    return all_found(_filter, where_supported(connection.listAllNWFilters))


def _filter(handle: libvirt.virNWFilter) -> FilterRecord:
    return FilterRecord(uuid=handle.UUIDString(), name=handle.name(), xml=handle.XMLDesc())


def read_interfaces(connection: libvirt.virConnect) -> list[InterfaceRecord]:
    """The host's interfaces but those that guests are plugged in by; nothing where the driver tells none."""
    handles = where_supported(connection.listAllInterfaces)
    return all_found(_interface, [one for one in handles if not _OF_GUESTS.fullmatch(one.name())])


def _interface(handle: libvirt.virInterface) -> InterfaceRecord:
    return InterfaceRecord(name=handle.name(), active=bool(handle.isActive()), xml=handle.XMLDesc())


def read_facts(connection: libvirt.virConnect) -> HostFacts:
    """What the host is. A driver that knows no host UUID gets one made from its name and URI."""
    capabilities = connection.getCapabilities()
    name = connection.getHostname()
    model, memory, cpus, mhz, nodes, sockets, cores, threads = connection.getInfo()
    own = Capabilities.parse(capabilities).host_uuid
    return HostFacts(
        name=name,
        uuid=own or str(uuids.uuid5(uuids.NAMESPACE_URL, f"{name} {connection.getURI()}")),
        library_version=version_text(connection.getLibVersion()),
        hypervisor=connection.getType(),
        hypervisor_version=version_text(connection.getVersion()),
        node=NodeInfo(
            model=model,
            memory=memory * 1024,
            cpus=cpus,
            mhz=mhz,
            nodes=nodes,
            sockets=sockets,
            cores=cores,
            threads=threads,
        ),
        capabilities_xml=capabilities,
        sysinfo_xml=_sysinfo(connection),
    )


def _sysinfo(connection: libvirt.virConnect) -> str | None:
    try:
        return connection.getSysinfo()
    except libvirt.libvirtError:  # optional: a host without SMBIOS, or a driver without the call
        return None
