"""Every check of the conformance suite against our server on the embedded node."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.conformance.outcome import assert_conforms, each_check
from tests.conftest import running_server

from virtcim.conformance import runner
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


@pytest.fixture(scope="module")
def two_hosts(tmp_path_factory: pytest.TempPathFactory, node_uri: str) -> Iterator[Site]:
    """A server that drives two hosts, so that systems can be moved."""
    with running_server(
        tmp_path_factory.mktemp("state"), connect=[node_uri, "test:///default"], naming="uuid"
    ) as server:
        yield Site.at(server.url, write=True, expendable=True, patience=30)


WITH_TWO = {f"DSP1081-R{number}" for number in ("01", "02", "09", "11", "23")}
MOVING = [check for check in runner.checks(["dsp1081"]) if check.id in WITH_TWO]


@pytest.mark.parametrize("check", MOVING, ids=lambda check: check.id)
def test_two_hosts_conform(check: Check, two_hosts: Site) -> None:
    assert_conforms(check, two_hosts)
