"""Network filters as libvirt describes them."""

from __future__ import annotations

from lxml import etree

from virtcim.model.codecs import TEXT, UUID
from virtcim.model.fields import Field, Many, ModelError, View, integer, one_of, text


class Rule(View):
    """A rule; what it matches is said by the attributes of the element inside, which is named after the protocol."""

    tag = "rule"
    action = one_of("@action", "accept", "drop", "reject", "return", "continue")
    direction = one_of("@direction", "in", "out", "inout")
    priority = integer("@priority", -1000, 1000)

    @property
    def protocol(self) -> str | None:
        """None for a rule that matches everything."""
        return next((str(child.tag) for child in self.element if isinstance(child.tag, str)), None)

    @property
    def matches(self) -> dict[str, str]:
        """The attributes of what is matched."""
        return next((dict(child.attrib) for child in self.element if isinstance(child.tag, str)), {})

    def match(self, protocol: str, matches: dict[str, str]) -> None:
        """Let the rule match this alone; a protocol or name that is no word of XML is refused. Errors: ModelError."""
        for child in list(self.element):
            self.element.remove(child)
        try:
            child = etree.SubElement(self.element, protocol)
            for name, value in matches.items():
                child.set(name, TEXT.write(value, f"{protocol}@{name}"))
        except ModelError:
            raise
        except ValueError as error:
            raise ModelError("rule", protocol, f"cannot be written: {error}") from error


class FilterReference(View):
    """Another filter whose rules are included."""

    tag = "filterref"
    filter = text("@filter")


class NwFilter(View):
    tag = "filter"
    name = text("@name")
    chain = text("@chain")
    priority = integer("@priority", -1000, 1000)
    uuid = Field("uuid", UUID)
    rules = Many(Rule)
    references = Many(FilterReference)
