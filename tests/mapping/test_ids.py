"""Ids: made and parsed back; what is no id is none."""

from __future__ import annotations

import pytest
from tests.mapping.samples import Vm

from virtcim.mapping import ids

NAMED = Vm("web 1:a", "3b0a7c1e-52d4-4f0e-9a61-6f1d2c8e0101", "KVM")
BY_UUID = Vm("web 1:a", "3b0a7c1e-52d4-4f0e-9a61-6f1d2c8e0101", "KVM", naming="uuid")


def test_keys_in_name_mode_are_libvirt_cims() -> None:
    assert ids.system_token(NAMED) == "web 1:a"
    assert ids.configuration_id(NAMED, False) == "KVM:web 1:a"
    assert ids.configuration_id(NAMED, True) == "KVM:web 1:a/defined"
    assert ids.setting_id(NAMED, "vda", False) == "web 1:a/vda"
    assert ids.setting_id(NAMED, "/mnt", True) == "web 1:a/defined//mnt"
    assert ids.device_id(NAMED, "0") == "web 1:a/0"
    assert ids.pool_id("Disk", "default") == "DiskPool/default"
    assert ids.pool_id("Network") == "NetworkPool/0"


def test_keys_in_uuid_mode_outlive_a_rename() -> None:
    assert ids.configuration_id(BY_UUID, False) == f"KVM:{BY_UUID.uuid}"
    assert ids.setting_id(BY_UUID, "mem", True) == f"{BY_UUID.uuid}/defined/mem"


@pytest.mark.parametrize("vm", [NAMED, BY_UUID], ids=["name", "uuid"])
@pytest.mark.parametrize("defined", [False, True])
@pytest.mark.parametrize(
    "dev",
    ["vda", "/", "/mnt/a b", "52:54:00:00:00:01", "controller:pci:0", "mouse:ps2", "defined/mem", "./a", "defined"],
)
def test_every_id_is_parsed_back(vm: Vm, defined: bool, dev: str) -> None:
    token = ids.system_token(vm)
    assert ids.parse_setting_id(ids.setting_id(vm, dev, defined)) == ids.SettingId(token, dev, defined)
    assert ids.parse_device_id(ids.device_id(vm, dev)) == (token, dev)
    found = ids.parse_configuration_id(ids.configuration_id(vm, defined))
    assert found == ids.ConfigurationId("KVM", token, defined)


@pytest.mark.parametrize("text", ["", "web", "KVM:", ":web", "VMware:web", "KVM:web/next", "KVM:web/defined/vda"])
def test_what_is_no_configuration_id(text: str) -> None:
    assert ids.parse_configuration_id(text) is None


@pytest.mark.parametrize("text", ["", "web", "web/", "/vda", "web/defined/"])
def test_what_is_no_setting_id(text: str) -> None:
    assert ids.parse_setting_id(text) is None


@pytest.mark.parametrize("text", ["", "web", "web/", "/vda"])
def test_what_is_no_device_id(text: str) -> None:
    assert ids.parse_device_id(text) is None


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("DiskPool/a/b", ("Disk", "a/b")),
        ("NetworkPool/0", ("Network", "0")),
        ("Disk/0", None),
        ("DiskPool/", None),
        ("", None),
    ],
)
def test_pool_ids(text: str, found: tuple[str, str] | None) -> None:
    assert ids.parse_pool_id(text) == found


@pytest.mark.parametrize("text", ["52:54:00:ab:cd:ef", "52-54-00-AB-CD-EF", "525400abcdef"])
def test_a_mac_as_twelve_digits(text: str) -> None:
    assert ids.bare_mac(text) == "525400ABCDEF"


def test_the_servers_own_ids() -> None:
    assert ids.parse_own_id("job", ids.own_id("job", "7")) == "7"
    assert ids.parse_own_id("job", ids.own_id("task", "7")) is None
