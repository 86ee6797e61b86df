"""Documents of storage pools, networks and volumes from the settings that ask for them (DSP1041 clause 8)."""

from __future__ import annotations

from ipaddress import AddressValueError, IPv4Address, IPv4Interface, NetmaskValueError
from math import ceil
from typing import Any

from virtcim.mapping.allocation_pools import FORMATS, NAT, NONE, RAW, ROUTED, STORAGE
from virtcim.mapping.location import as_location
from virtcim.mapping.resources import SUBTYPE_PREFIX
from virtcim.mapping.table import BadProperty, Properties
from virtcim.mapping.units import BYTE, UnitError, convert
from virtcim.model.codecs import SIZE_UNITS
from virtcim.model.network import Address, DhcpRange, Network
from virtcim.model.storage import SourceDevice, SourceServer, StoragePool, Volume

WORDS = {number: word for word, (number, _) in STORAGE.items()}
FORWARD = {NONE: None, NAT: "nat", ROUTED: "route"}
BUILT = ("dir", "fs", "netfs")  # their directory is made when it is missing
TARGETS = {"disk": "/dev", "iscsi": "/dev/disk/by-path", "scsi": "/dev/disk/by-path"}
NEEDS = {"netfs": ("Host", "SourceDirectory"), "iscsi": ("Host",), "scsi": ("AdapterName",)}
ONE_DEVICE = ("fs", "disk", "iscsi")
ADDRESS, NETMASK = "192.168.122.1", "255.255.255.0"
SMALLEST = 8  # addresses of a network that has room for the host and guests


def storage_type(given: Properties) -> str:
    """libvirt's word for the kind of storage pool. Raises BadProperty."""
    word = WORDS.get(int(given.get("Type") or 0))
    sub_type = SUBTYPE_PREFIX.sub("", str(given.get("ResourceSubType") or ""))
    if given.get("Type") and word is None:
        raise BadProperty("Type", f"{given['Type']} is not one of {', '.join(map(str, WORDS))}")
    if word and sub_type and word != sub_type:
        raise BadProperty("ResourceSubType", f"{sub_type!r} contradicts Type {given['Type']} ({word})")
    if not word and sub_type not in STORAGE:
        raise BadProperty("ResourceSubType", f"{sub_type!r} is not one of {', '.join(STORAGE)}")
    return word or sub_type


def storage_document(name: str, given: Properties) -> StoragePool:
    """The definition of a storage pool. Raises BadProperty."""
    pool = StoragePool.new()
    pool.type, pool.name = storage_type(given), name
    for needed in NEEDS.get(pool.type, ()):
        if not given.get(needed):
            raise BadProperty(needed, f"is missing for a storage pool of type {pool.type}")
    _add_source(pool, name, given)
    pool.path = _target(pool.type, name, given)
    return pool


def _add_source(pool: StoragePool, name: str, given: Properties) -> None:
    devices = given.get("DevicePaths") or []
    if pool.type in ONE_DEVICE and len(devices) != 1:
        raise BadProperty("DevicePaths", f"needs exactly one entry for a storage pool of type {pool.type}")
    for path in devices:
        device = SourceDevice.new()
        device.path = path
        pool.add(device, inside="source")
    if given.get("Host"):
        server = SourceServer.new()
        server.name = given["Host"]
        pool.add(server, inside="source")
    pool.source_directory = given.get("SourceDirectory")
    pool.source_name = name if pool.type == "logical" else None
    if pool.type == "scsi":
        _add_adapter(pool, given)


def _add_adapter(pool: StoragePool, given: Properties) -> None:
    pool.adapter, pool.wwpn, pool.wwnn = given["AdapterName"], given.get("PortName"), given.get("NodeName")
    pool.adapter_type = "fc_host" if pool.wwpn else "scsi_host"
    if pool.wwpn:
        pool.adapter = None


