"""What the application needs of those that it is made with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from virtcim.broker.call import Answer, Call, MethodAnswer
from virtcim.wire.caller import Caller

Dispatch = Callable[[Call], Answer | MethodAnswer]
Blocking = Callable[[Call], bool]
Done = Callable[[Call, int, float], None]


class Judge(Protocol):
    """Decides whether a caller's call is dispatched. Errors: CIMError ACCESS_DENIED, and those of the dispatch."""

    def answer(self, caller: Caller, call: Call, dispatch: Dispatch) -> Answer | MethodAnswer: ...

    def lets_see(self, caller: Caller, call: Call) -> bool:
        """Whether the caller may see all that the answer to an intrinsic call holds."""


class AllowAll:
    """The judge where nobody is asked for a name."""

    def answer(self, caller: Caller, call: Call, dispatch: Dispatch) -> Answer | MethodAnswer:
        return dispatch(call)

    def lets_see(self, caller: Caller, call: Call) -> bool:
        return True
