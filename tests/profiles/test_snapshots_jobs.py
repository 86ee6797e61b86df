"""Work on snapshots as jobs, how it fails, and what of a snapshot nobody is told."""

from __future__ import annotations

from typing import Any

import pytest
from tests.profiles.client import out
from tests.profiles.management import BAD_STATE, FAILED, JOB, OK, Manager, rasd
from tests.profiles.snapshotting import Keeper

from virtcim.broker.call import Path
from virtcim.host import snapshots as host
from virtcim.host.inventory import Underway
from virtcim.host.states import snapshotting
from virtcim.profiles import snapshots_guard, snapshots_requests


@pytest.fixture
def keeper(manager: Manager) -> Keeper:
    return Keeper(manager)


def test_what_takes_long_is_a_job(keeper: Keeper, monkeypatch: pytest.MonkeyPatch) -> None:
    """It affects the system, and what it has created; the result is kept with it."""
    monkeypatch.setattr(snapshots_requests, "PATIENCE", 0.0)
    answer = keeper.take("web2", ElementName="slow")
    assert (answer.value, out(answer, "ResultingSnapshot")) == (JOB, None)
    job = keeper.client.job_of(answer)
    assert (job.state, job.returned and job.returned.value, job.progress.percent) == (7, OK, 100)
    created = [target for target, effect in job.work.affects if effect == 5]
    assert [one.name for one in created] == ["slow"]  # type: ignore[attr-defined]
    path = Path("Test_VirtualSystemSettingData", (("InstanceID", "Test:web2/snapshot/slow"),), "root/virt")
    for method, name in (("ApplySnapshot", "Snapshot"), ("DestroySnapshot", "AffectedSnapshot")):
        answer = keeper.client.invoke(keeper.service, method, **{name: path})
        assert answer.value == JOB
        assert keeper.client.job_of(answer).state == 7
    assert keeper.client.vm("web2").snapshots == ()


def test_a_job_that_fails_says_why(keeper: Keeper, monkeypatch: pytest.MonkeyPatch) -> None:
    """The snapshot goes between the request and its turn; the system can be asked again at once."""
    path = keeper.taken("web2", ElementName="lost")
    checked = snapshots_guard.refuse_destroy

    def gone(snapshot: Any) -> None:
        checked(snapshot)
        host.delete(snapshot.vm, snapshot.name)

    monkeypatch.setattr(snapshots_guard, "refuse_destroy", gone)
    answer = keeper.client.invoke(keeper.service, "DestroySnapshot", AffectedSnapshot=path)
    assert answer.value == FAILED
    assert "lost" in answer.reason
    assert keeper.client.vm("web2").underway is None


def test_secrets_stay_in_libvirt(keeper: Keeper) -> None:
    """A snapshot has the password of the console, which nobody is told, and gives it back."""
    graphics = rasd("Graphics", ResourceSubType="vnc", Password="geheim")
    assert keeper.manager.define(graphics, ElementName="secret").value == OK
    path = keeper.taken("secret", ElementName="before")
    assert keeper.manager.modify_system(InstanceID=str(path.key("InstanceID")), Notes=["changed"]).value == OK
    assert "geheim" not in str(keeper.client.vm("secret").record.snapshots)
    assert "geheim" not in str([one.properties for one in keeper.client.instances("CIM_SettingData")])
    assert keeper.apply(path) == OK
    assert "geheim" in keeper.manager.xml("secret")


@pytest.mark.parametrize(
    ("mark", "code"), [(Underway(4, 12), OK), (snapshotting(), BAD_STATE)], ids=["state", "snapshot"]
)
def test_destroying_a_system_that_is_on_its_way(keeper: Keeper, mark: Underway, code: int) -> None:
    """To another state, which is over then, as of one without snapshots; or with work on a snapshot, which is not."""
    keeper.taken("web2")
    vm = keeper.client.vm("web2")
    vm.host.set_underway(vm.uuid, mark)
    assert keeper.manager.destroy("web2").value == code
    assert ("web2" in keeper.manager.names()) == (code != OK)
