"""What a host has to give, from libvirt's words for it."""

from __future__ import annotations

from virtcim.mapping.pools_host import places
from virtcim.model.capabilities import Capabilities

TWO_SOCKETS = """<capabilities><host><topology><cells num='2'>
<cell id='0'><cpus num='2'>
<cpu id='0' socket_id='0' die_id='0' core_id='0' siblings='0,2'/>
<cpu id='2' socket_id='0' die_id='0' core_id='0' siblings='0,2'/></cpus></cell>
<cell id='1'><cpus num='2'><cpu id='1' socket_id='1' die_id='1' core_id='4' siblings='1,3'/><cpu id='3'/></cpus></cell>
</cells></topology></host></capabilities>"""


def test_where_processors_are() -> None:
    """One that is off tells no socket."""
    found = places(Capabilities.parse(TWO_SOCKETS))
    assert found == {
        0: {"Cell": 0, "Socket": 0, "Die": 0, "Core": 0, "Siblings": [0, 2]},
        2: {"Cell": 0, "Socket": 0, "Die": 0, "Core": 0, "Siblings": [0, 2]},
        1: {"Cell": 1, "Socket": 1, "Die": 1, "Core": 4, "Siblings": [1, 3]},
        3: {"Cell": 1, "Socket": None, "Die": None, "Core": None, "Siblings": None},
    }
