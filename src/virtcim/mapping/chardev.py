"""Consoles, serial and parallel ports and channels: the character devices (DSP1059)."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from virtcim.mapping.kind import ADDRESS, OTHER, PARALLEL, SERIAL, Kind, check_address, common, counted, no_device
from virtcim.mapping.table import BadProperty, Properties, Row
from virtcim.model.chardevs import TYPES, Channel, CharDevice, CharSource, Console, Parallel, Serial
from virtcim.model.domain import Domain

CODES = {word: code for code, word in enumerate(TYPES)}
WORDS = {code: word for word, code in CODES.items()}
KNOWN = ", ".join(f"{code} ({word})" for code, word in WORDS.items())
WITH_PATH = ("dev", "file", "pipe", "unix", "pty")
URL = re.compile(r"(udp|raw|telnet|telnets|tls)://(\[[0-9A-Fa-f:.]*\]|[^:/\[\]]*):(\d{1,5}|[A-Za-z][\w-]*)")
FILE_URL = "file://"


def code_of(view: CharDevice) -> int | None:
    return CODES.get(view.type or "pty")


def set_code(view: CharDevice, code: int | None) -> None:
    if code not in WORDS:
        raise BadProperty("SourceType", f"{code} is not one of {KNOWN}")
    for source in view.sources:
        source.remove()
    view.protocol = None
    view.type = WORDS[code]


def source_of(view: CharDevice, mode: str) -> CharSource | None:
    return next((source for source in view.sources if (source.mode or "connect") == mode), None)


def url_of(view: CharDevice, mode: str) -> str | None:
    """The peer (mode connect) or the own address (mode bind) as a URL."""
    source = source_of(view, mode)
    if source is None or view.type not in ("udp", "tcp", "unix"):
        return None
    if view.type == "unix":
        return f"{FILE_URL}{source.path}" if source.path else None
    scheme = "udp" if view.type == "udp" else view.protocol or "raw"
    host = source.host or ""
    return f"{scheme}://[{host}]:{source.service}" if ":" in host else f"{scheme}://{host}:{source.service}"


def set_url(view: CharDevice, mode: str, url: str | None) -> None:
    name = "ConnectURL" if mode == "connect" else "BindURL"
    present = source_of(view, mode)
    if present is not None:
        present.remove()
    if not url:
        return
    source = CharSource.new()
    source.mode = mode
    if url.startswith(FILE_URL) and view.type == "unix":
        source.path = url.removeprefix(FILE_URL)
    else:
        _set_peer(view, source, url, name)
    view.add(source)


def _set_peer(view: CharDevice, source: CharSource, url: str, name: str) -> None:
    found = URL.fullmatch(url)
    if found is None or (found[1] == "udp") != (view.type == "udp") or view.type not in ("udp", "tcp"):
        raise BadProperty(name, f"{url!r} does not fit SourceType {code_of(view)} ({view.type})")
    source.host, source.service = found[2].strip("[]") or None, found[3]
    if found[1] != "udp":
        view.protocol = found[1]


def path_of(view: CharDevice) -> str | None:
    return view.path if view.type not in ("udp", "tcp") else None


def set_path(view: CharDevice, path: str | None) -> None:
    if path is not None and view.type not in WITH_PATH:
        raise BadProperty("SourcePath", f"{path!r} does not fit SourceType {code_of(view)} ({view.type})")
    view.path = path
    for source in view.sources:
        if view.type == "unix" and source.mode is None:
            source.mode = "bind"


def port_of(view: CharDevice) -> str | None:
    return None if view.target_port is None else str(view.target_port)


def set_port(view: CharDevice, text: str | None) -> None:
    if text is not None and not text.isdigit():
        raise BadProperty("TargetPort", f"{text!r} is not a number")
    view.target_port = None if text is None else int(text)


ROWS: tuple[Row[Any], ...] = (
    *counted(),
    Row("SourceType", code_of, set_code),
    Row("SourcePath", path_of, set_path),
    Row("ConnectURL", lambda view: url_of(view, "connect"), lambda view, url: set_url(view, "connect", url)),
    Row("BindURL", lambda view: url_of(view, "bind"), lambda view, url: set_url(view, "bind", url)),
    Row("TargetType", CharDevice.target_type),
    Row("TargetPort", port_of, set_port),
    *ADDRESS,
)


def begin(view: CharDevice, given: Properties, _domain: Domain) -> None:
    if given.get("SourceType") is None:
        raise BadProperty("SourceType", "is missing")
    view.type = WORDS.get(given["SourceType"])


PLUGGED_CONSOLES, PLUGGED_PORTS, PLUGGED_CHANNELS = ("virtio",), ("usb-serial", "pci-serial"), ("virtio",)


def number_port(view: CharDevice, domain: Domain) -> None:
    """Choose the port of a device that can be plugged: libvirt would number it differently in guest and definition."""
    if view.target_port is None and view.target_type in (*PLUGGED_CONSOLES, *PLUGGED_PORTS):
        others = [one for one in domain.devices if isinstance(one, type(view)) and one.element is not view.element]
        taken = {one.target_port for one in others}
        view.target_port = next(port for port in range(len(others) + 1) if port not in taken)


def finish(view: CharDevice, domain: Domain) -> None:
    if view.tag != Channel.tag:
        number_port(view, domain)
    connects, binds = (url_of(view, mode) is not None for mode in ("connect", "bind"))
    if view.type == "udp" and not (connects and binds):
        raise BadProperty("ConnectURL" if binds else "BindURL", "is missing: udp has one for each direction")
    if view.type == "tcp" and connects == binds:
        raise BadProperty("ConnectURL", "and BindURL: tcp takes exactly one of them")
    if view.type == "unix" and connects and binds:
        raise BadProperty("ConnectURL", "and BindURL: unix takes exactly one of them")
    if view.type in ("dev", "file", "pipe") and not view.path:
        raise BadProperty("SourcePath", f"is missing for SourceType {code_of(view)} ({view.type})")
    check_address(view)


def console_device(view: Console, _index: int) -> Properties:
    return {"VideoProcessor": view.type or "pty"}


def only_as(*types: str) -> Callable[[CharDevice], str | None]:
    """`bound` of character devices: the target types that QEMU can plug."""

    def bound(view: CharDevice) -> str | None:
        return None if view.target_type in types else f"only those with TargetType {' or '.join(types)} can"

    return bound


CONSOLE = Kind(
    name="console",
    label="Console",
    view=Console,
    setting_class="Virt_ConsoleResourceAllocationSettingData",
    resource_type=OTHER,
    other_type="console",
    rows=(*common("ConsolePool/0", OTHER, "console"), *ROWS),
    key=lambda view, index: f"charconsole:{view.target_port if view.target_port is not None else index}",
    device_class="Virt_ConsoleDisplayController",
    device=console_device,
    begin=begin,
    finish=finish,
    pool="ConsolePool/0",
    attachable=True,
    detachable=True,
    bound=only_as(*PLUGGED_CONSOLES),
)

SERIAL_PORT = Kind(
    name="serial",
    label="Serial port",
    view=Serial,
    setting_class="Virt_SerialResourceAllocationSettingData",
    resource_type=SERIAL,
    rows=(*common("SerialPool/0", SERIAL), *ROWS),
    key=lambda view, index: f"serial:{view.target_port if view.target_port is not None else index}",
    device_class="Virt_SerialController",
    device=no_device,
    begin=begin,
    finish=finish,
    pool="SerialPool/0",
    attachable=True,
    detachable=True,
    bound=only_as(*PLUGGED_PORTS),
)

PARALLEL_PORT = Kind(
    name="parallel",
    label="Parallel port",
    view=Parallel,
    setting_class="Virt_ParallelResourceAllocationSettingData",
    resource_type=PARALLEL,
    rows=(*common("ParallelPool/0", PARALLEL), *ROWS),
    key=lambda view, index: f"parallel:{view.target_port if view.target_port is not None else index}",
    device_class="Virt_ParallelController",
    device=no_device,
    begin=begin,
    finish=finish,
    pool="ParallelPool/0",
)


def begin_channel(view: Channel, given: Properties, domain: Domain) -> None:
    begin(view, given, domain)
    view.target_type = "virtio"


CHANNEL = Kind(
    name="channel",
    label="Channel",
    view=Channel,
    setting_class="Virt_ChannelResourceAllocationSettingData",
    resource_type=OTHER,
    other_type="channel",
    rows=(*common("ChannelPool/0", OTHER, "channel"), *ROWS, Row("TargetName", Channel.target_name)),
    key=lambda view, index: f"channel:{view.target_name or index}",
    device_class="Virt_ChannelDevice",
    device=lambda view, _: {"TargetName": view.target_name},
    begin=begin_channel,
    finish=finish,
    pool="ChannelPool/0",
    attachable=True,
    detachable=True,
    bound=only_as(*PLUGGED_CHANNELS),
)

CHARACTER_KINDS = (CONSOLE, SERIAL_PORT, PARALLEL_PORT, CHANNEL)
