"""What of an active network can change: DHCP, groups of ports and uplinks, each by a call of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from virtcim.broker.provider import Refused
from virtcim.host import networks
from virtcim.host.inventory import Network
from virtcim.mapping.switch import Document, Parts, changing_parts, without_parts

MODIFY, DELETE, ADD = 1, 2, 3  # virNetworkUpdateCommand
BACK = {ADD: DELETE, DELETE: ADD, MODIFY: MODIFY}
# virNetworkUpdateSection
SECTIONS = {"host": 4, "range": 5, "interface": 7, "portgroup": 9}


@dataclass(frozen=True)
class Step:
    """One change of an active network: `index` is that of the address whose DHCP it is in, `old` goes, `new` comes."""

    section: int
    index: int
    old: str | None
    new: str | None

    def do(self, network: Network) -> None:
        """Errors: HostError."""
        self._call(network, self.old, self.new)

    def taking_back(self, network: Network) -> Callable[[], None]:
        return lambda: self._call(network, self.new, self.old)

    def _call(self, network: Network, old: str | None, new: str | None) -> None:
        command = ADD if old is None else DELETE if new is None else MODIFY
        networks.update_live(network, command, self.section, self.index, new or old or "")


def steps_between(before: Document, after: Document, where: str, name: str) -> list[Step]:
    """How to bring an active network from one document to the other. Errors: Refused when it cannot be."""
    if without_parts(before) != without_parts(after):
        raise Refused("Invalid State", f"{where}: {name} is active: only DHCP, groups of ports and uplinks can change")
    return [step for tag in SECTIONS for step in _steps(tag, changing_parts(before, tag), changing_parts(after, tag))]


def _steps(tag: str, before: Parts, after: Parts) -> Iterator[Step]:
    """What goes comes first: two reservations cannot have one address."""
    number = SECTIONS[tag]
    for key, old in before.items():
        if key not in after:
            yield Step(number, key[0], old, None)
    for key, new in after.items():
        known = before.get(key)
        if known != new:
            yield Step(number, key[0], known, new)
