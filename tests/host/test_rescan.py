"""Volumes that others make and delete are found by the clock, not by those who read; and what reading them costs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import libvirt
from tests.counting import counted_calls
from tests.host.conftest import NEVER, wait_until

from virtcim.config import embedded_node
from virtcim.host.inventory import Host, Hosts
from virtcim.host.objects import changed_pools
from virtcim.host.rescan import rescan
from virtcim.host.settings import HostSettings

VOLUME = "<volume><name>copied.img</name><capacity>1048576</capacity></volume>"
SERVER = """<pool type='iscsi'><name>remote</name><source><host name='192.0.2.1'/><device path='iqn.x'/></source>
<target><path>/dev/disk/by-path</path></target></pool>"""


@contextmanager
def host_with(**settings: float) -> Iterator[Host]:
    hosts = Hosts([embedded_node()], HostSettings(reconcile_interval=NEVER, **settings))  # type: ignore[arg-type]
    hosts.start()
    try:
        assert hosts.wait(10), hosts.hosts[0].reason
        yield hosts.hosts[0]
    finally:
        hosts.stop()


def names(host: Host, pool: str = "images") -> set[str]:
    found = host.pool_named(pool)
    assert found is not None
    return {volume.name for volume in found.volumes}


def pool_behind(host: Host, name: str = "images") -> libvirt.virStoragePool:
    with host.link.reading() as connection:
        return connection.storagePoolLookupByName(name)


def test_what_somebody_else_makes_and_deletes_is_found() -> None:
    with host_with(storage_refresh_interval=0.1) as host:
        before = names(host)
        made = pool_behind(host).createXML(VOLUME)
        wait_until(lambda: names(host) == before | {"copied.img"})
        made.delete()
        wait_until(lambda: names(host) == before)


def test_no_look_at_a_server_nor_at_a_pool_that_is_off() -> None:
    with host_with(storage_refresh_interval=0) as host:
        with host.link.reading() as connection:
            remote = connection.storagePoolDefineXML(SERVER)
        remote.create()
        pool_behind(host, "backup").destroy()
        wait_until(lambda: host.pool_named("remote") is not None and host.pool_named("remote").active)  # type: ignore[union-attr]
        wait_until(lambda: not host.pool_named("backup").active)  # type: ignore[union-attr]
        with counted_calls() as calls:
            rescan(host)
        assert calls.counted["virStoragePoolRefresh"] == 2  # images and fast


def test_a_pool_that_is_gone_stops_nobody() -> None:
    with host_with(storage_refresh_interval=0) as host:
        pool_behind(host).createXML(VOLUME)
        gone = pool_behind(host, "fast")
        gone.destroy()
        gone.undefine()
        rescan(host)
        assert "copied.img" in names(host)


def test_a_volume_is_read_with_one_call() -> None:
    with host_with(storage_refresh_interval=0) as host:
        uuid = pool_behind(host).UUIDString()
        with counted_calls() as calls:
            found = host.refresh_pool(uuid)
        assert found is not None
        of_volumes = {name: count for name, count in calls.counted.items() if name.startswith("virStorageVol")}
        asked = {name: count for name, count in of_volumes.items() if name not in LOCAL}
        assert asked == {"virStorageVolGetXMLDesc": len(found.volumes)}
        with host.link.reading() as connection:
            for volume in found.volumes:
                same = connection.storageVolLookupByPath(volume.path)
                assert [volume.kind, volume.capacity, volume.allocation] == same.info()
                assert (volume.key, volume.name) == (same.key(), same.name())


def test_a_look_reads_the_volumes_of_a_pool_only_when_something_differs() -> None:
    with host_with(storage_refresh_interval=0) as host, host.link.reading() as connection:
        known = {pool.uuid: pool.record for pool in host.pools}
        with counted_calls() as calls:
            assert changed_pools(connection, known) == []
        assert calls.counted["virStorageVolGetXMLDesc"] == 0
        images, fast = (connection.storagePoolLookupByName(name) for name in ("images", "fast"))
        made = images.createXML(VOLUME)
        assert changed_pools(connection, known) == [images.UUIDString()]
        made.delete()
        assert changed_pools(connection, known) == []
        images.setAutostart(1)
        fast.destroy()
        fast.undefine()
        assert changed_pools(connection, known) == [images.UUIDString(), fast.UUIDString()]


def test_what_a_look_finds_is_shown() -> None:
    with host_with(storage_refresh_interval=0) as host:
        before, made = names(host), pool_behind(host).createXML(VOLUME)
        with host.link.reading() as connection:
            host._look(connection)  # the first one reads everything
            assert names(host) == before | {"copied.img"}
            made.delete()
            host._look(connection)
        assert names(host) == before


LOCAL = {"virStorageVolGetName", "virStorageVolGetKey", "virStorageVolFree"}
