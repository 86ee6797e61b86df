"""Virtual systems destroyed (DSP1042 clause 8.2.2)."""

from __future__ import annotations

from virtcim.broker.provider import Refused
from virtcim.host import domains
from virtcim.host.errors import HostError, Kind
from virtcim.host.inventory import Vm
from virtcim.host.states import SNAPSHOTTING
from virtcim.messages import message


def destroy(vm: Vm) -> None:
    """Power the system off if it is on, and remove its definition. Errors: Refused, HostError."""
    with vm.host.lock(vm.uuid):
        latest = vm.host.vm(vm.uuid)
        if latest is not None and latest.underway is not None:
            if latest.underway.operating:
                _refuse(vm, latest.underway.operating)
            vm.host.set_underway(vm.uuid, None)  # whatever a job was about is over
        if not vm.active and _removed(vm):
            return
        present = vm.host.refresh(vm.uuid)
        if present is None:
            raise Refused("Invalid Parameter", message("VS_GONE", vm.name))
        left = _powered_off(present) if present.active else present
        if left is not None and left.persistent:
            domains.undefine(left)


def _refuse(vm: Vm, operating: int) -> None:
    if operating == SNAPSHOTTING:
        raise Refused("Invalid State", message("VS_BUSY", vm.name))
    raise Refused("Invalid State", message("VS_BEING_MOVED", "AffectedSystem", vm.name))


def _removed(vm: Vm) -> bool:
    """Whether the system was off, and is gone now."""
    try:
        return domains.remove(vm)
    except HostError as error:
        if error.kind not in (Kind.NOT_FOUND, Kind.INVALID_STATE):  # it is read again now
            raise
        return False


def _powered_off(vm: Vm) -> Vm | None:
    try:
        return domains.destroy(vm)
    except HostError as error:
        if error.kind not in (Kind.INVALID_STATE, Kind.NOT_FOUND):  # it went off by itself meanwhile
            raise
        return vm.host.refresh(vm.uuid)
