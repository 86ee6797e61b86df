"""One server on several platforms at once: the embedded node and QEMU."""

from __future__ import annotations

from pathlib import Path

import libvirt
from tests.command import serving
from tests.conftest import connect
from tests.live.cim import ENABLED, NAMES, OK, Cim, memory, remove_systems


def test_two_platforms(libvirtd: str, node_uri: str, qemu: libvirt.virConnect, tmp_path: Path) -> None:
    """A client of a standard class sees both; each service manages its own."""
    remove_systems(libvirtd)
    name = f"{NAMES}both"
    try:
        with serving(tmp_path, "--connect", node_uri, "--connect", libvirtd) as served:
            served.wait()
            with connect(served.url) as connection:
                cim = Cim(connection)
                system = cim.define(name, memory(16))
                cim.request(system, ENABLED)
                found = connection.EnumerateInstanceNames("CIM_ComputerSystem")
                assert {"Test_ComputerSystem", "KVM_ComputerSystem"} <= {one.classname for one in found}
                assert {"web1", name} <= {one["Name"] for one in found}
                assert qemu.lookupByName(name).isActive()
                (other,) = connection.EnumerateInstanceNames("Test_VirtualSystemManagementService")
                assert cim.call("DestroySystem", other, AffectedSystem=system)[0] == 4
                assert cim.call("DestroySystem", AffectedSystem=system)[0] == OK
            assert served.end()[0] == 0
    finally:
        remove_systems(libvirtd)
