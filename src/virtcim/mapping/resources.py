"""The resources of a virtual system: the table of their kinds, and settings made from devices and back."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, Protocol, TypeVar

from virtcim.mapping.chardev import CHARACTER_KINDS
from virtcim.mapping.controller import CONTROLLERS
from virtcim.mapping.disk import CDROM, DISK, FLOPPY_DRIVE, LUN, requested_bytes
from virtcim.mapping.filesystem import FILESYSTEM
from virtcim.mapping.graphics import GRAPHICAL_CONSOLE, VIDEO
from virtcim.mapping.hostdev import HOST_DEVICES
from virtcim.mapping.image import Images, image_pool
from virtcim.mapping.inputs import KEYBOARD, POINTING_DEVICE
from virtcim.mapping.kind import PERSISTENT, Kind, Resource, same_parent
from virtcim.mapping.memory import BASE_MEMORY
from virtcim.mapping.memory_module import MEMORY_MODULE
from virtcim.mapping.net import INTERFACE
from virtcim.mapping.peripherals import PERIPHERALS
from virtcim.mapping.processor import PROCESSORS
from virtcim.mapping.table import BadProperty, Properties, to_cim, to_xml
from virtcim.model.domain import Domain
from virtcim.model.fields import View

__all__ = [
    "KINDS", "BadProperty", "Domain", "Kind", "Resource", "called", "change", "kind_for", "new_element",
    "properties_of", "requested_bytes", "resource_for", "resources_of", "setting",
]  # fmt: skip

# In the order in which a setting of a class, or of a ResourceType alone, is taken for one kind rather than another.
KINDS: tuple[Kind[Any], ...] = (
    PROCESSORS, BASE_MEMORY, MEMORY_MODULE, DISK, LUN, CDROM, FLOPPY_DRIVE, FILESYSTEM, INTERFACE, GRAPHICAL_CONSOLE,
    VIDEO, POINTING_DEVICE, KEYBOARD, *CHARACTER_KINDS, *CONTROLLERS, *PERIPHERALS, *HOST_DEVICES,
)  # fmt: skip
SINGLE = tuple(kind for kind in KINDS if kind.single)
BY_TAG = {
    tag: tuple(kind for kind in KINDS if kind.view.tag == tag and not kind.single)
    for tag in {kind.view.tag for kind in KINDS if not kind.single}
}
LEAF = re.compile(r"[A-Za-z]+_(\w+ResourceAllocationSettingData)")
STANDARD = {
    "CIM_StorageAllocationSettingData": "Virt_DiskResourceAllocationSettingData",
    "CIM_EthernetPortAllocationSettingData": "Virt_NetResourceAllocationSettingData",
    "CIM_ProcessorAllocationSettingData": "Virt_ProcResourceAllocationSettingData",
}
SUBTYPE_PREFIX = re.compile(r"^[A-Za-z][\w.-]*:")
CHOSEN_BY = ("ResourceType", "OtherResourceType")


def resources_of(document: Domain) -> tuple[Resource, ...]:
    """Every resource of a domain: processors and memory first, then the devices in document order."""
    found = [Resource(kind, document, kind.key(document, 0)) for kind in SINGLE]
    seen: dict[str, int] = {}
    taken = {resource.dev for resource in found}
    for view in document.devices:
        kind = next((kind for kind in BY_TAG.get(view.tag, ()) if kind.matches(view)), None)
        if kind is not None:
            index = seen.get(kind.name, 0)
            seen[kind.name] = index + 1
            dev = _unique(kind.key(view, index), taken)
            taken.add(dev)
            found.append(Resource(kind, view, dev))
    return tuple(found)


def _unique(dev: str, taken: set[str]) -> str:
    """A second device with the key of a first one, such as another vnc console, gets a number."""
    number, candidate = 2, dev
    while candidate in taken:
        candidate, number = f"{dev}#{number}", number + 1
    return candidate


class Keyed(Protocol):
    """What has a key among the devices of a system."""

    @property
    def dev(self) -> str: ...


K = TypeVar("K", bound=Keyed)


def called(found: Sequence[K], dev: str) -> K | None:
    """What has a key, else what has it in another case, as MAC addresses may come; None when there is none."""
    exact = next((one for one in found if one.dev == dev), None)
    return exact or next((one for one in found if one.dev.lower() == dev.lower()), None)


def resource_for(document: Domain, dev: str) -> Resource | None:
    """The resource whose key is `dev`, None when there is none."""
    return called(resources_of(document), dev)


def kind_for(
    resource_type: int | None, other_type: str | None, classname: str, properties: Properties | None = None
) -> Kind[Any]:
    """The kind a client means by a setting: by its class as far as that tells, then ResourceType, then the rest.

    The class may have any prefix, or be a standard one. Raises BadProperty naming ResourceType.
    """
    fitting = _fitting(classname, resource_type, other_type)
    if len(fitting) == 1:
        return fitting[0]
    given = properties or {}
    for kind in fitting:
        if kind.selects(given):
            return kind
    return next((kind for kind in fitting if kind.resource_type == resource_type), fitting[0])


@lru_cache(maxsize=256)
def _fitting(classname: str, resource_type: int | None, other_type: str | None) -> tuple[Kind[Any], ...]:
    """The kinds that these leave open."""
    candidates = _of_class(classname)
    fitting = tuple(kind for kind in candidates if kind.takes(resource_type, other_type))
    if not fitting:
        shown = f"{resource_type}" if other_type is None else f"{resource_type} with OtherResourceType {other_type!r}"
        raise BadProperty("ResourceType", f"{shown} does not fit {classname}")
    if resource_type is None and len(candidates) == len(KINDS):
        raise BadProperty("ResourceType", f"is missing, and {classname} does not tell the kind of resource")
    return fitting


def _of_class(classname: str) -> tuple[Kind[Any], ...]:
    name = STANDARD.get(classname, classname)
    found = LEAF.fullmatch(name)
    if found is None:
        return KINDS
    return tuple(kind for kind in KINDS if kind.setting_class == f"Virt_{found[1]}") or _none(classname)


def _none(classname: str) -> tuple[Kind[Any], ...]:
    raise BadProperty("ResourceType", f"cannot be used: {classname} is not a class of settings for virtual systems")


def prepared(kind: Kind[Any], properties: Properties, view: View, document: Domain) -> Properties:
    """Properties as the kind's rows know them: what chose the kind is done with, old and short forms are replaced."""
    given = {name: value for name, value in properties.items() if name not in CHOSEN_BY}
    if isinstance(given.get("ResourceSubType"), str):
        given["ResourceSubType"] = SUBTYPE_PREFIX.sub("", given["ResourceSubType"])
    if isinstance(given.get("Parent"), str):
        given["Parent"] = same_parent(given["Parent"])
    if given.get("EmulatedType") is not None and given["EmulatedType"] not in (0, 1, 2, 3, 4):
        raise BadProperty("EmulatedType", f"{given['EmulatedType']!r} is not one of 0, 1, 2, 3, 4")
    return kind.prepare(given, view, document)


