"""The harness measures: cells beside the limit, a table from them, and nothing left running."""

import os
from contextlib import ExitStack, closing
from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner

from benchmarks import stage, throughput, workloads, wrk
from benchmarks.__main__ import main
from benchmarks.cells import BenchmarkError, Server
from benchmarks.checks import check
from benchmarks.connection import Connection, latencies_ms, named_steps
from benchmarks.connection import drive as drive_in_python
from benchmarks.databases import Database as BenchmarkDatabase
from benchmarks.limit_tables import create_limit_tables
from benchmarks.load import Loaded, Person, load_organization, opened
from benchmarks.processes import descendants, usage
from benchmarks.report import Report, markdown
from benchmarks.rounds import Planned, run_rounds
from tests.databases import Database, only_postgresql

GROUP = 5


def processes() -> set[int]:
    """Return the processes below this one."""
    return set(descendants(os.getpid()))


@only_postgresql
def test_a_read_and_a_write_are_measured_beside_the_limit(fresh_database: Database) -> None:
    """Two rounds of a read and a write on gunicorn give a table; every answer is a success; all servers stop."""
    database = BenchmarkDatabase(fresh_database.owner_url, fresh_database.app_url)
    before = processes()
    with opened(database.owner_url) as store:
        made = load_organization(store, stage.digest_key(), "smoke", 140, (GROUP,))
        create_limit_tables(store, made.org_id)
    with ExitStack() as stack:
        ours = stack.enter_context(stage.our_server("gunicorn", database, made))
        limit = stack.enter_context(stage.limit_server("gunicorn", database, made))
        check(ours, made, sizes=(GROUP,))
        _check_latencies(ours, made)
        planned = [
            Planned("limit-gunicorn", workloads.limit_read(made), 2),
            Planned("gunicorn", workloads.w2_read([made]), 2),
            Planned("limit-gunicorn", workloads.limit_write(made), 2),
            Planned("gunicorn", workloads.w1_create([made]), 2),
            Planned("gunicorn", workloads.w9_cycle([made], GROUP), 2),
        ]
        measured = run_rounds(planned, {"gunicorn": ours, "limit-gunicorn": limit}, rounds=2, seconds=0.1)
        by_python = drive_in_python(ours, workloads.w9_cycle([made], GROUP), 2, 0.1)
        memory = usage(ours.pid)

    assert measured.errors(*measured.cells) == 0
    assert by_python.errors == 0
    assert all(cell.driven.requests > 0 for cells in measured.cells.values() for cell in cells)
    assert memory.resident_bytes > memory.largest_bytes / 2 > 10_000_000
    rows = [
        *throughput.limit_rows(measured, "P1", "gunicorn", ["W2"], 0.65, "limit-read", 2),
        *throughput.limit_rows(measured, "P2", "gunicorn", ["W1"], 0.5, "limit-write", 2),
    ]
    assert {row.status for row in rows} <= {"met", "missed"}
    page = markdown(Report("the command", rows, {"PostgreSQL": measured}))
    assert "| P1 | W2 against the limit, gunicorn | ≥ 0.65 |" in page
    assert "| gunicorn | W1 | 2 |" in page
    assert not processes() - before - {pid for pid in processes() if _is_gone(pid)}


def _check_latencies(server: Server, made: Loaded) -> None:
    with closing(Connection(server)) as connection:
        assert len(latencies_ms(connection, workloads.w5_members([made], GROUP), 4)) == 4
        with pytest.raises(BenchmarkError, match="was answered 404"):
            connection.expect(workloads.Step("GET", "/Nothing", made.token))
        group = orjson.loads(connection.expect(workloads.w7_full(made, GROUP).steps[0]))
    assert len(group["members"]) == GROUP, "what W5 adds, it removes"


def _is_gone(pid: int) -> bool:
    """Return whether a process has ended, as a zombie has."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].startswith("Z")
    except OSError:
        return True


def made_up(users: int = 200) -> Loaded:
    """Return an organization that is nowhere."""
    people = tuple(Person(f"id-{number}", f"user{number}@contoso.example") for number in range(users))
    return Loaded("nowhere", "org", "the-token", users, people, people[-10:], {GROUP: "group-5"})


def test_w4_changes_something_with_each_request() -> None:
    """Users are shut out and let in again in turns, so that no patch finds what it wants already there."""
    active: dict[str, bool] = {}
    for step in workloads.w4_patch([made_up()]).steps * 2:
        wanted = orjson.loads(step.body)["Operations"][0]["value"]
        assert active.get(step.path, True) is not wanted
        active[step.path] = wanted


def test_names_change_with_each_stride_and_never_return() -> None:
    """The requests for one person share a name; each person, and each run, has another."""
    cycle = workloads.w9_cycle([made_up()], GROUP)
    names = [name for _, (_, name) in zip(range(18), named_steps(cycle), strict=False)]
    others = [name for _, (_, name) in zip(range(18), named_steps(cycle), strict=False)]
    assert [names.index(name) // 6 for name in names] == [number // 6 for number in range(18)]
    assert not set(names) & set(others)


def test_the_script_holds_every_request(tmp_path: Path) -> None:
    """A workload in Lua has all of its requests, each text once, quoted so that Lua reads it."""
    text = wrk.script("/scim/v2", workloads.w4_patch([made_up()]))
    assert text.count("method = ") == 400
    assert text.count("Bearer the-token") == 1
    assert 'PREFIX, SERIAL, STRIDE = "/scim/v2", false, 1' in text


def test_a_quick_run_refuses_an_unknown_target() -> None:
    """A target that is not P1 to P12 is wrong usage, said in one line."""
    answer = CliRunner().invoke(main, ["--only", "P99"])
    assert answer.exit_code == 2
    assert "--only takes P1" in answer.stderr
