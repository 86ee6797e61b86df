"""Devices of a domain beside disks, interfaces and memory: displays, controllers, small ones, those of the host."""

from __future__ import annotations

from virtcim.model.device import Device
from virtcim.model.fields import Many, Secret, View, integer, text, yes_no


class Listen(View):
    tag = "listen"
    type = text("@type")
    address = text("@address")
    network = text("@network")
    socket = text("@socket")


class Graphics(Device):
    tag = "graphics"
    type = text("@type")
    port = integer("@port", -1, 65535)
    autoport = yes_no("@autoport")
    tls_port = integer("@tlsPort", -1, 65535)
    websocket = integer("@websocket", -1, 65535)
    listen = text("@listen")
    listens = Many(Listen)
    keymap = text("@keymap")
    password = Secret("@passwd")
    share_policy = text("@sharePolicy")
    display = text("@display")
    xauth = text("@xauth")
    fullscreen = yes_no("@fullscreen")


class Input(Device):
    tag = "input"
    type = text("@type")
    bus = text("@bus")
    model = text("@model")


class Controller(Device):
    tag = "controller"
    type = text("@type")
    index = integer("@index")
    model = text("@model")
    ports = integer("@ports", 1)
    vectors = integer("@vectors")
    queues = integer("driver@queues", 1)


class Video(Device):
    """A graphics adapter; memory sizes in KiB."""

    tag = "video"
    model = text("model@type")
    vram = integer("model@vram")
    heads = integer("model@heads", 1)
    primary = yes_no("model@primary")
    acceleration_3d = yes_no("model/acceleration@accel3d")


class Sound(Device):
    tag = "sound"
    model = text("@model")


class Watchdog(Device):
    tag = "watchdog"
    model = text("@model")
    action = text("@action")


class Rng(Device):
    """A source of entropy; at most `rate_bytes` in `rate_period` milliseconds."""

    tag = "rng"
    model = text("@model")
    backend_model = text("backend@model")
    backend_device = text("backend")
    rate_bytes = integer("rate@bytes", 1, 2**32 - 1)
    rate_period = integer("rate@period", 0, 2**32 - 1)


class Tpm(Device):
    tag = "tpm"
    model = text("@model")
    backend = text("backend@type")
    version = text("backend@version")
    persistent = yes_no("backend@persistent_state")
    device = text("backend/device@path")


class Hostdev(Device):
    """A device of the host passed to the guest; numbers of its address as text, the way libvirt writes them."""

    tag = "hostdev"
    mode = text("@mode")
    type = text("@type")
    managed = yes_no("@managed")
    model = text("@model")
    domain = integer("source/address@domain")
    bus = integer("source/address@bus")
    slot = integer("source/address@slot")
    function = integer("source/address@function")
    usb_device = integer("source/address@device")
    mdev = text("source/address@uuid")
    vendor = text("source/vendor@id")
    product = text("source/product@id")
    adapter = text("source/adapter@name")
    wwpn = text("source@wwpn")
    block = text("source/block")
    char = text("source/char")
