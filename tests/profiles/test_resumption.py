"""What becomes of jobs of an earlier run: the verdicts, one a state that libvirt can be found in."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.profiles.client import Client, running_client

from virtcim.broker.call import Properties
from virtcim.broker.provider import Progress, Refused, Unknown, Work
from virtcim.broker.schema import Schema
from virtcim.host import domains
from virtcim.host.inventory import Hosts
from virtcim.host.underway import Standing
from virtcim.profiles import removal, resumption
from virtcim.profiles.elements import configurations, settings

OFF, SAVED, SAME, OTHER = Standing(None, False, None), Standing(None, True, None), 3, 4
ON, AGAIN = Standing(SAME, False, None), Standing(OTHER, False, None)
READ = Standing(OTHER, True, None)  # while the image is read

# Verb, where the domain stands, whether the time is up -> the verdict: True done, False not yet, or what is raised.
VERDICTS: tuple[tuple[str, Standing, bool, bool | type[Exception]], ...] = (
    ("shutdown", OFF, False, True),
    ("shutdown", AGAIN, False, True),
    ("shutdown", ON, False, False),
    ("shutdown", ON, True, Refused),
    ("reboot", OFF, False, True),
    ("reboot", AGAIN, False, True),
    ("reboot", ON, False, Unknown),
    ("save", SAVED, False, True),
    ("save", OFF, False, Refused),
    ("save", ON, False, Refused),
    ("save", AGAIN, False, Unknown),
    ("restore", ON, False, True),
    ("restore", AGAIN, True, True),
    ("restore", READ, False, False),
    ("restore", READ, True, Unknown),
    ("restore", OFF, False, Unknown),
    ("restore", SAVED, False, Refused),
    ("graceful_cycle", AGAIN, False, True),
    ("graceful_cycle", OFF, False, Refused),
    ("graceful_cycle", ON, False, False),
    ("graceful_cycle", ON, True, Refused),
)


@pytest.mark.parametrize(("verb", "now", "late", "verdict"), VERDICTS, ids=str)
def test_verdicts(verb: str, now: Standing, late: bool, verdict: bool | type[Exception]) -> None:
    same = now.run == SAME
    if isinstance(verdict, bool):
        assert resumption._VERDICTS[verb](now, same, "web1", late) is verdict
        return
    with pytest.raises(verdict, match="web1"):
        resumption._VERDICTS[verb](now, same, "web1", late)


# Over the embedded node


@pytest.fixture
def client(repository: Schema, node_uri: str) -> Iterator[Client]:
    with running_client(repository, node_uri, shutdown_timeout=0.6, detach_timeout=0.6) as client:
        yield client


def facts_of(client: Client, verb: str, **other: int | str) -> Properties:
    vm = client.vm("web2")
    return {**resumption.intent_of(vm, verb, domains.run_of(vm)).facts, **other}


def ran(work: Work) -> int:
    return work.run(Progress()).value


def test_a_system_that_is_off_was_shut_down(client: Client) -> None:
    facts = facts_of(client, "shutdown")
    domains.destroy(client.vm("web2"))
    assert ran(resumption.resume(client.world, facts)) == 0


def test_a_system_that_has_been_started_again_was_shut_down(client: Client) -> None:
    facts = facts_of(client, "shutdown")
    vm = domains.destroy(client.vm("web2"))
    assert vm is not None
    domains.start(vm)
    assert ran(resumption.resume(client.world, facts)) == 0


def test_a_system_that_goes_on_was_not_shut_down(client: Client) -> None:
    with pytest.raises(Refused, match="may yet"):
        ran(resumption.resume(client.world, facts_of(client, "shutdown")))


def test_nobody_waits_any_more(client: Client) -> None:
    """A client terminates the job, or the server ends once more."""
    given_up = resumption.resume(client.world, facts_of(client, "graceful_cycle"))
    assert given_up.cancel
    given_up.cancel()
    with pytest.raises(Refused):
        ran(given_up)
    left = resumption.resume(client.world, facts_of(client, "shutdown"))
    assert left.leave
    left.leave()
    with pytest.raises(Unknown):
        ran(left)


@pytest.mark.parametrize(
    "other",
    [{"hostUuid": "00000000-0000-4000-8000-00000000dead"}, {"host": "qemu:///elsewhere", "hostUuid": ""}],
    ids=str,
)
def test_a_host_that_is_driven_no_more(client: Client, other: dict[str, str]) -> None:
    with pytest.raises(Unknown, match="does not drive"):
        ran(resumption.resume(client.world, facts_of(client, "save", **other)))


def test_a_host_is_known_by_whatever_uri(client: Client) -> None:
    """One that was kept without a UUID is the one of that URI."""
    assert client.world.hosts[0].uuid
    for other in ({"host": "qemu:///elsewhere"}, {"hostUuid": ""}):
        with pytest.raises(Refused, match="it goes on"):
            ran(resumption.resume(client.world, facts_of(client, "save", **other)))


def test_a_host_that_has_not_been_read_may_be_meant(client: Client) -> None:
    """Until a client does not want to wait any more."""
    away = Hosts(["test:///nowhere/at/all.xml"], client.world.settings)
    work = resumption.resume(away, facts_of(client, "save"))
    assert work.cancel
    work.cancel()
    with pytest.raises(Unknown, match="cannot be asked"):
        ran(work)


def test_a_system_that_is_gone(client: Client) -> None:
    facts = facts_of(client, "save", uuid="00000000-0000-4000-8000-00000000dead")
    with pytest.raises(Refused, match="was not saved"):
        ran(resumption.resume(client.world, facts))


def test_settings_that_are_gone_were_removed(client: Client) -> None:
    facts = removal_of(client)
    vm = client.vm("web2")
    gone = {str(name) for name in facts["devices"]}  # type: ignore[union-attr]
    domains.destroy(vm)
    with domains.edit(vm) as document:
        for disk in [one for one in document.disks if one.target in gone]:
            disk.remove()
    assert ran(removal.resume(client.world, facts)) == 0


def test_settings_that_are_left(client: Client) -> None:
    facts = removal_of(client)
    with pytest.raises(Refused, match=str(facts["ids"][0])):  # type: ignore[index]
        ran(removal.resume(client.world, facts))


def removal_of(client: Client) -> Properties:
    (state, *_) = configurations(client.vm("web2"))
    disks = [one for one in settings(state) if one.kind.view.tag == "disk"]
    assert disks
    return removal.intent_of(disks[:1]).facts
