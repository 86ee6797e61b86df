"""Every key and InstanceID: made and parsed here only."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha1
from typing import Protocol

DEFINED = "defined"
HERE = "./"  # before a device key that would read as one of another set, and before one that begins so itself
OWN = "virtcim"
PLATFORMS = ("KVM", "LXC", "Xen", "Test")

MANAGEMENT_SERVICE = "Management Service"
MANAGEMENT_CAPABILITIES = "ManagementCapabilities"
POOL_CONFIGURATION_SERVICE = "RPCS"
POOL_CONFIGURATION_CAPABILITIES = "RPCC"
MIGRATION_SERVICE = "MigrationService"
MIGRATION_CAPABILITIES = "MigrationCapabilities"
MIGRATION_SETTING = "MigrationSettingData"
SNAPSHOT_SERVICE = "SnapshotService"
SNAPSHOT_CAPABILITIES = "SnapshotCapabilities"
CONSOLE_SERVICE = "ConsoleRedirectionService"
CONSOLE_CAPABILITIES = "ConsoleRedirectionCapabilities"
TEXT_CONSOLE_SERVICE = "TextRedirectionService"
TEXT_CONSOLE_CAPABILITIES = "TextRedirectionCapabilities"
SWITCH_SERVICE = "Switch Virtualization Capabilities"
POWER_SERVICE = "PowerManagementService"
POWER_CAPABILITIES = "PowerManagementCapabilities"
METRIC_SERVICE = "MetricService"
METRIC_CAPABILITIES = "MetricServiceCapabilities"
SWITCH_MANAGEMENT_SERVICE = "Virtual Ethernet Switch Management Service"
SWITCH_MANAGEMENT_CAPABILITIES = "VirtualEthernetSwitchManagementCapabilities"
PRIMORDIAL = "0"
LONGEST_DEVICE_ID = 64  # MaxLen of CIM_LogicalDevice.DeviceID
SWITCH, STATE, CONNECTION, METRIC, SNAPSHOT = "switch", "state", "connection", "metric", "snapshot"


class Named(Protocol):
    """What identifies a virtual system. `naming` is "name" or "uuid": which of the two its keys are made of."""

    @property
    def name(self) -> str: ...
    @property
    def uuid(self) -> str: ...
    @property
    def platform(self) -> str: ...
    @property
    def naming(self) -> str: ...


class Host(Protocol):
    """What identifies a host system; `naming` as of its virtual systems."""

    @property
    def name(self) -> str: ...
    @property
    def uuid(self) -> str: ...
    @property
    def naming(self) -> str: ...


@dataclass(frozen=True)
class ConfigurationId:
    platform: str
    token: str
    defined: bool


@dataclass(frozen=True)
class SettingId:
    token: str
    dev: str
    defined: bool


def system_token(vm: Named) -> str:
    """The Name of the virtual system, from which its other keys are made."""
    return vm.uuid if vm.naming == "uuid" else vm.name


def configuration_id(vm: Named, defined: bool) -> str:
    return f"{vm.platform}:{system_token(vm)}" + (f"/{DEFINED}" if defined else "")


def parse_configuration_id(text: str) -> ConfigurationId | None:
    """The parts of a VSSD's InstanceID, None when it is none."""
    platform, colon, rest = text.partition(":")
    token, slash, defined = rest.partition("/")
    if not colon or platform not in PLATFORMS or not token or (slash and defined != DEFINED):
        return None
    return ConfigurationId(platform, token, bool(slash))


def setting_id(vm: Named, dev: str, defined: bool) -> str:
    """The InstanceID of a RASD; `dev` is Resource.dev."""
    plain = f"{HERE}{dev}" if dev.startswith((f"{DEFINED}/", f"{SNAPSHOT}/", HERE)) else dev
    return f"{system_token(vm)}/{DEFINED}/{plain}" if defined else f"{system_token(vm)}/{plain}"


def parse_setting_id(text: str) -> SettingId | None:
    """The parts of a RASD's InstanceID, None when it is none. The first slash ends the token: names have none."""
    token, _, dev = text.partition("/")
    prefix, second, rest = dev.partition("/")
    defined = prefix == DEFINED and bool(second)
    dev = (rest if defined else dev).removeprefix(HERE)
    return SettingId(token, dev, defined) if token and dev else None


def device_id(vm: Named, dev: str) -> str:
    return f"{system_token(vm)}/{dev}"


def parse_device_id(text: str) -> tuple[str, str] | None:
    """(token, dev) of a DeviceID, None when it is none."""
    token, _, dev = text.partition("/")
    return (token, dev) if token and dev else None


def pool_id(kind: str, name: str = PRIMORDIAL) -> str:
    """`pool_id("Disk", "default")` is DiskPool/default; the primordial pool of each kind is named 0."""
    return f"{kind}Pool/{name}"


def parse_pool_id(text: str) -> tuple[str, str] | None:
    """(kind, name) of a pool's InstanceID or PoolID, None when it is none."""
    kind, _, name = text.partition("/")
    return (kind.removesuffix("Pool"), name) if kind.endswith("Pool") and name else None


def bare_mac(mac: str) -> str:
    """A MAC address as DSP1014 and CIM_LANEndpoint want it: twelve upper-case hexadecimal digits."""
    return mac.replace(":", "").replace("-", "").upper()


def own_id(kind: str, name: str) -> str:
    """OrgID:LocalID of what is the server's own and on no platform: `own_id("job", uuid)` is virtcim:job/<uuid>."""
    return f"{OWN}:{kind}/{name}"


def parse_own_id(kind: str, text: str) -> str | None:
    """The name in an own_id of that kind, None when it is none."""
    prefix = f"{OWN}:{kind}/"
    return text.removeprefix(prefix) if text.startswith(prefix) else None


