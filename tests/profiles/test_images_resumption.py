"""What became of copies and merges of images that a server was making when it died: verdicts, and offline copies."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.profiles.management import JOB, OK, rasd
from tests.profiles.pooled import Stock, stocked
from tests.profiles.storing import disk, volumes
from tests.profiles.test_storage_jobs import begun, facts_of

from virtcim.broker.call import Properties
from virtcim.broker.provider import Progress, Refused, Returned, Unknown
from virtcim.broker.schema import Schema
from virtcim.host import storage
from virtcim.host.blocks import Standing
from virtcim.profiles import dsp1047_images, images_resumption, storage_resumption

NEW, OLD, BASE = "/srv/new.img", "/srv/old.qcow2", "/srv/base.qcow2"
FACTS: Properties = {"name": "new.img", "disk": "vda", "system": "web1", "was": OLD}


@pytest.fixture
def stock(repository: Schema, node_uri: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stock]:
    """With jobs at once, and nobody who waits for what may still happen."""
    monkeypatch.setattr(dsp1047_images, "PATIENCE", 0.0)
    monkeypatch.setattr(storage_resumption, "GRACE", 0.0)
    with stocked(repository, node_uri) as stock:
        stock.define(ElementName="plain")
        yield stock


def found(image: str, same: bool, lies: bool = False, mirror: str | None = None) -> Any:
    """A disk as it stands, in the run of its system that the block job began in or another one."""
    return None, Standing(image, lies, mirror, None), same


# The disk, whether the time is up, whether it was to go on with the copy -> done, not yet, or why not
COPIES: dict[str, tuple[Any, bool, bool, bool | type[Exception]]] = {
    "went on": (found(NEW, True), False, True, True),
    "went on, and was restarted": (found(NEW, False), False, True, True),
    "may yet begin": (found(OLD, True), False, True, False),
    "did not begin": (found(OLD, True), True, True, Refused),
    "went off": (found(OLD, False), False, True, Refused),
    "its system is gone": (None, True, True, Refused),
    "a copy that may yet begin": (found(OLD, True), False, False, False),
    "a copy without a job": (found(OLD, True), True, False, Unknown),
    "a copy of a system that went off": (found(OLD, False), False, False, Unknown),
}


@pytest.mark.parametrize("case", COPIES)
def test_verdicts_on_a_copy(case: str) -> None:
    disk_found, late, pivot, verdict = COPIES[case]
    facts = {**FACTS, "pivot": pivot}
    if isinstance(verdict, bool):
        assert images_resumption.copied(disk_found, NEW, facts, late) is verdict
        return
    with pytest.raises(verdict, match=r"new\.img"):
        images_resumption.copied(disk_found, NEW, facts, late)


# The disk, whether its image lies on another, whether the time is up, where a commit went -> done, not yet, or why not
MERGES: dict[str, tuple[Any, bool, bool, str | None, bool | str]] = {
    "committed": (found(BASE, True), True, False, BASE, True),
    "committed, and restarted": (found(BASE, False), True, False, BASE, True),
    "commit may yet begin": (found(OLD, True), True, False, BASE, False),
    "commit did not begin": (found(OLD, True), True, True, BASE, "where it lay"),
    "commit of one that went off": (found(OLD, False), True, False, BASE, "where it lay"),
    "pulled": (found(OLD, True), False, False, None, True),
    "pulled, and off": (found(OLD, False), False, False, None, True),
    "pull may yet begin": (found(OLD, True), True, False, None, False),
    "pull of one that went off": (found(OLD, False), True, False, None, "where it lay"),
    "gone": (None, False, True, BASE, "is gone"),
}


@pytest.mark.parametrize("case", MERGES)
def test_verdicts_on_a_merge(case: str) -> None:
    disk_found, lies, late, below, verdict = MERGES[case]
    facts = {**FACTS, "below": below}
    if isinstance(verdict, bool):
        assert images_resumption.merged(disk_found, lies, facts, late) is verdict
        return
    with pytest.raises(Refused, match=verdict):
        images_resumption.merged(disk_found, lies, facts, late)


def found_out(stock: Stock, facts: Properties) -> Returned:
    return images_resumption.resume_copy(stock.client.world, facts).run(Progress())


def test_an_offline_copy_is_found_again(stock: Stock) -> None:
    """libvirt ends it without the server; whether the disk went on with it is seen at the disk."""
    assert stock.add("plain", disk()).value == OK
    settings = rasd("Disk", VolumeName="copy.img")
    answer = stock.call("CopyImage", Image=stock.setting_path("plain/vda"), Settings=settings)
    assert answer.value == JOB, answer.reason
    facts = facts_of(begun(stock, answer))
    assert getattr(found_out(stock, facts).out["Copy"], "id", None) == "/srv/images/copy.img"
    with pytest.raises(Refused, match=r"copy\.img in images was made, but .* before a disk"):
        found_out(stock, {**facts, "pivot": True})
    pool = stock.host.pool_named("images")
    assert pool is not None
    storage.delete_volume(pool, "copy.img")
    with pytest.raises(Refused, match="there is none"):
        found_out(stock, facts)
    assert "copy.img" not in volumes(stock)
