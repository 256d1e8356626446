"""PRESETS: SCIM on an organization of each portal profile that ships, beside one of the default profile."""

from collections.abc import Iterator

from benchmarks import workloads
from benchmarks.databases import PostgreSQL
from benchmarks.load import Loaded, load_organization, opened, progress_bar, settle
from benchmarks.options import Options
from benchmarks.rounds import Key, Planned, Rounds, run_rounds
from benchmarks.rows import Row, shown, verdict, with_errors
from benchmarks.servers import Kind
from benchmarks.stage import digest_key, our_server
from scim_server import load_portals
from scim_server.protocol.portals import DEFAULT_PORTAL

GOAL = 0.9
"""What is left of the throughput: a tenth is the noise of the machine."""

_KIND: Kind = "granian"


def rows(postgresql: PostgreSQL, options: Options) -> tuple[Rounds, list[Row]]:
    """Measure W1 to W4 in one organization for each profile, one beside the other."""
    database = postgresql.create("presets")
    users, names = options.sizes.users // 10, sorted(load_portals())
    with opened(database.owner_url) as store, progress_bar("Loading users", users * len(names)) as advance:
        seats = {
            name: load_organization(store, digest_key(), name, users, advance=advance, portal=name) for name in names
        }
        settle(store)
    with our_server(_KIND, database, seats[DEFAULT_PORTAL]) as server:
        # Named after the profiles: it is the same server.
        servers = dict.fromkeys(seats, server)
        planned = [Planned(name, each) for name, seat in seats.items() for each in _workloads(seat)]
        with progress_bar("Measuring", len(planned) * options.pairs) as advance:
            measured = run_rounds(planned, servers, rounds=options.pairs, seconds=options.seconds, advance=advance)
    return measured, list(_rows(measured, seats))


def _workloads(seat: Loaded) -> tuple[workloads.Workload, ...]:
    return (
        workloads.w1_create([seat]),
        workloads.w2_read([seat]),
        workloads.w3_find([seat]),
        workloads.w4_patch([seat]),
    )


def _rows(measured: Rounds, seats: dict[str, Loaded]) -> Iterator[Row]:
    for name in seats:
        for each in _workloads(seats[name]) if name != DEFAULT_PORTAL else ():
            ours, usual = Key(name, each.name), Key(DEFAULT_PORTAL, each.name)
            estimate, errors = measured.rate_ratio(ours, usual), measured.errors(ours, usual)
            yield Row(
                "PRESETS",
                f"{each.name} on an organization of {name}, {_KIND}",
                f"≥ {GOAL} times that of {DEFAULT_PORTAL}",
                with_errors(shown(estimate, "times"), errors),
                verdict(estimate.at_least(GOAL), errors),
                f"{estimate.count} pairs, 8 connections, PostgreSQL, {seats[name].user_count:,} users each",
            )
