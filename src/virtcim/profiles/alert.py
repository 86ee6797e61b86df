"""CIM_AlertIndication: what all alerts have, whatever they are about."""

from __future__ import annotations

from dataclasses import dataclass

from virtcim import messages
from virtcim.broker.call import Instance, Path
from virtcim.broker.provider import VIRT, model_path
from virtcim.mapping import ids
from virtcim.messages import Message

OBJECT_PATH = 2  # AlertingElementFormat


@dataclass(frozen=True)
class Alert:
    """What is to be told: a message, and its PerceivedSeverity where the registry leaves that to what happened."""

    told: Message
    severity: int | None = None


@dataclass(frozen=True)
class Subject:
    """Whom an alert is about: the name people know, the instance, and the system that it belongs to or is."""

    name: str
    path: Path
    system_class: str
    system_name: str


def indication(alert: Alert, subject: Subject, event: str, time: str) -> Instance:
    """The alert at a CIM datetime; `event` says in a word what happened."""
    return Instance(
        "CIM_AlertIndication",
        {
            **messages.properties(alert.told),
            **({} if alert.severity is None else {"PerceivedSeverity": alert.severity}),
            "Description": str(alert.told),
            "AlertingManagedElement": model_path(Path(subject.path.classname, subject.path.keys, VIRT)),
            "AlertingElementFormat": OBJECT_PATH,
            "EventID": f"{ids.OWN}:{event}",
            "EventTime": time,
            "SystemCreationClassName": subject.system_class,
            "SystemName": subject.system_name,
            "ProviderName": ids.OWN,
        },
    )
