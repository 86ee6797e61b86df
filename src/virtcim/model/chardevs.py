"""Character devices: serial and parallel ports, consoles and channels share one form."""

from __future__ import annotations

from virtcim.model.device import Device
from virtcim.model.fields import Many, View, integer, one_of, text, yes_no

TYPES = ("null", "vc", "pty", "dev", "file", "pipe", "stdio", "udp", "tcp", "unix", "spicevmc", "spiceport")


class CharSource(View):
    """Where the data of a character device come from or go to; udp has one source for each direction."""

    tag = "source"
    mode = one_of("@mode", "connect", "bind")
    host = text("@host")
    service = text("@service")
    path = text("@path")
    tls = yes_no("@tls")


class CharDevice(Device):
    type = text("@type")
    sources = Many(CharSource)
    path = text("source@path")
    protocol = text("protocol@type")
    target_type = text("target@type")
    target_port = integer("target@port", 0, 2**32 - 1)
    target_name = text("target@name")


class Serial(CharDevice):
    tag = "serial"


class Parallel(CharDevice):
    tag = "parallel"


class Console(CharDevice):
    tag = "console"


class Channel(CharDevice):
    tag = "channel"
    state = text("target@state")
    target_address = text("target@address")
