"""The settings that hold: defaults, a YAML file, the environment and flags, each over the one before."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, Field, fields
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

from virtcim.settings import Settings, complaints, embedded_node

__all__ = ["ConfigError", "Origins", "Settings", "embedded_node", "help_texts", "load", "render"]

Origins = Mapping[str, str]
"""Setting name -> where its value came from: "default", "flag --listen", "environment VIRTCIM_LISTEN", "file ..."."""

PREFIX = "VIRTCIM_"
FILE_VARIABLE = PREFIX + "CONFIG"
TEST_PREFIX = PREFIX + "TEST_"
DEFAULT = "default"


class ConfigError(Exception):
    """A setting that cannot be used; the text names the setting, where it was set and what is wrong with it."""

    def __init__(self, setting: str, source: str, reason: str) -> None:
        self.setting, self.source, self.reason = setting, source, reason
        super().__init__(f"{setting} ({source}): {reason}")


def load(flags: Mapping[str, object], environ: Mapping[str, str], file: Path | None = None) -> tuple[Settings, Origins]:
    """Settings and the origin of each; ConfigError for anything unknown or unusable.

    A flag that is None or empty counts as not given. Without file, the variable VIRTCIM_CONFIG may name it.
    """
    file = file or (Path(environ[FILE_VARIABLE]) if environ.get(FILE_VARIABLE) else None)
    values: dict[str, object] = {}
    origins: dict[str, str] = {}
    for spec in fields(Settings):
        values[spec.name], origins[spec.name] = _default(spec, environ), DEFAULT
    for name, raw, source in (*_from_file(file), *_from_environment(environ), *_from_flags(flags)):
        values[name], origins[name] = _read(name, raw, source), source
    settings = Settings(**values)  # type: ignore[arg-type]  # each value was read by its own parser
    for name, reason in complaints(settings):
        raise ConfigError(name, origins[name], reason)
    return settings, MappingProxyType(origins)


def render(settings: Settings, origins: Origins) -> str:
    """The effective settings as a YAML file that load() accepts, with help and origin as comments."""
    return "\n".join(_rendered(spec, getattr(settings, spec.name), origins[spec.name]) for spec in fields(Settings))


def help_texts() -> Mapping[str, str]:
    """Setting name -> its documentation."""
    return {spec.name: spec.metadata["help"] for spec in fields(Settings)}


def _rendered(spec: Field[Any], value: object, origin: str) -> str:
    plain = list(value) if isinstance(value, tuple) else str(value) if isinstance(value, Path) else value
    text = yaml.safe_dump(plain, default_flow_style=True, width=1000).removesuffix("...\n").rstrip()
    return f"# {spec.metadata['help']}\n{spec.name}: {text}  # {origin}\n"


def _default(spec: Field[Any], environ: Mapping[str, str]) -> object:
    return spec.default if spec.default is not MISSING else spec.metadata["make"](environ)


def _from_flags(flags: Mapping[str, object]) -> Iterable[tuple[str, object, str]]:
    for name, raw in flags.items():
        if raw is not None and raw != ():
            yield name, raw, "flag --" + name.replace("_", "-")


def _from_environment(environ: Mapping[str, str]) -> Iterable[tuple[str, object, str]]:
    for variable, raw in environ.items():
        if variable.startswith(PREFIX) and variable != FILE_VARIABLE and not variable.startswith(TEST_PREFIX):
            yield variable.removeprefix(PREFIX).lower(), raw, f"environment {variable}"


def _from_file(file: Path | None) -> Iterable[tuple[str, object, str]]:
    if file is None:
        return
    source = f"file {file}"
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError("config", source, error.strerror or str(error)) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError("config", source, f"not YAML: {error}") from error
    if content is None:
        return
    if not isinstance(content, dict):
        raise ConfigError("config", source, f"must be a mapping of settings, not {type(content).__name__}")
    for name, raw in content.items():
        yield str(name), raw, source


def _read(name: str, raw: object, source: str) -> object:
    known = {spec.name: spec for spec in fields(Settings)}
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        raise ConfigError(name, source, "no such setting" + (f"; did you mean {near[0]}?" if near else ""))
    try:
        return known[name].metadata["read"](raw)
    except ValueError as error:
        raise ConfigError(name, source, str(error)) from error
