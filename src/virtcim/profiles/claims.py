"""A virtual system taken for one piece of work: nobody else moves it or brings it to another state meanwhile."""

from __future__ import annotations

from virtcim.broker.provider import Refused
from virtcim.host.inventory import Underway, Vm
from virtcim.messages import message


def claim(vm: Vm, mark: Underway) -> Underway:
    """From now on; the mark, which is one of its own. Errors: Refused."""
    with vm.host.lock(vm.uuid):
        latest = vm.host.vm(vm.uuid)
        if latest is None or latest.underway is not None:
            raise Refused("Invalid State", message("VS_BUSY", vm.name))
        vm.host.set_underway(vm.uuid, mark)
        return mark


def release(vm: Vm, mark: Underway) -> None:
    """The system is not on its way any more, unless somebody else has sent it on another."""
    latest = vm.host.vm(vm.uuid)
    if latest is None or latest.underway is mark:
        vm.host.set_underway(vm.uuid, None)
