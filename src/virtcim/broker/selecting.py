"""Which properties of its items a call asks for."""

from __future__ import annotations

from virtcim.broker.call import EVERYTHING, Selection

Names = frozenset[str] | None
"""Lower-case names of properties; None for all."""


def selection(names: Names, class_origin: bool) -> Selection:
    """PropertyList and IncludeClassOrigin as the selection of an answer."""
    return EVERYTHING if names is None and not class_origin else Selection(names, class_origin)
