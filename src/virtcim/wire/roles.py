"""Roles: what they allow, who has them, and the YAML file that says so."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import yaml

from virtcim.broker.call import Call
from virtcim.wire.names import READ, SESSION, WRITE, is_intrinsic

Ancestry = Callable[[str], Iterable[str]]
"""A class and its superclasses, in lower case; of an unknown class its name alone."""

ANY = ("*",)
_POWER = frozenset({"requeststatechange", "requestpowerstatechange", "setpowerstate", "killjob"})
_SETS: Mapping[str, Callable[[Call], bool]] = {
    "@read": lambda call: is_intrinsic(call) and call.name.lower() in READ,
    "@write": lambda call: is_intrinsic(call) and call.name.lower() in WRITE,
    "@methods": lambda call: not is_intrinsic(call),
    "@power": lambda call: not is_intrinsic(call) and call.name.lower() in _POWER,
}
_RULE_KEYS = {"operations", "namespaces", "classes"}
_FILE_KEYS = {"roles", "users", "groups", "certificates", "default"}


@dataclass(frozen=True, slots=True)
class Rule:
    """Allows calls by patterns in lower case: operation or method, namespace, and the class of the objects."""

    operations: tuple[str, ...]
    namespaces: tuple[str, ...] = ANY
    classes: tuple[str, ...] = ANY

    def covers(self, call: Call, namespaces: Iterable[str]) -> bool:
        """Whether operation and namespace fit; `namespaces` are all names of the call's."""
        fits = any(_operation_fits(pattern, call) for pattern in self.operations)
        return fits and any(_fits(self.namespaces, name) for name in namespaces)

    def shows(self, classname: str, ancestry: Ancestry) -> bool:
        """Whether instances of a class may be seen: the class or one of its superclasses fits."""
        return self.classes == ANY or any(_fits(self.classes, name) for name in ancestry(classname))


Role = tuple[Rule, ...]
BUILT_IN: Mapping[str, Role] = {
    "reader": (Rule(("@read",)),),
    "operator": (Rule(("@read", "@power")),),
    "administrator": (Rule(ANY),),
}


@dataclass(frozen=True, slots=True)
class Access:
    """Who has which roles. `default` are those of a user who is named nowhere."""

    roles: Mapping[str, Role] = field(default_factory=lambda: BUILT_IN)
    users: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: {"root": ("administrator",)})
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    certificates: Mapping[str, str] = field(default_factory=dict)
    default: tuple[str, ...] = ("reader",)

    def names(self, user: str, groups: Iterable[str]) -> tuple[str, ...]:
        """The roles of a user of these groups."""
        named = [*self.users.get(user, ()), *(role for group in groups for role in self.groups.get(group, ()))]
        return tuple(dict.fromkeys(named)) or self.default

    def rules(self, names: Iterable[str]) -> Role:
        """All that the named roles allow."""
        return tuple(rule for name in names for rule in self.roles[name])


def read_access(path: Path) -> Access:
    """The roles and users of a file. Errors: OSError; ValueError that names the place and the reason."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        return _access(content if content is not None else {})
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: not YAML: {error}") from error
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _access(content: object) -> Access:
    given = _mapping("the file", content)
    _check_keys("the file", given, _FILE_KEYS)
    own = {name: _role(name, rules) for name, rules in _mapping("roles", given.get("roles")).items()}
    if taken := own.keys() & BUILT_IN.keys():
        raise ValueError(f"roles: {', '.join(sorted(taken))} cannot be defined anew")
    roles = {**BUILT_IN, **own}
    users = {"root": ("administrator",), **_holders("users", given, roles)}
    certificates = {
        name.lower().replace(":", "") if name.lower().startswith("sha256:") else name: _text("certificates", user)
        for name, user in _mapping("certificates", given.get("certificates")).items()
    }
    default = _known("default", given.get("default", []), roles)
    return Access(roles, users, _holders("groups", given, roles), certificates, default)


def _holders(section: str, given: Mapping[str, Any], roles: Mapping[str, Role]) -> dict[str, tuple[str, ...]]:
    held = _mapping(section, given.get(section))
    return {name: _known(f"{section}: {name}", names, roles) for name, names in held.items()}


def _role(name: str, rules: object) -> Role:
    if not isinstance(rules, list) or not rules:
        raise ValueError(f"roles: {name} must be a list of rules")
    return tuple(_rule(f"roles: {name}: rule {number}", rule) for number, rule in enumerate(rules, 1))


def _rule(where: str, rule: object) -> Rule:
    given = _mapping(where, rule)
    _check_keys(where, given, _RULE_KEYS)
    if "operations" not in given:
        raise ValueError(f"{where} has no operations")
    patterns = {key: tuple(text.lower() for text in _texts(f"{where}: {key}", value)) for key, value in given.items()}
    for pattern in patterns["operations"]:
        if pattern.startswith("@") and pattern not in _SETS:
            raise ValueError(f"{where}: {pattern} is none of {', '.join(_SETS)}")
    return Rule(**patterns)


def _operation_fits(pattern: str, call: Call) -> bool:
    if pattern in _SETS:
        return _SETS[pattern](call)
    name = call.name.lower()
    return fnmatchcase(name, pattern) or (is_intrinsic(call) and name in SESSION)


def _fits(patterns: Iterable[str], name: str) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _known(where: str, names: object, roles: Mapping[str, Role]) -> tuple[str, ...]:
    found = _texts(where, names)
    for name in found:
        if name not in roles:
            raise ValueError(f"{where}: there is no role {name}, but {', '.join(roles)}")
    return found


def _texts(where: str, value: object) -> tuple[str, ...]:
    found = [value] if isinstance(value, str) else value
    if not isinstance(found, list) or not all(isinstance(text, str) and text for text in found):
        raise ValueError(f"{where} must be one or more texts, not {value!r}")
    return tuple(found)


def _text(where: str, value: object) -> str:
    if isinstance(value, str) and value:
        return value
    raise ValueError(f"{where} must map to texts, not {value!r}")


def _mapping(where: str, value: object) -> Mapping[str, Any]:
    if value is None:
        return {}
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return value
    raise ValueError(f"{where} must be a mapping with texts as keys, not {value!r}")


def _check_keys(where: str, given: Mapping[str, Any], known: set[str]) -> None:
    for key in given:
        if key not in known:
            raise ValueError(f"{where} has no {key}, but {', '.join(sorted(known))}")
