"""ValueMap qualifiers as predicates: may this property, parameter or method have that value?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pywbem import CIMInstance, CIMQualifier

from virtcim.conformance.paths import show
from virtcim.conformance.site import Site

Predicate = Callable[[Any], bool]


def anything(_value: Any) -> bool:
    """What a property without a ValueMap may be."""
    return True


def allowed(qualifiers: Mapping[str, CIMQualifier]) -> Predicate:
    """Whether the ValueMap lists a value; ranges named as reserved by the DMTF are not listed."""
    mapped = qualifiers.get("ValueMap")
    if mapped is None:
        return anything
    named = qualifiers.get("Values")
    names = list(named.value) if named is not None else []
    entries = [str(entry) for entry in mapped.value]
    singles = {entry for entry in entries if ".." not in entry}
    ranges = [_bounds(entry) for entry, name in _paired(entries, names) if ".." in entry and not _reserved(name)]

    def listed(value: Any) -> bool:
        text = str(value)
        return text in singles or any(_within(text, low, high) for low, high in ranges)

    return listed


def _paired(entries: list[str], names: list[str]) -> list[tuple[str, str]]:
    padded = names + [""] * (len(entries) - len(names))
    return list(zip(entries, padded, strict=False))


def _reserved(name: str) -> bool:
    return "reserved" in name.lower() and "vendor" not in name.lower()


def _bounds(entry: str) -> tuple[int | None, int | None]:
    low, _, high = entry.partition("..")
    return (int(low, 0) if low else None), (int(high, 0) if high else None)


def _within(text: str, low: int | None, high: int | None) -> bool:
    if not text.lstrip("+-").isdigit():
        return False
    number = int(text)
    return (low is None or number >= low) and (high is None or number <= high)


def unlisted(site: Site, instance: CIMInstance) -> list[str]:
    """The values of an instance that the ValueMaps of its class do not list, each as a sentence."""
    declared = site.cls(instance.classname, instance.path.namespace)
    if declared is None:
        return [f"{show(instance)} is of an unknown class"]
    faults = []
    for name, value in instance.properties.items():
        if value.value is None or name not in declared.properties:
            continue
        ok = allowed(declared.properties[name].qualifiers)
        given = value.value if isinstance(value.value, list) else [value.value]
        faults += [f"{show(instance)}: {name} is {one!r}" for one in given if one is not None and not ok(one)]
    return faults


def return_values(site: Site, classname: str, method: str) -> Predicate:
    """Whether a method may return a value, by its ValueMap."""
    declared = site.cls(classname)
    if declared is None or method not in declared.methods:
        return anything
    return allowed(declared.methods[method].qualifiers)
