"""Calls of pulled enumerations, and what they reply."""

from __future__ import annotations

from typing import Any

import pytest
from tests.broker.conftest import Client

from virtcim.broker.call import Answer, Call, CIMError


class Reply:
    """The objects and out parameters of an Open or Pull."""

    def __init__(self, answer: Answer) -> None:
        out = {one.declared.name: one.value for one in answer.out}
        self.answer = answer
        self.items: list[Any] = list(answer.items)
        self.context: Any = out["EnumerationContext"]
        self.ended = out["EndOfSequence"]
        assert self.ended is (self.context is None)


def answer(client: Client, name: str, namespace: str = "root/virt", user: str = "", **given: Any) -> Answer:
    answer = client.broker.answer(Call("1", name, namespace, given, None, user))
    assert isinstance(answer, Answer)
    return answer


def ask(client: Client, name: str, namespace: str = "root/virt", user: str = "", **given: Any) -> Reply:
    return Reply(answer(client, name, namespace, user, **given))


def refused(client: Client, name: str, namespace: str = "root/virt", user: str = "", **given: Any) -> CIMError:
    with pytest.raises(CIMError) as error:
        answer(client, name, namespace, user, **given)
    return error.value


def pulled(client: Client, pull: str, reply: Reply, count: str = "2") -> list[Any]:
    """All objects of a session, those of its Open included."""
    items = reply.items
    while not reply.ended:
        reply = ask(client, pull, EnumerationContext=reply.context, MaxObjectCount=count)
        assert len(reply.items) <= int(count)
        items += reply.items
    return items
