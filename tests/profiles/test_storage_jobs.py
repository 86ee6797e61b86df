"""Storage that takes long on the embedded node: made by a job, taken back when that is ended, and found again later."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from tests.profiles.client import out
from tests.profiles.management import JOB, OK, rasd
from tests.profiles.pooled import Stock, stocked
from tests.profiles.storing import BLOCKS, GIB, IMAGES, disk, shown, volumes
from tests.profiles.test_pools_service import call, create, volume

from virtcim.broker.call import MethodAnswer, Properties
from virtcim.broker.jobs import COMPLETED, RUNNING, TERMINATED
from virtcim.broker.provider import Job, Progress, Refused, Returned, Unknown
from virtcim.broker.schema import Schema
from virtcim.host import storage
from virtcim.host.inventory import Volume
from virtcim.host.storage import Standing
from virtcim.profiles import dsp1047_requests, storage_pools, storage_resumption
from virtcim.profiles.storage_resumption import Made

THICK = {"Reservation": BLOCKS, "VolumeName": "thick.img"}


@pytest.fixture(scope="module")
def node(repository: Schema, node_uri: str) -> Iterator[Stock]:
    """With a system "plain" that has no disks."""
    with stocked(repository, node_uri) as stock:
        stock.define(ElementName="plain")
        yield stock


@pytest.fixture
def stock(node: Stock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stock]:
    """With jobs at once, and nobody who waits for what may still happen; nothing is left of a test."""
    for module in (dsp1047_requests, storage_pools):
        monkeypatch.setattr(module, "PATIENCE", 0.0)
    monkeypatch.setattr(storage_resumption, "GRACE", 0.0)
    before = volumes(node).keys()
    yield node
    for name in node.settings("plain"):
        if name.startswith("vd"):
            assert node.remove(f"plain/defined/{name}").value == OK
    pool = node.host.pool_named("images")
    assert pool is not None
    for name in volumes(node).keys() - before:
        storage.delete_volume(pool, name)


def begun(stock: Stock, answer: MethodAnswer) -> Job:
    assert answer.value == JOB, answer.reason
    path = str(getattr(out(answer, "Job"), "key", str)("InstanceID"))
    return next(job for job in stock.client.jobs if path.endswith(job.id))


def test_a_thick_disk_by_a_job(stock: Stock) -> None:
    job = begun(stock, stock.add("plain", disk(**THICK)))
    assert job.ended.wait(20)
    assert (job.state, job.progress.percent, job.error) == (COMPLETED, 100, "")
    assert (volumes(stock)["thick.img"].allocation, shown(stock, "plain/vda")["Reservation"]) == (GIB, BLOCKS)


@pytest.mark.parametrize("method", ["AddResourceSettings", "DefineSystem"])
def test_a_thick_disk_whose_job_is_ended(stock: Stock, monkeypatch: pytest.MonkeyPatch, method: str) -> None:
    """While libvirt makes the volume: it is gone, and no system has changed."""
    making, go_on = threading.Event(), threading.Event()
    make = storage.create_volume

    def slowly(*given: object, **named: object) -> Volume:
        made = make(*given, **named)  # type: ignore[arg-type]
        making.set()
        assert go_on.wait(20)
        return made

    monkeypatch.setattr(storage, "create_volume", slowly)
    before = stock.everything(), volumes(stock).keys()
    one = disk(**THICK)
    job = begun(stock, stock.add("plain", one) if method.startswith("Add") else stock.define(one, ElementName="new"))
    assert making.wait(20)
    assert (job.state, "thick.img" in volumes(stock)) == (RUNNING, True)
    assert stock.client.jobs.terminate(job)
    go_on.set()
    assert job.ended.wait(20)
    assert (job.state, "thick.img" in job.error) == (TERMINATED, True)
    assert (stock.everything(), volumes(stock).keys()) == before


# After the server has died: the facts that a job was kept with, and what libvirt then has


def found_out(stock: Stock, facts: Properties, *, pool: bool = False) -> Returned:
    resume = storage_resumption.resume_pool if pool else storage_resumption.resume_volumes
    return resume(stock.client.world, facts).run(Progress())


def facts_of(job: Job) -> Properties:
    assert job.ended.wait(20)
    assert job.work.intent is not None
    return job.work.intent.facts


def test_a_thick_disk_is_found_again(stock: Stock) -> None:
    facts = facts_of(begun(stock, stock.add("plain", disk(**THICK), disk(**THICK | {"VolumeName": "second.img"}))))
    assert found_out(stock, facts).value == OK
    assert stock.remove("plain/defined/vdb").value == OK
    with pytest.raises(Refused, match=r"second\.img in images was made, but .* before a disk"):
        found_out(stock, facts)
    pool = stock.host.pool_named("images")
    assert pool is not None
    storage.delete_volume(pool, "second.img")
    with pytest.raises(Refused, match=r"second\.img in images was made: there is none"):
        found_out(stock, facts)


def test_a_volume_is_found_again(stock: Stock) -> None:
    wanted = volume(VolumeName="made.img", FormatType=1, Capacity=4, AllocationUnits="M")
    answer = call(stock, "CreateResourceInPool", Settings=wanted, Pool=stock.pool_path(IMAGES))
    facts = facts_of(begun(stock, answer))
    found = found_out(stock, facts).out["Resource"]
    assert getattr(found, "id", None) == "/srv/images/made.img"
    with pytest.raises(Refused, match="is not whole: 4194304 of 8388608 bytes"):
        found_out(stock, {**facts, "reserved": [8 * 2**20]})


def test_a_pool_is_found_again(stock: Stock) -> None:
    wanted = rasd("DiskPool", ResourceType=31, ResourceSubType="Virt:dir", Path="/srv/again", Autostart=1)
    facts = facts_of(begun(stock, create(stock, "again", wanted)))
    assert getattr(found_out(stock, facts, pool=True).out["Pool"], "id", None) == "DiskPool/again"
    with stock.host.link.borrow() as connection:
        connection.storagePoolLookupByName("again").setAutostart(False)
    with pytest.raises(Refused, match="does not start by itself"):
        found_out(stock, facts, pool=True)
    made = stock.host.pool_named("again")
    assert made is not None
    storage.remove(made)
    with pytest.raises(Refused, match="libvirt has none of that name"):
        found_out(stock, facts, pool=True)


def test_a_host_that_is_driven_no_more(stock: Stock) -> None:
    facts = storage_resumption.of_volumes(stock.host, [Made("fast", "x", 1)], used=False).facts
    with pytest.raises(Unknown, match="does not drive"):
        found_out(stock, {**facts, "hostUuid": "00000000-0000-4000-8000-00000000dead"})


# How far a pool is, whether it was to start by itself, whether the time is up -> made, not yet, or not made.
ACTIVE, STILL, BUILDING = Standing(True, False, False), Standing(False, False, False), Standing(False, True, False)
VERDICTS: dict[str, tuple[Standing | None, bool, bool, bool | str]] = {
    "active": (ACTIVE, False, False, True),
    "active and starts": (Standing(True, False, True), True, False, True),
    "about to start by itself": (ACTIVE, True, False, False),
    "does not start by itself": (ACTIVE, True, True, "does not start by itself"),
    "not yet active": (STILL, False, False, False),
    "not active": (STILL, False, True, "it is defined, and not active"),
    "being built": (BUILDING, False, False, False),
    "being built for long": (BUILDING, False, True, False),
    "not yet defined": (None, False, False, False),
    "none": (None, False, True, "none of that name"),
}


@pytest.mark.parametrize("case", VERDICTS)
def test_verdicts_on_a_pool(case: str) -> None:
    now, autostart, late, verdict = VERDICTS[case]
    if isinstance(verdict, bool):
        assert storage_resumption.pool_verdict(now, "new", autostart, late) is verdict
        return
    with pytest.raises(Refused, match=verdict):
        storage_resumption.pool_verdict(now, "new", autostart, late)
