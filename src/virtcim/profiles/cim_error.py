"""CIM_Error as methods give it, embedded."""

from __future__ import annotations

from virtcim import messages
from virtcim.broker.call import Instance, Properties, Status
from virtcim.messages import Message


def cim_error(told: Message) -> Instance:
    """CIM_Error of a message, with the CIM status that the registry gives it."""
    status = Status(messages.entry_of(told).status or Status.FAILED)
    code: Properties = {"CIMStatusCode": int(status), "CIMStatusCodeDescription": f"CIM_ERR_{status.name}"}
    return Instance("CIM_Error", {**messages.properties(told), **code})
