"""What stores of tests hold: a filter, a destination, and what ties them together."""

from __future__ import annotations

from collections.abc import Callable

from virtcim.broker.call import Path
from virtcim.broker.provider import Stored
from virtcim.broker.store import Store

FILTER = Path("CIM_IndicationFilter", (("Name", "f"), ("SystemName", "s")), "interop")
HANDLER = Path("CIM_ListenerDestinationCIMXML", (("Name", 'a "quoted" näme'),), "interop")

OpenStore = Callable[[], Store]


def link(subscription_of: Path, handler: Path) -> Stored:
    keys = (("Filter", subscription_of), ("Handler", handler))
    path = Path("CIM_IndicationSubscription", keys, "interop")
    return Stored(path, {"Filter": subscription_of, "Handler": handler, "SubscriptionState": 2})
