"""Medians and their 95 % bootstrap intervals: how sure a figure is."""

import random
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

RESAMPLES = 2_000
MARGIN = 0.05
"""How far a target is widened: an interval that lies inside meets it."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with the ends of its 95 % interval, and how many measurements it comes from."""

    value: float
    low: float
    high: float
    count: int

    def at_least(self, target: float) -> bool:
        """Return whether the whole interval reaches a target widened by 5 %."""
        return self.low >= target * (1 - MARGIN)

    def at_most(self, target: float) -> bool:
        """Return whether the whole interval stays within a target widened by 5 %."""
        return self.high <= target * (1 + MARGIN)


def median(values: Sequence[float]) -> Estimate:
    """Return the median of measurements."""
    return _bootstrap(len(values), lambda chosen: statistics.median([values[index] for index in chosen]))


def ratio(numerators: Sequence[float], denominators: Sequence[float]) -> Estimate:
    """Return the ratio of the medians of pairs measured one beside the other; pairs are resampled as pairs."""
    if len(numerators) != len(denominators):
        raise ValueError(f"{len(numerators)} measurements cannot be paired with {len(denominators)}")

    def quotient(chosen: Sequence[int]) -> float:
        below = statistics.median([denominators[index] for index in chosen])
        return statistics.median([numerators[index] for index in chosen]) / below if below else float("inf")

    return _bootstrap(len(numerators), quotient)


def _bootstrap(count: int, figure: Callable[[Sequence[int]], float]) -> Estimate:
    """Return a figure of all measurements, and where it lies for 95 % of the resamples of them.

    The seed is fixed: the same measurements give the same interval.
    """
    if count == 0:
        raise ValueError("there is no measurement")
    chance = random.Random(20_644)
    everything = range(count)
    resampled = sorted(figure(chance.choices(everything, k=count)) for _ in range(RESAMPLES))
    return Estimate(figure(everything), resampled[int(RESAMPLES * 0.025)], resampled[int(RESAMPLES * 0.975) - 1], count)
