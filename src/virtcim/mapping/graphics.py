"""What a virtual system shows its user: graphical consoles and graphics adapters (DSP1059)."""

from __future__ import annotations

import re
from typing import Any

from virtcim.mapping.kind import ADDRESS, GRAPHICS, Kind, check_address, common, counted
from virtcim.mapping.table import BadProperty, Properties, Row
from virtcim.model.domain import Domain
from virtcim.model.peripherals import Graphics, Listen, Video

TYPES = ("vnc", "sdl", "spice", "rdp", "desktop", "egl-headless", "dbus")
SERVED = ("vnc", "spice", "rdp")  # types with a listening socket
ANY_PORT = -1
LOCAL, LOCAL_V6 = "127.0.0.1", "::1"
KEYMAP = "en-us"
MASKED = "********"
SOCKET = re.compile(r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<v4>[^:\[\]]*)):(?P<port>-1|\d{1,5})")


def listen_of(view: Graphics) -> str | None:
    return next((listen.address for listen in view.listens if listen.address), view.listen)


def socket_of(view: Graphics) -> str | None:
    """`ip:port` or `[ip]:port`, port -1 as long as libvirt has not chosen one; for sdl `xauth:display`."""
    if view.type == "sdl":
        return f"{view.xauth or ''}:{view.display}" if view.display else None
    if view.type not in SERVED:
        return None
    host, port = listen_of(view), view.port if view.port is not None else ANY_PORT
    if host is None and not any(listen.type == "address" for listen in view.listens) and view.listens:
        return None
    host = host or LOCAL
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def set_socket(view: Graphics, text: str | None) -> None:
    if view.type == "sdl":
        view.xauth, _, view.display = (text or "").rpartition(":")
        return
    found = SOCKET.fullmatch(text or f"{LOCAL}:{ANY_PORT}")
    if found is None or view.type not in SERVED:
        raise BadProperty("Address", f"{text!r} is not <IPv4>:<port> or [<IPv6>]:<port>")
    port = int(found["port"])
    view.port, view.autoport = port, port == ANY_PORT
    _set_listen(view, found["v6"] or found["v4"] or LOCAL)


def _set_listen(view: Graphics, host: str) -> None:
    """The attribute and the first element say the same, or libvirt refuses both."""
    for extra in view.listens[1:]:
        extra.remove()
    first = next(iter(view.listens), None)
    if first is None:
        first = Listen.new()
        view.add(first)
    first.network = first.socket = None
    first.type, first.address, view.listen = "address", host, host


def is_v6(view: Graphics) -> bool:
    """Whether only IPv6 is listened on; libvirt-cim used the property for the full screen of sdl too."""
    return bool(view.fullscreen) if view.type == "sdl" else ":" in (listen_of(view) or "")


def set_v6(view: Graphics, wanted: bool | None) -> None:
    if view.type == "sdl":
        view.fullscreen = wanted
    elif view.type in SERVED:
        _set_listen(view, LOCAL_V6 if wanted else LOCAL)


CONSOLE: tuple[Row[Any], ...] = (
    *common("GraphicsPool/0", GRAPHICS),
    *counted(),
    Row("ResourceSubType", Graphics.type),
    Row("IsIPv6Only", is_v6, set_v6),
    Row("Address", socket_of, set_socket),
    Row("KeyMap", Graphics.keymap),
    Row("Password", None, Graphics.password.write, exact=False),
)


def prepare(given: Properties, _view: Graphics, _domain: Domain) -> Properties:
    prepared = dict(given)
    if prepared.get("Password") == MASKED:
        del prepared["Password"]
    return prepared


def begin(view: Graphics, given: Properties, _domain: Domain) -> None:
    if given.get("ResourceSubType") not in TYPES:
        raise BadProperty("ResourceSubType", f"{given.get('ResourceSubType')!r} is not one of {', '.join(TYPES)}")
    view.type = given["ResourceSubType"]
    if view.type in SERVED:
        set_socket(view, f"[{LOCAL_V6}]:{ANY_PORT}" if given.get("IsIPv6Only") else None)
    if view.type == "vnc":
        view.keymap = KEYMAP


def display_device(view: Graphics, _index: int) -> Properties:
    socket = socket_of(view) if view.type in SERVED else None
    return {"VideoProcessor": f"{view.type}/{socket}" if socket else view.type}


GRAPHICAL_CONSOLE = Kind(
    name="graphics",
    label="Graphical console",
    view=Graphics,
    setting_class="Virt_GraphicsResourceAllocationSettingData",
    resource_type=GRAPHICS,
    rows=CONSOLE,
    key=lambda view, index: view.type or f"graphics{index}",
    device_class="Virt_DisplayController",
    device=display_device,
    selects=lambda given: given.get("ResourceSubType") in TYPES,
    prepare=prepare,
    begin=begin,
    pool="GraphicsPool/0",
)


def video_device(view: Video, _index: int) -> Properties:
    return {
        "Model": view.model,
        "VideoProcessor": view.model,
        "MaxMemorySupported": None if view.vram is None else min(view.vram * 1024, 2**32 - 1),
    }


VIDEO = Kind(
    name="video",
    label="Graphics adapter",
    view=Video,
    setting_class="Virt_VideoResourceAllocationSettingData",
    resource_type=GRAPHICS,
    rows=(
        *common("GraphicsPool/0", GRAPHICS),
        *counted(),
        Row("ResourceSubType", Video.model),
        Row("VRAM", Video.vram),
        Row("Heads", Video.heads),
        Row("Primary", Video.primary),
        Row("Acceleration3D", Video.acceleration_3d),
        *ADDRESS,
    ),
    key=lambda _view, index: f"video:{index}",
    device_class="Virt_VideoController",
    device=video_device,
    selects=lambda given: given.get("ResourceSubType") not in TYPES,
    finish=lambda view, _domain: check_address(view),
    pool="GraphicsPool/0",
)


def default_console() -> Properties:
    """The console DefineSystem adds when neither a graphical nor a text console is asked for."""
    return {"ResourceType": GRAPHICS, "ResourceSubType": "vnc", "Address": f"{LOCAL}:{ANY_PORT}", "KeyMap": KEYMAP}
