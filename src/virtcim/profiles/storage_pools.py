"""Storage pools and what is in them, made and removed: nothing half made, and nothing taken from those who use it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from virtcim.broker.call import Instance, Properties
from virtcim.broker.provider import Intent, Progress, Refused, Returned, Work
from virtcim.host import storage
from virtcim.host.errors import HostError
from virtcim.host.inventory import Host, Pool, Volume
from virtcim.host.storage import Build
from virtcim.mapping import ids, storage_settings
from virtcim.mapping.pools import storage_properties
from virtcim.mapping.storage import places
from virtcim.mapping.storage_settings import Making
from virtcim.mapping.volumes import RAW
from virtcim.messages import message
from virtcim.profiles import storage_host as stored
from virtcim.profiles import storage_resumption
from virtcim.profiles.pools import ResourcePool, pools_of
from virtcim.profiles.pools_lookup import settings_from
from virtcim.profiles.requests import given, refusing
from virtcim.profiles.storage_resumption import Made
from virtcim.profiles.storage_volumes import VolumeSetting, volume_settings

SETTING = "Settings[0]"
CREATES = 5  # ElementEffects of CIM_AffectedJobElement
PATIENCE = 5.0  # seconds that a client waits for what mostly takes no time, before it is told of a job
BUILDS = {
    Making.NOTHING: Build.NOTHING,
    Making.DIRECTORY: Build.DIRECTORY,
    Making.IF_EMPTY: Build.IF_EMPTY,
    Making.OVERWRITE: Build.OVERWRITE,
}


def create(host: Host, name: str, wanted: Properties) -> Work:
    """The making of a storage pool that can be, as far as can be seen before. Errors: Refused."""
    with refusing(SETTING):
        document = storage_settings.storage_document(name, wanted)
        build = BUILDS[storage_settings.making(str(document.type), wanted)]
    if host.pool_named(name) is not None:
        raise Refused("Failed", message("POOL_EXISTS", name))
    for other in host.pools:
        shared = storage_settings.clash(document, other.xml)
        if shared:
            raise Refused("Failed", f"{SETTING}: {shared} is in the storage pool {other.name} already")
    xml, autostart = document.xml, bool(wanted.get("Autostart"))

    def make() -> ResourcePool:
        made = storage.define(host, xml, name, build=build, autostart=autostart)
        return there(host, ids.pool_id("Disk", made.name))

    intent = storage_resumption.of_pool(host, name, autostart)
    return _work(f"make the storage pool {name}", make, "Pool", intent)


def there(host: Host, pool_id: str) -> ResourcePool:
    """A pool that has just been made. Errors: Refused."""
    found = pools_of(host).get(pool_id)
    if found is None:
        raise Refused("Failed", f"{pool_id} has disappeared")
    return found


def _work(name: str, make: Callable[[], object], parameter: str, intent: Intent) -> Work:
    """Work that ends with something new, in an out parameter."""
    affects: list[tuple[object, int]] = []

    def run(_: Progress) -> Returned:
        try:
            made = make()
        except HostError as error:  # a refusal, not a fault of the program
            raise Refused("Failed", error.message) from error
        affects.append((made, CREATES))
        returned = Returned()
        returned.out[parameter] = made
        return returned

    return Work(name, affects, run, patience=PATIENCE, intent=intent)


def remove(pool: ResourcePool) -> None:
    """Stop a storage pool and forget it; what is stored there stays. Errors: Refused, HostError."""
    source = storage_of(pool)
    named = next(settings_from(pool), None)
    user = named.id if named else next(users_of(source), None)
    if user is not None:
        raise Refused("In Use", message("POOL_IN_USE", pool.id, user))
    storage.remove(source)


def storage_of(pool: ResourcePool) -> Pool:
    """The storage pool of libvirt that a pool shows. Errors: Refused."""
    if not isinstance(pool.source, Pool):
        raise Refused("Not Supported", f"{pool.id} is no storage pool of libvirt")
    return pool.source


# Who uses what


def users_of(pool: Pool) -> Iterator[str]:
    """The systems, running or not, that have something of a storage pool: as medium or image, or below one."""
    held = {place for one in pool.volumes for place in places(pool.name, one.name, one.path)}
    for vm in pool.host.vms:
        for place in vm.paths:
            used = stored.chain(pool.host, place)
            if not held.isdisjoint(used) or any(_in_directory(pool, one) for one in used):
                yield vm.name
                break


def _in_directory(pool: Pool, place: str) -> bool:
    return not pool.active and place.startswith("/") and storage_settings.holds(pool.xml, place)


def users_of_volume(pool: Pool, volume: Volume) -> Iterator[str]:
    """The systems that have a volume as an image or below one, and the volumes that are overlays of it."""
    names = set(places(pool.name, volume.name, volume.path))
    for vm in pool.host.vms:
        if any(not names.isdisjoint(stored.chain(pool.host, place)) for place in vm.paths):
            yield vm.name
    for over in stored.volumes_on(pool.host).overlays.get(volume.path, ()):
        yield f"the overlay {over.volume.path}"


# What is in a storage pool


def create_volume(pool: ResourcePool, setting: Instance | None) -> Work:
    """The making of a volume for which there is room. Errors: Refused."""
    if setting is None:
        raise Refused("Invalid Parameter", message("SETTINGS_MISSING", "Settings"))
    source, wanted = storage_of(pool), given(setting)
    kind = str(storage_properties(source.xml)["StorageType"])
    with refusing("Settings"):
        document = storage_settings.volume_document(wanted, kind)
    needed = storage_settings.space_needed(document, kind)
    if source.active and needed > source.available:
        raise Refused("Failed", message("RESOURCE_EXHAUSTED", "Settings", needed, source.available, pool.id))
    xml, name = document.xml, str(document.name)

    def make() -> VolumeSetting:
        made = storage.create_volume(source, xml, name)
        fresh = source.host.pool_named(source.name) or source
        return next(one for one in volume_settings(fresh) if one.volume.name == made.name)

    made_of = Made(source.name, name, needed if document.format in (None, RAW) else 0)
    intent = storage_resumption.of_volumes(source.host, [made_of], used=False)
    return _work(f"make the volume {name} in {source.name}", make, "Resource", intent)


def delete_volume(pool: ResourcePool, setting: Instance | None) -> None:
    """Delete the volume of an Address that no system uses. Errors: Refused, HostError."""
    source = storage_of(pool)
    address = str(given(setting).get("Address") or "") if setting else ""
    volume = next((one for one in source.volumes if one.path == address), None)
    if volume is None:
        raise Refused("Invalid Parameter", f"Resource.Address {address!r} is no volume of {pool.id}")
    user = next(users_of_volume(source, volume), None)
    if user is not None:
        raise Refused("In Use", message("RESOURCE_IN_USE", "Resource.Address", repr(address), user))
    storage.delete_volume(source, volume.name)


def refresh(pool: ResourcePool) -> None:
    """Look again for the volumes. Errors: Refused, HostError."""
    storage.refresh(storage_of(pool))