def _target(word: str, name: str, given: Properties) -> str:
    """The path under which the volumes appear; for directories HostResource says it as well."""
    named = [as_location(text) for text in given.get("HostResource") or [] if text]
    path = given.get("Path") or next(iter(named), None) or (f"/dev/{name}" if word == "logical" else TARGETS.get(word))
    if not path:
        raise BadProperty("Path", f"is missing for a storage pool of type {word}")
    if not str(path).startswith("/"):
        raise BadProperty("Path", f"{path!r} is not an absolute path")
    return str(path)


def network_document(name: str, given: Properties) -> Network:
    """The definition of a network; by default libvirt's usual one, with NAT. Raises BadProperty."""
    mode = given.get("ForwardMode", NAT)
    if mode not in FORWARD:
        raise BadProperty("ForwardMode", f"{mode} is not one of {', '.join(map(str, FORWARD))}")
    if given.get("ForwardDevice") and mode == NONE:
        raise BadProperty("ForwardDevice", f"{given['ForwardDevice']!r} means nothing without a ForwardMode")
    network = Network.new()
    network.name, network.forward_mode = name, FORWARD[mode]
    network.forward_device = given.get("ForwardDevice")
    network.add(_addresses(given))
    return network


def _addresses(given: Properties) -> Address:
    host = _address("Address", given.get("Address") or ADDRESS)
    mask = given.get("Netmask") or NETMASK
    try:
        net = IPv4Interface(f"{host}/{mask}").network
    except (AddressValueError, NetmaskValueError) as error:
        raise BadProperty("Netmask", f"{mask!r} is no mask: {error}") from error
    if net.num_addresses < SMALLEST:
        raise BadProperty("Netmask", f"{mask!r} leaves no room for guests")
    view, handed_out = Address.new(), DhcpRange.new()
    view.address, view.netmask = str(host), str(net.netmask)
    usual = {"IPRangeStart": net.network_address + 2, "IPRangeEnd": net.broadcast_address - 1}
    start, end = (_address(name, given.get(name) or str(value)) for name, value in usual.items())
    for name, value in (("IPRangeStart", start), ("IPRangeEnd", end)):
        if value not in net:
            raise BadProperty(name, f"{value} is not in {net}")
    if end < start:
        raise BadProperty("IPRangeEnd", f"{end} comes before IPRangeStart {start}")
    handed_out.start, handed_out.end = str(start), str(end)
    view.add(handed_out, inside="dhcp")
    return view


def _address(name: str, text: str) -> IPv4Address:
    try:
        return IPv4Address(text)
    except AddressValueError as error:
        raise BadProperty(name, f"{text!r} is no IPv4 address: {error}") from error


def volume_document(given: Properties) -> Volume:
    """The definition of a volume; Capacity, or VirtualQuantity, in AllocationUnits. Raises BadProperty."""
    name = given.get("VolumeName")
    if not name or "/" in str(name):
        raise BadProperty("VolumeName", f"{name!r} is no name of a volume")
    number = given.get("FormatType") or RAW
    if number not in FORMATS:
        raise BadProperty("FormatType", f"{number} is not one of {', '.join(map(str, FORMATS))}")
    volume = Volume.new()
    volume.name, volume.format = name, FORMATS[number]
    volume.capacity = _bytes("Capacity", given.get("Capacity") or given.get("VirtualQuantity"), given)
    reserved = given.get("AllocationQuantity")
    volume.allocation = _bytes("AllocationQuantity", reserved, given) if reserved is not None else None
    return volume


def _bytes(name: str, amount: Any, given: Properties) -> int:
    if not amount and name == "Capacity":
        raise BadProperty("Capacity", "is missing: it is the size of the volume")
    unit = str(given.get("AllocationUnits") or given.get("VirtualQuantityUnits") or BYTE)
    if unit in SIZE_UNITS:
        return int(amount) * SIZE_UNITS[unit]
    try:
        return ceil(convert(int(amount), unit, BYTE))
    except UnitError as error:
        raise BadProperty("AllocationUnits", f"cannot be used: {error}") from error


def format_of(xml: str) -> int:
    """FormatType of a volume; 0 for formats that have no number."""
    word = Volume.parse(xml).format
    return next((number for number, known in FORMATS.items() if known == word), 0)
