"""What a later server says of a move that was begun, by where the system is at both ends."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.profiles.migrating import LIVE, OTHER_TYPE, RESTART, Mover, moving

from virtcim.broker.call import Properties
from virtcim.broker.provider import Progress, Refused, Unknown
from virtcim.host import domains, migration
from virtcim.host.errors import HostError, Kind
from virtcim.host.inventory import Vm
from virtcim.host.routes import Route
from virtcim.host.underway import Standing
from virtcim.mapping.migration import Manner
from virtcim.profiles import migration_resumption
from virtcim.profiles.migration_resumption import Ends, intent_of, resume

RUN = 7
SAME, ANOTHER, OFF, GONE = Standing(RUN, False, None), Standing(8, False, None), Standing(None, False, None), None
AWAY = "no route"
# Type, here, there -> what is said in the end: done, or the words of a refusal, or of not knowing
VERDICTS: dict[str, tuple[int, Standing | None, bool | str | None, bool | str]] = {
    "live, there": (LIVE, GONE, True, True),
    "live, there but off": (LIVE, GONE, False, "at b, but off"),
    "live, nowhere": (LIVE, GONE, None, "neither here nor at b"),
    "live, goes on here": (LIVE, SAME, None, "it goes on here"),
    "live, goes on here, and who knows": (LIVE, SAME, AWAY, "it goes on here"),
    "live, at both ends": (LIVE, OFF, True, "its definition was left here"),
    "live, started again": (LIVE, ANOTHER, None, "was turned off, and not started there"),
    "restart, there": (RESTART, GONE, True, True),
    "restart, not shut down": (RESTART, SAME, None, "it goes on here"),
    "restart, shut down": (RESTART, OFF, None, "was turned off, and not started there"),
    "definition, there": (OTHER_TYPE, GONE, False, True),
    "definition, here": (OTHER_TYPE, OFF, None, "was not moved"),
    "definition, at both ends": (OTHER_TYPE, OFF, False, "its definition was left here"),
}


@pytest.mark.parametrize(("kind", "here", "there", "said"), VERDICTS.values(), ids=VERDICTS)
def test_verdicts(kind: int, here: Standing | None, there: bool | str | None, said: bool | str) -> None:
    run = None if kind == OTHER_TYPE else RUN
    facts: Properties = {"name": "web", "to": "b", "type": kind, "run": run}
    if said is True:
        assert migration_resumption._moved(Ends(here, there), facts, late=False)
        return
    with pytest.raises(Refused, match=str(said)):
        migration_resumption._moved(Ends(here, there), facts, late=True)


def test_a_definition_that_libvirt_is_about_to_remove_is_not_one_that_was_left() -> None:
    facts: Properties = {"name": "web", "to": "b", "type": LIVE, "run": RUN}
    assert not migration_resumption._moved(Ends(OFF, True), facts, late=False)
    assert migration_resumption._moved(Ends(GONE, True), facts, late=False)


@pytest.mark.parametrize("kind", [LIVE, RESTART, OTHER_TYPE])
def test_nobody_knows(kind: int) -> None:
    facts: Properties = {"name": "web", "to": "b", "type": kind, "run": RUN}
    assert not migration_resumption._moved(Ends(GONE, AWAY), facts, late=False)
    with pytest.raises(Unknown, match="b cannot be asked: no route"):
        migration_resumption._moved(Ends(GONE, AWAY), facts, late=True)


@pytest.fixture(scope="module")
def mover(tmp_path_factory: pytest.TempPathFactory, node_uri: str) -> Iterator[Mover]:
    with moving(tmp_path_factory.mktemp("state"), node_uri, "test:///default") as found:
        yield found


def test_it_shows_as_being_moved_meanwhile(mover: Mover, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migration_resumption, "GRACE", 0.2)
    vm = mover.define("found-again", start=True)
    seen: list[Vm | None] = []

    def away(*_: object) -> bool | None:
        seen.append(mover.here.vm(vm.uuid))
        raise HostError(Kind.UNREACHABLE, "no route")

    monkeypatch.setattr(migration, "standing_at", away)
    run = domains.run_of(vm)
    intent = intent_of(vm, Route("b", mover.there), Manner(LIVE), run, returns=False)
    with pytest.raises(Refused, match="goes on here"):
        resume(mover.client.world, intent.facts).run(Progress())
    assert seen[0] is not None
    assert seen[0].underway is not None
    assert seen[0].underway.operating == 10
    latest = mover.here.vm(vm.uuid)
    assert latest is not None
    assert latest.underway is None


def test_a_server_that_ends_leaves_it_to_the_next(mover: Mover) -> None:
    vm = mover.define("left", start=True)
    run = domains.run_of(vm)
    intent = intent_of(vm, Route("b", mover.there), Manner(LIVE), run, returns=False)
    work = resume(mover.client.world, intent.facts)
    assert work.leave is not None
    work.leave()
    with pytest.raises(Unknown, match="the server ended"):
        work.run(Progress())
