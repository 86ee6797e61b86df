"""Make docs/profiles/, docs/messages.md and the settings table of docs/operations.md from the code and its data.

Run from the project root: `python -m tools.profile_docs` (or `make docs`); with `--check` nothing is written, and the
exit status is 1 if a file is not what it should be.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml
from tools import message_docs

from virtcim import config
from virtcim.__main__ import make_catalog, server_facts
from virtcim.broker.catalog import Catalog
from virtcim.broker.jobs import Jobs
from virtcim.broker.provider import Profile
from virtcim.host.inventory import Hosts
from virtcim.host.settings import HostSettings
from virtcim.resources import profiles_dir

ROOT = Path(__file__).parents[1]
OPERATIONS = "docs/operations.md"
SETTINGS = ("<!-- settings: made by make docs -->", "<!-- end of settings -->")
HINT = "run: make docs"
NO_FACTS: Mapping[str, Any] = {"title": "", "kind": "", "registrations": [], "references": [], "requirements": []}
TITLES = {"filters": "Network filters", "dsp1103": "Job Control"}  # of profiles that are served but not registered


@dataclass(frozen=True)
class Page:
    """One profile: its file in profiles/, its declarations in the code; either may be missing."""

    dsp: str
    facts: Mapping[str, Any]
    profile: Profile | None

    @property
    def title(self) -> str:
        return str(self.facts.get("title") or TITLES[self.dsp])


def catalog(cache: Path) -> Catalog:
    """The profiles as the server has them, over the classes of one platform."""
    settings, _ = config.load({"state_dir": str(cache)}, {})
    hosts = Hosts(settings.connect, HostSettings())
    return make_catalog(settings, hosts, Jobs(0, str), server_facts(settings, list, lambda: 0))


def pages(known: Catalog) -> list[Page]:
    """A page for each file of facts and for each profile without one, in order of their numbers."""
    facts = {file.stem: yaml.safe_load(file.read_text(encoding="utf-8")) for file in profiles_dir().glob("*.yaml")}
    served = {profile.facts: profile for profile in known.profiles}
    return [Page(dsp, facts.get(dsp, NO_FACTS), served.get(dsp)) for dsp in sorted({*facts, *served})]


def table(*head: str, rows: Iterable[Iterable[str]]) -> Iterator[str]:
    """A table in Markdown; nothing when there is no row."""
    lines = [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows]
    if lines:
        yield from (f"| {' | '.join(head)} |", f"|{'---|' * len(head)}", *lines, "")


def section(title: str, lines: Iterable[str]) -> Iterator[str]:
    """A heading over lines; nothing when there are none."""
    found = list(lines)
    if found:
        yield from (f"## {title}", "", *found)


def bullets(texts: Iterable[str]) -> Iterator[str]:
    lines = [f"* {text}" for text in texts]
    if lines:
        yield from (*lines, "")


def page_text(page: Page, known: Catalog) -> str:
    """One page of docs/profiles/."""
    lines = [
        f"<!-- Made by make docs from profiles/{page.dsp}.yaml, the MOF and the code: do not edit. -->",
        f"# {page.dsp.upper()} {page.title}",
        "",
        *_identity(page),
    ]
    if page.profile is not None:
        lines += section("Classes", _classes(page.profile, known))
        lines += section("Associations", _associations(page.profile))
        lines += section("Methods", _methods(page.profile))
        lines += section("Methods that are left out", _left_out(page.profile))
    lines += section("What is left out", bullets(page.facts.get("leaves_out", ())))
    lines += section("What the published text leaves open", bullets(page.facts.get("uncertain", ())))
    lines += section("Requirements", _requirements(page))
    return "\n".join(lines).rstrip() + "\n"


def _identity(page: Page) -> Iterator[str]:
    facts = page.facts
    registrations = facts["registrations"]
    if registrations:
        yield from table("registered name", "version", "InstanceID", rows=map(_registration, registrations))
        yield from _about(facts)
    elif facts["kind"] == "protocol":
        yield from ("A protocol: it has no classes of its own and is not registered.", "")
    elif facts["kind"] == "messages":
        yield from ("What errors and alerts [say](../messages.md); there is nothing to register it by.", "")
    else:
        yield from ("Served, but not registered.", "")
    references = facts["references"]
    if references:
        levels = facts.get("reference_levels", {})
        links = (f"[{dsp.upper()}]({dsp}.md) ({levels.get(dsp, 'optional')})" for dsp in references)
        yield from (f"Builds on {', '.join(links)}.", "")


def _registration(one: Mapping[str, str]) -> tuple[str, ...]:
    return one["name"], one["version"], f"`{one['instance_id']}`"


def _about(facts: Mapping[str, Any]) -> Iterator[str]:
    path = "".join(f", reached by `{step}`" for step in facts["scoping_path"])
    scope = f"`{facts['scoping_class']}`{path}"
    yield from (f"{facts['kind'].capitalize()} profile; central class `{facts['central_class']}`, scope {scope}.", "")


def _classes(profile: Profile, known: Catalog) -> Iterator[str]:
    made = dict.fromkeys((one.classname, one.namespace) for one in profile.instances)
    rows = ((f"`{name}`", f"`{known.schema.get(name).superclass}`", space, _says(name, known)) for name, space in made)
    yield from table("class", "is a", "namespace", "what it is", rows=rows)


def _says(classname: str, known: Catalog) -> str:
    described = known.schema.declared(classname).qualifiers.get("Description")
    return " ".join(described.value.split()) if described else ""


def _associations(profile: Profile) -> Iterator[str]:
    rows = (
        (f"`{one.classname}`", *(f"{end.role}: `{end.classname}`" for end in (one.a, one.b)))
        for one in profile.associations
    )
    yield from table("class", "one end", "other end", rows=dict.fromkeys(rows))


def _methods(profile: Profile) -> Iterator[str]:
    rows = ((f"`{one.classname}`", f"`{one.name}`") for one in profile.methods)
    yield from table("class", "method", rows=rows)


def _left_out(profile: Profile) -> Iterator[str]:
    rows = [(f"`{classname}`", f"`{method}`", why) for classname, method, why in profile.unsupported]
    if rows:
        yield from ("They answer `CIM_ERR_METHOD_NOT_AVAILABLE` (16) with the reason.", "")
        yield from table("class", "method", "why", rows=rows)


def _requirements(page: Page) -> Iterator[str]:
    rows = [(one["id"], one["level"], one["check"], one["text"]) for one in page.facts["requirements"]]
    if rows:
        command = f"virtcim conformance URL --profile {page.dsp}"
        text = f"Each is a check that `{command}` runs against any WBEM server; `write` ones need `--write`."
        yield from (text, "", *table("id", "level", "check", "requirement", rows=rows))


def index_text(found: Iterable[Page]) -> str:
    """docs/profiles/README.md."""
    rows = (
        (f"[{page.dsp.upper()}]({page.dsp}.md)", page.title, ", ".join(_versions(page)) or "not registered")
        for page in found
    )
    head = "<!-- Made by make docs: do not edit. -->"
    intro = "What virtcim implements of each specification, what it leaves out and why, and how that is checked."
    return "\n".join((head, "# Profiles", "", intro, "", *table("page", "title", "registered", rows=rows)))


def _versions(page: Page) -> list[str]:
    return [f"{one['name']} {one['version']}" for one in page.facts["registrations"]]


def settings_text() -> str:
    """The settings table of docs/operations.md."""
    rows = ((f"`{name}`", _default(name), text) for name, text in config.help_texts().items())
    return "\n".join(table("setting", "default", "meaning", rows=rows))


def _default(name: str) -> str:
    spec = next(one for one in fields(config.Settings) if one.name == name)
    if spec.default is MISSING:
        return "see the meaning"
    value = " ".join(spec.default) if isinstance(spec.default, tuple) else spec.default
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def with_settings(text: str) -> str:
    """A document with the settings table put between its two marks. ValueError when it has none."""
    start, end = SETTINGS
    before, found, rest = text.partition(f"{start}\n")
    _, closed, after = rest.partition(end)
    if not (found and closed):
        raise ValueError(f"{OPERATIONS} has no lines {start} and {end}")
    return f"{before}{start}\n{settings_text()}{end}{after}"


def generated(known: Catalog, root: Path = ROOT) -> dict[str, str]:
    """Every generated file, by its path below the root, and what it should hold."""
    found = pages(known)
    texts = {f"docs/profiles/{page.dsp}.md": page_text(page, known) for page in found}
    texts["docs/profiles/README.md"] = index_text(found)
    texts["docs/messages.md"] = message_docs.text(known.schema, table)
    texts[OPERATIONS] = with_settings((root / OPERATIONS).read_text(encoding="utf-8"))
    return texts


def stale(known: Catalog, root: Path = ROOT) -> list[str]:
    """The files that are not what they should be, and pages of profiles that are no more."""
    wanted = generated(known, root)
    there = {f"docs/profiles/{file.name}" for file in (root / "docs/profiles").glob("*.md")}
    changed = [name for name, text in wanted.items() if not _holds(root / name, text)]
    return sorted([*changed, *(there - wanted.keys())])


def _holds(file: Path, text: str) -> bool:
    return file.exists() and file.read_text(encoding="utf-8") == text


def write(known: Catalog, root: Path = ROOT) -> None:
    """Bring every generated file up to date."""
    wanted = generated(known, root)
    for name in stale(known, root):
        if name in wanted:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(wanted[name], encoding="utf-8")
        else:
            (root / name).unlink()


def main(arguments: list[str]) -> int:
    with TemporaryDirectory() as cache:
        known = catalog(Path(cache))
        if arguments != ["--check"]:
            write(known)
            return 0
        old = stale(known)
        sys.stderr.writelines(f"{name} is not up to date, {HINT}\n" for name in old)
        return int(bool(old))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
