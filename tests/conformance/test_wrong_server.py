"""Checks that pass on a conforming server and fail, naming the culprit, once it is spoilt in one place."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from pywbem import Uint16
from pywbem_mock import FakedWBEMConnection
from tests.conformance.small_server import add, change, find, path, remove, small_connection, small_site

from virtcim.conformance import runner
from virtcim.conformance.runner import FAIL, PASS

Spoil = Callable[[FakedWBEMConnection], object]

CHECKS_BY_ID = {one.id: one for one in runner.checks()}
WEB = {"Name": "web"}
VSP = {"InstanceID": "small:vsp"}


def unhost(connection: FakedWBEMConnection) -> None:
    """Take web away from its host."""
    web = path(connection, "CIM_ComputerSystem", **WEB)
    remove(connection, "CIM_HostedDependency", Dependent=web)


def second_state(connection: FakedWBEMConnection) -> None:
    """Give db the state of web as well."""
    add(
        connection,
        "CIM_SettingsDefineState",
        ManagedElement=path(connection, "CIM_ComputerSystem", Name="db"),
        SettingData=path(connection, "CIM_VirtualSystemSettingData", InstanceID="small:web"),
    )


def second_host(connection: FakedWBEMConnection) -> None:
    """Make the WBEM server a host of web."""
    add(
        connection,
        "CIM_HostedDependency",
        Antecedent=add(connection, "CIM_System", CreationClassName="CIM_System", Name="rack"),
        Dependent=path(connection, "CIM_ComputerSystem", **WEB),
    )


def forget_web(connection: FakedWBEMConnection) -> None:
    """Let web conform to nothing."""
    remove(connection, "CIM_ElementConformsToProfile", ManagedElement=path(connection, "CIM_ComputerSystem", **WEB))


def ghost_instance(connection: FakedWBEMConnection) -> None:
    """Let a profile lead to a system that is not there."""
    ghost = add(connection, "CIM_System", CreationClassName="CIM_System", Name="ghost")
    registered = path(connection, "CIM_RegisteredProfile", **VSP)
    add(connection, "CIM_ElementConformsToProfile", ConformantStandard=registered, ManagedElement=ghost)
    connection.DeleteInstance(ghost)


def unscoped(connection: FakedWBEMConnection) -> None:
    """Leave Power State Management without a profile that references it."""
    remove(
        connection,
        "CIM_ReferencedProfile",
        Antecedent=path(connection, "CIM_RegisteredProfile", InstanceID="small:psm"),
    )


def reversed_reference(connection: FakedWBEMConnection) -> None:
    """Let the component profile reference the autonomous one."""
    component = path(connection, "CIM_RegisteredProfile", InstanceID="small:psm")
    add(
        connection,
        "CIM_ReferencedProfile",
        Antecedent=path(connection, "CIM_RegisteredProfile", **VSP),
        Dependent=component,
    )


def second_server(connection: FakedWBEMConnection) -> None:
    """Let WBEM Server lead to a second central instance."""
    add(
        connection,
        "CIM_ElementConformsToProfile",
        ConformantStandard=path(connection, "CIM_RegisteredProfile", InstanceID="small:wsp"),
        ManagedElement=path(connection, "CIM_ObjectManager", Name="small:om"),
    )


def profile(**values: object) -> Spoil:
    """Change the registration of Virtual System."""
    return lambda connection: change(connection, "CIM_RegisteredProfile", VSP, **values)


def system(**values: object) -> Spoil:
    """Change web."""
    return lambda connection: change(connection, "CIM_ComputerSystem", WEB, **values)


def state(**values: object) -> Spoil:
    """Change the State VSSD of web."""
    return lambda connection: change(connection, "CIM_VirtualSystemSettingData", {"InstanceID": "small:web"}, **values)


def link(**values: object) -> Spoil:
    """Change what ties web's State to its Defined configuration."""
    return lambda connection: change(connection, "CIM_ElementSettingData", {}, **values)


