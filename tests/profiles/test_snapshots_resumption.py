"""What becomes of work on snapshots whose server has died, and what is told of snapshots, over the embedded node."""

from __future__ import annotations

import json

import pytest
from tests.profiles.client import Client, system_path

from virtcim.broker.indications_lifecycle import Lifecycle
from virtcim.broker.provider import Progress, Refused, Unknown
from virtcim.host import domains, snapshots
from virtcim.host.inventory import Vm
from virtcim.host.remembered import document, restored
from virtcim.host.states import snapshotting
from virtcim.mapping.snapshots import request
from virtcim.profiles import snapshots_resumption
from virtcim.profiles import storage_resumption as looking
from virtcim.profiles.snapshots import last_applied, snapshots_of
from virtcim.profiles.snapshots_resumption import APPLY, CREATE, DESTROY, intent_of, intent_of_system


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looking, "GRACE", 0.0)


def taken(vm: Vm, name: str) -> Vm:
    after = snapshots.create(vm, request(name, name, None, None, memory=False), snapshots.Manner())
    assert after is not None
    return after


def found_out(client: Client, intent: object) -> dict[str, object]:
    """What the work of finding out returns."""
    facts = intent.facts  # type: ignore[attr-defined]
    return dict(snapshots_resumption.resume(client.world, facts).run(Progress()).out)


def test_what_was_taken_is_the_result(client: Client) -> None:
    intent = intent_of(client.vm("web2"), CREATE, "one")
    with pytest.raises(Refused, match="before the snapshot one of web2 was taken"):
        found_out(client, intent)
    taken(client.vm("web2"), "one")
    assert found_out(client, intent)["ResultingSnapshot"] in snapshots_of(client.vm("web2"))


def test_what_was_destroyed_is_gone(client: Client) -> None:
    intent = intent_of(taken(client.vm("web2"), "one"), DESTROY, "one")
    with pytest.raises(Refused, match="was destroyed"):
        found_out(client, intent)
    snapshots.delete(client.vm("web2"), "one")
    assert found_out(client, intent) == {}


def test_what_was_applied_is_remembered(client: Client) -> None:
    taken(client.vm("web2"), "one")
    intent = intent_of(taken(client.vm("web2"), "two"), APPLY, "one")
    with pytest.raises(Refused, match="was applied"):
        found_out(client, intent)
    snapshots.revert(client.vm("web2"), "one")
    assert found_out(client, intent) == {}
    assert [one.name for one in last_applied(client.vm("web2"))] == ["one"]


def test_what_nobody_can_tell(client: Client) -> None:
    """Off before and after, and the snapshot the current one before and after."""
    domains.destroy(client.vm("web2"))
    intent = intent_of(taken(client.vm("web2"), "one"), APPLY, "one")
    with pytest.raises(Unknown, match="libvirt does not tell"):
        found_out(client, intent)


def test_a_system_with_snapshots_that_was_to_go(client: Client) -> None:
    intent = intent_of_system(taken(client.vm("web2"), "one"))
    with pytest.raises(Refused, match="1 snapshots, and can be destroyed again"):
        found_out(client, intent)
    domains.destroy(client.vm("web2"))
    domains.undefine(client.vm("web2"))
    assert found_out(client, intent) == {}


def test_a_system_of_which_one_is_taken_says_so(client: Client) -> None:
    vm = client.vm("web2")
    vm.host.set_underway(vm.uuid, snapshotting())
    shown = client.system("web2").properties
    assert (shown["OperatingStatus"], shown["EnabledState"]) == (12, 2)
    assert client.invoke(system_path("web2"), "RequestStateChange", RequestedState="9").value == 4099
    vm.host.set_underway(vm.uuid, None)
    assert client.system("web2").properties["OperatingStatus"] == 16


def test_snapshots_are_told_of_as_they_were(everything: Client) -> None:
    """Of what the store remembers of a system its snapshots are a part; they come and go with indications of theirs."""
    lifecycle = Lifecycle(everything.broker.instances, "here")
    vm = everything.vm("web1")
    before = restored(vm.host, "domain", json.loads(json.dumps(document(vm))))
    assert isinstance(before, Vm)
    assert before.snapshots == vm.snapshots
    assert list(lifecycle.compare(before, vm)) == []
    without = Vm(**{**vars(vm.record), "snapshots": ()}, facts=vm.facts, since=None, host=vm.host, record=vm.record)
    told = [one.indication for one in lifecycle.compare(without, vm)]
    heads = [one for one in told if "snapshot/" in str(one.properties["SourceInstanceModelPath"])]
    assert {one.classname for one in heads} == {
        "CIM_InstCreation",
        "Test_ResourceAllocationSettingDataCreatedIndication",
    }
    gone = [one.indication.classname for one in lifecycle.compare(vm, without)]
    assert gone.count("CIM_InstDeletion") == len(vm.snapshots)
