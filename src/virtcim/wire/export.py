"""Export of indications (DSP0200 clause 5.4): the request that a listener gets."""

from __future__ import annotations

from virtcim.broker.call import Instance
from virtcim.wire.instances import InstanceEncoder
from virtcim.wire.paths import Classes
from virtcim.wire.text import quoted

_HEAD = (
    '<?xml version="1.0" encoding="utf-8"?>\n<CIM CIMVERSION="2.0" DTDVERSION="2.0"><MESSAGE ID={id}'
    ' PROTOCOLVERSION="1.0"><SIMPLEEXPREQ><EXPMETHODCALL NAME="ExportIndication"><EXPPARAMVALUE NAME="NewIndication">'
)
_TAIL = "</EXPPARAMVALUE></EXPMETHODCALL></SIMPLEEXPREQ></MESSAGE></CIM>\n"


class ExportEncoder:
    """Encodes ExportIndication requests; `classes` gives a class by its name."""

    def __init__(self, classes: Classes) -> None:
        self._instances = InstanceEncoder(classes)

    def __call__(self, indication: Instance, message_id: str) -> bytes:
        head = _HEAD.format(id=quoted(message_id))
        return f"{head}{self._instances.embedded(indication)}{_TAIL}".encode()
