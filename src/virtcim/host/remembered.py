"""Objects of a host as JSON values and back: what they were once, for comparing with what they are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from virtcim.host.addresses import Peer
from virtcim.host.events import Topic
from virtcim.host.inventory import Host, Network, NodeDevice, Pool, Underway, Vm, Volume
from virtcim.host.records import (
    DomainRecord,
    NetworkRecord,
    NodeDeviceRecord,
    PoolRecord,
    SnapshotRecord,
    VolumeRecord,
)
from virtcim.host.states import DomainState
from virtcim.model.nodedev import Passable
from virtcim.model.storage import Image


def objects(host: Host) -> dict[tuple[str, str], object]:
    """All that is known of a host, by kind and key."""
    found: dict[tuple[str, str], object] = {}
    for topic, items in (
        (Topic.NETWORK, host.networks),
        (Topic.NODE_DEVICE, host.node_devices),
        (Topic.POOL, host.pools),
        (Topic.VOLUME, host.volumes),
        (Topic.DOMAIN, host.vms),
    ):
        for one in items:
            found[topic.value, key_of(topic, one)] = one
    return found


def key_of(topic: Topic, one: Any) -> str:
    """What tells an object from others of its kind on its host."""
    return f"{one.pool_uuid}/{one.name}" if topic is Topic.VOLUME else str(one.key)


def document(one: Any) -> dict[str, Any]:
    """An object as a JSON value. Secrets are not part of what the inventory reads."""
    made: dict[str, Any] = {"record": asdict(one.record)}
    if isinstance(one, Vm):
        made |= {"viewers": one.viewers, "underway": one.underway, "passing": one.passing, "paths": sorted(one.paths)}
        made |= {"images": dict(one.images), "passed": dict(one.passed)}
    return made


def restored(host: Host, kind: str, value: Any) -> object | None:
    """The object that a document tells of; None when this version cannot read it."""
    try:
        return _MAKE[Topic(kind)](host, value)
    except (KeyError, TypeError, ValueError):
        return None


def _vm(host: Host, value: Any) -> Vm:
    given = dict(value["record"])
    snapshots = tuple(SnapshotRecord(**one) for one in given.get("snapshots", ()))
    record = DomainRecord(**{**given, "state": DomainState(given["state"]), "snapshots": snapshots})
    underway = None if value["underway"] is None else Underway(*map(int, value["underway"]))
    used: dict[str, Any] = {
        "viewers": tuple(Peer(*one) for one in value.get("viewers", ())),
        "paths": frozenset(value["paths"]),
        "images": {path: Image(*found) for path, found in value["images"].items()},
        "passing": value["passing"],
        "passed": {place: Passable(*found) for place, found in value["passed"].items()},
    }
    beside: dict[str, Any] = {"facts": host.facts, "since": None, "underway": underway}
    return Vm(**vars(record), **used, **beside, host=host, record=record)


def _pool(host: Host, value: Any) -> Pool:
    given = dict(value["record"])
    volumes = tuple(VolumeRecord(**one) for one in given["volumes"])
    record = PoolRecord(**{**given, "volumes": volumes})
    made = tuple(Volume(**vars(one), host=host, record=one) for one in volumes)
    return Pool(**{**vars(record), "volumes": made}, host=host, record=record)


def _plain(make: Callable[..., object], of: Callable[..., Any]) -> Callable[[Host, Any], object]:
    def restore(host: Host, value: Any) -> object:
        record = of(**value["record"])
        return make(**vars(record), host=host, record=record)

    return restore


_MAKE: dict[Topic, Callable[[Host, Any], object]] = {
    Topic.DOMAIN: _vm,
    Topic.POOL: _pool,
    Topic.VOLUME: _plain(Volume, VolumeRecord),
    Topic.NETWORK: _plain(Network, NetworkRecord),
    Topic.NODE_DEVICE: _plain(NodeDevice, NodeDeviceRecord),
}
