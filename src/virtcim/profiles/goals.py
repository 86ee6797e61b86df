"""Settings that a pool could give, or a running system take, worked out from what a client would like (DSP1043)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from virtcim.broker.call import Instance, Properties
from virtcim.broker.provider import Refused, Returned
from virtcim.mapping import goals, ids, resources, volumes
from virtcim.mapping.disk import DISK
from virtcim.mapping.documents import blank
from virtcim.mapping.goals import Goal
from virtcim.mapping.kind import Kind
from virtcim.mapping.resources import BadProperty
from virtcim.profiles import dsp1047_volumes, elements
from virtcim.profiles.mutability import Mutability, bounds_of
from virtcim.profiles.placing import placed
from virtcim.profiles.pools_capabilities import Allocation, templates_of
from virtcim.profiles.requests import refusing

ALTERNATIVE = 6  # return value: Alternative Proposed
TEMPLATE, SUPPORTED = "TemplateGoalSettings", "SupportedGoalSettings"
Given = Sequence[Instance | None] | None
Owner = Allocation | Mutability


def create(owner: Owner, template: Given, supported: Given) -> Returned:
    """What is nearest to the template, which the settings found so far complete. Errors: Refused, HostError."""
    goal = _goal(owner)
    earlier = _wanted(owner, goal, SUPPORTED, supported) if supported else {}
    if earlier and not goals.satisfied(earlier, _nearest(owner, goal, earlier)):
        raise Refused("Invalid Parameter", f"{SUPPORTED}: {owner.id} cannot satisfy it")
    if not template:
        return Returned(SupportedGoalSettings=[_instance(owner, earlier or goal.usual)])
    wanted = earlier | _wanted(owner, goal, TEMPLATE, template)
    found = _nearest(owner, goal, wanted)
    _check(owner, found)
    value = 0 if goals.satisfied(wanted, found) else ALTERNATIVE
    return Returned(value, SupportedGoalSettings=[_instance(owner, found)])


def _goal(owner: Owner) -> Goal:
    if isinstance(owner, Allocation):
        return Goal({one.sample.role: one.properties for one in templates_of(owner)[::-1] if not one.sample.variant})
    samples = {one.sample.role: one.properties for one in bounds_of(owner)}
    now = resources.properties_of(owner.setting.resource)
    return Goal(samples | {"Default": samples["Minimum"] | {"VirtualQuantity": now["VirtualQuantity"]}})


def _wanted(owner: Owner, goal: Goal, name: str, given: Sequence[Instance | None]) -> Properties:
    """The one setting that is about what these capabilities are about; others are ignored, as the schema has it."""
    found = [one for one in given if one is not None and _is_about(owner, one)]
    if len(found) != 1:
        what = _kind_of(owner).label.lower()
        raise Refused("Invalid Parameter", f"{name}: {len(found)} of {len(given)} settings are for {what}, not one")
    with refusing(f"{name}[{list(given).index(found[0])}]"):
        return goals.told(goal, found[0].properties)


def _nearest(owner: Owner, goal: Goal, wanted: Properties) -> Properties:
    """Of a running system all stays as it is but for what has ranges."""
    found = goals.nearest(goal, wanted)
    if isinstance(owner, Allocation):
        return found
    present = elements.properties(owner.setting)
    free = {*goal.bounded(), *goals.UNITS.values()}
    return {
        name: value if name in free else present[name] for name, value in found.items() if name in {*present, *free}
    }


def _kind_of(owner: Owner) -> Kind[Any]:
    return owner.kind if isinstance(owner, Allocation) else owner.setting.kind


def _is_about(owner: Owner, one: Instance) -> bool:
    numbers = one.properties.get("ResourceType"), one.properties.get("OtherResourceType")
    word = ids.parse_sub_type(str(one.properties.get("ResourceSubType") or ""))
    if isinstance(owner, Allocation) and owner.sub_type not in (None, word):
        return False
    try:
        return resources.kind_for(*numbers, one.classname, one.properties) is _kind_of(owner)  # type: ignore[arg-type]
    except BadProperty:
        return False


def _check(owner: Owner, found: Properties) -> None:
    """Whether a request can be made of it. Errors: Refused."""
    if isinstance(owner, Mutability):
        return
    host, kind = owner.pool.host, owner.kind
    if kind is DISK and volumes.is_request(found):
        dsp1047_volumes.plans(host, "", [_instance(owner, found)])
        return
    _check_choice(owner, found.get("ResourceSubType"))
    with refusing(SUPPORTED):
        document = blank(host.platform, host.capabilities, {})
        document.max_memory = host.facts.node.memory  # room for modules, which only some systems have
        resources.new_element(kind, dict(placed(host, kind, found)), document)


def _check_choice(owner: Allocation, word: object) -> None:
    """Where libvirt tells what there is to choose from, nothing else can be had. Errors: Refused."""
    of_kind = [one for one in templates_of(owner) if one.sample.classname == owner.kind.setting_class]
    known = {one.properties.get("ResourceSubType") for one in of_kind if one.sample.role == "Supported"}
    if word and known and ids.parse_sub_type(str(word)) not in known:
        offered = ", ".join(sorted(map(str, known)))
        raise Refused("Invalid Parameter", f"{TEMPLATE}: ResourceSubType {word!r} is not one of {offered}")


def _instance(owner: Owner, found: Properties) -> Instance:
    classname = f"{owner.platform}_{_kind_of(owner).setting_class.partition('_')[2]}"
    named = {"InstanceID": owner.setting.id} if isinstance(owner, Mutability) else {}
    return Instance(classname, {**named, **found})
