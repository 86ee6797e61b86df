"""Network interfaces of a domain as libvirt describes them."""

from __future__ import annotations

from virtcim.model.codecs import MAC, TEXT, Integer
from virtcim.model.device import Device
from virtcim.model.fields import Each, Field, Many, Presence, View, Whole, integer, one_of, text, yes_no


class VlanTag(View):
    """A VLAN tag of an interface; `native` says how untagged frames are treated."""

    tag = "tag"
    id = integer("@id", 0, 4095)
    native = one_of("@nativeMode", "tagged", "untagged")


class FilterParameter(View):
    """A value for a variable of the network filter."""

    tag = "parameter"
    name = text("@name")
    value = text("@value")


class Interface(Device):
    """A network interface; bandwidth in units of 1000 byte/s, `in` towards the guest."""

    tag = "interface"
    type = text("@type")
    managed = yes_no("@managed")
    trusts_guest_filters = yes_no("@trustGuestRxFilters")
    mac = Field("mac@address", MAC)
    plugged = Presence("source")
    network = text("source@network")
    portgroup = text("source@portgroup")
    port_id = text("source@portid")
    bridge = text("source@bridge")
    source_device = text("source@dev")
    mode = text("source@mode")
    function_type = text("source/address@type")
    function_domain = Field("source/address@domain", Integer(hexadecimal=4))
    function_bus = Field("source/address@bus", Integer(hexadecimal=2))
    function_slot = Field("source/address@slot", Integer(hexadecimal=2))
    function_number = Field("source/address@function", Integer(hexadecimal=1))
    model = text("model@type")
    target = text("target@dev")
    driver = text("driver@name")
    queues = integer("driver@queues", 1)
    port_type = text("virtualport@type")
    manager_id = integer("virtualport/parameters@managerid", 0, 255)
    type_id = integer("virtualport/parameters@typeid", 0, 2**24 - 1)
    type_id_version = integer("virtualport/parameters@typeidversion", 0, 255)
    instance_id = text("virtualport/parameters@instanceid")
    interface_id = text("virtualport/parameters@interfaceid")
    profile_id = text("virtualport/parameters@profileid")
    trunk = yes_no("vlan@trunk")
    vlan_tags = Many(VlanTag, inside="vlan")
    vlans = Each("vlan/tag@id", integer("", 0, 4095).codec)
    filter = Whole("filterref@filter", TEXT)
    filter_parameters = Many(FilterParameter, inside="filterref")
    isolated = yes_no("port@isolated")
    in_average = integer("bandwidth/inbound@average")
    in_peak = integer("bandwidth/inbound@peak")
    in_burst = integer("bandwidth/inbound@burst")
    in_floor = integer("bandwidth/inbound@floor")
    out_average = integer("bandwidth/outbound@average")
    out_peak = integer("bandwidth/outbound@peak")
    out_burst = integer("bandwidth/outbound@burst")
    link = one_of("link@state", "up", "down")
    mtu = integer("mtu@size", 1)
