"""DSP1024 Text Console Redirection: the consoles and serial ports of virtual systems that can be reached."""

from __future__ import annotations

from virtcim.broker.call import Properties
from virtcim.broker.provider import Profile
from virtcim.mapping import ids
from virtcim.mapping.consoles import text_flow
from virtcim.profiles import consoles, redirection
from virtcim.profiles.consoles import DISABLED, OFFLINE, access_point, caption
from virtcim.profiles.elements import Device
from virtcim.profiles.of_host import OfHost
from virtcim.profiles.redirection import Redirection

profile = Profile("dsp1024")

TEXT = 2  # RedirectionServiceType


class TextConsoleService(OfHost):
    """The service that makes the text consoles of a host's systems reachable."""


class TextConsoleCapabilities(OfHost):
    """What that service can do."""


def access_to(device: Device) -> Properties:
    """libvirt does not tell whether somebody is connected to a text console: it is offered, or it is not."""
    state = OFFLINE if device.vm.active else DISABLED
    return {
        **access_point(device, ids.device_id(device.vm, device.dev), state),
        "ElementName": f"{device.kind.label} {device.dev}",
        "Caption": caption(device, "Text console"),
        **text_flow(device.resource),
    }


WHAT = Redirection(
    service_class="Virt_TextRedirectionService",
    capabilities_class="Virt_TextRedirectionServiceCapabilities",
    access_class="Virt_TextRedirectionSAP",
    service=TextConsoleService,
    capabilities=TextConsoleCapabilities,
    name=ids.TEXT_CONSOLE_SERVICE,
    capabilities_id=ids.TEXT_CONSOLE_CAPABILITIES,
    label="Text consoles",
    type=TEXT,
    consoles=consoles.text,
    is_one=consoles.is_text,
)
redirection.declare(profile, WHAT, access_to)
