"""What became of moves that an earlier run of the server had begun: both ends know, as far as they can be asked."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from virtcim.broker.call import Properties
from virtcim.broker.provider import Intent, Progress, Refused, Returned, Unknown, Work
from virtcim.host import domains, migration
from virtcim.host.errors import HostError, Kind
from virtcim.host.inventory import Host, Hosts, Vm
from virtcim.host.routes import Route
from virtcim.host.states import emigrating
from virtcim.host.underway import Standing
from virtcim.mapping.migration import OTHER, RESTART, Manner
from virtcim.profiles.migration_routes import route_to
from virtcim.profiles.resumption import Waiting, host_of, identity_of

KIND = "migration"
GRACE = 3.0  # seconds in which a move that has just ended is seen at both ends
UNASKED = "it does not answer yet"


@dataclass(frozen=True)
class Ends:
    """Where a system is: here, None when it is not; there, whether it is active, None when it is not there, or why
    nobody can tell.
    """

    here: Standing | None
    there: bool | str | None


def intent_of(vm: Vm, route: Route, manner: Manner, run: int | None, *, returns: bool) -> Intent:
    """What is kept of a move; `run` is libvirt's ID of the run that it began in."""
    facts: Properties = {
        **identity_of(vm.host),
        "uuid": vm.uuid,
        "name": vm.name,
        "type": manner.type,
        "transport": manner.transport,
        "to": route.name,
        "managed": route.host.link.shown_uri if route.host is not None else "",
        "run": run,
        "returns": returns,
    }
    return Intent(KIND, facts)


def resume(world: Hosts, facts: Properties) -> Work:
    """The work of finding out; while libvirt goes on moving it, that is waited for, and can still be ended."""
    waiting = Waiting()

    def run(progress: Progress) -> Returned:
        host = host_of(world, facts, waiting)
        route = _route(world, host, facts)
        patience = host.settings.shutdown_timeout if facts["type"] == RESTART else GRACE
        deadline = time.monotonic() + patience
        with _marked(host, str(facts["uuid"])):
            while True:
                here = domains.standing(host, str(facts["uuid"]))
                late = time.monotonic() >= deadline or waiting.cancelled.is_set()
                if here is not None and here.job is not None:
                    _follow(host, facts, waiting, progress, here.job)
                    deadline = time.monotonic() + patience  # libvirt cleans up after the end
                elif _moved(Ends(here, _there(route, facts, late)), facts, late):
                    break
                waiting.pause()
        return _result(host, route, facts)

    stop = waiting.cancelled.set
    return Work("", (), run, cancel=stop, kill=stop, leave=waiting.left.set)


@contextmanager
def _marked(host: Host, uuid: str) -> Iterator[None]:
    """The system shows meanwhile that it is on its way, and is sent on no other."""
    host.set_underway(uuid, emigrating())
    try:
        yield
    finally:
        host.set_underway(uuid, None)


def _route(world: Hosts, host: Host, facts: Properties) -> Route:
    """The way to ask the destination by."""
    name, shown = str(facts["to"]), facts["managed"]
    managed = next((one for one in world.hosts if shown and one.link.shown_uri == shown), None)
    if managed is not None:
        return Route(name, managed)
    return route_to(host, name, None, Manner(transport=int(str(facts["transport"]))))


def _follow(host: Host, facts: Properties, waiting: Waiting, progress: Progress, percent: int) -> None:
    progress.percent = percent
    if waiting.cancelled.is_set():
        with suppress(HostError):  # it has just ended, and the next look shows how
            domains.abort(host, str(facts["uuid"]))


def _there(route: Route, facts: Properties, late: bool) -> bool | str | None:
    """Whether it is active there; None when it is not there; else why nobody can tell."""
    try:
        return migration.standing_at(route, str(facts["uuid"]))
    except HostError as error:
        if error.kind is not Kind.UNREACHABLE:
            raise
        return error.message if late else UNASKED


def _moved(ends: Ends, facts: Properties, late: bool) -> bool:
    """Whether it has been; False while that may still show. Errors: Refused, Unknown."""
    name, to = str(facts["name"]), str(facts["to"])
    if ends.here is not None:
        return _still_here(ends.here, ends.there, facts, late)
    if ends.there is True or (ends.there is False and facts["type"] == OTHER):
        return True
    if not late:
        return False
    if isinstance(ends.there, str):
        raise Unknown(f"{name} is not here any more, and {to} cannot be asked: {ends.there}")
    where = f"at {to}, but off" if ends.there is False else f"neither here nor at {to}"
    raise Refused("Failed", f"{name} was being moved by an earlier run of the server; it is {where}")


def _still_here(here: Standing, there: bool | str | None, facts: Properties, late: bool) -> bool:
    name, to = str(facts["name"]), str(facts["to"])
    if here.run == facts["run"] and here.run is not None:
        if not late:
            return False
        raise Refused("Failed", f"{name} was not moved by an earlier run of the server: it goes on here")
    if isinstance(there, bool):
        if not late and facts["type"] != OTHER:
            return False  # what has just arrived there libvirt undefines here next
        raise Refused("Failed", f"{name} is at {to}, but its definition was left here when the server ended")
    if not late and facts["type"] != RESTART:
        return False
    how = "was not moved" if facts["run"] is None else "was turned off, and not started there,"
    raise Refused("Failed", f"{name} {how} by an earlier run of the server: it is here")


def _result(host: Host, route: Route, facts: Properties) -> Returned:
    uuid = str(facts["uuid"])
    host.refresh(uuid)
    new = None if route.host is None else route.host.refresh(uuid)
    return Returned(NewComputerSystem=new) if facts["returns"] else Returned()
