"""The registered profiles: the facts of profiles/*.yaml as objects, what conforms to them, what they build on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path as File
from typing import Any

import yaml

from virtcim.broker.provider import As, Central, Profile

ORGANIZATIONS = {"DMTF": 2, "SNIA": 11}  # RegisteredOrganization
OTHER = 1
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the start would wait for the one in Python


class FactsError(Exception):
    """A file of profile facts that cannot be used; the message names the file and the key."""


@dataclass(frozen=True, eq=False)
class Registration:
    """One CIM_RegisteredProfile: a name and version under which a profile is found.

    Of the platform's class where the server has one platform, which is what clients of libvirt-cim look for.
    """

    dsp: str
    organization: str
    name: str
    version: str
    instance_id: str
    platform: str | None = None

    @property
    def organization_number(self) -> int:
        return ORGANIZATIONS.get(self.organization, OTHER)


@dataclass(frozen=True)
class Facts:
    """What registration needs of one profile's file; `references` are the profiles it builds on, as dsp1052."""

    registrations: tuple[Registration, ...]
    references: tuple[str, ...]


def load_facts(directory: File, platform: str | None = None) -> dict[str, Facts]:
    """The facts of every profile that is registered, by its file's stem. Errors: FactsError."""
    found = {file.stem: _facts(file, platform) for file in sorted(directory.glob("*.yaml"))}
    ids = [one.instance_id for facts in found.values() for one in facts.registrations]
    repeated = sorted({one for one in ids if ids.count(one) > 1})
    if repeated:
        raise FactsError(f"{directory}: instance_id {', '.join(repeated)} is registered more than once")
    return {name: facts for name, facts in found.items() if facts.registrations}


def _facts(file: File, platform: str | None) -> Facts:
    try:
        content = yaml.load(file.read_text(encoding="utf-8"), _LOADER)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise FactsError(f"{file}: not YAML: {error}") from error
    if not isinstance(content, dict):
        raise FactsError(f"{file}: must be a mapping, not {type(content).__name__}")
    references = _list(file, content, "references")
    registrations = [_registration(file, content, one, platform) for one in _list(file, content, "registrations")]
    return Facts(tuple(registrations), tuple(str(one) for one in references))


def _list(file: File, content: Mapping[str, Any], key: str) -> list[Any]:
    value = content.get(key)
    if not isinstance(value, list):
        raise FactsError(f"{file}: {key} must be a list, not {value!r}")
    return value


def _registration(file: File, content: Mapping[str, Any], one: object, platform: str | None) -> Registration:
    if not isinstance(one, dict):
        raise FactsError(f"{file}: an entry of registrations must be a mapping, not {one!r}")
    name, version, instance_id = (_text(file, one, key) for key in ("name", "version", "instance_id"))
    return Registration(file.stem, _text(file, content, "organization"), name, version, instance_id, platform)


def _text(file: File, content: Mapping[str, Any], key: str) -> str:
    value = content.get(key)
    if not isinstance(value, str) or not value:
        raise FactsError(f"{file}: {key} must be a text, not {value!r}")
    return value


class Registry:
    """The registrations of the profiles that are served, over a world; a profile without facts is not registered."""

    def __init__(self, facts: Mapping[str, Facts], profiles: Sequence[Profile], world: Any) -> None:
        served = {profile.facts: profile for profile in profiles if profile.facts in facts}
        self._facts = {dsp: facts[dsp] for dsp in served}
        self._centrals = {dsp: tuple(profile.centrals) for dsp, profile in served.items()}
        self._profiles = tuple(profiles)
        self._world = world
        self._by_id = {one.instance_id: one for facts in self._facts.values() for one in facts.registrations}

    @cached_property
    def _sources(self) -> Mapping[type, Callable[[Any], Iterable[object]]]:
        """Read when first needed: profiles go on declaring while this is made."""
        return {kind: objects for profile in self._profiles for kind, objects in profile.sources.items()}

    def all(self) -> Iterable[Registration]:
        return self._by_id.values()

    def find(self, instance_id: str) -> list[Registration]:
        found = self._by_id.get(instance_id)
        return [found] if found else []

    def central_classes(self) -> list[str]:
        """The classes of central instances, each once."""
        return list(dict.fromkeys(one.classname for centrals in self._centrals.values() for one in centrals))

    def conforming(self, registration: Registration, classname: str) -> Iterator[object]:
        """The objects that conform to a profile as instances of one of its central classes."""
        for central in self._centrals[registration.dsp]:
            if central.classname == classname:
                yield from self._sources[central.of](self._world)

    def central_instances(self, registration: Registration) -> Iterator[As]:
        """All that conforms to a profile."""
        for classname in dict.fromkeys(one.classname for one in self._centrals[registration.dsp]):
            for target in self.conforming(registration, classname):
                yield As(target, classname)

    def standards(self, target: object, classname: str) -> Iterator[Registration]:
        """The profiles that an object conforms to as an instance of a central class."""
        wanted = Central(classname, type(target))
        for dsp, centrals in self._centrals.items():
            if wanted in centrals:
                yield from self._facts[dsp].registrations

    def references(self, registration: Registration) -> Iterator[Registration]:
        """The profiles that a profile builds on, as far as they are served."""
        for dsp in self._facts[registration.dsp].references:
            if dsp in self._facts:
                yield from self._facts[dsp].registrations

    def referrers(self, registration: Registration) -> Iterator[Registration]:
        """The profiles that build on a profile."""
        for facts in self._facts.values():
            if registration.dsp in facts.references:
                yield from facts.registrations
