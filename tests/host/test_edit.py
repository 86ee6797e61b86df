"""The edit path: what is not touched survives byte for byte, and a failed edit leaves nothing behind."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import libvirt
import pytest
from tests.host.conftest import behind, named, wait_until

from virtcim.host import domains
from virtcim.host.errors import HostError, Kind
from virtcim.host.inventory import Host, Hosts
from virtcim.host.settings import HostSettings
from virtcim.model.fields import ModelError

SECURE = libvirt.VIR_DOMAIN_XML_INACTIVE | libvirt.VIR_DOMAIN_XML_SECURE


def definition(host: Host, name: str) -> str:
    return behind(host, name).XMLDesc(SECURE)


@pytest.mark.parametrize("name", ["web1", "web2", "db1", "mail1", "archive1", "desktop1", "legacy1"])
def test_an_edit_changes_what_it_says_and_nothing_else(host: Host, name: str) -> None:
    before = definition(host, name)
    with domains.edit(named(host, name)) as document:
        title, document.title = document.title, "Another title"
    after = definition(host, name)
    assert "<title>Another title</title>" in after
    assert named(host, name).defined_document is not None
    with domains.edit(named(host, name)) as document:
        document.title = title
    assert definition(host, name) == before


def test_the_new_definition_shows_at_once(host: Host) -> None:
    vm = named(host, "desktop1")
    with domains.edit(vm) as document:
        document.description = "Edited"
    after = host.vm(vm.uuid)
    assert after is not None
    assert after is not vm
    assert after.state_document.description == "Edited"
    assert vm.state_document.description != "Edited"


def test_a_running_domain_keeps_running_on_its_old_document(host: Host) -> None:
    vm = named(host, "web1")
    with domains.edit(vm) as document:
        document.vcpu = 16
    after = named(host, "web1")
    assert after.state_xml == vm.state_xml
    assert after.defined_document is not None
    assert after.defined_document.vcpu == 16


def test_an_edit_that_changes_nothing_defines_nothing(host: Host) -> None:
    vm = named(host, "desktop1")
    with host.watch(vm.uuid) as watch:
        with domains.edit(vm) as document:
            title, document.title = document.title, "Else"
            document.title = title
        domains.start(vm)
        wait_until(lambda: not watch.events.empty())
        first = watch.events.get()
    assert first.values[0] == libvirt.VIR_DOMAIN_EVENT_STARTED


def test_an_exception_in_the_block_leaves_everything_as_it_was(host: Host) -> None:
    before, vm = definition(host, "desktop1"), named(host, "desktop1")

    def fails() -> None:
        with domains.edit(vm) as document:
            document.title = "Half done"
            raise KeyError("in the middle")

    with pytest.raises(KeyError):
        fails()
    assert definition(host, "desktop1") == before
    assert host.refresh(vm.uuid) is vm
    with domains.edit(vm) as document:
        document.title = "The lock is free again"


def test_a_document_that_libvirt_refuses_leaves_everything_as_it_was(host: Host) -> None:
    before, vm = definition(host, "desktop1"), named(host, "desktop1")
    with pytest.raises(HostError) as error, domains.edit(vm) as document:
        document.element.append(document.element.makeelement("bogus"))
    assert error.value.kind is Kind.INVALID
    assert definition(host, "desktop1") == before
    with pytest.raises(ModelError), domains.edit(vm) as document:
        document.memory = -1
    assert definition(host, "desktop1") == before


def test_secrets_survive_an_edit_and_are_in_no_document_that_readers_see(host: Host) -> None:
    vm = named(host, "desktop1")
    secret = "s3cr3t-w0rd"
    with domains.edit(vm) as document:
        graphics = document.element.find("devices/graphics")
        assert graphics is not None
        graphics.set("passwd", secret)
    with domains.edit(vm) as document:
        document.title = "Another title"
    assert f"passwd='{secret}'" in definition(host, "desktop1")
    after = named(host, "desktop1")
    assert secret not in after.state_xml + (after.defined_xml or "") + repr(after)


def test_the_repr_of_a_vm_has_no_documents(host: Host) -> None:
    assert "<domain" not in repr(named(host, "desktop1"))


def test_a_transient_domain_has_no_definition_to_edit(host: Host) -> None:
    with pytest.raises(HostError, match="it is transient") as error, domains.edit(named(host, "probe1")):
        pytest.fail("the block ran")
    assert error.value.kind is Kind.INVALID_STATE


def test_somebody_elses_edit_is_not_undone(host: Host) -> None:
    vm = named(host, "desktop1")

    def edit() -> None:
        with domains.edit(vm) as document:
            behind(host, "desktop1").setMemoryFlags(1048576, libvirt.VIR_DOMAIN_AFFECT_CONFIG)
            document.title = "Lost?"

    with pytest.raises(HostError, match="changed by somebody else") as error:
        edit()
    assert error.value.kind is Kind.BUSY
    assert "Lost?" not in definition(host, "desktop1")


def test_a_domain_undefined_meanwhile_is_not_brought_back(host: Host) -> None:
    vm = named(host, "desktop1")

    def edit() -> None:
        with domains.edit(vm) as document:
            behind(host, "desktop1").undefine()
            document.title = "A ghost"

    with pytest.raises(HostError) as error:
        edit()
    assert error.value.kind is Kind.NOT_FOUND
    assert host.refresh(vm.uuid) is None


def test_editors_of_one_domain_wait_for_each_other_those_of_others_do_not(host: Host) -> None:
    vm, inside, leave = named(host, "desktop1"), threading.Event(), threading.Event()

    def first() -> None:
        with domains.edit(vm) as document:
            inside.set()
            assert leave.wait(10)
            document.title = "first"

    def second() -> None:
        with domains.edit(vm) as document:
            assert document.title == "first"
            document.title = "second"

    with ThreadPoolExecutor(2) as pool:
        early = pool.submit(first)
        assert inside.wait(10)
        late = pool.submit(second)
        with domains.edit(named(host, "archive1")) as document:
            document.title = "not kept waiting"
        assert not late.done()
        leave.set()
        early.result(10)
        late.result(10)
    assert named(host, "desktop1").state_document.title == "second"


def test_an_editor_may_use_other_verbs_on_the_domain(host: Host) -> None:
    vm = named(host, "desktop1")
    with domains.edit(vm) as document:
        domains.set_autostart(vm, True)
        document.title = "Both"
    after = named(host, "desktop1")
    assert (after.autostart, after.state_document.title) == (True, "Both")


def test_an_edit_on_a_dead_link_is_unreachable(hosts: Hosts) -> None:
    vm = named(hosts.hosts[0], "desktop1")
    hosts.hosts[0].link.stop()
    with pytest.raises(HostError, match="is not reachable") as error, domains.edit(vm):
        pytest.fail("the block ran")
    assert error.value.kind is Kind.UNREACHABLE
    assert HostSettings().naming == hosts.naming