CASES: list[tuple[str, str, Spoil, str]] = [
    ("DSP1033-R02", "version-with-a-letter", profile(RegisteredVersion="1.0.0a"), "1.0.0a"),
    ("DSP1033-R02", "no-name", profile(RegisteredName=None), "RegisteredName"),
    ("DSP1033-R04", "slp-and-not-advertised", profile(AdvertiseTypes=[Uint16(2), Uint16(3)]), "[2, 3]"),
    ("DSP1033-R05", "ghost-instance", ghost_instance, "ghost"),
    ("DSP1033-R07", "component-without-scope", unscoped, "Power State Management"),
    ("DSP1033-R07", "reference-reversed", reversed_reference, "component profile Power State Management"),
    ("DSP1033-R10", "other-organization", profile(OtherRegisteredOrganization="me"), "'me'"),
    ("DSP1033-R10", "no-profile", profile(SpecificationType=Uint16(3)), "SpecificationType 3"),
    ("DSP1042-R02", "no-host", unhost, "'web' depends on 0"),
    ("DSP1042-R02", "two-hosts", second_host, "'web' depends on 2"),
    ("DSP1052-R01", "no-status", system(OperationalStatus=None), "OperationalStatus"),
    ("DSP1052-R03", "reserved-state", system(EnabledState=Uint16(77)), "EnabledState is 77"),
    ("DSP1052-R03", "odd-name-format", system(NameFormat="Moon"), "'Moon'"),
    ("DSP1052-R04", "undescribed", system(OtherIdentifyingInfo=["x"]), "['x']"),
    ("DSP1052-R05", "dedicated-to-what", system(Dedicated=[Uint16(2)]), "OtherDedicatedDescriptions"),
    ("DSP1052-R08", "other-state-named", system(OtherEnabledState="odd"), "'odd'"),
    ("DSP1052-R11", "always-going-somewhere", system(TransitioningToState=Uint16(3)), "TransitioningToState 3"),
    ("DSP1057-R02", "does-not-conform", forget_web, "'web' does not conform"),
    ("DSP1057-R03", "two-states", second_state, "'db' has 2 State VSSDs"),
    ("DSP1057-R04", "no-default", link(IsDefault=Uint16(2)), "0 default"),
    ("DSP1057-R05", "next-is-null", link(IsNext=None), "IsNext None"),
    ("DSP1057-R06", "names-differ", state(ElementName="other"), "'other'"),
    ("DSP1057-R06", "identifier-twice", state(VirtualSystemIdentifier="db"), "'db' occurs 2 times"),
    ("DSP1057-R07", "type-with-blank", state(VirtualSystemType="a b"), "'a b'"),
    ("DSP1057-R08", "unknown-state", system(EnabledState=Uint16(11)), "EnabledState 11"),
    ("DSP1057-R22", "error-in-good-health", system(OperationalStatus=[Uint16(6)]), "HealthState 5"),
    ("DSP1057-R23", "no-uri", state(ConfigurationDataRoot="/etc"), "'/etc'"),
    ("DSP1092-R13", "two-central-instances", second_server, "2 instances"),
]


@pytest.mark.parametrize(
    ("check_id", "spoil", "culprit"),
    [(case[0], *case[2:]) for case in CASES],
    ids=[f"{case[0]}-{case[1]}" for case in CASES],
)
def test_a_spoilt_server_fails(check_id: str, spoil: Spoil, culprit: str) -> None:
    connection = small_connection()
    assert runner.run_one(CHECKS_BY_ID[check_id], small_site(connection)).verdict == PASS
    spoil(connection)
    result = runner.run_one(CHECKS_BY_ID[check_id], small_site(connection))
    assert (result.verdict, culprit in result.reason) == (FAIL, True), result


def test_a_check_says_everything_it_saw() -> None:
    connection = small_connection()
    for name in ("web", "db"):
        change(connection, "CIM_ComputerSystem", {"Name": name}, HealthState=None)
    reason = runner.run_one(CHECKS_BY_ID["DSP1052-R01"], small_site(connection)).reason
    assert "'web' has HealthState None" in reason
    assert "'db' has HealthState None" in reason


class Platform:
    """The platform's own word, as a table."""

    def __init__(self, **states: str) -> None:
        self.states = states

    def domains(self) -> dict[str, str]:
        """Name to state."""
        return self.states

    def transients(self) -> list[str]:
        """All but db, whatever the server says."""
        return [name for name in self.states if name != "db"]

    def run_id(self, name: str) -> int:
        """A number of the run."""
        return len(name)

    def change(self, name: str, verb: str) -> None:
        """Suspend or resume."""
        self.states[name] = verb


@pytest.mark.parametrize(
    ("check_id", "states", "culprit"),
    [
        ("DSP1057-R01", {"web": "running", "db": "shutoff", "mail": "running"}, "mail is no computer system"),
        ("DSP1057-R01", {"web": "running"}, "db is not on the platform"),
        ("DSP1057-R08", {"web": "paused", "db": "shutoff"}, "web is paused and has EnabledState 2"),
        ("DSP1057-R21", {"web": "running", "db": "shutoff"}, "'web' has 1 default settings"),
        ("DSP1057-R22", {"web": "crashed", "db": "shutoff"}, "crashed web"),
    ],
    ids=["missing", "invented", "wrong-state", "transient-with-definition", "crash-hidden"],
)
def test_the_platform_is_believed(check_id: str, states: dict[str, str], culprit: str) -> None:
    result = runner.run_one(CHECKS_BY_ID[check_id], small_site(truth=Platform(**states)))
    assert (result.verdict, culprit in result.reason) == (FAIL, True), result


def test_systems_are_told_apart() -> None:
    site = small_site()
    assert [one["Name"] for one in site.hosts()] == ["node1"]
    assert sorted(one["Name"] for one in site.virtual_systems()) == ["db", "web"]
    connection = small_connection()
    change(connection, "CIM_ComputerSystem", WEB, Dedicated=[Uint16(38)])
    assert find(connection, "CIM_ComputerSystem", **WEB)["Dedicated"] == [38]
    assert [one["Name"] for one in small_site(connection).virtual_systems()] == ["db"]
