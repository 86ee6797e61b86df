"""Domains that move from one host of this server to another: here or there, but never at both."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from virtcim.host.events import Topic
from virtcim.host.records import DomainRecord
from virtcim.host.states import EMIGRATING
from virtcim.host.system import Host, Vm


class Moves:
    """A domain that comes is shown once it is gone where it came from, so that it goes before it comes.

    `hosts`: those whose domains are told apart by their UUIDs.
    """

    def __init__(self, hosts: Sequence[Host]) -> None:
        self._hosts = hosts
        self._held: set[tuple[Host, str]] = set()  # those that are not shown yet, by where they come
        for host in hosts:
            host.admit(partial(self._admits, host))
            host.on_change(partial(self._changed, host))

    def _admits(self, host: Host, record: DomainRecord) -> bool:
        if not host.known:  # it was there before anybody looked
            return True
        self._held.add((host, record.uuid))  # first: it may go where it came from in this very moment
        if self._elsewhere(host, record.uuid, record.active):
            return False
        self._held.discard((host, record.uuid))
        return True

    def _elsewhere(self, host: Host, uuid: str, active: bool) -> bool:
        """Whether another host has the same domain on its way to this one, or running while it runs here."""
        others = [vm for one in self._hosts if one is not host and (vm := one.vm(uuid)) is not None]
        return any(vm.host.readable and (_leaves(vm) or (active and vm.active)) for vm in others)

    def _changed(self, host: Host, topic: Topic, old: Any, new: Any) -> None:
        """Look again at what waits for a domain that has gone, or does not run or leave any more."""
        if topic is not Topic.DOMAIN or not self._held or old is None:
            return
        if new is not None and new.active and _leaves(new) == _leaves(old):
            return
        for other in self._hosts:
            if other is not host and (other, old.uuid) in self._held:
                other.reread_soon(old.uuid)


def _leaves(vm: Vm) -> bool:
    return vm.underway is not None and vm.underway.operating == EMIGRATING
