"""CIM_AlertIndication: what all alerts have, whatever they are about."""

from __future__ import annotations

from dataclasses import dataclass

from virtcim.broker.call import Instance, Path
from virtcim.broker.provider import VIRT, model_path
from virtcim.mapping import ids

# AlertType
COMMUNICATIONS, QUALITY, PROCESSING_ERROR, DEVICE_ALERT = 2, 3, 4, 5
# PerceivedSeverity
INFORMATION, WARNING, MINOR, MAJOR, CRITICAL = 2, 3, 4, 5, 6
# ProbableCause
COMMUNICATIONS_FAILURE, EQUIPMENT, IO_DEVICE, NEARLY_FULL, ABNORMAL_END, FULL, THRESHOLD = 7, 16, 24, 44, 48, 50, 52
UNAVAILABLE, CLEARED, DEGRADED, TIMEOUT = 57, 59, 35, 111
OBJECT_PATH = 2  # AlertingElementFormat


@dataclass(frozen=True)
class Alert:
    """What is to be told; `number` is that of the message."""

    number: int
    kind: int
    severity: int
    cause: int
    message: str
    arguments: tuple[str, ...] = ()


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
            "AlertType": alert.kind,
            "PerceivedSeverity": alert.severity,
            "ProbableCause": alert.cause,
            "Description": alert.message,
            "Message": alert.message,
            "MessageID": f"VIRTCIM{alert.number:04}",
            "MessageArguments": [subject.name, *alert.arguments],
            "OwningEntity": ids.OWN,
            "AlertingManagedElement": model_path(Path(subject.path.classname, subject.path.keys, VIRT)),
            "AlertingElementFormat": OBJECT_PATH,
            "EventID": f"{ids.OWN}:{event}",
            "EventTime": time,
            "SystemCreationClassName": subject.system_class,
            "SystemName": subject.system_name,
            "ProviderName": ids.OWN,
        },
    )
