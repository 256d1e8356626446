"""``make bench``: every target that can be measured in ten minutes, on 10,200 users."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace

from benchmarks import neighbour, throughput, waiting
from benchmarks.checks import check
from benchmarks.databases import Database, running_postgresql, sqlite_database
from benchmarks.intervals import median
from benchmarks.limit_tables import create_limit_tables
from benchmarks.load import load_organization, opened, progress_bar, settle
from benchmarks.options import Options
from benchmarks.processes import usage
from benchmarks.report import Memory, Report
from benchmarks.rounds import Planned, Rounds, run_rounds
from benchmarks.rows import Row, Status, shown, verdict
from benchmarks.servers import KINDS, WORKERS
from benchmarks.stage import Stage, digest_key, start, start_times_s

SQLITE = "SQLite"
ROUNDS_BUDGET_S = 360
SQLITE_ROUNDS = 5
WORKER_GOAL_MB = 100.0
START_GOAL_S = 1.5
_MIB = 1024 * 1024
_LARGE = {
    "P6": ("growth of W1–W5, W7 and W9 to 1,000,000 users and to 10,000 organizations", "≤ 1.25 times"),
    "P7": ("W6 in 1,000,000", "≤ 12 ms by cursor and in order, ≤ 120 ms for a random jump"),
}


@contextmanager
def staged(database: Database, options: Options) -> Iterator[Stage]:
    """Have a loaded database, with the tables of the limit."""
    sizes = options.sizes
    with opened(database.owner_url) as store, progress_bar("Loading users", sizes.users * 2) as advance:
        key = digest_key()
        reading = load_organization(store, key, "reading", sizes.users, sizes.groups, advance)
        writing = load_organization(store, key, "writing", sizes.users, sizes.groups[:1], advance)
        create_limit_tables(store, reading.org_id)
        settle(store)
    yield Stage(database, reading, writing)


def measure_postgresql(report: Report, options: Options) -> None:
    """Measure the targets on PostgreSQL.

    :raises BenchmarkError: When a server does not start, or answers wrongly.
    """
    with ExitStack() as stack:
        postgresql = stack.enter_context(running_postgresql())
        stage = stack.enter_context(staged(postgresql.create("bench"), options))
        if options.wants("P10"):
            report.rows += start_rows(stage, options)
        start(stack, stage, KINDS, limits=options.wants("P1", "P2"), peer=options.wants("P3"))
        for kind in KINDS:
            check(stage.servers[kind], stage.writing, sizes=options.sizes.groups[:1])
            check(stage.servers[kind], stage.reading, sizes=options.sizes.groups, pages=True)
        if stage.peer is not None:
            check(stage.servers["peer"], stage.peer, sizes=tuple(stage.peer.groups))
        planned = throughput.plan(stage, options)
        if planned:
            measured = _rounds(planned, stage, options, options.pairs, "PostgreSQL")
            report.cells["PostgreSQL"] = measured
            report.rows += throughput.rows(measured, stage, options)
        for row in waiting.rows(stage, options):
            report.rows.append(row)
        if options.wants("P12"):
            report.rows += neighbour.rows(stage, options)
        if options.wants("P10"):
            report.rows += memory_rows(stage, "after all of the above")
        report.memory += [Memory(name, usage(server.pid)) for name, server in stage.servers.items()]
        report.memory.append(Memory("PostgreSQL", usage(postgresql.pid)))
    report.rows += [
        Row(target, *_LARGE[target], "", "make bench-large", "") for target in _LARGE if target in options.only
    ]


def measure_sqlite(report: Report, options: Options) -> None:
    """Measure reads and writes on SQLite, gunicorn; stated, without a target.

    :raises BenchmarkError: When a server does not start, or answers wrongly.
    """
    with ExitStack() as stack:
        if not options.wants("P1", "P2"):
            return
        stage = stack.enter_context(staged(stack.enter_context(sqlite_database()), options))
        start(stack, stage, KINDS[:1], limits=True, peer=False)
        few = replace(options, only=frozenset({"P1", "P2"}) & options.only, pairs=min(options.pairs, SQLITE_ROUNDS))
        planned = [each for each in throughput.plan(stage, few) if each.subject.endswith(KINDS[0])]
        measured = _rounds(planned, stage, few, few.pairs, SQLITE)
        report.cells[SQLITE] = measured
        for row in throughput.rows(measured, stage, few, KINDS[:1]):
            how = row.how.replace("PostgreSQL", SQLITE)
            status: Status = "failed" if row.status == "failed" else "stated"
            report.rows.append(replace(row, what=f"{row.what}, {SQLITE}", goal="", status=status, how=how))


def _rounds(planned: list[Planned], stage: Stage, options: Options, pairs: int, title: str) -> Rounds:
    with progress_bar(f"Measuring on {title}", len(planned) * pairs) as advance:
        return run_rounds(
            planned,
            stage.servers,
            rounds=pairs,
            seconds=options.seconds,
            advance=advance,
            budget_s=ROUNDS_BUDGET_S,
        )


def start_rows(stage: Stage, options: Options) -> Iterator[Row]:
    """Start each server some times, while nothing else runs (P10)."""
    for kind in KINDS:
        times = median(start_times_s(kind, stage.database, stage.reading, options.sizes.starts))
        yield Row(
            "P10",
            f"from the start to the first answer, {kind}",
            f"≤ {START_GOAL_S} s",
            shown(times, "s"),
            verdict(times.at_most(START_GOAL_S)),
            f"{times.count} starts of two workers, until a GET of a user is answered",
        )


def memory_rows(stage: Stage, when: str) -> Iterator[Row]:
    """Look at the memory of the workers (P10)."""
    for kind in KINDS:
        used = usage(stage.servers[kind].pid)
        each_mb, largest_mb = used.resident_bytes / WORKERS / _MIB, used.largest_bytes / _MIB
        yield Row(
            "P10",
            f"memory of a worker at {stage.reading.user_count:,} users, {kind}",
            f"≤ {WORKER_GOAL_MB:g} MB",
            f"{largest_mb:.0f} MB, {each_mb:.0f} MB with what is shared counted once",
            verdict(largest_mb <= WORKER_GOAL_MB),
            f"the largest process, all it holds; all processes by the {WORKERS} workers, {when}",
        )
