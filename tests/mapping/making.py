"""Settings made into devices of an otherwise empty document."""

from __future__ import annotations

from typing import Any

from virtcim.mapping.resources import (
    Resource,
    kind_for,
    new_element,
    resources_of,
)
from virtcim.mapping.table import Properties
from virtcim.model.domain import Domain

RASD = "ResourceAllocationSettingData"
DISK, NET, MEM = f"KVM_Disk{RASD}", f"KVM_Net{RASD}", f"KVM_Mem{RASD}"


def blank(**fields: Any) -> Domain:
    document = Domain.parse(
        "<domain type='test'><name>new</name><uuid>5a9f0b1c-77c4-4f0e-9d0b-6a1de2a2c0ff</uuid>"
        "<os><type arch='x86_64' machine='pc'>hvm</type></os><devices/></domain>"
    )
    for name, value in fields.items():
        setattr(document, name, value)
    return document


def made(properties: Properties, classname: str, document: Domain) -> Resource:
    """The device that a setting makes, put into the document."""
    kind = kind_for(properties.get("ResourceType"), properties.get("OtherResourceType"), classname, properties)
    view = new_element(kind, properties, document)
    if not kind.single:
        document.add(view, inside="devices")
    return next(one for one in resources_of(document) if one.view.element is view.element and one.kind is kind)
