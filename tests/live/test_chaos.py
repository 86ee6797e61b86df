"""A short part of `make chaos`: the server, libvirtd and PostgreSQL die once each while clients and libvirt go on."""

from __future__ import annotations

import pytest
from tests.chaos.__main__ import judge, run, stage
from tests.chaos.verdict import heard
from tests.live.host.private_libvirtd import CAN_RUN

pytestmark = pytest.mark.skipif(not CAN_RUN, reason="a libvirtd of its own needs root, libvirtd, unshare and nsenter")


def test_nothing_is_lost_by_kill_9() -> None:
    with stage() as it:
        run(it, 3, 5)
        counts, wrong = judge(it, heard(it.listener.indications))
        assert wrong == [], counts
        assert it.record.changes
        assert len(it.deaths) == 3
