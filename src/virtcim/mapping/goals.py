"""What capabilities can satisfy that is nearest to what a client would like (CIM_Capabilities.CreateGoalSettings)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import ceil

from virtcim.mapping.table import BadProperty, Properties
from virtcim.mapping.units import UnitError, convert

CHOOSING = ("ResourceType", "OtherResourceType")  # what a client names the kind by, in the one form or the other
LABELS = frozenset({"InstanceID", "ElementName", "Caption", "Description", "ChangeableType"})
UNITS = {"VirtualQuantity": "VirtualQuantityUnits", "Limit": "AllocationUnits", "Reservation": "AllocationUnits"}
FOLLOWING = ("Limit", "Reservation")  # where a client says nothing of them, they follow from the quantity it asks for


@dataclass(frozen=True)
class Goal:
    """Samples by their roles, all in one pair of units."""

    samples: Mapping[str, Properties]

    @property
    def usual(self) -> Properties:
        return {name: value for name, value in self.samples["Default"].items() if name not in LABELS}

    def bound(self, role: str, name: str) -> int | None:
        value = self.samples.get(role, {}).get(name)
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    def bounded(self) -> list[str]:
        """The properties that have a least or a most."""
        ends = ({**self.samples.get("Minimum", {}), **self.samples.get("Maximum", {})}).items()
        return [name for name, value in ends if isinstance(value, int) and name not in (*CHOOSING, *LABELS)]


def told(goal: Goal, given: Properties) -> Properties:
    """What a client would like, in the goal's units; amounts may be fractions. Raises BadProperty."""
    ours = (*CHOOSING, *LABELS)
    wanted = {name: value for name, value in given.items() if value is not None and name not in ours}
    amounts = {name: _converted(goal, name, wanted) for name in UNITS if name in wanted}
    plain = {name: value for name, value in wanted.items() if name not in UNITS.values()}
    return plain | amounts


def _converted(goal: Goal, name: str, wanted: Properties) -> Fraction | int:
    own = goal.usual
    alike = own.get("AllocationUnits") == own.get("VirtualQuantityUnits")
    said = next((one for one in (UNITS[name], *(("AllocationUnits",) if alike else ())) if wanted.get(one)), None)
    unit = str(own[UNITS[name]])
    try:
        return convert(int(str(wanted[name])), str(wanted[said]) if said else unit, unit)
    except UnitError as error:
        raise BadProperty(said or name, f"cannot be used: {error}") from error


def nearest(goal: Goal, wanted: Properties) -> Properties:
    """The default with all that is `wanted`, as `told` answers it, as far as the ranges let it be."""
    usual = goal.usual
    following = FOLLOWING if "VirtualQuantity" in wanted else ()
    found = {name: value for name, value in usual.items() if name not in following} | wanted
    if "PoolID" in usual:
        found["PoolID"] = usual["PoolID"]
    amounts = {name: Fraction(found[name]) for name in {*goal.bounded(), *UNITS} if found.get(name) is not None}
    return found | {name: _snapped(goal, name, amount) for name, amount in amounts.items()}


def _snapped(goal: Goal, name: str, amount: Fraction) -> int:
    """The next amount up that is on the grid, but none above the most."""
    least, most = goal.bound("Minimum", name) or 0, goal.bound("Maximum", name)
    step = goal.bound("Increment", name) or 1
    amount = max(amount, Fraction(least)) if most is None else min(max(amount, Fraction(least)), Fraction(most))
    found = least + ceil((amount - least) / step) * step
    return found if most is None or found <= most else found - step


def satisfied(wanted: Properties, found: Properties) -> bool:
    """Whether what was found is just what was wanted."""
    return all(found.get(name) == value for name, value in wanted.items())
