"""Virtual networks as libvirt describes them."""

from __future__ import annotations

from virtcim.model.adapter import VlanTag
from virtcim.model.codecs import MAC, UUID, Integer
from virtcim.model.fields import Each, Field, Many, View, integer, on_off, text, yes_no


class DhcpRange(View):
    tag = "range"
    start = text("@start")
    end = text("@end")


class DhcpHost(View):
    """An address kept for a guest, which is known by its hardware address (IPv4), an identifier or its name."""

    tag = "host"
    mac = Field("@mac", MAC)
    id = text("@id")
    name = text("@name")
    address = text("@ip")


class Address(View):
    """An address of the host in the network."""

    tag = "ip"
    family = text("@family")
    address = text("@address")
    netmask = text("@netmask")
    prefix = integer("@prefix", 0, 128)
    ranges = Many(DhcpRange, inside="dhcp")
    hosts = Many(DhcpHost, inside="dhcp")


class VirtualFunction(View):
    """A PCI device a hostdev network hands out."""

    tag = "address"
    type = text("@type")
    domain = Field("@domain", Integer(hexadecimal=4))
    bus = Field("@bus", Integer(hexadecimal=2))
    slot = Field("@slot", Integer(hexadecimal=2))
    function = Field("@function", Integer(hexadecimal=1))


class ForwardInterface(View):
    tag = "interface"
    device = text("@dev")


class PortGroup(View):
    """Settings that interfaces can choose by name; average bandwidths in units of 1000 byte/s."""

    tag = "portgroup"
    name = text("@name")
    default = yes_no("@default")
    port_type = text("virtualport@type")
    manager_id = integer("virtualport/parameters@managerid", 0, 255)
    type_id = integer("virtualport/parameters@typeid", 0, 2**24 - 1)
    type_id_version = integer("virtualport/parameters@typeidversion", 0, 255)
    instance_id = text("virtualport/parameters@instanceid")
    interface_id = text("virtualport/parameters@interfaceid")
    profile_id = text("virtualport/parameters@profileid")
    isolated = yes_no("port@isolated")
    trunk = yes_no("vlan@trunk")
    vlan_tags = Many(VlanTag, inside="vlan")
    vlans = Each("vlan/tag@id", integer("", 0, 4095).codec)
    in_average = integer("bandwidth/inbound@average")
    in_peak = integer("bandwidth/inbound@peak")
    out_average = integer("bandwidth/outbound@average")
    out_peak = integer("bandwidth/outbound@peak")


class Network(View):
    tag = "network"
    name = text("name")
    uuid = Field("uuid", UUID)
    title = text("title")
    description = text("description")
    connections = integer("@connections")
    forward_mode = text("forward@mode")
    forward_device = text("forward@dev")
    forward_interfaces = Many(ForwardInterface, inside="forward")
    physical_function = text("forward/pf@dev")
    managed = yes_no("forward@managed")
    nat_v6 = yes_no("forward/nat@ipv6")
    isolated = yes_no("port@isolated")
    virtual_functions = Many(VirtualFunction, inside="forward")
    bridge = text("bridge@name")
    stp = on_off("bridge@stp")
    delay = integer("bridge@delay")
    mac = Field("mac@address", MAC)
    mtu = integer("mtu@size", 1)
    domain = text("domain@name")
    port_type = text("virtualport@type")
    trunk = yes_no("vlan@trunk")
    vlan_tags = Many(VlanTag, inside="vlan")
    portgroups = Many(PortGroup)
    addresses = Many(Address)
    in_average = integer("bandwidth/inbound@average")
    in_peak = integer("bandwidth/inbound@peak")
    in_burst = integer("bandwidth/inbound@burst")
    out_average = integer("bandwidth/outbound@average")
    out_peak = integer("bandwidth/outbound@peak")
    out_burst = integer("bandwidth/outbound@burst")
