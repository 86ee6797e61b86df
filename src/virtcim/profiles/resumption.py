"""What became of a change of state whose job an earlier run of the server had: libvirt knows, or nobody does."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from virtcim.broker.call import Properties
from virtcim.broker.provider import Intent, Progress, Refused, Returned, Unknown, Work
from virtcim.host import domains
from virtcim.host.errors import HostError
from virtcim.host.inventory import Host, Hosts, Vm
from virtcim.host.underway import Standing

KIND = "state"
ABORTED = frozenset({"save"})  # verbs that libvirt gives up at once when it is told to
LOOK = 0.5  # seconds
GONE = Standing(None, False, None)


def identity_of(host: Host) -> Properties:
    """What an intent keeps of its host: any server that drives it may have to find out, by whatever URI."""
    return {"host": host.link.shown_uri, "hostUuid": host.uuid}


def intent_of(vm: Vm, verb: str, run: int | None) -> Intent:
    """What is kept of a change of state; `run` is libvirt's ID of the run that it began in."""
    return Intent(KIND, {**identity_of(vm.host), "uuid": vm.uuid, "name": vm.name, "verb": verb, "run": run})


@dataclass
class Waiting:
    """How the work of finding out is ended: by a client, or because the server ends."""

    cancelled: threading.Event = field(default_factory=threading.Event)
    left: threading.Event = field(default_factory=threading.Event)

    def pause(self) -> None:
        """Wait for a moment. Errors: Unknown when the server ends."""
        if self.left.wait(LOOK):
            raise Unknown("the server ended before it could find out")

    def is_over(self) -> bool:
        """Whether a client has ended it. Errors: Unknown when the server ends, and what was begun goes on."""
        if self.left.is_set():
            raise Unknown("the server ended")
        return self.cancelled.is_set()


def host_of(world: Hosts, facts: Properties, waiting: Waiting) -> Host:
    """The host, once it can be asked. Errors: Unknown."""
    while True:
        candidates = [one for one in world.hosts if _may_be(one, facts)]
        if not candidates:
            raise Unknown("the server that began it drove a host that this one does not drive")
        host = next((one for one in candidates if one.reachable), None)
        if host is not None:
            return host
        if waiting.cancelled.is_set():
            raise Unknown(f"libvirt at {candidates[0].link.shown_uri} cannot be asked")
        waiting.pause()


def _may_be(host: Host, facts: Properties) -> bool:
    """By its UUID, which is known once it has been read; by its URI where none was kept."""
    uuid = facts.get("hostUuid")
    if not uuid:
        return host.link.shown_uri == facts["host"]
    return not host.known or host.uuid == uuid


def resume(world: Hosts, facts: Properties) -> Work:
    """The work of finding out; it waits for what may still happen."""
    waiting = Waiting()

    def run(progress: Progress) -> Returned:
        host = host_of(world, facts, waiting)
        deadline = time.monotonic() + host.settings.shutdown_timeout
        while not _decided(host, facts, waiting.cancelled.is_set(), progress, time.monotonic() >= deadline):
            waiting.pause()
        host.refresh(str(facts["uuid"]))
        return Returned()

    stop = waiting.cancelled.set
    return Work("", (), run, cancel=stop, kill=stop if facts["verb"] in ABORTED else None, leave=waiting.left.set)


def _decided(host: Host, facts: Properties, cancelled: bool, progress: Progress, late: bool) -> bool:
    """Whether it is done; False while it may still be. Errors: Refused, Unknown."""
    uuid, verb = str(facts["uuid"]), str(facts["verb"])
    now = domains.standing(host, uuid) or GONE
    if now.job is None or verb not in ABORTED:
        return _VERDICTS[verb](now, now.run == facts["run"], str(facts["name"]), late or cancelled)
    progress.percent = now.job
    if cancelled:
        with suppress(HostError):  # it has just ended, and the next look shows how
            domains.abort(host, uuid)
    return False


def _shutdown(now: Standing, same: bool, name: str, late: bool) -> bool:
    if now.run is None or not same:
        return True
    if late:
        raise Refused(
            "Failed", f"{name} was asked to shut down by an earlier run of the server, and has not; it may yet"
        )
    return False


def _reboot(now: Standing, same: bool, name: str, _: bool) -> bool:
    if now.run is None or not same:
        return True
    raise Unknown(f"{name} was asked to reboot by an earlier run of the server; whether it has, libvirt does not tell")


def _save(now: Standing, same: bool, name: str, _: bool) -> bool:
    if now.run is None and now.saved:
        return True
    if now.run is not None and not same:
        raise Unknown(f"{name} has been started again since; whether from what was saved, libvirt does not tell")
    left = "it is off without a saved image" if now.run is None else "it goes on"
    raise Refused("Failed", f"{name} was not saved: {left}")


def _restore(now: Standing, _same: bool, name: str, late: bool) -> bool:
    if now.run is not None and late and now.saved:
        raise Unknown(f"{name} is still being restored, as far as libvirt tells")
    if now.run is not None:
        return not now.saved  # the image goes when it has been read
    if now.saved:
        raise Refused("Failed", f"{name} was not restored: it is saved as before")
    raise Unknown(f"{name} was being restored by an earlier run of the server, and is off; what it did, nobody knows")


def _graceful_cycle(now: Standing, same: bool, name: str, late: bool) -> bool:
    if now.run is not None and not same:
        return True
    if now.run is None:
        raise Refused("Failed", f"{name} has shut down, but the server ended before it could start it again")
    if late:
        raise Refused("Failed", f"{name} was asked to shut down by an earlier run of the server, and has not")
    return False


_VERDICTS: dict[str, Callable[[Standing, bool, str, bool], bool]] = {
    "shutdown": _shutdown,
    "reboot": _reboot,
    "save": _save,
    "restore": _restore,
    "graceful_cycle": _graceful_cycle,
}
