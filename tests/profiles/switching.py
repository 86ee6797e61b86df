"""A client of both management services over the embedded node, and short ways to what it looks at."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.profiles.client import Client, make_client, out
from tests.profiles.management import embedded

from virtcim.broker.call import Instance, Item, MethodAnswer, Path
from virtcim.broker.schema import Schema
from virtcim.host.inventory import Hosts
from virtcim.host.settings import HostSettings
from virtcim.model.network import Network
from virtcim.profiles import dsp1027, dsp1041, dsp1042, dsp1050, dsp1052, dsp1057, dsp1097, filter_lists

PROFILES = tuple(one.profile for one in (dsp1027, dsp1041, dsp1042, dsp1050, dsp1052, dsp1057, dsp1097))
SETTINGS, PORT = "VirtualEthernetSwitchSettingData", "SwitchPortAllocationSettingData"
CONNECTION, ADAPTER = "EthernetConnectionAllocationSettingData", "NetResourceAllocationSettingData"
PREFIX = "virtcim-test-net-"


class Switching:
    """Calls of the services for switches and for systems; names are those of networks and domains."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.host = client.world.hosts[0]
        self.platform = self.host.platform
        (self.service,) = self.paths("Virt_VirtualEthernetSwitchManagementService")
        (self.systems,) = self.paths("Virt_VirtualSystemManagementService")

    def paths(self, classname: str) -> list[Path]:
        return [item.path for item in self.client.instances(classname)]

    def given(self, classname: str, /, **properties: Any) -> Instance:
        return embedded(f"{self.platform}_{classname}", **properties)

    # switches

    def define(self, name: str | None, *ports: Instance, **head: Any) -> MethodAnswer:
        settings = self.given(SETTINGS, **{"ElementName": name, **head})
        return self.client.invoke(
            self.service, "DefineSystem", SystemSettings=settings, ResourceSettings=[*ports] or None
        )

    def made(self, name: str, *ports: Instance, **head: Any) -> Path:
        """A switch that can be defined, its path."""
        answer = self.define(name, *ports, **head)
        path = out(answer, "ResultingSystem")
        assert answer.value == 0, answer.reason
        assert isinstance(path, Path)
        return path

    def group(self, name: str, **properties: Any) -> Instance:
        return self.given(PORT, ResourceType=30, PortGroup=name, **properties)

    def switch(self, name: str) -> Item:
        return self.client.get(self.switch_path(name))

    def switch_path(self, name: str) -> Path:
        classname = f"{self.platform}_VirtualEthernetSwitch"
        return Path(classname, (("CreationClassName", classname), ("Name", f"switch/{name}")), "root/virt")

    def head_path(self, name: str, defined: bool = True) -> Path:
        which = "defined" if defined else "state"
        return Path(
            f"{self.platform}_{SETTINGS}", (("InstanceID", f"{self.platform}:switch/{name}/{which}"),), "root/virt"
        )

    def head(self, name: str, defined: bool = True) -> dict[str, Any]:
        return dict(self.client.get(self.head_path(name, defined)).properties)

    def modify(self, name: str, defined: bool = True, **head: Any) -> MethodAnswer:
        key = self.head_path(name, defined).key("InstanceID")
        settings = self.given(SETTINGS, InstanceID=key, **head)
        return self.client.invoke(self.service, "ModifySystemSettings", SystemSettings=settings)

    def add(self, name: str, *ports: Instance, defined: bool = True) -> MethodAnswer:
        target = self.head_path(name, defined)
        return self.client.invoke(
            self.service, "AddResourceSettings", AffectedConfiguration=target, ResourceSettings=[*ports]
        )

    def modify_ports(self, *ports: Instance) -> MethodAnswer:
        return self.client.invoke(self.service, "ModifyResourceSettings", ResourceSettings=[*ports])

    def remove_ports(self, *paths: Path) -> MethodAnswer:
        return self.client.invoke(self.service, "RemoveResourceSettings", ResourceSettings=[*paths])

    def destroy(self, name: str) -> MethodAnswer:
        return self.client.invoke(self.service, "DestroySystem", AffectedSystem=self.switch_path(name))

    def request(self, name: str, state: object) -> int:
        parameters = {} if state is None else {"RequestedState": str(state)}
        answer = self.client.invoke(self.switch_path(name), "RequestStateChange", **parameters)
        assert bool(answer.reason) == (answer.value != 0)
        return int(str(answer.value))

    def ports(self, name: str, defined: bool = True) -> dict[str, Item]:
        """The settings of ports, by the last part of their InstanceID."""
        found = self.client.across(self.head_path(name, defined), "CIM_VirtualSystemSettingDataComponent")
        return {str(one.properties["InstanceID"]).rpartition("/")[2]: one for one in found}

    def network(self, name: str) -> Network:
        """The definition as libvirt has it; KeyError where there is none."""
        with self.host.link.borrow() as connection:
            known = {one.name(): one for one in connection.listAllNetworks()}
            return Network.parse(known[name].XMLDesc())

    # systems

    def define_system(self, name: str, *settings: Instance) -> MethodAnswer:
        head = self.given("VirtualSystemSettingData", ElementName=name)
        return self.client.invoke(
            self.systems, "DefineSystem", SystemSettings=head, ResourceSettings=[*settings] or None
        )

    def adapter(self, **properties: Any) -> Instance:
        return self.given(ADAPTER, ResourceType=10, **properties)

    def wire(self, **properties: Any) -> Instance:
        return self.given(CONNECTION, ResourceType=33, **properties)

    def add_to(self, name: str, *settings: Instance, defined: bool = True) -> MethodAnswer:
        instance_id = f"{self.platform}:{name}" + ("/defined" if defined else "")
        target = Path(f"{self.platform}_VirtualSystemSettingData", (("InstanceID", instance_id),), "root/virt")
        return self.client.invoke(
            self.systems, "AddResourceSettings", AffectedConfiguration=target, ResourceSettings=[*settings]
        )

    def change(self, *settings: Instance) -> MethodAnswer:
        return self.client.invoke(self.systems, "ModifyResourceSettings", ResourceSettings=[*settings])

    def remove(self, *items: Item) -> MethodAnswer:
        paths = [one.path for one in items]
        return self.client.invoke(self.systems, "RemoveResourceSettings", ResourceSettings=paths)

    def of_system(self, classname: str, name: str, defined: bool = True) -> list[Item]:
        """The settings of a class in one configuration of a system."""
        prefix = f"{name}/defined/" if defined else f"{name}/"
        found = self.client.instances(f"{self.platform}_{classname}")
        here = [one for one in found if str(one.properties["InstanceID"]).startswith(prefix)]
        return [one for one in here if defined or not str(one.properties["InstanceID"]).startswith(f"{name}/defined/")]

    def wires(self, name: str, defined: bool = True) -> list[Item]:
        return self.of_system(CONNECTION, name, defined)

    def adapters(self, name: str, defined: bool = True) -> list[Item]:
        return self.of_system(ADAPTER, name, defined)


def key(item: Item) -> str:
    """The id of a setting."""
    return str(item.properties["InstanceID"])


@contextmanager
def switching_client(schema: Schema, uri: str, **settings: object) -> Iterator[Switching]:
    """Over a world of its own, which is read."""
    world = Hosts([uri], HostSettings(**settings))  # type: ignore[arg-type]
    world.start()
    assert world.wait(30), [host.reason for host in world.hosts]
    client = make_client(schema, world, (*PROFILES, filter_lists.make(world)))
    try:
        yield Switching(client)
    finally:
        client.jobs.close()
        world.stop()