def new_element(kind: Kind[Any], properties: Properties, document: Domain) -> View:
    """A device as a setting asks for it, with defaults for what it leaves open; not yet in the document.

    For the kinds with `single` the document itself is changed and returned. Raises BadProperty: drop the document then.
    """
    given = {name: value for name, value in properties.items() if value is not None}
    view = document if kind.single else kind.new(document)
    kind.begin(view, given, document)
    to_xml(kind.table, prepared(kind, given, view, document), view, new=not kind.single)
    kind.finish(view, document)
    return view


def change(resource: Resource, properties: Properties, document: Domain) -> None:
    """Change a device in its document: absent stays, None clears. Raises BadProperty: drop the document then.

    What changes nothing is not refused, however unusual the device is that somebody else has defined.
    """
    kind, view = resource.kind, resource.view
    if not kind.takes(properties.get("ResourceType"), properties.get("OtherResourceType")):
        raise BadProperty("ResourceType", f"{properties.get('ResourceType')!r} cannot replace {kind.resource_type}")
    before = view.xml
    to_xml(kind.table, prepared(kind, properties, view, document), view)
    if view.xml != before:
        kind.finish(view, document)


def properties_of(resource: Resource) -> Properties:
    """What the document says of a resource; Parent is the key of the controller."""
    return to_cim(resource.kind.rows, resource.view)


POOL_ROWS = {kind: next((row for row in kind.rows if row.name == "PoolID"), None) for kind in KINDS}


def pool_id_of(resource: Resource, images: Images) -> str:
    """The PoolID of a resource; `images`: the volumes known, by where documents say that they are."""
    if resource.kind is DISK:
        return image_pool(resource, images)
    row = POOL_ROWS[resource.kind]
    return str(row.get(resource.view)) if row else resource.kind.pool


def setting(named: Callable[[str], str], resource: Resource) -> Properties:
    """A whole RASD, but for what the document does not hold: size and pool of an image.

    `named` makes the InstanceID of a resource of its configuration from the key of that.
    """
    properties = {
        "InstanceID": named(resource.dev),
        "ElementName": resource.kind.label if resource.kind.single else f"{resource.kind.label} {resource.dev}",
        "ChangeableType": PERSISTENT,
        **properties_of(resource),
    }
    if "Parent" in properties:
        properties["Parent"] = _reference(named, resource, properties["Parent"])
    return {name: value for name, value in properties.items() if value is not None}


def _reference(named: Callable[[str], str], resource: Resource, parent: str) -> str | None:
    """The InstanceID of the controller's setting; None when libvirt leaves the controller out of the document."""
    document = Domain(resource.view.element.getroottree().getroot())
    known = {f"controller:{controller.type}:{controller.index}" for controller in document.controllers}
    return named(parent) if parent in known else None
