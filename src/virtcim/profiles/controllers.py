"""Which virtual devices are on which virtual controllers."""

from __future__ import annotations

from virtcim.broker.call import Properties
from virtcim.mapping.controller import CONTROLLERS, place_of
from virtcim.profiles.elements import Device, devices


def controller_of(device: Device) -> list[Device]:
    """The controller that a device is on; none where the document does not show it."""
    place = place_of(device.resource.view)
    known = devices(device.vm) if place else ()
    return [one for one in known if one.kind in CONTROLLERS and place and one.dev == place[0]]


def devices_on(controller: Device) -> list[Device]:
    """The devices that are on a controller."""
    if controller.kind not in CONTROLLERS:
        return []
    places = ((one, place_of(one.resource.view)) for one in devices(controller.vm))
    return [one for one, place in places if place and place[0] == controller.dev]


def place(_controller: Device, device: Device) -> Properties:
    """Where on its controller a device is, as in its setting."""
    found = place_of(device.resource.view)
    return {"DeviceNumber": found[1]} if found and found[1] else {}
