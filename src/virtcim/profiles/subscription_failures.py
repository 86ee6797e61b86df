"""What becomes of subscriptions whose destination takes nothing: OnFatalErrorPolicy and SubscriptionRemovalAction."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

from virtcim.broker.call import CIMError, Path, Properties
from virtcim.broker.provider import Stored
from virtcim.profiles import indication_settings as settings
from virtcim.profiles import subscription_rules as rules

log = logging.getLogger(__name__)
REMOVE_AFTER_FAILURES = 2  # SubscriptionRemovalAction Remove


class Changing(Protocol):
    """What can be done to subscriptions. Errors of all of it: CIMError."""

    def stored(self, path: Path) -> Stored: ...
    def modify_subscription(self, path: Path, changes: Properties) -> None: ...
    def delete_subscription(self, path: Path) -> None: ...


class Failures:
    """Counts failures without a success between, since the server has started."""

    def __init__(
        self, subscriptions: Changing, lock: AbstractContextManager[None], setting: Callable[[str], int]
    ) -> None:
        self._subscriptions = subscriptions
        self._lock = lock
        self._setting = setting
        self._counts: dict[Path, tuple[int, float]] = {}

    def forget(self, path: Path) -> None:
        """A success, or the end of a subscription."""
        self._counts.pop(path, None)

    def given_up(self, path: Path, made: float) -> None:
        """An indication that was made then could not be delivered, whatever was tried."""
        count, since = self._counts.get(path, (0, made))
        self._counts[path] = (count + 1, since)
        try:
            with self._lock:
                self._punish(self._subscriptions.stored(path), count + 1, time.time() - since)
        except CIMError as error:
            log.warning("%s", error.message)

    def _punish(self, one: Stored, failures: int, age: float) -> None:
        policy = one.properties.get("OnFatalErrorPolicy")
        fatal = age >= int(str(one.properties.get("FailureTriggerTimeInterval") or 0))
        if policy == rules.DISABLE and fatal:
            log.warning("%s is disabled: its destination takes nothing", one.path)
            self._subscriptions.modify_subscription(one.path, {"SubscriptionState": rules.DISABLED})
        elif (policy == rules.REMOVE and fatal) or (failures >= REMOVE_AFTER_FAILURES and self._hopeless(age)):
            log.warning("%s is removed: its destination takes nothing", one.path)
            self._subscriptions.delete_subscription(one.path)

    def _hopeless(self, age: float) -> bool:
        """SubscriptionRemovalAction, for failures without a success between that began so many seconds ago."""
        removes = self._setting(settings.ACTION) == settings.REMOVE
        return removes and age >= self._setting(settings.REMOVAL)
