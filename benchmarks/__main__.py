"""``python -m benchmarks``: measure, print the table of targets, write ``benchmarks/results.md``."""

import shlex
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import click

from benchmarks import large, small, wrk
from benchmarks.cells import BenchmarkError
from benchmarks.options import QUICK, QUICK_LARGE, QUICK_MEMBER_LISTS, QUICK_RIGHTS, TARGETS, Options
from benchmarks.report import LARGE_RESULTS, RESULTS, Report, markdown, print_rows
from benchmarks.rows import Row
from benchmarks.small import SQLITE

PAIRS = 30
"""With fewer, a ratio decides nothing."""

LIMIT_S = 595
LARGE_LIMIT_S = 5_400
_ORDER = {target: number for number, target in enumerate(TARGETS)}


@click.command()
@click.option("--large", "at_large", is_flag=True, help="A million users; see benchmarks/README.md.")
@click.option("--only", default="", metavar="P1,P4", help="The targets to measure; all without.")
@click.option("--pairs", type=click.IntRange(1), default=Options().pairs, show_default=True, help="Rounds of cells.")
@click.option("--seconds", type=click.FloatRange(0.1), default=Options().seconds, show_default=True, help="Of a cell.")
@click.option("--quick", is_flag=True, help="Tiny sizes: shows that the harness works, measures nothing.")
@click.option("--results", type=click.Path(path_type=Path), help="The file to write.")
@click.option("--limit-seconds", type=click.IntRange(1), help="Stop after so long; what there is by then is shown.")
def main(
    at_large: bool,
    only: str,
    pairs: int,
    seconds: float,
    quick: bool,
    results: Path | None,
    limit_seconds: int | None,
) -> None:
    """Measure the targets P1 to P14."""
    chosen = frozenset(filter(None, only.upper().replace(" ", "").split(","))) or frozenset(TARGETS)
    if not chosen <= set(TARGETS):
        raise click.UsageError(f"--only takes {', '.join(TARGETS)}")
    if not wrk.is_installed():
        raise click.ClickException("wrk is missing: install it (on Debian and Ubuntu, apt install wrk), then try again")
    options = Options(chosen, pairs, seconds)
    if quick:
        options = replace(options, pairs=min(pairs, 2), seconds=min(seconds, 0.2))
        options = replace(options, sizes=QUICK, large=QUICK_LARGE, rights=QUICK_RIGHTS)
        options = replace(options, member_lists=QUICK_MEMBER_LISTS)
    report = Report(shlex.join(["python", "-m", "benchmarks", *sys.argv[1:]]))
    phases = (
        (large.measure, large.measure_cycle, large.measure_rights, large.measure_member_lists, large.measure_presets)
        if at_large
        else (small.measure_postgresql, small.measure_sqlite)
    )
    _stop_in_time(limit_seconds or (LARGE_LIMIT_S if at_large else LIMIT_S))
    started = time.monotonic()
    for phase in phases:
        if not _run(phase, report, options):
            break
    report.rows.sort(key=lambda row: _ORDER.get(row.target, len(_ORDER)))
    report.facts["took"] = f"{time.monotonic() - started:.0f} s"
    if repeated := sum(each.repeated for each in report.cells.values()):
        report.facts["measured again"] = f"{repeated} cells that had no answer at all"
    if quick or _fewest_rounds(report) < PAIRS:
        report.facts["caution"] = (
            f"sizes or pairs (fewer than {PAIRS}) are below what the targets ask: it only indicates"
        )
        click.echo(f"Caution: {report.facts['caution']}.")
    print_rows(report.rows)
    results = results or (LARGE_RESULTS if at_large else RESULTS)
    results.write_text(markdown(report))
    click.echo(f"Written to {results.name}.")
    if any(row.status == "failed" for row in report.rows):
        sys.exit(1)


def _run(phase: Callable[[Report, Options], None], report: Report, options: Options) -> bool:
    """Run a part of the measurement; a failure becomes a row, beside those that are there."""
    try:
        phase(report, options)
    except (BenchmarkError, OSError) as failure:
        target = min(options.only, key=_ORDER.__getitem__)
        report.rows.append(Row(target, phase.__name__, "", "stopped here", "failed", str(failure)[:2_000]))
        return False
    return True


def _fewest_rounds(report: Report) -> int:
    """Return how many times each cell was measured, where a target depends on it."""
    counts = [
        len(cells) for title, measured in report.cells.items() if title != SQLITE for cells in measured.cells.values()
    ]
    return min(counts, default=PAIRS)


def _stop_in_time(limit_s: int) -> None:
    """Leave through every ``finally`` when time is up, or when asked to: what was started is stopped."""

    def time_is_up(*_: object) -> None:
        raise BenchmarkError(f"time was up after {limit_s} s")

    def asked_to_stop(*_: object) -> None:
        sys.exit(128 + signal.SIGTERM)

    signal.signal(signal.SIGALRM, time_is_up)
    signal.signal(signal.SIGTERM, asked_to_stop)
    signal.alarm(limit_s)


if __name__ == "__main__":
    main()
