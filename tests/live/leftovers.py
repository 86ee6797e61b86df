"""What runs of these tests have left on a libvirt: systems, storage pools and networks, by the word of a run."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any

import libvirt
from tests import runs

OWNED = re.compile(r"virtcim-\d{4}-(\w+?)(?:-|$)")
UNDEFINE = (
    libvirt.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE
    | libvirt.VIR_DOMAIN_UNDEFINE_NVRAM
    | libvirt.VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA
)


def is_left(name: str, ours: bool) -> bool:
    """Whether something is of a run that has died; or else of this one."""
    owner = OWNED.match(name)
    return owner is not None and (owner[1] == runs.WORD if ours else not runs.is_alive(owner[1]))


def remove_systems(connection: libvirt.virConnect, ours: bool) -> None:
    """Whatever state they are in."""
    for domain in connection.listAllDomains():
        if is_left(domain.name(), ours):
            _remove(domain, lambda one: one.undefineFlags(UNDEFINE))


def remove_all(connection: libvirt.virConnect) -> None:
    """All that is left of runs that have died; this one is alive from here on."""
    runs.directory()
    remove_systems(connection, ours=False)
    others: list[Any] = [*connection.listAllStoragePools(), *connection.listAllNetworks()]
    for one in others:
        if is_left(one.name(), ours=False):
            _remove(one, lambda one: one.undefine())


def _remove(one: Any, undefine: Any) -> None:
    with suppress(libvirt.libvirtError):  # not active, or transient and gone
        one.destroy()
    with suppress(libvirt.libvirtError):
        undefine(one)