def sub_type(word: str) -> str:
    """ResourceSubType of libvirt's word for a kind: `sub_type("dir")` is Virt:dir."""
    return f"Virt:{word}"


def parse_sub_type(text: str) -> str:
    """The word in a ResourceSubType, whoever has given it its prefix."""
    return text.rpartition(":")[2]


def host_token(host: Host) -> str:
    """The Name of the host system, which the keys of its services repeat."""
    return host.uuid if host.naming == "uuid" else host.name


def host_scoped(host: Host, word: str) -> str:
    """The InstanceID of what each host has one of: libvirt-cim's word; led by the host where there may be several."""
    return f"{host.uuid}/{word}" if host.naming == "uuid" else word


def migration_setting_id(host: Host, word: str) -> str:
    """The InstanceID of settings that show how systems can be moved; the default ones have no word of their own."""
    return host_scoped(host, f"{MIGRATION_SETTING}/{word}" if word else MIGRATION_SETTING)


# Virtual Ethernet switches: no name of a domain has a slash, so none of these is a key of a virtual system


def switch_token(switch: Named) -> str:
    """The Name of a virtual Ethernet switch, from which its other keys are made."""
    return switch.uuid if switch.naming == "uuid" else f"{SWITCH}/{switch.name}"


def switch_configuration_id(switch: Named, defined: bool) -> str:
    return f"{switch.platform}:{switch_token(switch)}/{DEFINED if defined else STATE}"


def parse_switch_configuration_id(text: str) -> ConfigurationId | None:
    """The parts of the InstanceID of a switch's configuration, None when it is none."""
    platform, _, rest = text.partition(":")
    token, _, which = rest.rpartition("/")
    if platform not in PLATFORMS or not token or which not in (STATE, DEFINED):
        return None
    return ConfigurationId(platform, token, which == DEFINED)


def switch_setting_id(switch: Named, kind: str, name: str, defined: bool) -> str:
    """The InstanceID of a setting of a switch: `kind` is group or uplink, `name` says which of them."""
    return f"{switch_token(switch)}/{DEFINED if defined else STATE}/{kind}/{name}"


def switch_port_id(device: str) -> str:
    """The DeviceID of the port of a switch that the network interface of that DeviceID is plugged into."""
    return f"port/{device}"


def uplink_port_id(interface: str) -> str:
    """The DeviceID of a switch's port that an interface of the host is; no interface of a system has such a one."""
    return f"port/uplink/{interface}"


def interface_name(interface: str) -> str:
    """What a network interface of the host is called in its DeviceID."""
    return f"net/{interface}"


def parse_switch_port_id(text: str) -> str | None:
    """The DeviceID of the network interface in a port's, None when it is none."""
    return text.removeprefix("port/") if text.startswith("port/") else None


def address_name(device_id: str, address: str) -> str:
    """The Name of the endpoint of an address that the network interface of that DeviceID has."""
    return f"{device_id}/{address}"


def statistics_id(device_id: str) -> str:
    """The InstanceID of what is counted at a port of that DeviceID."""
    return f"{device_id}/statistics"


def metric_id(name: str) -> str:
    """The Id of the definition of a metric."""
    return own_id(METRIC, name)


def parse_metric_id(text: str) -> str | None:
    """The name of a metric in the Id of its definition, None when it is none."""
    return parse_own_id(METRIC, text)


def metric_value_id(name: str, element: str, breakdown: tuple[str, str] | None) -> str:
    """The InstanceID of what a metric is of an element, which `element` names among its like."""
    return "/".join((METRIC, name, element, *(breakdown or ())))


def parse_metric_value_id(text: str) -> tuple[str, str] | None:
    """(metric, element) of a value's InstanceID, None when it is none; the element with the breakdown, if any."""
    word, _, rest = text.partition("/")
    name, _, element = rest.partition("/")
    return (name, element) if word == METRIC and name and element else None


def connection_id(vm: Named, dev: str, defined: bool) -> str:
    """The InstanceID of the setting of a network interface's connection."""
    return f"{setting_id(vm, dev, defined)}/{CONNECTION}"


def parse_connection_id(text: str) -> str | None:
    """The InstanceID of the network interface's setting in that of its connection, None when it is none."""
    found, slash, last = text.rpartition("/")
    return found if slash and last == CONNECTION else None


def filter_entry_name(filter_name: str, index: int) -> str:
    """The Name of a rule of a network filter, which counts its rules from 0."""
    return f"{filter_name}:{index}"


def parse_filter_entry_name(text: str) -> tuple[str, str] | None:
    """(filter, index) of a rule's Name, None when it is none; the index is what the client wrote, perhaps nothing."""
    name, colon, index = text.rpartition(":")
    return (name, index) if colon and name else None


def host_device_id(name: str) -> str:
    """The DeviceID of a device of the host itself; a name that is too long for one is replaced by its digest."""
    told = f"host/{name}"
    return told if len(told) <= LONGEST_DEVICE_ID else f"host/{_digest(name)}"


def _digest(text: str) -> str:
    return sha1(text.encode(), usedforsecurity=False).hexdigest()


def volume_name(key: str) -> str:
    """What a volume is called in its DeviceID: libvirt's key of it is a path, which may be long."""
    return f"vol/{_digest(key)}"


def parse_interface_id(text: str) -> str | None:
    """The interface of the host in its DeviceID, None when it is none."""
    prefix = host_device_id(interface_name(""))
    return text.removeprefix(prefix) if text.startswith(prefix) else None


def memory_name(cell: int) -> str:
    """What the memory of a NUMA cell of the host is called in its DeviceID."""
    return f"memory/{cell}"


def processor_name(number: int) -> str:
    """What a processor of the host is called in its DeviceID."""
    return f"cpu/{number}"
