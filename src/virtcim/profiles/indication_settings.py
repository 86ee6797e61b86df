"""How the indication service delivers, as clients have set it: kept in the store, in force for each server on it."""

from __future__ import annotations

from virtcim.broker.call import CIMError, Path, Properties, Status
from virtcim.broker.provider import INTEROP, Stored
from virtcim.profiles.indication_facts import ServiceFacts, Shelf

ATTEMPTS, INTERVAL = "DeliveryRetryAttempts", "DeliveryRetryInterval"
ACTION, REMOVAL = "SubscriptionRemovalAction", "SubscriptionRemovalTimeInterval"
CHANGES = (ATTEMPTS, INTERVAL, ACTION, REMOVAL)
REMOVE, DISABLE, IGNORE = 2, 3, 4  # SubscriptionRemovalAction; of the last two nothing is done
_PATH = Path("#indications", (), INTEROP)  # no class can have such a name
# The least and the most of each: seconds, but for the attempts and the action
_BOUNDS = {ATTEMPTS: (0, 65_535), INTERVAL: (1, 86_400), ACTION: (REMOVE, IGNORE), REMOVAL: (1, 2**31)}


class DeliverySettings:
    """What is in force: what the server was started with, until a client changes it."""

    def __init__(self, facts: ServiceFacts, shelf: Shelf) -> None:
        self._facts = facts
        self._shelf = shelf

    @property
    def changed(self) -> bool:
        return self._shelf.find(_PATH) is not None

    def properties(self) -> Properties:
        kept = self._shelf.find(_PATH)
        started: Properties = {
            ATTEMPTS: self._facts.retry_attempts,
            INTERVAL: self._facts.retry_interval,
            ACTION: REMOVE,
            REMOVAL: self._facts.removal_interval,
        }
        return started | (kept.properties if kept else {})

    def number(self, name: str) -> int:
        return int(str(self.properties()[name]))

    def modify(self, changes: Properties) -> None:
        """NULL stands for what the server was started with. Errors: CIMError INVALID_PARAMETER naming the property."""
        for name, value in changes.items():
            least, most = _BOUNDS[name]
            if value is not None and not least <= int(str(value)) <= most:
                raise CIMError(Status.INVALID_PARAMETER, f"{name} {value} is not from {least} to {most}")
        with self._shelf.lock:
            old = self._shelf.find(_PATH)
            given = {**(old.properties if old else {}), **changes}
            new = Stored(_PATH, {name: value for name, value in given.items() if value is not None})
            if old is None:
                self._shelf.add(new)
            else:
                self._shelf.replace(old, new)
