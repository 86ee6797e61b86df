"""Alerts of storage pools: they run out of space, have it again, or libvirt calls them degraded or inaccessible."""

from __future__ import annotations

from virtcim.broker.call import Instance, Path
from virtcim.host.inventory import Pool
from virtcim.mapping import ids
from virtcim.mapping.pools import STORAGE, TYPES
from virtcim.messages import message
from virtcim.profiles.alert import Alert, Subject, indication
from virtcim.profiles.elements import host_class

# Levels: how much of a pool must be left, in percent, for it to be no worse than that
PLENTY, LITTLE, NOTHING = 0, 1, 2
LITTLE_BELOW, NOTHING_BELOW = 5, 1
# virStoragePoolState
POOL_DEGRADED, POOL_INACCESSIBLE = 3, 4


def level(pool: Pool) -> int:
    """How short of space a pool is; one that is off, or of no known size, is not."""
    if not pool.active or not pool.capacity:
        return PLENTY
    left = pool.available * 100
    if left < NOTHING_BELOW * pool.capacity:
        return NOTHING
    return LITTLE if left < LITTLE_BELOW * pool.capacity else PLENTY


def alerts_of(old: Pool | None, new: Pool | None, time: str) -> list[Instance]:
    """CIM_AlertIndication, at a CIM datetime, of what has become of a pool; none where all is as it was."""
    if old is None or new is None:
        return []
    found = [("pool space", _space(old, new)), ("pool state", _state(old, new))]
    return [indication(alert, _subject(new), event, time) for event, alert in found if alert]


def _space(old: Pool, new: Pool) -> Alert | None:
    before, now = level(old), level(new)
    if now == before or not new.active:
        return None
    if now == NOTHING:
        return Alert(message("POOL_FULL", new.name, new.available, new.capacity))
    if now > before:
        return Alert(message("POOL_NEARLY_FULL", new.name, new.available, new.capacity))
    return Alert(message("POOL_HAS_SPACE", new.name, new.available, new.capacity))


def _state(old: Pool, new: Pool) -> Alert | None:
    if new.state == old.state:
        return None
    if new.state == POOL_INACCESSIBLE:
        return Alert(message("POOL_INACCESSIBLE", new.name))
    if new.state == POOL_DEGRADED:
        return Alert(message("POOL_DEGRADED", new.name))
    return None


def _subject(pool: Pool) -> Subject:
    host = pool.host
    pool_id = ids.pool_id(STORAGE, pool.name)
    classname = TYPES[ids.pool_id(STORAGE)].classname.replace("Virt_", f"{host.platform}_", 1)
    path = Path(classname, (("InstanceID", ids.host_scoped(host, pool_id)),))
    return Subject(pool.name, path, host_class(host), ids.host_token(host))
