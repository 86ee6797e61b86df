"""The keys of snapshots; beside ids, which makes and parses all others."""

from __future__ import annotations

from urllib.parse import unquote

from virtcim.mapping import ids
from virtcim.mapping.ids import PLATFORMS, SNAPSHOT, Named


def snapshot_id(vm: Named, name: str) -> str:
    """The InstanceID of the VSSD that a snapshot is."""
    return f"{vm.platform}:{_place(vm, name)}"


def snapshot_setting_id(vm: Named, name: str, dev: str) -> str:
    """The InstanceID of a RASD of a snapshot; `dev` as of any other."""
    return f"{_place(vm, name)}/{dev}"


def _place(vm: Named, name: str) -> str:
    return f"{ids.system_token(vm)}/{SNAPSHOT}/{_without_slash(name)}"


def _without_slash(name: str) -> str:
    """Only what would be taken for another part of the InstanceID is written as its code."""
    return name.replace("%", "%25").replace("/", "%2F")


def parse_snapshot_id(text: str) -> tuple[str, str] | None:
    """(token, name) in the InstanceID of a snapshot, None when it is none."""
    platform, _, rest = text.partition(":")
    token, _, place = rest.partition("/")
    word, _, name = place.partition("/")
    found = platform in PLATFORMS and token and word == SNAPSHOT and name and "/" not in name
    return (token, unquote(name)) if found else None


def parse_snapshot_setting_id(text: str) -> tuple[str, str, str] | None:
    """(token, name, dev) in the InstanceID of a RASD of a snapshot, None when it is none."""
    token, _, place = text.partition("/")
    word, _, rest = place.partition("/")
    name, _, dev = rest.partition("/")
    return (token, unquote(name), dev) if token and word == SNAPSHOT and name and dev else None


def snapshot_capabilities_id(vm: Named) -> str:
    """The InstanceID of what snapshots can be taken of a system."""
    return f"{ids.system_token(vm)}/{ids.SNAPSHOT_CAPABILITIES}"


def parse_snapshot_capabilities_id(text: str) -> str | None:
    """The token in a snapshot_capabilities_id, None when it is none."""
    token, _, word = text.rpartition("/")
    return token if token and word == ids.SNAPSHOT_CAPABILITIES else None
