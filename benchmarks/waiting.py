"""P5, P7, P8, P9, and what of P3 and P4 is measured on one connection: how long one client waits."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import orjson

from benchmarks import workloads
from benchmarks.cells import BenchmarkError, Cell, Driven, Server, measure
from benchmarks.checks import created
from benchmarks.connection import Connection, latencies_ms, named_steps
from benchmarks.intervals import median, ratio
from benchmarks.latencies import side_by_side
from benchmarks.options import Options
from benchmarks.processes import usage
from benchmarks.recorded import BEST_DURABLE_MS
from benchmarks.rows import Row, shown, verdict
from benchmarks.servers import KINDS
from benchmarks.stage import Stage
from benchmarks.workloads import Seat, Workload

MIB = 1024 * 1024
CPU_GOALS_MS = {"gunicorn": 2.2, "granian": 1.4}
DURABLE_GOALS = {"gunicorn": 1.2, "granian": 2.0}
BULK_PEER_GOAL = 2.0
BULK_GOAL = 1_000
PAGE_GOAL_MS = 8.0
GROWTH_GOAL = 1.2
PATCH_GOAL_MS = 3.0
FULL_GOAL_MB_S = 30.0
FULL_GOAL_MB = 20.0

_REQUESTS = 20


def rows(stage: Stage, options: Options) -> Iterator[Row]:
    """Measure and return the rows of the targets asked for, each as soon as it is there."""
    for kind in KINDS:
        if options.wants("P4"):
            yield _members_cpu_row(stage, options, kind)
        if options.wants("P5"):
            yield from members_rows(stage.servers[kind], stage.reading, options.sizes.rounds, "make bench-large")
        if options.wants("P7"):
            yield from _page_rows(stage, options, kind)
        if options.wants("P8"):
            yield full_row(stage.servers[kind], stage.reading, max(stage.reading.groups), stated=True)
        if options.wants("P9"):
            yield _bulk_row(stage, options, kind)
        if options.wants("P3"):
            yield _peer_bulk_row(stage, options, kind)
            yield from _recorded_rows(stage, options, kind)


def _members_cpu_row(stage: Stage, options: Options, kind: str) -> Row:
    server = stage.servers[kind]
    workload = workloads.w5_members([stage.reading], sorted(stage.reading.groups)[1])
    with closing(Connection(server)) as connection:
        latencies_ms(connection, workload, _REQUESTS)
        cells = [_latency_cell(server, connection, workload) for _ in range(options.sizes.rounds)]
    estimate, goal = median([cell.server_cpu_ms for cell in cells]), CPU_GOALS_MS[kind]
    return Row(
        "P4",
        f"CPU of {workload.name}, {kind}",
        f"≤ {goal} ms",
        shown(estimate, "ms"),
        verdict(estimate.at_most(goal)),
        f"the server's processes, {estimate.count} times {len(workload.steps) // 2} requests on one connection",
    )


def _latency_cell(server: Server, connection: Connection, workload: Workload) -> Cell:
    count = len(workload.steps) // 2

    def drive() -> Driven:
        start = time.perf_counter()
        times = sorted(latencies_ms(connection, workload, count))
        return Driven(count, time.perf_counter() - start, 0, times[count // 2], times[int(count * 0.99)])

    return measure(server, drive)


def members_rows(server: Server, seat: Seat, rounds: int, status: str = "") -> Iterator[Row]:
    """Compare the PATCH of the largest groups with that of the smallest (P5).

    :param status: What to say of the target where these groups are not as large as it asks.
    """
    smallest, *others = sorted(seat.groups)
    compared = {f"W5:{size}": ("it", workloads.w5_members([seat], size)) for size in seat.groups}
    found = side_by_side({"it": server}, compared, rounds, _REQUESTS)
    for size in others:
        p50 = median(found[f"W5:{size}"])
        growth = ratio(found[f"W5:{size}"], found[f"W5:{smallest}"])
        yield Row(
            "P5",
            f"W5 at {size:,} members, {server.name.rpartition(' ')[2]}",
            f"100,000 and 1,000,000: ≤ {GROWTH_GOAL} times that at 10, ≤ {PATCH_GOAL_MS:g} ms",
            f"{shown(growth, 'times')}, p50 {shown(p50, 'ms')}",
            "make bench-large" if status else verdict(growth.at_most(GROWTH_GOAL) and p50.at_most(PATCH_GOAL_MS)),
            f"one connection, {growth.count} rounds of {_REQUESTS} requests, against {smallest} members",
        )


def _page_rows(stage: Stage, options: Options, kind: str) -> Iterator[Row]:
    places = ("start", "middle", "end")
    compared = {place: (kind, workloads.w6_page(stage.reading, place)) for place in places}
    found = side_by_side({kind: stage.servers[kind]}, compared, options.sizes.rounds, _REQUESTS // 2)
    for place in places:
        p50 = median(found[place])
        yield Row(
            "P7",
            f"W6 at the {place} of {stage.reading.user_count:,}, {kind}",
            f"≤ {PAGE_GOAL_MS:g} ms",
            shown(p50, "ms"),
            verdict(p50.at_most(PAGE_GOAL_MS)),
            f"p50 of 100 users by index with exact totalResults, one connection, {p50.count} rounds",
        )


def full_row(server: Server, seat: Seat, size: int, *, stated: bool = False, times: int = 7) -> Row:
    """Read a group with all its members (P8)."""
    workload = workloads.w7_full(seat, size)
    with closing(Connection(server)) as connection:
        connection.expect(workload.steps[0])
        before = usage(server.pid).resident_bytes
        rates, grown = [], 0.0
        for _ in range(times):
            start = time.perf_counter()
            content = connection.expect(workload.steps[0])
            rates.append(len(content) / 1_000_000 / (time.perf_counter() - start))
            grown = max(grown, (usage(server.pid).resident_bytes - before) / MIB)
        if len(orjson.loads(content)["members"]) != size:
            raise BenchmarkError(f"{workload.name} was answered without all members")
    speed = median(rates)
    met = speed.at_least(FULL_GOAL_MB_S) and grown <= FULL_GOAL_MB
    return Row(
        "P8",
        f"W7full of {size:,} members, {server.name.rpartition(' ')[2]}",
        f"100,000: ≥ {FULL_GOAL_MB_S:g} MB/s, ≤ {FULL_GOAL_MB:g} MB more memory",
        f"{shown(speed, 'MB/s', 1)}, {grown:+.1f} MB",
        "make bench-large" if stated else verdict(met),
        f"one connection, {times} times {len(content) / 1_000_000:.1f} MB; memory of the server's processes after each",
    )


def _bulk_row(stage: Stage, options: Options, kind: str) -> Row:
    server, size = stage.servers[kind], options.sizes.bulk
    steps = named_steps(workloads.w8_bulk(stage.writing, size))
    rates = []
    with closing(Connection(server)) as one, closing(Connection(server)) as other, ThreadPoolExecutor(2) as pool:
        for _ in range(max(1, options.sizes.rounds // 2)):
            start = time.perf_counter()
            contents = list(pool.map(lambda each: each.expect(*next(steps)), (one, other)))
            rates.append(2 * size / (time.perf_counter() - start))
            if any(created(orjson.loads(content)) != size for content in contents):
                raise BenchmarkError(f"a bulk did not create all of its {size} users")
    speed = median(rates)
    return Row(
        "P9",
        f"W8, bulks of {size:,} over two connections, {kind}",
        f"≥ {BULK_GOAL:,} users/s",
        shown(speed, "users/s", 0),
        verdict(speed.at_least(BULK_GOAL)),
        f"{speed.count} times one bulk on each connection, PostgreSQL",
    )


def _peer_bulk_row(stage: Stage, options: Options, kind: str) -> Row:
    assert stage.peer is not None
    servers = {"ours": stage.servers[kind], "peer": stage.servers["peer"]}
    compared = {
        "ours": ("ours", workloads.w8_bulk(stage.writing)),
        "peer": ("peer", workloads.w8_bulk(stage.peer)),
    }
    found = side_by_side(servers, compared, options.sizes.rounds, 2)
    estimate = ratio(found["peer"], found["ours"])
    return Row(
        "P3",
        f"W8 of 100 against scim2-server, {kind}",
        f"≥ {BULK_PEER_GOAL:g} times",
        f"{shown(estimate, 'times')}, p50 {shown(median(found['ours']), 'ms', 0)}",
        verdict(estimate.at_least(BULK_PEER_GOAL)),
        f"one connection, {estimate.count} pairs of 2 bulks",
    )


def _recorded_rows(stage: Stage, options: Options, kind: str) -> Iterator[Row]:
    seat, largest = stage.reading, max(stage.reading.groups)
    made = [
        *(workloads.w5_members([seat], size) for size in sorted(seat.groups)),
        *(workloads.w6_page(seat, place) for place in ("start", "end")),
        workloads.w7g_group([seat], largest),
        workloads.w7f_find([seat], largest),
    ]
    compared = {each.name: (kind, each) for each in made if each.name in BEST_DURABLE_MS}
    found = side_by_side({kind: stage.servers[kind]}, compared, options.sizes.rounds, _REQUESTS // 2)
    for name, values in found.items():
        peer, recorded_ms = BEST_DURABLE_MS[name]
        p50 = median(values)
        yield Row(
            "P3",
            f"{name} against {peer}, {kind}",
            f"≥ {DURABLE_GOALS[kind]:g} times",
            f"p50 {shown(p50, 'ms')} against {recorded_ms:g} ms: {recorded_ms / p50.value:.1f} times",
            "recorded",
            "one connection; the peer's figure was recorded in another run, so this only indicates",
        )
