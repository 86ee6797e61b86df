"""Every claim of the capabilities tried on the embedded node, in every state a system can be in."""

from __future__ import annotations

import pytest
from pywbem import CIMInstance, Uint16, WBEMConnection
from tests.claims import DISABLED, ENABLED, OFFLINE, OK, QUIESCE, Trial, unlisted

POOL_METHODS = {
    2: "CreateResourcePool",
    3: "CreateChildResourcePool",
    4: "DeleteResourcePool",
    5: "AddResourcesToResourcePool",
    6: "RemoveResourcesFromResourcePool",
    7: "ChangeParentResourcePool",
}


@pytest.fixture
def trial(conn: WBEMConnection) -> Trial:
    (service,) = conn.EnumerateInstanceNames("Test_VirtualSystemManagementService")
    head = CIMInstance("Test_VirtualSystemSettingData", {"ElementName": "claims"})
    code, out = conn.InvokeMethod("DefineSystem", service, SystemSettings=head)
    assert code == OK
    return Trial(conn, service, out["ResultingSystem"])


def become(trial: Trial, state: int) -> None:
    if state != DISABLED:
        assert trial.conn.InvokeMethod("RequestStateChange", trial.system, RequestedState=Uint16(ENABLED))[0] == OK
    if state not in (DISABLED, ENABLED):
        code, _ = trial.conn.InvokeMethod("RequestStateChange", trial.system, RequestedState=Uint16(state))
        assert code in (OK, 4096)


@pytest.mark.parametrize("state", [DISABLED, ENABLED, QUIESCE], ids=["off", "running", "paused"])
def test_resources_come_and_go_as_claimed(trial: Trial, state: int) -> None:
    become(trial, state)
    assert trial.conn.GetInstance(trial.system)["EnabledState"] == state
    assert trial.walk(state) == []


def test_nothing_is_claimed_of_saved_systems(trial: Trial) -> None:
    assert not [one.name for one in trial.claims if one.adding(OFFLINE) or one.removing(OFFLINE)]


def test_methods_that_are_not_claimed(conn: WBEMConnection) -> None:
    (service,) = conn.EnumerateInstanceNames("CIM_ResourcePoolConfigurationService")
    assert unlisted(conn, service, "CIM_ResourcePoolConfigurationCapabilities", POOL_METHODS) == []
