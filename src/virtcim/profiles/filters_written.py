"""Network filters created, nested, applied and deleted as instances. Every function raises CIMError or HostError."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from virtcim.broker.call import CIMError, Instance, Path, Properties, Status
from virtcim.broker.provider import VIRT, Refused
from virtcim.host import nwfilters
from virtcim.host.inventory import Host, Hosts
from virtcim.mapping import filters as mapping
from virtcim.mapping import ids
from virtcim.mapping.net import INTERFACE
from virtcim.mapping.table import BadProperty
from virtcim.profiles import alteration, elements, filters, lookup
from virtcim.profiles.elements import Device
from virtcim.profiles.filters import FilterEntry, FilterList
from virtcim.profiles.switches_ports import interface_of

LIST = "Virt_FilterList"
ENDS = ("Antecedent", "Dependent")


@contextmanager
def _checked() -> Iterator[None]:
    try:
        yield
    except BadProperty as bad:
        raise _invalid(str(bad)) from bad
    except Refused as refused:
        status = Status.INVALID_PARAMETER if refused.name == "Invalid Parameter" else Status.FAILED
        raise CIMError(status, refused.reason) from refused


def _invalid(text: str) -> CIMError:
    return CIMError(Status.INVALID_PARAMETER, text)


def _given(properties: Properties) -> Properties:
    return {name: value for name, value in properties.items() if value is not None}


def _host(world: Hosts, properties: Properties) -> Host:
    """The host that SystemName is the Name of; the only one may go without saying."""
    hosts, wanted = world.reachable(), properties.get("SystemName")
    found = [one for one in hosts if wanted in (None, ids.host_token(one)) and one.netside.filters]
    if len(found) != 1:
        names = ", ".join(ids.host_token(one) for one in hosts)
        raise _invalid(f"SystemName {wanted!r} names no host with network filters; there is {names}")
    return found[0]


def _path(one: FilterList | FilterEntry, classname: str) -> Path:
    keys = filters.keys(one, classname)
    return Path(str(keys["CreationClassName"]), tuple(keys.items()), VIRT)


# Filters


def create_list(world: Hosts, properties: Properties) -> Path:
    """A filter without rules."""
    given = _given(properties)
    host = _host(world, given)
    with _checked():
        document = mapping.new_filter(given)
    return _path(filters.list_of(host, nwfilters.define(host, document)), LIST)


def delete_list(one: FilterList) -> None:
    """Refused as long as a system, running or not, or another filter names it."""
    users = filters.users_of(one)
    if users:
        raise CIMError(Status.FAILED, f"network filter {one.name} is in use by {', '.join(users)}")
    nwfilters.undefine(one.host, one.source)


# Rules


def create_entry(world: Hosts, classname: str, properties: Properties) -> Path:
    """A rule at the end of the filter that Name begins with: <filter>, <filter>: or <filter>:<number to come>."""
    given = _given(properties)
    host = _host(world, given)
    wanted = str(given.get("Name") or "")
    name, index = ids.parse_filter_entry_name(wanted) or (wanted, "")
    one = filters.named(host, name)
    if one is None:
        raise _invalid(f"Name {wanted!r} begins with the name of no network filter of {host.name}")
    with _checked():
        rule = mapping.new_rule(classname, given)
    if mapping.class_of(rule) != classname:
        raise _invalid(f"Protocol {rule.protocol!r} is one of {mapping.class_of(rule).removeprefix('Virt_')}")
    with nwfilters.edit(host, one.source) as document:
        number = len(document.rules)
        if index not in ("", str(number)):
            raise _invalid(f"Name {wanted!r} cannot be: the next rule of {name} is number {number}")
        document.add(rule)
    found = filters.named(host, name)
    entries = filters.entries_of(found) if found else ()
    if len(entries) <= number:
        raise CIMError(Status.FAILED, f"libvirt accepted the rule, but network filter {name} does not show it")
    return _path(entries[number], classname)


def delete_entry(entry: FilterEntry) -> None:
    """Remove a rule; those behind it get numbers that are one less."""
    with nwfilters.edit(entry.filter.host, entry.filter.source) as document:
        rules = document.rules
        if entry.index >= len(rules) or rules[entry.index].xml.strip() != entry.rule.xml.strip():
            raise CIMError(Status.FAILED, f"network filter {entry.filter.name} was changed meanwhile")
        rules[entry.index].remove()


# Filters in filters


def nest(world: Hosts, classname: str, properties: Properties) -> Path:
    """Let Antecedent include Dependent, behind all that it has."""
    outer, inner = (_list_at(world, name, properties.get(name)) for name in ENDS)
    if outer.host is not inner.host:
        raise _invalid(f"Dependent: network filter {inner.name} is on another host than {outer.name}")
    with nwfilters.edit(outer.host, outer.source) as document:
        if mapping.includes(document, inner.name):
            raise CIMError(Status.ALREADY_EXISTS, f"network filter {outer.name} includes {inner.name} already")
        mapping.include(document, inner.name)
    return _link(classname, outer.platform, _path(outer, LIST), _path(inner, LIST))


def unnest(world: Hosts, path: Path) -> None:
    outer, inner = (_list_at(world, name, path.key(name)) for name in ENDS)
    with nwfilters.edit(outer.host, outer.source) as document:
        mapping.exclude(document, inner.name)


def _list_at(world: Hosts, end: str, value: object) -> FilterList:
    found = _list(world, value)
    if found is None:
        raise _invalid(f"{end} names no network filter: {value}")
    return found


def _list(world: Hosts, value: object) -> FilterList | None:
    if not isinstance(value, Path) or not value.classname.endswith("_FilterList"):
        return None
    found = filters.find_lists(world, {"SystemName": value.key("SystemName"), "Name": value.key("Name")})
    return next((one for one in found if one.platform == value.classname.partition("_")[0]), None)


def _link(classname: str, platform: str, antecedent: Path, dependent: Path) -> Path:
    leaf = classname.replace("Virt", platform, 1)
    return Path(leaf, (("Antecedent", antecedent), ("Dependent", dependent)), VIRT)


# Filters on interfaces


def apply(world: Hosts, classname: str, properties: Properties) -> Path:
    """Let a filter guard an interface, now and by the definition; libvirt-cim wants the ends the other way round."""
    one, device = _ends(world, [properties.get(name) for name in ENDS])
    present = interface_of(device).filter
    if present:
        raise CIMError(Status.ALREADY_EXISTS, f"network filter {present} guards {device.setting.id} already")
    _set_filter(device, one.name)
    keys = (
        ("SystemCreationClassName", elements.system_class(device.vm)),
        ("SystemName", ids.system_token(device.vm)),
        ("CreationClassName", f"{device.platform}_NetworkPort"),
        ("DeviceID", ids.device_id(device.vm, device.dev)),
    )
    return _link(classname, one.platform, _path(one, LIST), Path(f"{device.platform}_NetworkPort", keys, VIRT))


def release(world: Hosts, path: Path) -> None:
    """Take the filter from an interface."""
    _, device = _ends(world, [path.key(name) for name in ENDS])
    _set_filter(device, None)


def _ends(world: Hosts, values: list[object]) -> tuple[FilterList, Device]:
    lists = [one for one in (_list(world, value) for value in values) if one]
    devices = [one for value in values for one in _devices(world, value)]
    if len(lists) != 1 or len(devices) != 1:
        raise _invalid(f"Antecedent and Dependent name no network filter and interface: {values[0]}, {values[1]}")
    if lists[0].host is not devices[0].vm.host:
        raise _invalid(f"network filter {lists[0].name} is on another host than {devices[0].vm.name}")
    return lists[0], devices[0]


def _devices(world: Hosts, value: object) -> list[Device]:
    if not isinstance(value, Path) or not value.classname.endswith("_NetworkPort"):
        return []
    wanted = value.key("DeviceID")
    found = lookup.find_device(world, {"DeviceID": str(wanted)})
    return [one for one in found if one.kind is INTERFACE and ids.device_id(one.vm, one.dev) == wanted]


def _set_filter(device: Device, name: str | None) -> None:
    change = Instance(INTERFACE.setting_class, {"InstanceID": device.setting.id, "FilterRef": name or ""})
    with _checked():
        alteration.modify(device.vm.host, [change])
