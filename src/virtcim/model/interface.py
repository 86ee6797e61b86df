"""Network interfaces of a host as libvirt's interface driver describes them."""

from __future__ import annotations

from virtcim.model.codecs import MAC
from virtcim.model.fields import Field, View, integer, text


class HostInterface(View):
    """An interface; one that is a member of a bridge or bond stands inside it."""

    tag = "interface"
    type = text("@type")
    name = text("@name")
    mac = Field("mac@address", MAC)
    mtu = integer("mtu@size")
    link = text("link@state")
    speed = integer("link@speed")

    @property
    def bridged(self) -> list[HostInterface]:
        """The members of a bridge."""
        return [HostInterface(one) for one in self.element.findall("bridge/interface")]

    @property
    def bonded(self) -> list[HostInterface]:
        """The members of a bond."""
        return [HostInterface(one) for one in self.element.findall("bond/interface")]
