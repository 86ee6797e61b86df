"""What the fuzzer has found, one case each, so that it stays found."""

from __future__ import annotations

import threading
import time

import pytest
from tests.wire.raw_http import GOOD, request, wire
from tests.wire.samples import Served, method_call

from virtcim.broker.call import Answer, Call, Form, MethodAnswer
from virtcim.broker.values import Mistyped, scalar

IDS = {"no UTF-8": b"\xff\xfe", "no character of XML": b"\x01", "half a surrogate": b"\xed\xa0\x80"}


@pytest.mark.parametrize("message_id", IDS.values(), ids=IDS.keys())
def test_message_id_that_is_no_text(served: Served, message_id: bytes) -> None:
    """After the same request with a good one."""
    assert served.post(GOOD)[0].status == 200
    assert served.post(GOOD.replace(b'ID="7"', b'ID="%b"' % message_id))[0].status == 400


NUMBERS = {"decimal": "9" * 5000, "hexadecimal": "0x" + "f" * 5000, "zeros": "0" * 5000}


@pytest.mark.parametrize("number", NUMBERS.values(), ids=NUMBERS.keys())
def test_number_of_thousands_of_digits(number: str) -> None:
    with pytest.raises(Mistyped, match="X is a uint32"):
        scalar("X", "uint32", number)


def test_nothing_is_sent_to_who_has_left(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    """Of several requests on a connection, the first is being answered when the client goes."""
    begun, left = threading.Event(), threading.Event()

    def answer(call: Call) -> Answer | MethodAnswer:
        begun.set()
        assert left.wait(10)
        return MethodAnswer(0, "uint32")

    served.answer = answer
    body = method_call(name="GetInstance")
    with wire(served) as connection:
        connection.send(request(body, {"CIMObject": "root/virt:Virt_System"}) * 3)
        assert begun.wait(10)
    time.sleep(0.2)
    left.set()
    served.answer = lambda _call: Answer(Form.NOTHING)
    assert served.post(GOOD)[0].status == 200
    time.sleep(0.2)
    assert "Exception in ASGI application" not in caplog.text
