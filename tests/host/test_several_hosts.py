"""Several hosts at once: what they answer together, and the one that is absent or goes away."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.host.conftest import NEVER, minimal, named, wait_until

from virtcim.config import embedded_node
from virtcim.host import domains
from virtcim.host.errors import HostError, Kind
from virtcim.host.events import Topic
from virtcim.host.inventory import Host, Hosts, Vm
from virtcim.host.settings import HostSettings


@pytest.fixture
def two_hosts(tmp_path: Path) -> Iterator[Hosts]:
    """The embedded node twice, and one that is not there."""
    uris = [embedded_node(), embedded_node(), f"qemu:///system?socket={tmp_path}/nobody"]
    hosts = Hosts(uris, HostSettings(reconcile_interval=NEVER, naming="uuid"))
    hosts.start()
    try:
        wait_until(lambda: all(host.reachable for host in hosts.hosts[:2]), 10)
        yield hosts
    finally:
        hosts.stop()


def test_several_hosts_answer_together_and_the_absent_one_is_left_out(two_hosts: Hosts) -> None:
    first, second, absent = two_hosts.hosts
    assert [*two_hosts.vms()] == [*first.vms, *second.vms]
    uuid = named(first, "db1").uuid
    assert two_hosts.vm_by_key(uuid.upper()) == [first.vm(uuid), second.vm(uuid)]
    assert two_hosts.vm_by_key("db1") == []
    assert not absent.reachable
    assert not two_hosts.wait(0.01)


def test_listeners_of_all_hosts(two_hosts: Hosts) -> None:
    changed: list[tuple[Topic, Vm, Vm]] = []
    heard: list[Host] = []
    two_hosts.on_change(lambda *change: changed.append(change))
    two_hosts.on_event(lambda host, event: heard.append(host))
    version = two_hosts.version
    before = [named(host, "db1") for host in two_hosts.hosts[:2]]
    after = [domains.pause(vm) for vm in before]
    wait_until(lambda: len(heard) == 2)
    assert changed == [(Topic.DOMAIN, old, new) for old, new in zip(before, after, strict=True)]
    assert two_hosts.version == version + 2


def test_a_domain_of_a_host_that_went_away_is_unreachable_not_unknown(two_hosts: Hosts) -> None:
    first, second, _ = two_hosts.hosts
    vm = domains.define(first, minimal("lonely"))
    assert two_hosts.vm_by_key(vm.uuid) == [vm]
    first.link.stop()
    with pytest.raises(HostError, match="is not reachable") as error:
        two_hosts.vm_by_key(vm.uuid)
    assert error.value.kind is Kind.UNREACHABLE
    assert [*two_hosts.vms()] == [*second.vms]
