"""``make bench-large``: what holds at 1,000,000 users, 10,000 organizations, and a group of 1,000,000."""

from collections.abc import Iterator
from contextlib import ExitStack

from benchmarks import growth, initial, member_lists, pages, presets, rights, waiting
from benchmarks.checks import check
from benchmarks.databases import Database, PostgreSQL, running_postgresql
from benchmarks.load import Loaded, load_organization, opened, progress_bar, settle
from benchmarks.options import LargeSizes, Options
from benchmarks.processes import usage
from benchmarks.report import Memory, Report
from benchmarks.rounds import run_rounds
from benchmarks.rows import Row
from benchmarks.servers import KINDS
from benchmarks.small import memory_rows, start_rows
from benchmarks.stage import Stage, digest_key, our_server
from scim_server.store.session import Store, begin_platform

SEATS = 200
"""In how many of the organizations requests are made."""


def measure(report: Report, options: Options) -> None:
    """Measure the targets that need size.

    :raises BenchmarkError: When a server does not start, or answers wrongly.
    """
    sizes = options.large
    if options.only <= {"CYCLE", "P13", "P14", "PRESETS"}:
        return
    with ExitStack() as stack:
        postgresql = stack.enter_context(running_postgresql())
        few, writing, few_database = _load_few(postgresql, sizes)
        database, seat, first, seats, size_row = _load_large(postgresql, sizes)
        report.rows.append(size_row)
        stage = Stage(database, seat, first)
        if options.wants("P10"):
            report.rows += start_rows(stage, options)
        for kind in KINDS:
            stage.servers[kind] = stack.enter_context(our_server(kind, database, seat))
        server = stage.servers["granian"]
        check(server, seat, sizes=(growth.SMALL_GROUP,))
        if options.wants("P5"):
            for kind in KINDS:
                report.rows += waiting.members_rows(stage.servers[kind], seat, sizes.rounds)
        if options.wants("P7"):
            report.rows += pages.rows(server, seat, sizes.rounds)
        if options.wants("P8"):
            report.rows += _full_rows(stage, sizes)
        if options.wants("P6"):
            servers = {
                "few": stack.enter_context(our_server("granian", few_database, few)),
                "large": server,
                "many": server,
            }
            grown: dict[str, list[Loaded]] = {"large": [seat], "many": seats}
            titles = {"large": f"{sizes.users:,} users", "many": f"{sizes.organizations:,} organizations"}
            planned = growth.plan([few], grown, writing)
            with progress_bar("Measuring growth", len(planned) * options.pairs) as advance:
                measured = run_rounds(planned, servers, rounds=options.pairs, seconds=options.seconds, advance=advance)
            report.cells["growth on PostgreSQL"] = measured
            report.rows += growth.throughput_rows(measured, titles)
            report.rows += growth.waiting_rows(servers, {"few": [few], **grown}, titles, sizes.rounds)
        if options.wants("P10"):
            report.rows += memory_rows(stage, "after all of the above")
        report.memory += [Memory(name, usage(each.pid)) for name, each in stage.servers.items()]
        report.memory.append(Memory("PostgreSQL", usage(postgresql.pid)))


def measure_cycle(report: Report, options: Options) -> None:
    """Measure an initial cycle, into a database that has nothing else.

    :raises BenchmarkError: When the server does not start, answers wrongly, or is too slow.
    """
    if not options.wants("CYCLE"):
        return
    sizes = options.large
    with ExitStack() as stack:
        database = stack.enter_context(running_postgresql()).create("first")
        with opened(database.owner_url) as store:
            first = load_organization(store, digest_key(), "first", 1)
        server = stack.enter_context(our_server("granian", database, first))
        cycle = initial.measure(server, first, sizes.first_users, sizes.first_groups)
        with opened(database.owner_url) as store:
            report.rows += [initial.row(cycle), _cycle_size_row(store, cycle)]
        report.sections.append(initial.section(cycle))


def measure_rights(report: Report, options: Options) -> None:
    """Measure what a member may do, in a large organization and a small one."""
    if options.wants("P13"):
        with running_postgresql() as postgresql:
            report.rows += rights.rows(postgresql, options.rights)


