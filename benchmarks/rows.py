"""The rows of the table of targets."""

from dataclasses import dataclass
from typing import Literal

from benchmarks.intervals import Estimate

Status = Literal["met", "missed", "failed", "stated", "recorded", "make bench-large"]


@dataclass(frozen=True, slots=True)
class Row:
    """What a target asks, what was reached, and how that was measured.

    ``stated`` is a figure without a target; ``recorded`` one that was not measured in this run.
    """

    target: str
    what: str
    goal: str
    reached: str
    status: Status
    how: str


def verdict(met: bool, errors: int = 0) -> Status:
    """Return how a target fared; a request that failed fails it."""
    return "failed" if errors else "met" if met else "missed"


def shown(estimate: Estimate, unit: str = "", digits: int = 2) -> str:
    """Return a figure with its interval."""
    return (
        f"{estimate.value:,.{digits}f} [{estimate.low:,.{digits}f}, {estimate.high:,.{digits}f}]"
        f"{f' {unit}' if unit else ''}"
    )


def with_errors(text: str, errors: int) -> str:
    """Return what was reached, with the errors that void it."""
    return f"{text}; {errors} requests failed" if errors else text
