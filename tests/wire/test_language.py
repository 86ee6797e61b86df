"""Accept-Language: whatever is asked for, the reply is in English and says so."""

from __future__ import annotations

import pytest
from tests.wire.raw_http import GOOD
from tests.wire.samples import Served

from virtcim.broker.call import Answer, Call, CIMError, Status

ASKED = ["en", "de", "xx, *", "fr;q=0.5, en-US;q=0.1", "*;q=0", "", "\xff;;=,"]


@pytest.mark.parametrize("language", ASKED)
def test_reply_says_its_language(served: Served, language: str) -> None:
    response, _ = served.post(GOOD, {"Accept-Language": language})
    assert (response.status, response.headers["Content-Language"]) == (200, "en")


def test_not_said_unasked(served: Served) -> None:
    assert served.post(GOOD)[0].headers["Content-Language"] is None


def test_language_of_the_request_does_not_matter(served: Served) -> None:
    assert served.post(GOOD, {"Content-Language": "ja"})[0].status == 200


def test_errors_say_it_as_well(served: Served) -> None:
    def answer(_call: Call) -> Answer:
        raise CIMError(Status.NOT_FOUND, "not here")

    served.answer = answer
    response, body = served.post(GOOD, {"Accept-Language": "de"})
    assert response.headers["Content-Language"] == "en"
    assert b"not here" in body
