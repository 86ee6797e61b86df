"""CIM_Error as methods give it: embedded, with message ids of our own."""

from __future__ import annotations

from virtcim.broker.call import Instance, Status
from virtcim.mapping import ids

SOFTWARE_ERROR, UNSUPPORTED_OPERATION = 4, 10  # ErrorType
MAJOR = 5  # PerceivedSeverity


def cim_error(number: int, message: str, status: Status, error_type: int = SOFTWARE_ERROR) -> Instance:
    """CIM_Error with the message id VIRTCIM and four digits of the number."""
    return Instance(
        "CIM_Error",
        {
            "ErrorType": error_type,
            "OwningEntity": ids.OWN,
            "MessageID": f"VIRTCIM{number:04}",
            "Message": message,
            "PerceivedSeverity": MAJOR,
            "CIMStatusCode": int(status),
            "CIMStatusCodeDescription": f"CIM_ERR_{status.name}",
        },
    )
