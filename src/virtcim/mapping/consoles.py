"""How consoles are reached from elsewhere: graphical ones (DSP1076) and text ones (DSP1024)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from virtcim.mapping.chardev import source_of, url_of
from virtcim.mapping.graphics import LOCAL, SERVED
from virtcim.mapping.kind import Resource
from virtcim.mapping.table import Properties
from virtcim.model.chardevs import CharDevice, CharSource, Console, Serial
from virtcim.model.peripherals import Graphics

RDP, VNC, OTHER = 3, 4, 1  # KVMProtocol
PROTOCOLS = {"rdp": RDP, "vnc": VNC}
CHARACTER_STREAM, TERMINAL = 2, 3  # TextFlowType, beside OTHER
STREAM = "libvirt-stream"  # OtherTextFlowType of what virDomainOpenConsole opens
TELNET = ("telnet", "telnets")
EVERYWHERE = ("0.0.0.0", "::")  # addresses to listen on that are none to connect to
ON_SERIAL = "serial"  # target type of the console that is another name of the first serial port

Ports = Mapping[str, int]  # by what they are for
Urls = Mapping[str, str]  # by a name of their own


def is_graphical(resource: Resource) -> bool:
    """Whether somebody elsewhere can look at it: a window on the host, or a surface without any, is not meant."""
    return isinstance(resource.view, Graphics) and resource.view.type in SERVED


def is_text(resource: Resource, serial_ports: bool) -> bool:
    """Whether somebody elsewhere can type at it. The first serial port, if there are any, shows as a console too."""
    view = resource.view
    if not isinstance(view, Serial | Console):
        return False
    if isinstance(view, Console) and serial_ports and (view.target_type or ON_SERIAL) == ON_SERIAL:
        return False
    return (view.type or "pty") == "pty" or _listening(view) is not None


def word(resource: Resource) -> str:
    """What people call the protocol of a graphical console."""
    view = resource.view
    return (view.type or "").upper() if isinstance(view, Graphics) else ""


def protocol(resource: Resource) -> Properties:
    known = PROTOCOLS.get(word(resource).lower())
    return {"KVMProtocol": known} if known else {"KVMProtocol": OTHER, "OtherKVMProtocol": word(resource)}


def text_flow(resource: Resource) -> Properties:
    view = resource.view
    if not isinstance(view, CharDevice) or _listening(view) is None:
        return {"TextFlowType": OTHER, "OtherTextFlowType": STREAM}
    return {"TextFlowType": TERMINAL if view.protocol in TELNET else CHARACTER_STREAM}


def ports(resource: Resource) -> Ports:
    """The TCP ports that a console has by now."""
    view = resource.view
    if isinstance(view, Graphics):
        return _screen_ports(view)
    source = _listening(view) if isinstance(view, CharDevice) else None
    service = source.service if source else None
    return {"port": int(service)} if service and service.isdigit() else {}


def urls(resource: Resource, host: str) -> Urls:
    """What clients open; `host` is what the machine is called."""
    view = resource.view
    if isinstance(view, Graphics):
        return dict(_screen_urls(view, host))
    return dict(_text_urls(view, host)) if isinstance(view, CharDevice) else {}


def place(address: str, host: str) -> str:
    """An address to listen on as part of a URL to connect to."""
    known = host if address in EVERYWHERE else address
    return f"[{known}]" if ":" in known else known


def _addresses(view: Graphics) -> list[str]:
    """Where it listens for TCP connections; nowhere with a socket in the file system, or with none at all."""
    if not list(view.listens):
        return [view.listen or LOCAL]
    return [one.address or LOCAL for one in view.listens if one.type in ("address", "network")]


def _screen_ports(view: Graphics) -> Ports:
    named = {"port": view.port, "tls": view.tls_port, "websocket": view.websocket} if _addresses(view) else {}
    return {word: port for word, port in named.items() if port is not None and port > 0}


def _screen_urls(view: Graphics, host: str) -> Iterator[tuple[str, str]]:
    known = _screen_ports(view)
    for number, address in enumerate(_addresses(view) if known else (), 1):
        ending = "" if number == 1 else f"-{number}"
        at = place(address, host)
        if "port" in known or "tls" in known:
            yield f"url{ending}", _native(view.type or "", at, known)
        if "websocket" in known:
            yield f"websocket{ending}", f"ws://{at}:{known['websocket']}"


def _native(scheme: str, at: str, known: Ports) -> str:
    plain = f"{scheme}://{at}:{known['port']}" if "port" in known else f"{scheme}://{at}"
    return f"{plain}?tls-port={known['tls']}" if "tls" in known else plain


def _text_urls(view: CharDevice, host: str) -> Iterator[tuple[str, str]]:
    source, url = _listening(view), url_of(view, "bind")
    if source is not None and url is not None:
        yield "url", f"{url.partition('://')[0]}://{place(source.host or LOCAL, host)}:{source.service}"


def _listening(view: CharDevice) -> CharSource | None:
    return source_of(view, "bind") if view.type == "tcp" else None
