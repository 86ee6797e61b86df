"""What a failure at libvirt means to a client: one table from the host's words to CIM's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from virtcim.broker.call import CIMError, Status
from virtcim.broker.provider import Fault
from virtcim.host.errors import HostError, Kind
from virtcim.messages import Message

# Kind -> CIM status of an operation, and the Values entries that a method may answer, best first. Unreachable has none:
# the request never got to where it could be decided.
_MEANING: dict[Kind, tuple[Status, tuple[str, ...]]] = {
    Kind.NOT_FOUND: (Status.NOT_FOUND, ("Failed",)),
    Kind.ALREADY_EXISTS: (Status.ALREADY_EXISTS, ("Failed",)),
    Kind.INVALID: (Status.INVALID_PARAMETER, ("Failed",)),
    Kind.INVALID_STATE: (Status.FAILED, ("Invalid State Transition", "Invalid State", "Failed")),
    Kind.NOT_SUPPORTED: (Status.NOT_SUPPORTED, ("Not Supported", "Failed")),
    Kind.DENIED: (Status.ACCESS_DENIED, ()),
    Kind.UNREACHABLE: (Status.FAILED, ()),
    Kind.BUSY: (Status.FAILED, ("Busy", "In Use", "Failed")),
    Kind.FAILED: (Status.FAILED, ("Failed",)),
    Kind.TIMEOUT: (Status.FAILED, ("Timeout", "Cannot complete within Timeout Period", "Failed")),
    Kind.CANCELLED: (Status.FAILED, ("Failed",)),
}

PLAIN = ("HYPERVISOR_ERROR", "HYPERVISOR_ABORTED")  # messages of libvirt's words alone


def translate(error: Exception) -> Fault | None:
    """The fault that an exception of the host layer stands for; None for any other exception."""
    if not isinstance(error, HostError):
        return None
    status, names = _MEANING[error.kind]
    return Fault(CIMError(status, error.message), names)


def explain(error: Exception) -> str:
    """What an exception says: a message where it is one."""
    return error.message if isinstance(error, CIMError | HostError) else str(error)


@contextmanager
def telling(kind: Kind, tell: Callable[[str], Message]) -> Iterator[None]:
    """Tell by a message what a HostError of the block was in the way of, where it has none that says more."""
    try:
        yield
    except HostError as error:
        told = error.message
        if error.kind is not kind or (isinstance(told, Message) and told.symbol not in PLAIN):
            raise
        raise HostError(kind, tell(told), error.code) from error
