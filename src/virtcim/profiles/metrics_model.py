"""Definitions and values of metrics as objects, and what they show (DSP1053 clauses 7.1, 7.2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from virtcim.broker.call import Properties
from virtcim.host.states import cim_datetime, cim_interval, moment
from virtcim.mapping import ids
from virtcim.mapping.metrics import Metric, text
from virtcim.profiles.metrics_subjects import Subject


@dataclass(frozen=True, eq=False)
class Definition:
    """What is measured, on whatever host."""

    metric: Metric


@dataclass(frozen=True, eq=False)
class Value:
    """What was measured of an element at a moment, over some time: seconds, the former since 1970."""

    definition: Definition
    subject: Subject
    element: Any
    number: float
    at: float
    duration: float | None
    breakdown: tuple[str, str] | None

    @property
    def platform(self) -> str:
        return str(self.element.platform)

    @property
    def id(self) -> str:
        return ids.metric_value_id(self.definition.metric.name, self.subject.name(self.element), self.breakdown)


class Aggregation(Value):
    """What readings have come to."""


def value_properties(value: Value) -> Properties:
    """CIM_BaseMetricValue, or the class of aggregations below it."""
    metric = value.definition.metric
    found: Properties = {
        "InstanceID": value.id,
        "ElementName": metric.name,
        "MetricDefinitionId": metric.id,
        "MeasuredElementName": value.subject.label(value.element),
        "TimeStamp": cim_datetime(moment(value.at)),
        "MetricValue": text(metric, value.number),
        "Volatile": True,
    }
    if metric.function is not None:
        found["AggregationTimeStamp"] = found["TimeStamp"]
        found["AggregationDuration"] = cim_interval(value.duration or 0.0)
    if value.duration is not None:
        found["Duration"] = cim_interval(value.duration)
    if value.breakdown is not None:
        found["BreakdownDimension"], found["BreakdownValue"] = value.breakdown
    return found
