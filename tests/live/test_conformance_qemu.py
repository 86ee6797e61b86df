"""Every check of the conformance suite against our server on a real libvirtd with QEMU."""

from __future__ import annotations

from collections.abc import Iterator

import libvirt
import pytest
from tests.conformance.outcome import assert_conforms
from tests.conftest import running_server

from virtcim.conformance import runner
from virtcim.conformance.check import Check
from virtcim.conformance.site import Site
from virtcim.conformance.systems import sweep

# About what our server has not; the tests on the embedded node show them as skipped. Here a skip would be a fault.
NOT_APPLICABLE = {
    "DSP0200-R24": "it asks for no credentials",
    "DSP1043-R16": "no device of this host is passed through",
    "DSP1050-R13": "a libvirt network on a Linux bridge has no VLANs",
    "DSP1050-R17": "a libvirt network on a Linux bridge has no VLANs",
    "DSP1053-R17": "the metric service supports every method",
    "DSP1059-R06": "no device of this host is passed through",
    "DSP1059-R11": "no device of this host is passed through",
    "DSP1081-R11": "there is no second host; the tests of moves have two",
    "DSP1081-R23": "there is no second host; the tests of moves have two",
    "DSP1097-R12": "a libvirt network on a Linux bridge has no VLANs",
    "DSP1097-R13": "a libvirt network on a Linux bridge has no VLANs",
    "DSP1097-R21": "it shows no forwarding entries",
    "DSP1097-R22": "every network of this host is active",
    "DSP1103-R06": "no guest of these systems obeys, so the job that is looked at fails",
    "MSG-R08": "nothing that a client can do brings an alert about; the tests of alerts do",
}
APPLICABLE = [check for check in runner.checks() if check.id not in NOT_APPLICABLE]
PATIENCE = {"shutdown_timeout": 2, "detach_timeout": 90}  # seconds; firmware on a busy machine lets go late
STATES = {
    libvirt.VIR_DOMAIN_RUNNING: "running",
    libvirt.VIR_DOMAIN_BLOCKED: "running",
    libvirt.VIR_DOMAIN_PAUSED: "paused",
    libvirt.VIR_DOMAIN_SHUTDOWN: "shutdown",
    libvirt.VIR_DOMAIN_SHUTOFF: "shutoff",
    libvirt.VIR_DOMAIN_CRASHED: "crashed",
    libvirt.VIR_DOMAIN_PMSUSPENDED: "pmsuspended",
}


class Libvirt:
    """What libvirt itself says of its domains."""

    def __init__(self, connection: libvirt.virConnect) -> None:
        self._connection = connection

    def domains(self) -> dict[str, str]:
        """Name to state, saved being shut off with a managed save image."""
        return {
            domain.name(): "saved" if domain.hasManagedSaveImage() else STATES[domain.state()[0]]
            for domain in self._connection.listAllDomains()
        }

    def transients(self) -> list[str]:
        """The names of the domains without a definition."""
        return [domain.name() for domain in self._connection.listAllDomains() if not domain.isPersistent()]

    def run_id(self, name: str) -> int:
        """The domain's number, a new one at each start."""
        return self._connection.lookupByName(name).ID()

    def change(self, name: str, verb: str) -> None:
        """Suspend or resume."""
        domain = self._connection.lookupByName(name)
        {"suspend": domain.suspend, "resume": domain.resume}[verb]()


TRANSIENT = """<domain type='qemu'><name>virtcim-qemu-transient</name><memory unit='MiB'>16</memory><vcpu>1</vcpu>
<os><type arch='x86_64' machine='pc'>hvm</type></os><devices><interface type='network'><source network='default'/>
<model type='virtio'/></interface><disk type='volume' device='disk'><driver name='qemu' type='qcow2'/>
<source pool='default' volume='virtcim-qemu-transient'/><target dev='vda' bus='virtio'/></disk>
<graphics type='vnc'/><serial type='pty'/></devices></domain>"""
VOLUME = """<volume><name>virtcim-qemu-transient</name><capacity unit='MiB'>8</capacity><allocation>0</allocation>
<target><format type='qcow2'/></target></volume>"""
WITH_NETWORK = """<domain type='qemu'><name>virtcim-qemu-pattern</name><memory unit='MiB'>16</memory><vcpu>1</vcpu>
<os><type arch='x86_64' machine='pc'>hvm</type></os><devices><interface type='network'><source network='default'/>
<model type='virtio'/></interface></devices></domain>"""


def remove_leftovers(connection: libvirt.virConnect) -> None:
    """Remove what a run that was killed has left; other tests remove only domains of their own names."""
    for domain in connection.listAllDomains():
        if domain.name().startswith("virtcim-qemu-"):
            persistent = domain.isPersistent()
            if domain.isActive():
                domain.destroy()
            if persistent:
                domain.undefine()
    for volume in connection.storagePoolLookupByName("default").listAllVolumes():
        if volume.name().startswith("virtcim-qemu-"):
            volume.delete()


@pytest.fixture(scope="module")
def site(libvirtd: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """With a running transient domain that has a disk and consoles, and one that shows what an interface is like."""
    connection = libvirt.open(libvirtd)
    remove_leftovers(connection)
    connection.storagePoolLookupByName("default").createXML(VOLUME)
    connection.defineXML(WITH_NETWORK)
    connection.createXML(TRANSIENT)
    try:
        with running_server(tmp_path_factory.mktemp("state"), connect=[libvirtd], **PATIENCE) as server:
            site = Site.at(server.url, write=True, expendable=True, truth=Libvirt(connection))
            yield site
            sweep(site)
    finally:
        remove_leftovers(connection)
        connection.close()


@pytest.mark.parametrize("check", APPLICABLE, ids=lambda check: check.id)
def test_qemu_conforms(check: Check, site: Site) -> None:
    assert_conforms(check, site)
