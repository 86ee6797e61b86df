"""What the fuzzer has found, one case each, so that it stays found."""

from __future__ import annotations

import pytest
from tests.wire.raw_http import GOOD
from tests.wire.samples import Served

IDS = {"no UTF-8": b"\xff\xfe", "no character of XML": b"\x01", "half a surrogate": b"\xed\xa0\x80"}


@pytest.mark.parametrize("message_id", IDS.values(), ids=IDS.keys())
def test_message_id_that_is_no_text(served: Served, message_id: bytes) -> None:
    """After the same request with a good one."""
    assert served.post(GOOD)[0].status == 200
    assert served.post(GOOD.replace(b'ID="7"', b'ID="%b"' % message_id))[0].status == 400
