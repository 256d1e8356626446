"""P6: what a thousand times as many users, and ten thousand organizations, do to each request."""

from collections.abc import Iterator, Mapping, Sequence

from benchmarks import workloads
from benchmarks.cells import Server
from benchmarks.intervals import ratio
from benchmarks.latencies import side_by_side
from benchmarks.rounds import Key, Planned, Rounds
from benchmarks.rows import Row, shown, verdict, with_errors
from benchmarks.workloads import Seat, Workload

GOAL = 1.25
SMALL_GROUP = 10
"""The size of the groups that W5, W7 and W9 use: every organization has one."""

_REQUESTS = 20


def plan(few: Sequence[Seat], grown: Mapping[str, Sequence[Seat]], writing: Seat) -> list[Planned]:
    """Return the cells: each workload on ``few`` users, and on each database that has grown.

    :param writing: Where users are created beside the few, who stay few.
    """
    seats: dict[str, Sequence[Seat]] = {"few": few, **grown}
    planned: dict[str, list[Planned]] = {}
    for subject, of_subject in seats.items():
        created_in = [writing] if subject == "few" else of_subject
        for each in (
            workloads.w1_create(created_in),
            workloads.w2_read(of_subject),
            workloads.w3_find(of_subject),
            workloads.w3m_miss(of_subject),
            workloads.w4_patch(of_subject),
            workloads.w9_cycle(created_in, SMALL_GROUP),
        ):
            planned.setdefault(each.name, []).append(Planned(subject, each))
    return [each for compared in planned.values() for each in compared]


def throughput_rows(measured: Rounds, grown: Mapping[str, str]) -> Iterator[Row]:
    """Return how many times longer a request takes on each database that has grown, by throughput."""
    names = sorted({key.workload for key in measured.cells})
    for subject, title in grown.items():
        for name in names:
            few, key = Key("few", name), Key(subject, name)
            estimate, errors = measured.rate_ratio(few, key), measured.errors(few, key)
            yield _row(name, title, with_errors(shown(estimate, "times"), errors), estimate.at_most(GOAL), errors)


def waiting_rows(
    servers: Mapping[str, Server], seats: Mapping[str, Sequence[Seat]], grown: Mapping[str, str], rounds: int
) -> Iterator[Row]:
    """Measure what goes over one connection, and return the same of it."""
    compared: dict[str, tuple[str, Workload]] = {}
    names: list[str] = []
    for subject, of_subject in seats.items():
        made = (
            workloads.w5_members(of_subject, SMALL_GROUP),
            workloads.w7g_group(of_subject, SMALL_GROUP),
            workloads.w7f_find(of_subject, SMALL_GROUP),
        )
        names = [each.name for each in made]
        compared.update({f"{subject} {each.name}": (subject, each) for each in made})
    found = side_by_side(servers, compared, rounds, _REQUESTS)
    for subject, title in grown.items():
        for name in names:
            estimate = ratio(found[f"{subject} {name}"], found[f"few {name}"])
            yield _row(name, title, shown(estimate, "times"), estimate.at_most(GOAL), 0)


def _row(name: str, title: str, reached: str, met: bool, errors: int) -> Row:
    how = "p50 on one connection" if name.startswith(("W5", "W7")) else "requests/s on 8 connections"
    return Row(
        "P6", f"growth of {name} to {title}", f"≤ {GOAL} times", reached, verdict(met, errors), f"{how}, granian, pairs"
    )
