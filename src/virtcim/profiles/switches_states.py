"""Starting and stopping virtual Ethernet switches (DSP1097 clause 8)."""

from __future__ import annotations

from virtcim.broker.provider import Refused
from virtcim.host import networks
from virtcim.profiles import switches, switches_ports
from virtcim.profiles.switches import Switch
from virtcim.profiles.transitions import check_timeout

ENABLED, DISABLED = 2, 3  # RequestedState
OTHERS = (4, 6, 7, 8, 9, 10, 11)  # what RequestStateChange knows besides


def available(switch: Switch) -> list[int]:
    """AvailableRequestedStates."""
    if switch.network is None:
        return []
    return [DISABLED] if switch.active else [ENABLED]


def request(switch: Switch, state: int, timeout: str | None) -> None:
    """Bring a switch to a state. Errors: Refused, HostError."""
    if state not in (ENABLED, DISABLED, *OTHERS):
        raise Refused("Invalid Parameter", f"RequestedState {state} cannot be requested")
    if state in OTHERS or switch.network is None:
        raise Refused("Not Supported", f"RequestedState {state} is not supported by {switch.name}")
    check_timeout(timeout)
    network = switch.host.refresh_network(switch.uuid)
    if network is None:
        raise Refused("Failed", f"{switch.name} is gone")
    if network.active == (state == ENABLED):
        word = "active" if network.active else "not active"
        raise Refused("Invalid State Transition", f"{network.name} is {word} already")
    if state == ENABLED:
        networks.start(network)
        return
    refuse_when_connected(switches.switch_of(network))
    networks.stop(network)


def refuse_when_connected(switch: Switch) -> None:
    """libvirt itself would cut running systems off."""
    connected = sorted({port.adapter.vm.name for port in switches_ports.ports_of(switch)})
    if connected:
        raise Refused("In Use", f"{switch.name} is in use: {', '.join(connected)} is plugged into it")