def measure_member_lists(report: Report, options: Options) -> None:
    """Measure the members list of the console, in a large organization and a small one."""
    if options.wants("P14"):
        with running_postgresql() as postgresql:
            report.rows += member_lists.rows(postgresql, options.member_lists)


def measure_presets(report: Report, options: Options) -> None:
    """Measure SCIM on an organization of each portal profile."""
    if options.wants("PRESETS"):
        with running_postgresql() as postgresql:
            report.cells["Portal profiles"], found = presets.rows(postgresql, options)
            report.rows += found


def _cycle_size_row(store: Store, cycle: initial.Cycle) -> Row:
    """Say what a user takes in the database with all that led to them."""
    with begin_platform(store, write=False) as platform:
        size = int(platform.db.exec_driver_sql("SELECT pg_database_size(current_database())").scalar() or 0)
    return Row(
        "size",
        f"the database's bytes per user, after the initial cycle of {cycle.users:,}",
        "",
        f"{size / cycle.users:,.0f} bytes",
        "stated",
        "the whole database: users, groups, memberships, e-mail addresses, the trail of all that was done, the indexes",
    )


def _load_few(postgresql: PostgreSQL, sizes: LargeSizes) -> tuple[Loaded, Loaded, Database]:
    database = postgresql.create("few")
    with opened(database.owner_url) as store:
        # As in the large organization, everybody is in some group: what a user is in comes with each answer.
        groups = (growth.SMALL_GROUP, sizes.few_users)
        few = load_organization(store, digest_key(), "few", sizes.few_users, groups)
        writing = load_organization(store, digest_key(), "writing", sizes.few_users, (growth.SMALL_GROUP,))
        settle(store)
    return few, writing, database


def _load_large(postgresql: PostgreSQL, sizes: LargeSizes) -> tuple[Database, Loaded, Loaded, list[Loaded], Row]:
    """Load the large organization, one for the initial cycle, and many small ones, spread over their ids."""
    database, key = postgresql.create("large"), digest_key()
    with opened(database.owner_url) as store:
        with progress_bar("Loading users", sizes.users) as advance:
            seat = load_organization(store, key, "large", sizes.users, sizes.groups, advance)
        size_row = _size_row(store, sizes)
        first = load_organization(store, key, "first", 1)
        seats = []
        with progress_bar("Loading organizations", sizes.organizations) as advance:
            for number in range(sizes.organizations):
                groups = (growth.SMALL_GROUP, sizes.users_each)
                made = load_organization(store, key, f"small-{number}", sizes.users_each, groups)
                if number % max(1, sizes.organizations // SEATS) == 0:
                    seats.append(made)
                advance(1)
        settle(store)
    return database, seat, first, seats, size_row


def _size_row(store: Store, sizes: LargeSizes) -> Row:
    """Say what a user takes in the database, before anything was changed."""
    with begin_platform(store, write=False) as platform:
        table, indexes, members = (
            int(platform.db.exec_driver_sql(f"SELECT {function}('{name}')").scalar() or 0)
            for function, name in (
                ("pg_table_size", "resources"),
                ("pg_indexes_size", "resources"),
                ("pg_total_relation_size", "memberships"),
            )
        )
    count, memberships = sizes.users, sum(sizes.groups)
    return Row(
        "size",
        f"the database's bytes per user, of {count:,}",
        "",
        f"{(table + indexes) / count:,.0f} bytes: {table / count:,.0f} of rows, {indexes / count:,.0f} of indexes; "
        f"{members / memberships:,.0f} more for each membership",
        "stated",
        "tables resources and memberships with their indexes, as loaded; the trail, which grows with changes, apart",
    )


def _full_rows(stage: Stage, sizes: LargeSizes) -> Iterator[Row]:
    """Read the two largest groups; the target is that of the smaller."""
    target, largest = sorted(sizes.groups)[-2:]
    for kind in KINDS:
        yield waiting.full_row(stage.servers[kind], stage.reading, target)
    yield waiting.full_row(stage.servers["granian"], stage.reading, largest, times=3)
