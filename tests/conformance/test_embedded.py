"""Every check of the conformance suite against our server on the embedded node."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.conformance.outcome import assert_conforms, each_check
from tests.conftest import running_server

from virtcim.conformance.check import Check
from virtcim.conformance.site import Site
from virtcim.conformance.systems import PREFIX


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The server, of this module's own, as the checks see it."""
    with running_server(tmp_path_factory.mktemp("state")) as server:
        yield Site.at(server.url, write=True, expendable=True, patience=30)


@each_check
def test_embedded_node_conforms(check: Check, site: Site) -> None:
    assert_conforms(check, site)


def test_checks_clean_up_after_themselves(site: Site) -> None:
    site.forget()
    assert not [one for one in site.systems() if str(one["ElementName"]).startswith(PREFIX)]
