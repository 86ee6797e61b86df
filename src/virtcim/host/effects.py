"""What a change of a storage pool or of a device of the host means for its domains."""

from __future__ import annotations

from typing import Any

from virtcim.host.events import Topic
from virtcim.host.listeners import Changes
from virtcim.host.tables import Table
from virtcim.host.uses import Uses


class Effects:
    """Has the domains made again that have something new to tell, then tells of the change itself."""

    def __init__(self, uses: Uses, domains: Table[Any, Any], listeners: Changes) -> None:
        self._uses = uses
        self._domains = domains
        self._listeners = listeners

    def of_pool(self, old: Any, new: Any) -> None:
        """Domains whose images are in another pool now."""
        moved = self._uses.images.changed(old, new)
        if moved:
            self._domains.remake_all([vm.uuid for vm in self._domains.snapshot.all if not moved.isdisjoint(vm.paths)])
        self._listeners.tell_pool(old, new)

    def of_device(self, old: Any, new: Any) -> None:
        """Domains that pass devices through."""
        if self._uses.devices.changed(old, new):
            self._domains.remake_all([vm.uuid for vm in self._domains.snapshot.all if vm.passing])
        self._listeners.tell(Topic.NODE_DEVICE, old, new)
