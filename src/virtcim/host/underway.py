"""What libvirt has under way on a domain: how far its job is, aborting it, and where the domain stands now."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import libvirt

from virtcim.host.calls import opened
from virtcim.host.errors import HostError, Kind
from virtcim.host.system import Host, Vm
from virtcim.host.watches import never

LOOK = 0.25  # seconds between two looks at a job
HEED = 0.05  # seconds until it is noticed that it is to be given up
ALMOST = 99
Told = Callable[[int], None]


def silent(_: int) -> None:
    """The `told` of who does not want to know."""


@dataclass(frozen=True)
class Standing:
    """Where a domain stands: `run` is libvirt's ID of its present run, None while it is off.

    `job` is how far the job is that libvirt has under way, in percent; None when there is none.
    """

    run: int | None
    saved: bool
    job: int | None


def standing(host: Host, uuid: str) -> Standing | None:
    """Where a domain stands now; None when it is gone. Errors: HostError."""
    try:
        with host.link.borrow() as connection:
            domain = connection.lookupByUUIDString(uuid)
            number = domain.ID()
            saved = bool(domain.isPersistent() and domain.hasManagedSaveImage())
            return Standing(None if number < 0 else number, saved, _percent(domain) if number >= 0 else None)
    except HostError as error:
        if error.kind is Kind.NOT_FOUND:
            return None
        raise


def run_of(vm: Vm) -> int | None:
    """libvirt's ID of a domain's present run, another one at each start; None while it is off."""
    found = standing(vm.host, vm.uuid)
    return found.run if found else None


def abort(host: Host, uuid: str) -> None:
    """End the job that libvirt has under way; the domain goes on as before. INVALID_STATE when there is none."""
    with host.link.borrow() as connection:
        connection.lookupByUUIDString(uuid).abortJob()


@contextmanager
def followed(vm: Vm, told: Told, cancelled: Callable[[], bool]) -> Iterator[None]:
    """While the block waits for libvirt's job on a domain: tell how far it is, and abort it once `cancelled`."""
    if told is silent and cancelled is never:
        yield
        return
    over = threading.Event()
    thread = threading.Thread(target=_follow, args=(vm, told, cancelled, over), name="follow a job", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()


def _follow(vm: Vm, told: Told, cancelled: Callable[[], bool], over: threading.Event) -> None:
    looked = 0.0
    while not over.wait(HEED):
        abandoned = cancelled()
        if not abandoned and time.monotonic() - looked < LOOK:
            continue
        looked = time.monotonic()
        with suppress(HostError):  # the job has not begun, has just ended, or the driver tells nothing of it
            _look(vm, told, abandoned)


def _look(vm: Vm, told: Told, abandoned: bool) -> None:
    if abandoned:
        abort(vm.host, vm.uuid)
        return
    with opened(vm) as domain:
        percent = _percent(domain)
    if percent is not None:
        told(percent)


def _percent(domain: libvirt.virDomain) -> int | None:
    """How far libvirt's job on a domain is; None when there is none, or the driver tells of none."""
    try:
        statistics: dict[str, Any] = domain.jobStats()
    except libvirt.libvirtError as error:
        if error.get_error_code() in (libvirt.VIR_ERR_NO_SUPPORT, libvirt.VIR_ERR_OPERATION_INVALID):
            return None
        raise
    if statistics.get("type", libvirt.VIR_DOMAIN_JOB_NONE) == libvirt.VIR_DOMAIN_JOB_NONE:
        return None
    total, left = (int(statistics.get(f"data_{name}", 0)) for name in ("total", "remaining"))
    return min(ALMOST, (total - left) * 100 // total) if total else 0
