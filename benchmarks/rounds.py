"""Rounds: every cell once, one beside the other, again and again, so that what is compared is paired."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from benchmarks import connection, wrk
from benchmarks.cells import Cell, Driven, Server, measure
from benchmarks.intervals import Estimate, median, ratio
from benchmarks.workloads import Workload

CONNECTIONS = 8
MANY_CONNECTIONS = 32
_WARM_UP_S = 0.3

Drive = Callable[[Server, Workload, int, float], Driven]


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """Names a cell: the server, the workload, how many connections."""

    subject: str
    workload: str
    connections: int = CONNECTIONS


@dataclass(frozen=True, slots=True)
class Planned:
    """A cell to measure in each round."""

    subject: str
    workload: Workload
    connections: int = CONNECTIONS

    @property
    def key(self) -> Key:
        """What the cell is named."""
        return Key(self.subject, self.workload.name, self.connections)


@dataclass(slots=True)
class Rounds:
    """The cells of all rounds: each list has one of each round, in order."""

    cells: dict[Key, list[Cell]] = field(default_factory=dict)
    repeated: int = 0
    """How many cells had no answer at all and were measured once more."""

    def rates(self, key: Key) -> list[float]:
        """Return the requests per second of a cell in each round."""
        return [cell.rate for cell in self.cells[key]]

    def errors(self, *keys: Key) -> int:
        """Return how many requests of these cells failed in all rounds."""
        return sum(cell.driven.errors for key in keys for cell in self.cells[key])

    def rate_ratio(self, key: Key, other: Key) -> Estimate:
        """Return how many times the throughput of one cell is that of another."""
        return ratio(self.rates(key), self.rates(other))

    def p99_ratio(self, key: Key, other: Key) -> Estimate:
        """Return how many times the 99th percentile of one cell is that of another."""
        return ratio(*([cell.driven.p99_ms for cell in self.cells[each]] for each in (key, other)))

    def server_cpu_ms(self, key: Key) -> Estimate:
        """Return the server's CPU milliseconds per request."""
        return median([cell.server_cpu_ms for cell in self.cells[key]])


def driver() -> Drive:
    """Return wrk, and where it is missing Python, whose figures say nothing about the server's speed."""
    return wrk.drive if wrk.is_installed() else connection.drive


def run_rounds(
    planned: Sequence[Planned],
    servers: Mapping[str, Server],
    *,
    rounds: int,
    seconds: float,
    advance: Callable[[int], None] = lambda count: None,
    budget_s: float = float("inf"),
) -> Rounds:
    """Measure cells; every second round runs backwards, so a drift of the machine favours nobody.

    :param budget_s: No round starts after so long.
    :raises BenchmarkError: When a driver fails.
    """
    drive = driver()
    measured = Rounds({each.key: [] for each in planned})
    deadline = time.monotonic() + budget_s
    for each in planned:
        drive(servers[each.subject], each.workload, each.connections, min(seconds, _WARM_UP_S))
    for number in range(rounds):
        if time.monotonic() > deadline:
            break
        for each, server in _ordered(planned, servers, backwards=number % 2 == 1):
            run = partial(drive, server, each.workload, each.connections, seconds)
            cell = measure(server, run)
            if not cell.driven.requests:
                # A second silence is a failure.
                measured.repeated += 1
                cell = measure(server, run)
            measured.cells[each.key].append(cell)
            advance(1)
    return measured


def _ordered(
    planned: Sequence[Planned], servers: Mapping[str, Server], *, backwards: bool
) -> Iterator[tuple[Planned, Server]]:
    for each in reversed(planned) if backwards else planned:
        yield each, servers[each.subject]
