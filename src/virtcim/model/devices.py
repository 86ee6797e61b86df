"""The devices of a domain: what we understand of each element below <devices>. Units are libvirt's unless named."""

from __future__ import annotations

from virtcim.model.adapter import Interface
from virtcim.model.chardevs import Channel, Console, Parallel, Serial
from virtcim.model.device import Device
from virtcim.model.fields import (
    Many,
    Presence,
    View,
    integer,
    on_off,
    one_of,
    size_kib,
    text,
    yes_no,
)
from virtcim.model.peripherals import (
    Controller,
    Graphics,
    Hostdev,
    Input,
    Rng,
    Sound,
    Tpm,
    Video,
    Watchdog,
)  # fmt: skip
from virtcim.model.tree import first_child


class SourceHost(View):
    """A server of a network disk."""

    tag = "host"
    name = text("@name")
    port = text("@port")
    socket = text("@socket")


class DiskSource(View):
    """Where the image of a disk is; the attributes follow from the type of the disk."""

    tag = "source"
    file = text("@file")
    block = text("@dev")
    directory = text("@dir")
    pool = text("@pool")
    volume = text("@volume")
    protocol = text("@protocol")
    remote_name = text("@name")
    hosts = Many(SourceHost)


class BackingStore(View):
    """The image below a disk's image."""

    tag = "backingStore"


class Disk(Device):
    tag = "disk"
    sources = Many(DiskSource)
    backing_stores = Many(BackingStore)
    type = one_of("@type", "file", "block", "dir", "network", "volume", "nvme", "vhostuser", "vhostvdpa")
    device = one_of("@device", "disk", "cdrom", "floppy", "lun")
    snapshot = one_of("@snapshot", "internal", "external", "manual", "no")
    rawio = one_of("@rawio", "yes", "no")
    sgio = one_of("@sgio", "filtered", "unfiltered")
    driver = text("driver@name")
    format = text("driver@type")
    cache = text("driver@cache")
    io = text("driver@io")
    discard = text("driver@discard")
    detect_zeroes = text("driver@detect_zeroes")
    error_policy = text("driver@error_policy")
    queues = integer("driver@queues", 1)
    iothread = integer("driver@iothread", 1)
    file = DiskSource.file.inside(DiskSource.tag)
    block = DiskSource.block.inside(DiskSource.tag)
    layer = integer("source@index")  # of a running domain: what its image is called beside those below it
    directory = DiskSource.directory.inside(DiskSource.tag)
    pool = DiskSource.pool.inside(DiskSource.tag)
    volume = DiskSource.volume.inside(DiskSource.tag)
    protocol = DiskSource.protocol.inside(DiskSource.tag)
    remote_name = DiskSource.remote_name.inside(DiskSource.tag)
    hosts = Many(SourceHost, inside="source")
    startup_policy = text("source@startupPolicy")
    target = text("target@dev")
    bus = text("target@bus")
    tray = one_of("target@tray", "open", "closed")
    rotation_rate = integer("target@rotation_rate")
    readonly = Presence("readonly")
    shareable = Presence("shareable")
    transient = Presence("transient")
    serial = text("serial")
    wwn = text("wwn")
    vendor = text("vendor")
    product = text("product")
    logical_block_size = integer("blockio@logical_block_size", 1)
    physical_block_size = integer("blockio@physical_block_size", 1)
    total_bytes_sec = integer("iotune/total_bytes_sec")
    read_bytes_sec = integer("iotune/read_bytes_sec")
    write_bytes_sec = integer("iotune/write_bytes_sec")
    total_iops_sec = integer("iotune/total_iops_sec")
    read_iops_sec = integer("iotune/read_iops_sec")
    write_iops_sec = integer("iotune/write_iops_sec")
    total_bytes_sec_max = integer("iotune/total_bytes_sec_max")
    read_bytes_sec_max = integer("iotune/read_bytes_sec_max")
    write_bytes_sec_max = integer("iotune/write_bytes_sec_max")
    total_iops_sec_max = integer("iotune/total_iops_sec_max")
    read_iops_sec_max = integer("iotune/read_iops_sec_max")
    write_iops_sec_max = integer("iotune/write_iops_sec_max")
    reservations = yes_no("source/reservations@managed")

    @property
    def source(self) -> DiskSource | None:
        """The first, which is all that a valid disk has."""
        found = first_child(self.element, DiskSource.tag)
        return None if found is None else DiskSource(found)


class Filesystem(Device):
    tag = "filesystem"
    type = text("@type")
    access_mode = text("@accessmode")
    driver = text("driver@type")
    format = text("driver@format")
    directory = text("source@dir")
    file = text("source@file")
    block = text("source@dev")
    template = text("source@name")
    pool = text("source@pool")
    volume = text("source@volume")
    usage = text("source@usage")
    socket = text("source@socket")
    target = text("target@dir")
    readonly = Presence("readonly")


class Memballoon(Device):
    tag = "memballoon"
    model = text("@model")
    autodeflate = on_off("@autodeflate")
    free_page_reporting = on_off("@freePageReporting")
    stats_period = integer("stats@period", 0, 2**32 - 1)


class MemoryDevice(Device):
    """A memory module; sizes in KiB."""

    tag = "memory"
    model = text("@model")
    access = text("@access")
    discard = yes_no("@discard")
    path = text("source/path")
    page_size = size_kib("source/pagesize")
    size = size_kib("target/size")
    requested = size_kib("target/requested")
    current = size_kib("target/current")
    block_size = size_kib("target/block")
    node = integer("target/node")
    slot = integer("address@slot")


DEVICES: dict[str, type[Device]] = {
    view.tag: view
    for view in (
        Disk, Filesystem, Interface, Graphics, Console, Serial, Parallel, Channel, Input, Controller, Video, Sound,
        Watchdog, Rng, Tpm, Hostdev, Memballoon, MemoryDevice,
    )
}  # fmt: skip
