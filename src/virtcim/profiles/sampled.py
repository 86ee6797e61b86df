"""Sample settings that spell capabilities out (DSP1043): their roles, their names, and how one is found by its name."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from virtcim.broker.call import Properties
from virtcim.broker.provider import Keys
from virtcim.host.inventory import Hosts
from virtcim.mapping import allocation, ids
from virtcim.mapping.allocation import Sample
from virtcim.profiles.elements import present

NOT_CHANGEABLE = 0  # ChangeableType
# PropertyPolicy, ValueRole and ValueRange by the role of a sample
ROLES = {
    "Default": (0, 0, 0),
    "Minimum": (0, 3, 1),
    "Maximum": (0, 3, 2),
    "Increment": (0, 3, 3),
    "Supported": (1, 3, 0),
}
SAMPLE_ID = re.compile(rf"(?P<owner>.+)/(?:{'|'.join(ROLES)})(?:/[^/]+)?")


class Owner(Protocol):
    """Capabilities that samples belong to."""

    @property
    def platform(self) -> str: ...
    @property
    def id(self) -> str: ...


@dataclass(frozen=True, eq=False)
class Sampled:
    """A sample setting of capabilities."""

    owner: Any
    sample: Sample
    properties: Properties

    @property
    def platform(self) -> str:
        found: str = self.owner.platform
        return found

    @property
    def id(self) -> str:
        return f"{ids.own_id('sample', self.owner.id)}/{self.sample.name}"


H = TypeVar("H", bound=Owner)
S = TypeVar("S", bound=Sampled)


def made(of: type[S], owner: Owner, samples: Iterable[Sample], common: Properties) -> tuple[S, ...]:
    """The samples of an owner, each with what all of them have."""
    return tuple(of(owner, sample, common | present(sample.properties)) for sample in samples)


def common(pool_id: str, resource_type: int, other_type: str | None, sub_type: str | None = None) -> Properties:
    """What all samples about a pool have."""
    properties: Properties = {
        "ResourceType": resource_type,
        "OtherResourceType": other_type,
        "PoolID": pool_id,
        "ResourceSubType": sub_type,
        "ChangeableType": NOT_CHANGEABLE,
        **allocation.units((ids.parse_pool_id(pool_id) or ("", ""))[0]),
    }
    return present(properties)


def finding(
    owners: Callable[[Hosts, str], Iterable[H]], samples: Callable[[H], Iterable[S]]
) -> Callable[[Hosts, Keys], Iterator[S]]:
    """How to find a sample by its InstanceID, where `owners` answers the capabilities with one."""

    def find(world: Hosts, keys: Keys) -> Iterator[S]:
        named = SAMPLE_ID.fullmatch(ids.parse_own_id("sample", str(keys["InstanceID"])) or "")
        found = (one for owner in owners(world, named["owner"] if named else "") for one in samples(owner))
        return (one for one in found if one.id == keys["InstanceID"])

    return find
