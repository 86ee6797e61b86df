"""What callers are told while the server stops: 503, or CIM_ERR_SERVER_IS_SHUTTING_DOWN of a pulled enumeration."""

from __future__ import annotations

from virtcim.broker.call import Call, CIMError, Status
from virtcim.wire.faults import HTTPFault, RefusedCall
from virtcim.wire.names import SESSION, is_intrinsic

RETRY_AFTER = "5"  # seconds
TEXT = "the server is shutting down"


def stopping(call: Call) -> HTTPFault | RefusedCall:
    """Only the operations of pulled enumerations have a status for it (DSP0200 clause 5.3.2.24)."""
    name = call.name.lower()
    if is_intrinsic(call) and (name in SESSION or name.startswith("open")):
        return RefusedCall(call, CIMError(Status.SERVER_IS_SHUTTING_DOWN, TEXT))
    return unavailable()


def unavailable() -> HTTPFault:
    """The fault for everything else."""
    return HTTPFault(503, None, TEXT, (("retry-after", RETRY_AFTER), ("connection", "close")))
