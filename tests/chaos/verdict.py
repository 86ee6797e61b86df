"""What must be true after all: nothing acknowledged is missing, nothing that was committed is untold or told twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import pywbem
from tests.chaos.load import Change, Record

MARGIN = 3.0  # seconds before and after an outage in which a change may be told together with others


@dataclass
class Story:
    """What a listener was told of one guest, in order: Created, Deleted, titles."""

    told: list[str] = field(default_factory=list)


@dataclass
class Heard:
    """What a listener has got."""

    stories: dict[str, Story]
    count: int
    repeated: int
    gaps: list[str]


def heard(indications: Sequence[pywbem.CIMInstance]) -> Heard:
    """Each indication once, in the order it was first heard."""
    stories: dict[str, Story] = {}
    sequences: dict[str, list[int]] = {}
    seen: set[str] = set()
    for one in indications:
        sequences.setdefault(one["SequenceContext"], []).append(int(one["SequenceNumber"]))
        if one["IndicationIdentifier"] in seen:
            continue
        seen.add(one["IndicationIdentifier"])
        source = one["SourceInstance"]
        story = stories.setdefault(source["Name"], Story())
        kind = one.classname.removeprefix("KVM_ComputerSystem").removesuffix("Indication")
        if kind != "Modified":
            story.told.append(kind)
        elif "ElementName" in one["ChangedPropertyNames"]:
            story.told.append(source["ElementName"])
    total = sum(map(len, sequences.values()))
    gaps = [name for name, numbers in sequences.items() if set(numbers) != set(range(max(numbers) + 1))]
    return Heard(stories, total, total - sum(len(set(one)) for one in sequences.values()), gaps)


def lost(record: Record, kept: dict[str, set[str]]) -> dict[str, set[str]]:
    """What was acknowledged, not deleted, and is not there."""
    found = {
        classname: names - record.deleted.get(classname, set()) - kept[classname]
        for classname, names in record.created.items()
    }
    return {classname: names for classname, names in found.items() if names}


def untold(record: Record, got: Heard, outages: Sequence[tuple[float, float]], left: dict[str, str]) -> Iterator[str]:
    """Guests of which something was not told, or twice. `left` are those still there, with their titles."""
    made = {one.name for one in record.changes if one.what == "Created"}
    for name in sorted(made | left.keys()):
        told = got.stories.get(name, Story()).told
        twice = [what for what, count in Counter(told).items() if count > 1]
        if twice:
            yield f"{name}: told twice: {twice}"
        if (name in left) != (told[-1:] not in ([], ["Deleted"])) or ("Created" in told) != bool(told):
            yield f"{name}: {'is there' if name in left else 'is gone'}, told {told}"
    for change in record.changes:
        if calm(change, outages) and change.what not in got.stories.get(change.name, Story()).told:
            yield f"{change.name}: {change.what} was committed in calm and not told"


def calm(change: Change, outages: Sequence[tuple[float, float]]) -> bool:
    """Whether everything was up when it was made, and some time before and after."""
    return all(change.done + MARGIN < begun or change.begun > done + MARGIN for begun, done in outages)
