"""The states a virtual system can be brought into on the test driver, and how."""

from __future__ import annotations

from collections.abc import Callable

from tests.profiles.client import Client

from virtcim.host import domains
from virtcim.host.inventory import Vm

SUBJECT = "web2"  # running on the embedded node
CRASHED_SUBJECT = "legacy1"


BRING: dict[str, Callable[[Vm], object]] = {
    "Active": lambda vm: vm,
    "Paused": domains.pause,
    "Defined": domains.destroy,
    "Suspended": domains.save,
    "Crashed": lambda vm: vm,
}
ENABLED_STATE = {"Active": 2, "Paused": 9, "Defined": 3, "Suspended": 6, "Crashed": 3}
POWER_STATE = {"Active": 2, "Paused": 3, "Defined": 8, "Suspended": 7, "Crashed": 8}


def bring(client: Client, state: str) -> str:
    """Bring a virtual system of the client's node into the state; answers its name."""
    name = CRASHED_SUBJECT if state == "Crashed" else SUBJECT
    BRING[state](client.vm(name))
    return name
