"""Which virtual systems keep what was made from them: those used last. Others make it again when they are asked."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable

from virtcim.host.documents import forget
from virtcim.host.inventory import Vm

WARM = 64  # systems of a host; with its devices as instances, a system takes some 25 kB


class Warm:
    """`cooled` are the names in the __dict__ of a Vm that it loses when it was not used for long.

    Of what it has by these names, objects of the types `parts` lose all that is kept with them, too: it refers to them,
    so that it would stay until the garbage collector comes.
    """

    def __init__(self, cooled: Iterable[str], parts: tuple[type, ...], limit: int = WARM) -> None:
        self._cooled = tuple(cooled)
        self._parts = parts
        self._limit = limit
        self._used: OrderedDict[str, Vm] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._used)

    def use(self, vm: Vm) -> None:
        """Say that what was made from it is about to be used."""
        with self._lock:
            old = self._used.get(vm.uuid)
            if old is not vm:
                self._used[vm.uuid] = vm
            self._used.move_to_end(vm.uuid)
            cold = self._used.popitem(last=False)[1] if len(self._used) > self._limit else None
        if cold is not None:
            self._cool(cold)

    def _cool(self, vm: Vm) -> None:
        for name in self._cooled:
            self._part(vars(vm).pop(name, None))

    def _part(self, made: object) -> None:
        """Part what is kept with an object, or with each of several, from it."""
        if isinstance(made, self._parts):
            for kept in forget(made):
                self._part(kept)
        elif isinstance(made, (tuple, list, dict)):
            for one in made.values() if isinstance(made, dict) else made:
                self._part(one)
