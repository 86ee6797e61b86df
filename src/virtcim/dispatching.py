"""Which calls wait for something below the broker, and so run in a thread; metrics are measured before a read."""

from __future__ import annotations

from collections.abc import Callable

from virtcim.broker.call import Answer, Call, MethodAnswer
from virtcim.broker.operations import WRITING
from virtcim.profiles.dsp1053 import asks_for_values

Dispatch = Callable[[Call], Answer | MethodAnswer]


def waits(call: Call) -> bool:
    """Methods and reads of metrics wait for libvirt, what writes for the store; others are answered from memory."""
    return call.target is not None or call.name.lower() in WRITING or asks_for_values(call)


def measured(measure: Callable[[], None], answer: Dispatch) -> Dispatch:
    """As `answer`, after `measure` where that is what is read."""

    def dispatch(call: Call) -> Answer | MethodAnswer:
        if asks_for_values(call):
            measure()
        return answer(call)

    return dispatch
