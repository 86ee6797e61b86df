"""Which message a text is."""

from __future__ import annotations

from virtcim.messages import Message


def symbol_of(text: object) -> str:
    """The symbol of the message that a text is; fails for one that is none."""
    assert isinstance(text, Message), text
    return text.symbol
