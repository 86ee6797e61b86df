"""What the devices of a domain have in common."""

from __future__ import annotations

import re
from collections.abc import Mapping

from virtcim.model.codecs import TEXT, ModelError
from virtcim.model.fields import View, integer, text
from virtcim.model.tree import first_child, make_child, remove

NAME = re.compile(r"[a-z][a-z0-9_-]*")


class Device(View):
    """An element below <devices>: its alias, its boot order and its address as the guest sees it."""

    alias = text("alias@name")
    boot_order = integer("boot@order", 1)
    address_type = text("address@type")

    @property
    def address(self) -> dict[str, str]:
        """The attributes of <address> in document order; empty when libvirt has not chosen one yet."""
        element = first_child(self.element, "address")
        return {} if element is None else {str(name): str(value) for name, value in element.attrib.items()}

    @address.setter
    def address(self, attributes: Mapping[str, str]) -> None:
        for name, value in attributes.items():
            if NAME.fullmatch(name) is None:
                raise ModelError(f"{self.tag}/address", name, "is not the name of an attribute")
            TEXT.write(value, f"{self.tag}/address@{name}")
        element = first_child(self.element, "address")
        if element is not None and not attributes:
            remove(element)
        elif attributes:
            element = make_child(self.element, "address") if element is None else element
            element.attrib.clear()
            for name, value in attributes.items():
                element.set(name, value)
