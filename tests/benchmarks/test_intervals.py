"""Medians, ratios and their bootstrap intervals, and when they meet a target."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.intervals import Estimate, median, ratio

positive = st.floats(0.001, 1_000_000)


def test_measurements_that_agree_leave_no_doubt() -> None:
    """The interval of equal measurements is a point."""
    assert median([3.0] * 5) == Estimate(3.0, 3.0, 3.0, 5)
    assert ratio([3.0] * 5, [2.0] * 5) == Estimate(1.5, 1.5, 1.5, 5)


@settings(max_examples=25)
@given(st.lists(positive, min_size=1, max_size=15))
def test_an_interval_holds_its_figure_and_stays_within_the_measurements(values: list[float]) -> None:
    """The ends of an interval surround the median, and no resample leaves the range of what was measured."""
    estimate = median(values)
    assert min(values) <= estimate.low <= estimate.high <= max(values)
    assert estimate.low <= estimate.value <= estimate.high


def test_an_interval_holds_the_truth_95_times_of_100() -> None:
    """Of many runs of 30 measurements of a known median, about 95 % of the intervals hold it."""
    chance = random.Random(1)
    runs = [median([chance.gauss(10, 1) for _ in range(30)]) for _ in range(50)]
    assert 44 <= sum(run.low <= 10 <= run.high for run in runs) <= 50


def test_more_measurements_say_more() -> None:
    """The interval narrows as measurements are added."""
    chance = random.Random(2)
    values = [chance.gauss(10, 1) for _ in range(200)]
    few, many = median(values[:10]), median(values)
    assert many.high - many.low < few.high - few.low


def test_a_drift_that_both_share_does_not_widen_a_ratio_beyond_the_drift() -> None:
    """Pairs are resampled as pairs: where each pair has the same quotient, so has every resample."""
    drifting = [float(value) for value in range(100, 130)]
    estimate = ratio([value * 2 for value in drifting], drifting)
    assert (estimate.low, estimate.value, estimate.high) == (2.0, 2.0, 2.0)


def test_a_target_is_widened_by_five_percent() -> None:
    """The whole interval must lie inside the target, which is taken 5 % wider."""
    estimate = Estimate(0.66, 0.62, 0.70, 30)
    assert estimate.at_least(0.65)
    assert not estimate.at_least(0.66)
    assert estimate.at_most(0.67)
    assert not estimate.at_most(0.66)


def test_measurements_that_are_no_pairs_are_refused() -> None:
    """A ratio needs as many measurements of one as of the other, and one at least."""
    with pytest.raises(ValueError, match="paired"):
        ratio([1.0, 2.0], [1.0])
    with pytest.raises(ValueError, match="no measurement"):
        median([])
