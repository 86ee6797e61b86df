"""Requests for storage on the embedded node, and what is in its pools."""

from __future__ import annotations

from typing import Any

from tests.profiles.management import rasd
from tests.profiles.pooled import Stock

from virtcim.broker.call import Instance, Path
from virtcim.broker.provider import model_path
from virtcim.host.inventory import Volume

GIB, BLOCKS = 2**30, 2**21  # bytes, and blocks of 512 of them
IMAGES, FAST = "DiskPool/images", "DiskPool/fast"


def disk(**properties: Any) -> Instance:
    """A request for a GiB of storage, unless something else is said."""
    given = {"PoolID": IMAGES, "VirtualQuantity": BLOCKS, **properties}
    return rasd("Disk", **{name: value for name, value in given.items() if value is not None})


def volumes(stock: Stock, pool: str = "images") -> dict[str, Volume]:
    found = stock.host.pool_named(pool)
    assert found is not None
    return {one.name: one for one in found.volumes}


def volume_path(stock: Stock, name: str = "base.qcow2") -> Path:
    """The instance path of a volume."""
    found = stock.client.instances("CIM_StorageExtent")
    return next(one.path for one in found if one.properties.get("ElementName") == name)


def volume_uri(stock: Stock, name: str = "base.qcow2") -> str:
    """The same as text, as HostResource holds it."""
    return f"/{model_path(volume_path(stock, name))}"


def shown(stock: Stock, instance_id: str) -> dict[str, Any]:
    return dict(stock.client.get(stock.setting_path(instance_id)).properties)
