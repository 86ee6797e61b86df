"""Documents of real libvirt, read through the views: capabilities, networks, pools and volumes of the test driver."""

from __future__ import annotations

from collections.abc import Iterator

import libvirt
import pytest

from virtcim.model.capabilities import Capabilities, DomainCapabilities
from virtcim.model.network import Network
from virtcim.model.storage import StoragePool, Volume


@pytest.fixture(scope="module")
def connection() -> Iterator[libvirt.virConnect]:
    opened = libvirt.open("test:///default")
    yield opened
    opened.close()


def test_capabilities_of_the_test_driver(connection: libvirt.virConnect) -> None:
    capabilities = Capabilities.parse(connection.getCapabilities())
    guest = capabilities.guest("hvm")
    assert guest is not None
    assert guest.arch.name == "i686"
    assert [domain.type for domain in guest.arch.domains] == ["test"]
    assert capabilities.guest("hvm", "s390x") is None
    assert [(cell.id, cell.memory, len(cell.cpus)) for cell in capabilities.cells] == [(0, 2097152, 8), (1, 4194304, 8)]
    first = capabilities.cells[0].pages[0]
    assert (first.size, first.count) == (4, 524288)


DOMAIN_CAPABILITIES = """
<domainCapabilities>
  <path>/usr/bin/qemu-system-x86_64</path><domain>kvm</domain><machine>pc-q35-7.2</machine><arch>x86_64</arch>
  <vcpu max='288'/>
  <os supported='yes'><enum name='firmware'><value>efi</value></enum>
    <loader supported='yes'><value>/usr/share/OVMF/OVMF_CODE.fd</value></loader></os>
  <cpu><mode name='host-passthrough' supported='yes'/>
    <mode name='custom' supported='no'><model>qemu64</model></mode></cpu>
  <devices>
    <disk supported='yes'><enum name='bus'><value>virtio</value><value>sata</value></enum></disk>
    <rng supported='no'><enum name='model'><value>virtio</value></enum></rng>
  </devices>
</domainCapabilities>
"""


def test_domain_capabilities() -> None:
    offered = DomainCapabilities.parse(DOMAIN_CAPABILITIES)
    assert (offered.max_vcpus, offered.domain, offered.machine) == (288, "kvm", "pc-q35-7.2")
    assert offered.values("disk", "bus") == ["virtio", "sata"]
    assert offered.values("disk", "diskDevice") == []
    assert offered.values("rng", "model") == []
    assert offered.values("tpm", "model") == []
    assert offered.loaders == ["/usr/share/OVMF/OVMF_CODE.fd"]
    assert [(mode.name, mode.supported, mode.models) for mode in offered.cpu_modes] == [
        ("host-passthrough", "yes", []),
        ("custom", "no", ["qemu64"]),
    ]


def test_a_network_of_the_test_driver(connection: libvirt.virConnect) -> None:
    network = Network.parse(connection.networkLookupByName("default").XMLDesc())
    assert (network.name, network.bridge, network.forward_mode) == ("default", "virbr0", "nat")
    address = network.addresses[0]
    assert (address.address, address.netmask) == ("192.168.122.1", "255.255.255.0")
    assert [(found.start, found.end) for found in address.ranges] == [("192.168.122.2", "192.168.122.254")]


def test_a_pool_and_a_volume_of_the_test_driver(connection: libvirt.virConnect) -> None:
    defined = connection.storagePoolLookupByName("default-pool")
    pool = StoragePool.parse(defined.XMLDesc())
    assert (pool.type, pool.name, pool.path) == ("dir", "default-pool", "/default-pool")
    assert pool.capacity == 100 * 2**30
    made = Volume.new()
    made.name, made.capacity, made.allocation = "one.img", 5 * 2**20, 0
    made.format = "raw"
    created = Volume.parse(defined.createXML(made.xml).XMLDesc())
    assert (created.name, created.capacity, created.format) == ("one.img", 5 * 2**20, "raw")
    assert created.path == "/default-pool/one.img"
