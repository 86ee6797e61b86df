"""Every profile of the package, for tests that hold of all of them."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator

from tests.profiles.client import Client

from virtcim import profiles
from virtcim.broker.provider import InstanceProvider, Profile


def all_profiles() -> list[Profile]:
    """Those that are ready when imported; one that has to be made of others is not among them."""
    names = [one.name for one in pkgutil.iter_modules(profiles.__path__) if one.name.startswith("dsp")]
    modules = [importlib.import_module(f"{profiles.__name__}.{name}") for name in names]
    return [module.profile for module in modules if isinstance(getattr(module, "profile", None), Profile)]


def objects(client: Client, provider: InstanceProvider) -> Iterator[object]:
    """The objects that a provider makes instances of."""
    found = client.broker.instances.catalog.sources[provider.of](client.world)
    return (one for one in found if provider.when(one))
