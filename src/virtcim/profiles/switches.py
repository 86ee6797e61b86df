"""Virtual Ethernet switches as objects, with their settings: libvirt's networks, and what the host itself has."""

from __future__ import annotations

from dataclasses import dataclass

from virtcim.host.inventory import Host, Network
from virtcim.mapping import ids
from virtcim.mapping.switch import Document, Group
from virtcim.mapping.switch_devices import forward_devices
from virtcim.profiles.elements import kept


@dataclass(frozen=True, eq=False)
class Switch:
    """A virtual network, or with `network` None what of the host belongs to none: see switches_plugs."""

    host: Host
    name: str
    uuid: str
    network: Network | None
    state_document: Document
    defined_document: Document | None

    @property
    def platform(self) -> str:
        return self.host.platform

    @property
    def naming(self) -> str:
        return self.host.naming

    @property
    def active(self) -> bool:
        return self.network is None or self.network.active

    @property
    def autostart(self) -> bool:
        return self.network is not None and self.network.autostart


@dataclass(frozen=True, eq=False)
class SwitchConfiguration:
    """A switch's configuration: what it is running with (State), or its persistent definition (Defined)."""

    switch: Switch
    defined: bool

    @property
    def platform(self) -> str:
        return self.switch.platform

    @property
    def id(self) -> str:
        return ids.switch_configuration_id(self.switch, self.defined)

    @property
    def document(self) -> Document:
        """The network's document; not to be written to."""
        defined = self.switch.defined_document
        return defined if self.defined and defined is not None else self.switch.state_document


@dataclass(frozen=True, eq=False)
class GroupSetting:
    """Settings for a group of ports."""

    configuration: SwitchConfiguration
    view: Group

    @property
    def platform(self) -> str:
        return self.configuration.platform

    @property
    def id(self) -> str:
        one = self.configuration
        return ids.switch_setting_id(one.switch, "group", self.view.name or "", one.defined)


@dataclass(frozen=True, eq=False)
class UplinkSetting:
    """An interface of the host that belongs to the switch."""

    configuration: SwitchConfiguration
    interface: str

    @property
    def platform(self) -> str:
        return self.configuration.platform

    @property
    def id(self) -> str:
        one = self.configuration
        return ids.switch_setting_id(one.switch, "uplink", self.interface, one.defined)


def switch_of(network: Network) -> Switch:
    """The switch that a virtual network is; made once a Network."""

    def make() -> Switch:
        state = Document.parse(network.xml)
        defined = state if network.defined_xml == network.xml else None
        if network.defined_xml is not None and defined is None:
            defined = Document.parse(network.defined_xml)
        return Switch(network.host, network.name, network.uuid, network, state, defined)

    return kept(network, "_switch", make)


# Configurations and settings of a switch


def configurations(switch: Switch) -> tuple[SwitchConfiguration, ...]:
    """State, and Defined unless the network is transient or there is none."""
    sets = (False,) if switch.defined_document is None else (False, True)
    return kept(switch, "_configurations", lambda: tuple(SwitchConfiguration(switch, one) for one in sets))


def state_configuration(switch: Switch) -> SwitchConfiguration:
    return configurations(switch)[0]


def groups(configuration: SwitchConfiguration) -> tuple[GroupSetting, ...]:
    views = configuration.document.portgroups
    return kept(configuration, "_groups", lambda: tuple(GroupSetting(configuration, one) for one in views))


def uplinks(configuration: SwitchConfiguration) -> tuple[UplinkSetting, ...]:
    names = forward_devices(configuration.document)
    return kept(configuration, "_uplinks", lambda: tuple(UplinkSetting(configuration, one) for one in names))
