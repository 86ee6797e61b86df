"""The table of metrics: each is one, and says what its kind has to."""

from __future__ import annotations

import pytest

from virtcim.mapping import metrics, units
from virtcim.mapping.metrics import (
    ALL,
    COUNTER,
    INTERVAL,
    METRICS,
    REAL32,
    SIMPLE_FUNCTION,
    STARTUP,
    UINT64,
    Metric,
    text,
)

each = pytest.mark.parametrize("metric", ALL, ids=[one.name for one in ALL])


def test_names_are_unique() -> None:
    assert len(METRICS) == len(ALL)
    assert len({(one.of, one.source) for one in ALL if not one.dimension}) == len(
        [one for one in ALL if not one.dimension]
    )


@each
def test_a_metric_says_what_its_kind_has_to(metric: Metric) -> None:
    found = metrics.definition(metric)
    assert units.parse(found["ProgrammaticUnits"])
    assert found["Units"]
    assert (metric.change == COUNTER) == (metric.scope == STARTUP)
    assert metric.change != COUNTER or metric.data_type == UINT64
    assert (metric.change == SIMPLE_FUNCTION) == (metric.function is not None) == ("SimpleFunction" in found)
    assert metric.function is None or (metric.scope == INTERVAL and METRICS[metric.base].of == metric.of)
    assert (metric.dimension is not None) == bool(metric.sources) == ("BreakdownDimensions" in found)


@pytest.mark.parametrize(
    ("kind", "number", "shown"),
    [(UINT64, 12.9, "12"), (UINT64, 2.0**64, "0"), (REAL32, 12.345, "12.35"), (REAL32, 0, "0.00")],
)
def test_numbers_as_text(kind: int, number: float, shown: str) -> None:
    assert text(Metric("a", "b", "c", units.PERCENT, data_type=kind), number) == shown


def test_a_broken_down_metric_has_a_value_for_each_part() -> None:
    numbers = {"user": 1.0, "idle": 2.0, "other": 3.0}
    assert list(METRICS["Host.CPUTime"].readings(numbers)) == [(("Mode", "User"), 1.0), (("Mode", "Idle"), 2.0)]
    assert list(METRICS["Host.CPUUtilization"].readings(numbers)) == []
