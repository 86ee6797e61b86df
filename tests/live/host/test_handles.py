"""Handles that are kept of domains that were just defined, and what others do to these domains meanwhile."""

from __future__ import annotations

import signal
import uuid
from pathlib import Path

import libvirt
import pytest
from tests.counting import counted_calls
from tests.live.conftest import wait_until
from tests.live.host.conftest import boot_disk_xml, here
from tests.live.host.private_libvirtd import PrivateLibvirtd

from virtcim.host import domains
from virtcim.host.errors import HostError, Kind
from virtcim.host.inventory import Host, Vm
from virtcim.model.domain import Domain
from virtcim.profiles import destruction


def defined(host: Host, name: str, images: Path) -> Vm:
    document = Domain.parse(boot_disk_xml(name, images))
    document.uuid = str(uuid.uuid4())
    return domains.define_new(host, document, unique=True)


def test_what_was_just_defined_needs_no_looking_up(host: Host, images: Path) -> None:
    defined(host, "before", images)  # opens the connection
    with counted_calls() as calls:
        assert domains.remove(defined(host, "kept", images))
    assert calls.of_domains() == dict.fromkeys(
        ("virDomainDefineXML", "virDomainGetXMLDesc", "virDomainUndefineFlags"), 1
    )


def test_one_that_was_started_meanwhile_is_destroyed(host: Host, libvirtd: libvirt.virConnect, images: Path) -> None:
    vm = defined(host, "started", images)
    libvirtd.lookupByUUIDString(vm.uuid).create()
    destruction.destroy(vm)  # as known before
    assert host.vm(vm.uuid) is None
    assert vm.uuid not in {domain.UUIDString() for domain in libvirtd.listAllDomains()}


def test_one_that_is_transient_meanwhile_is_destroyed(host: Host, libvirtd: libvirt.virConnect, images: Path) -> None:
    vm = defined(host, "transient", images)
    domain = libvirtd.lookupByUUIDString(vm.uuid)
    domain.create()
    domain.undefine()
    with pytest.raises(HostError) as error:
        domains.remove(vm)
    assert error.value.kind is Kind.INVALID_STATE
    destruction.destroy(vm)
    assert libvirtd.listAllDomains() == []


def test_one_that_is_gone_meanwhile_is_not_found(host: Host, libvirtd: libvirt.virConnect, images: Path) -> None:
    vm = defined(host, "gone", images)
    libvirtd.lookupByUUIDString(vm.uuid).undefine()
    with pytest.raises(HostError) as error:
        domains.remove(vm)
    assert error.value.kind is Kind.NOT_FOUND


def test_one_that_is_started_at_once_is_shown_running(host: Host, libvirtd: libvirt.virConnect, images: Path) -> None:
    vm = defined(host, "running", images)
    libvirtd.lookupByUUIDString(vm.uuid).create()
    wait_until(lambda: here(host.vm(vm.uuid)).active, 5)


def test_a_handle_of_a_lost_connection_is_dropped(host: Host, daemon: PrivateLibvirtd, images: Path) -> None:
    vm = defined(host, "lost", images)
    daemon.signal(signal.SIGKILL)
    wait_until(lambda: not host.reachable, 10)
    wait_until(lambda: host.reachable, 30)
    assert domains.remove(vm)


def test_verbs_under_way_are_known(host: Host, libvirtd: libvirt.virConnect, images: Path) -> None:
    with host.link.own():
        assert host.link.verbs
        vm = libvirtd.defineXML(boot_disk_xml("beside", images))
        wait_until(lambda: host.vm(vm.UUIDString()) is not None, 5)
    assert not host.link.verbs
