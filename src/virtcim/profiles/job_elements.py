"""The elements of a job: whose method began it, what it affects, and the host that it works on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from virtcim.broker.call import Properties
from virtcim.broker.provider import As, Job, Remembered
from virtcim.host.inventory import Host, Vm
from virtcim.profiles.snapshots import Snapshot


def owners(job: Job) -> Iterator[object]:
    """The element whose method began the job."""
    return present([job.owner])


def affected(job: Job) -> Iterator[object]:
    return present(target for target, _ in job.work.affects)


def host_of(job: Job) -> list[Host]:
    """The host that a job works on, by what it affects or was begun by; none when that is gone."""
    found = (host_with(getattr(one, "target", one)) for one in (*affected(job), *owners(job)))
    return [host for host in found if host is not None][:1]


def present(targets: Iterable[object]) -> Iterator[object]:
    """The elements as they are now: a virtual system may have changed since, or be gone."""
    for target in targets:
        plain = target.target if isinstance(target, As) else target
        now = current(plain)
        if now is not None:
            yield As(now, classname_of(target if isinstance(target, As) else now))


def current(element: object) -> object | None:
    """An element as it is now; None when it is gone."""
    if isinstance(element, Remembered | Snapshot):
        return element.now()
    return element.host.vm(element.uuid) if isinstance(element, Vm) else element


def classname_of(target: object) -> str:
    """What an element is served as; a system is the system unless it is said otherwise."""
    if isinstance(target, As):
        return target.classname
    return "CIM_ComputerSystem" if isinstance(target, Vm | Host) else "CIM_ManagedElement"


def host_with(element: object) -> Host | None:
    """The host that an element is, or is on; None where it is on none."""
    found = element if isinstance(element, Host) else getattr(getattr(element, "vm", element), "host", None)
    return found if isinstance(found, Host) else None


def effects(job: Job, element: object) -> Properties:
    """ElementEffects of CIM_AffectedJobElement."""
    found = (effect for target, effect in job.work.affects if same(target, element))
    return {"ElementEffects": list(dict.fromkeys(found))}


def same(target: object, element: object) -> bool:
    """Whether both are one element; a virtual system stays the same one when it changes."""
    plain = target.target if isinstance(target, As) else target
    if isinstance(plain, Remembered | Snapshot):
        return plain.now() is element
    if isinstance(plain, Vm) and isinstance(element, Vm):
        return plain.host is element.host and plain.uuid == element.uuid
    return plain is element
