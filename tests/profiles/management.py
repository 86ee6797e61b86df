"""A client of the management service over the embedded node: calls, what they answered, what libvirt then has."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import libvirt
from tests.profiles.client import OURS, Client, make_client, out, system_path

from virtcim.broker.call import Instance, Item, MethodAnswer, Path, Value
from virtcim.broker.schema import Schema
from virtcim.host.inventory import Hosts
from virtcim.host.settings import HostSettings
from virtcim.mapping.ids import host_token
from virtcim.profiles import dsp1042

OK, UNSUPPORTED, FAILED, INVALID, BAD_STATE, JOB = 0, 1, 2, 4, 5, 4096
SECURE = libvirt.VIR_DOMAIN_XML_SECURE
SERVICE = "VirtualSystemManagementService"


def untyped(value: Any) -> Value:
    """A value as it comes from the wire."""
    if isinstance(value, list):
        return [untyped(one) for one in value]
    if isinstance(value, bool):
        return str(value).upper()
    return value if value is None or isinstance(value, str | Path | Instance) else str(value)


def rasd(kind: str, /, **properties: Any) -> Instance:
    """A setting of the class Test_<kind>ResourceAllocationSettingData."""
    return embedded(f"Test_{kind}ResourceAllocationSettingData", **properties)


def vssd(**properties: Any) -> Instance:
    return embedded("Test_VirtualSystemSettingData", **properties)


def embedded(classname: str, /, **properties: Any) -> Instance:
    return Instance(classname, {name: untyped(value) for name, value in properties.items()})


def instance(item: Item) -> Instance:
    """What a client sends back when it has read an instance."""
    return embedded(item.cls.name, **item.properties)


class Manager:
    """The service of the first host."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.host = client.world.hosts[0]
        services = (one.path for one in client.instances(f"{self.host.platform}_{SERVICE}"))
        self.service = next(path for path in services if path.key("SystemName") == host_token(self.host))

    def call(self, method: str, /, **arguments: Any) -> MethodAnswer:
        return self.client.invoke(self.service, method, **arguments)

    def define(self, *settings: Instance, reference: Path | None = None, **head: Any) -> MethodAnswer:
        """DefineSystem; `head` are properties of SystemSettings, which is NULL when there are none."""
        given = {"SystemSettings": vssd(**head)} if head else {}
        return self.call(
            "DefineSystem", ResourceSettings=[*settings] or None, ReferenceConfiguration=reference, **given
        )

    def add(self, name: str, *settings: Instance, defined: bool = True) -> MethodAnswer:
        target = head_path(name, defined)
        return self.call("AddResourceSettings", AffectedConfiguration=target, ResourceSettings=[*settings])

    def modify(self, *settings: Instance) -> MethodAnswer:
        return self.call("ModifyResourceSettings", ResourceSettings=[*settings])

    def remove(self, *ids: str) -> MethodAnswer:
        return self.call("RemoveResourceSettings", ResourceSettings=[self.setting_path(one) for one in ids])

    def modify_system(self, **head: Any) -> MethodAnswer:
        return self.call("ModifySystemSettings", SystemSettings=vssd(**head))

    def destroy(self, name: str) -> MethodAnswer:
        return self.call("DestroySystem", AffectedSystem=system_path(name))

    def settings(self, name: str, defined: bool = True) -> dict[str, Item]:
        """The resource settings of a configuration by InstanceID without the name of the configuration."""
        found = self.client.across(head_path(name, defined), "CIM_VirtualSystemSettingDataComponent")
        prefix = f"{name}/defined/" if defined else f"{name}/"
        return {str(one.properties["InstanceID"]).removeprefix(prefix): one for one in found}

    def setting_path(self, instance_id: str) -> Path:
        """The path of a setting; of a class that has none where there is no such setting."""
        for item in self.client.instances("CIM_ResourceAllocationSettingData"):
            if item.properties["InstanceID"] == instance_id:
                return item.path
        return Path("Test_MemResourceAllocationSettingData", (("InstanceID", instance_id),), "root/virt")

    def head(self, name: str, defined: bool = True) -> Item:
        return self.client.get(head_path(name, defined))

    def names(self) -> set[str]:
        return {vm.name for vm in self.host.vms}

    def xml(self, name: str, live: bool = False) -> str:
        """The definition, or the running document, as libvirt has it."""
        with self.host.link.borrow() as connection:
            flags = SECURE if live else SECURE | libvirt.VIR_DOMAIN_XML_INACTIVE
            return str(connection.lookupByName(name).XMLDesc(flags))

    def everything(self) -> dict[str, tuple[str, str]]:
        """Both documents of every domain: equal before and after a call that changed nothing."""
        with self.host.link.borrow() as connection:
            names = sorted(domain.name() for domain in connection.listAllDomains())
        return {name: (self.xml(name), self.xml(name, live=True)) for name in names}

    def redefine(self, name: str, old: str, new: str) -> None:
        """Change the definition as somebody else would."""
        xml = self.xml(name)
        assert old in xml, xml
        with self.host.link.borrow() as connection:
            uuid = connection.defineXML(xml.replace(old, new, 1)).UUIDString()
        self.host.refresh(uuid)

    def become(self, name: str, state: int) -> None:
        """RequestStateChange, waiting for the job if there is one."""
        answer = self.client.invoke(system_path(name), "RequestStateChange", RequestedState=str(state))
        if answer.value == JOB:
            self.client.job_of(answer)
        else:
            assert answer.value == OK, answer.reason


def head_path(name: str, defined: bool = True) -> Path:
    suffix = "/defined" if defined else ""
    return Path("Test_VirtualSystemSettingData", (("InstanceID", f"Test:{name}{suffix}"),), "root/virt")


def results(answer: MethodAnswer) -> list[str]:
    """The InstanceIDs of ResultingResourceSettings, in order."""
    found = out(answer, "ResultingResourceSettings")
    assert isinstance(found, list)
    return [str(one.key("InstanceID")) for one in found if isinstance(one, Path)]


def resulting_system(answer: MethodAnswer) -> str:
    """The name of the system that a method made."""
    found = out(answer, "ResultingSystem")
    assert isinstance(found, Path), answer.reason
    return str(found.key("Name"))


@contextmanager
def managing(repository: Schema, *uris: str, **settings: Any) -> Iterator[Manager]:
    """A manager of the first of the hosts, over a world of its own."""
    world = Hosts(uris, HostSettings(**settings))
    world.start()
    assert world.wait(30), [host.reason for host in world.hosts]
    client = make_client(repository, world, [*OURS, dsp1042.profile])
    try:
        yield Manager(client)
    finally:
        client.jobs.close()
        world.stop()
