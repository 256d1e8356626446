"""The initial cycle: a customer's directory arrives for the first time, and should not slow down on its way."""

from contextlib import closing
from dataclasses import dataclass

import orjson

from benchmarks import bodies, workloads, wrk
from benchmarks.cells import Driven, Server
from benchmarks.connection import Connection
from benchmarks.load import Loaded
from benchmarks.processes import cpu_s_each
from benchmarks.rounds import CONNECTIONS
from benchmarks.rows import Row, Status
from benchmarks.workloads import Step

TENTHS = 10
REQUESTS_EACH = 5
_MOST_S = 300.0


@dataclass(frozen=True, slots=True)
class Cycle:
    """How each tenth of the users fared."""

    users: int
    groups: int
    tenths: list[Driven]
    busiest: list[float]
    """What part of the server's CPU time its busiest process used: half of it where two workers share the work."""


def measure(server: Server, seat: Loaded, users: int, groups: int) -> Cycle:
    """Create groups, then provision users into them, a tenth at a time.

    :raises BenchmarkError: When a tenth takes more than 300 s.
    """
    ids = []
    with closing(Connection(server)) as connection:
        for number in range(groups):
            step = Step("POST", "/Groups", seat.token, bodies.as_json(bodies.group(f"Initial group {number}")))
            ids.append(str(orjson.loads(connection.expect(step))["id"]))
    workload = workloads.initial_cycle(seat, ids)
    each = max(1, users // TENTHS // CONNECTIONS)
    tenths, busiest = [], []
    for number in range(TENTHS):
        before = cpu_s_each(server.pid)
        # A tenth goes on with the groups where the one before it stopped.
        start = number * each % groups * REQUESTS_EACH
        tenths.append(wrk.drive_names(server, workload, CONNECTIONS, each, start, _MOST_S))
        used = [after - before.get(process, 0.0) for process, after in cpu_s_each(server.pid).items()]
        busiest.append(max(used) / max(sum(used), 1e-9))
    return Cycle(each * CONNECTIONS * TENTHS, groups, tenths, busiest)


def row(cycle: Cycle) -> Row:
    """Return the first tenth beside the last."""
    first, last = cycle.tenths[0], cycle.tenths[-1]
    errors = sum(tenth.errors for tenth in cycle.tenths)
    status: Status = "failed" if errors else "stated"
    return Row(
        "cycle",
        f"initial cycle of {cycle.users:,} users into {cycle.groups:,} groups",
        "",
        f"first tenth {_rate(first):,.0f}/s, p50 {first.p50_ms:.1f} ms; last {_rate(last):,.0f}/s, "
        f"p50 {last.p50_ms:.1f} ms; {sum(tenth.seconds for tenth in cycle.tenths):.0f} s in all"
        + (f"; {errors} requests failed" if errors else ""),
        status,
        f"a miss, POST, a hit, PATCH, group PATCH for each; {CONNECTIONS} connections, granian",
    )


def section(cycle: Cycle) -> str:
    """Return all tenths, as a part of the page of results."""
    lines = [
        "| tenth | requests/s | p50 ms | p99 ms | CPU time of the busier worker | errors |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    lines += [
        f"| {number} | {_rate(tenth):,.0f} | {tenth.p50_ms:.2f} | {tenth.p99_ms:.2f} | {share:.0%} | {tenth.errors} |"
        for number, (tenth, share) in enumerate(zip(cycle.tenths, cycle.busiest, strict=True), 1)
    ]
    return f"## Initial cycle of {cycle.users:,} users and {cycle.groups:,} groups\n\n" + "\n".join(lines)


def _rate(tenth: Driven) -> float:
    return tenth.requests / tenth.seconds
