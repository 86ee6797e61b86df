"""Runs the checks against one server and reports: a table for each profile, a JSON file, an exit status."""

from __future__ import annotations

import json
import sys
from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass
from http.client import HTTPException
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from time import monotonic
from typing import TextIO

from pywbem import Error

from virtcim import conformance
from virtcim.conformance.check import REGISTRY, Check
from virtcim.conformance.site import Site
from virtcim.conformance.systems import sweep
from virtcim.conformance.verdict import Failed, Skipped

# Importing a module of checks registers them.
for found in iter_modules(conformance.__path__):
    if found.name.startswith(("dsp", "msg")):
        import_module(f"{conformance.__name__}.{found.name}")

PASS, FAIL, SKIP = "PASS", "FAIL", "SKIP"
NOT_ALLOWED = "creates systems of its own or changes something; allow it with --write"
# What a check may stumble over when a server answers with something it never should.
_STUMBLES = (Error, HTTPException, OSError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError)


@dataclass(frozen=True)
class Result:
    """How one check ended; reason is empty for a pass, seconds is how long it took."""

    id: str
    profile: str
    verdict: str
    text: str
    reason: str
    seconds: float


def checks(profiles: Collection[str] = ()) -> list[Check]:
    """The registered checks of the profiles (as in dsp1042; none given: all) in the order of their ids."""
    wanted = {profile.lower() for profile in profiles}
    unknown = wanted - {one.profile for one in REGISTRY.values()}
    if unknown:
        raise ValueError(f"no checks for {', '.join(sorted(unknown))}")
    return [one for _, one in sorted(REGISTRY.items()) if not wanted or one.profile in wanted]


def run_one(check: Check, site: Site) -> Result:
    """Run the check whatever happens to it.

    One that only reads and fails is run once more on fresh data: a system may have gone or changed while it looked."""
    start = monotonic()
    verdict, reason = _verdict(check, site)
    if verdict == FAIL and not check.write:
        site.forget()
        verdict, reason = _verdict(check, site)
    return Result(check.id, check.profile, verdict, check.text, reason, round(monotonic() - start, 3))


def _verdict(check: Check, site: Site) -> tuple[str, str]:
    if not check.write:
        return _ending(check, site)
    if not site.write:
        return SKIP, NOT_ALLOWED
    site.forget()
    try:
        return _ending(check, site)
    finally:
        site.forget()


def _ending(check: Check, site: Site) -> tuple[str, str]:
    try:
        check.run(site)
    except Skipped as skipped:
        return SKIP, str(skipped)
    except Failed as failed:
        return FAIL, str(failed)
    except _STUMBLES as error:
        return FAIL, f"{type(error).__name__}: {error}"
    return PASS, ""


def run(site: Site, profiles: Collection[str] = ()) -> list[Result]:
    """Run the checks of the profiles (none given: all) in the order of their ids, then clean up after them."""
    results = [run_one(one, site) for one in checks(profiles)]
    if site.write:
        try:
            sweep(site)
        except (*_STUMBLES, Failed, Skipped) as error:
            site.leftovers.append(f"the clean-up ended early: {error}")
    return results


def table(results: Iterable[Result]) -> str:
    """The results as text: a heading and lines for each profile, a sum at its end."""
    lines: list[str] = []
    by_profile: dict[str, list[Result]] = {}
    for result in results:
        by_profile.setdefault(result.profile, []).append(result)
    for profile, members in by_profile.items():
        lines.append(f"{profile.upper()}  {_sums(members)}")
        for one in members:
            lines.append(f"  {one.id}  {one.verdict}  {one.text}")
            lines += [f"  {'':11}        {one.reason}"] if one.reason else []
        lines.append("")
    return "\n".join(lines) + "\n"


def _sums(results: Collection[Result]) -> str:
    counts = [f"{sum(one.verdict == verdict for one in results)} {verdict}" for verdict in (PASS, FAIL, SKIP)]
    return ", ".join(counts)


def report(url: str, results: Iterable[Result], leftovers: Iterable[str]) -> str:
    """The results as JSON."""
    content = {"url": url, "results": [asdict(one) for one in results], "left_behind": list(leftovers)}
    return json.dumps(content, indent=2) + "\n"


def main(
    url: str,
    *,
    profiles: Collection[str] = (),
    write: bool = False,
    json_file: str | Path | None = None,
    user: str | None = None,
    password: str | None = None,
    verify: bool = True,
    out: TextIO | None = None,
) -> int:
    """Check the server at the URL and print the tables; 1 if anything failed or was left behind, else 0.

    profiles: names like dsp1042, none for all; write: allow checks that create systems; json_file: where to put the
    report; verify: check the server's certificate. Raises ValueError for a profile without checks."""
    checks(profiles)
    site = Site.at(url, user, password, verify, write=write)
    results = run(site, profiles)
    stream = out or sys.stdout
    stream.write(table(results))
    for left in site.leftovers:
        stream.write(f"left behind: {left}\n")
    stream.write(f"{url}: {_sums(results)}\n")
    if json_file is not None:
        Path(json_file).write_text(report(url, results, site.leftovers), encoding="utf-8")
    return int(bool(site.leftovers) or any(one.verdict == FAIL for one in results))
