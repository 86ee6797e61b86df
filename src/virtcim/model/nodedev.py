"""Devices of a host as libvirt describes them."""

from __future__ import annotations

from virtcim.model.fields import View, integer, text


class NodeDevice(View):
    """A node device; what it is follows from the type of its first capability."""

    tag = "device"
    name = text("name")
    parent = text("parent")
    type = text("capability@type")
    pci_class = text("capability/class")
    domain = integer("capability/domain")
    bus = integer("capability/bus")
    slot = integer("capability/slot")
    function = integer("capability/function")
    usb_device = integer("capability/device")
    product = text("capability/product")
    product_id = text("capability/product@id")
    vendor = text("capability/vendor")
    vendor_id = text("capability/vendor@id")
    iommu_group = integer("capability/iommuGroup@number")
    numa_node = integer("capability/numa@node")
    mediated_type = text("capability/type@id")
    uuid = text("capability/uuid")
    block = text("capability/block")
    drive_type = text("capability/drive_type")
    model = text("capability/model")
    size = integer("capability/size")
    logical_block_size = integer("capability/logical_block_size")
    removable = text("capability/capability@type")
    media_size = integer("capability/capability/media_size")
