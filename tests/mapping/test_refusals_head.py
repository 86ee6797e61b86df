"""Bad values of the head of a system, each refused with the property and the reason; autostart and the type."""

from __future__ import annotations

import pytest
from tests.mapping.samples import load

from virtcim.mapping import vssd
from virtcim.mapping.resources import BadProperty
from virtcim.mapping.table import Properties

HEADS: list[tuple[Properties, str, str]] = [
    ({"VirtualSystemIdentifier": ""}, "VirtualSystemIdentifier", "is not a name"),
    ({"VirtualSystemIdentifier": "a/b"}, "VirtualSystemIdentifier", "is not a name"),
    ({"VirtualSystemIdentifier": "a\nb"}, "VirtualSystemIdentifier", "is not a name"),
    ({"UUID": "5a9f0b1c-77c4-4f0e-9d0b-6a1de2a2c999"}, "UUID", "the UUID of a system never changes"),
    ({"UUID": "no"}, "UUID", "cannot replace"),
    ({"ClockOffset": 9}, "ClockOffset", "9 is not one of 0, 1, 2, 3, 4"),
    ({"AutomaticRecoveryAction": 4}, "AutomaticRecoveryAction", "4 is not one of 2, 3, 123"),
    ({"AutomaticShutdownAction": 4}, "AutomaticShutdownAction", "4 is not one of 2, 3, 123"),
    ({"CPUFeatures": ["wish:vmx"]}, "CPUFeatures", "is not <policy>:<feature>"),
    ({"CPUFeatures": ["require:"]}, "CPUFeatures", "is not <policy>:<feature>"),
    ({"CPUSockets": 0}, "CPUSockets", "0 is not between 1 and"),
    ({"HyperVFeatures": ["<relaxed/>"]}, "HyperVFeatures", "is not the name of a Hyper-V enlightenment"),
    ({"Firmware": "openfirmware"}, "Firmware", "is not one of bios, efi"),
    ({"BootMenuTimeout": 65536}, "BootMenuTimeout", "is not between 0 and 65535"),
    ({"IsFullVirt": False}, "IsFullVirt", "cannot be False: it is True"),
    ({"CreationTime": "20250101000000.000000+000"}, "CreationTime", "cannot be set"),
    ({"SwapFileDataRoot": "file:///swap"}, "SwapFileDataRoot", "is not supported"),
    ({"Description": "\x1b[0m"}, "Description", "has a character that XML cannot hold"),
]


@pytest.mark.parametrize(
    ("given", "name", "reason"), [pytest.param(*each, id=f"{number}-{each[1]}") for number, each in enumerate(HEADS)]
)
def test_a_change_of_the_head_is_refused(given: Properties, name: str, reason: str) -> None:
    with pytest.raises(BadProperty) as refused:
        vssd.change_head(load("everything"), given)
    assert refused.value.name == name, str(refused.value)
    assert reason in str(refused.value)


@pytest.mark.parametrize(
    ("given", "name"), [({"AutomaticStartupAction": 3}, "AutomaticStartupAction"), ({"AutoStart": 2}, "AutoStart")]
)
def test_an_autostart_that_is_none(given: Properties, name: str) -> None:
    with pytest.raises(BadProperty) as refused:
        vssd.autostart_of(given)
    assert refused.value.name == name


@pytest.mark.parametrize(
    ("given", "wanted"),
    [({}, None), ({"AutoStart": 0}, False), ({"AutoStart": 1}, True), ({"AutomaticStartupAction": 4}, True),
     ({"AutomaticStartupAction": 2}, False), ({"AutomaticStartupAction": 4, "AutoStart": 0}, True)],
)  # fmt: skip
def test_whether_autostart_is_asked_for(given: Properties, wanted: bool | None) -> None:
    assert vssd.autostart_of(given) is wanted


@pytest.mark.parametrize(
    ("given", "platform", "fits"),
    [("KVM", "KVM", True), ("DMTF:KVM", "KVM", True), ("dmtf:kvm", "KVM", True), ("DMTF:unknown", "LXC", True),
     ("", "Xen", True), ("DMTF:XEN:HVM", "Xen", True), ("Xen", "KVM", False), ("vmx-08", "KVM", False)],
)  # fmt: skip
def test_the_type_of_the_system(given: str, platform: str, fits: bool) -> None:
    if fits:
        vssd.check_system_type({"VirtualSystemType": given}, platform)
        return
    with pytest.raises(BadProperty, match="VirtualSystemType"):
        vssd.check_system_type({"VirtualSystemType": given}, platform)
