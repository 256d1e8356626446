"""One request of each workload, its answer looked at: a fast wrong answer is worth nothing."""

from collections.abc import Callable
from contextlib import closing
from typing import Any

import orjson

from benchmarks import workloads
from benchmarks.cells import BenchmarkError, Server
from benchmarks.connection import Connection, named_steps
from benchmarks.workloads import Seat, Workload

_Expected = Callable[[Any], bool]


def check(server: Server, seat: Seat, *, sizes: tuple[int, ...] = (), pages: bool = True) -> None:
    """Send one request of each workload and look at what comes back.

    :param sizes: Groups to check; of the smallest, all members are read.
    :raises BenchmarkError: When an answer is not what a client of that workload needs.
    """
    with closing(Connection(server)) as connection:
        _check(connection, workloads.w1_create([seat]), lambda answer: "id" in answer)
        _check(connection, workloads.w2_read([seat]), lambda answer: "userName" in answer)
        _check(connection, workloads.w3_find([seat]), lambda answer: _is_list(answer, 1))
        _check(connection, workloads.w3m_miss([seat]), lambda answer: _is_list(answer, 0))
        patches = workloads.w4_patch([seat])
        half = len(patches.steps) // 2 if len(patches.steps) < 128 else 64
        _check(connection, patches, lambda answer: answer is None or answer["active"] is False)
        _check(connection, patches, lambda answer: answer is None or answer["active"] is True, first=half)
        if pages:
            page = workloads.w6_page(seat, "middle")
            _check(connection, page, lambda answer: answer["totalResults"] >= seat.user_count)
        for size in sizes:
            for first in (0, 1):
                _check(connection, workloads.w5_members([seat], size), lambda _: True, first=first)
            _check(connection, workloads.w7g_group([seat], size), lambda answer: "members" not in answer)
            _check(connection, workloads.w7f_find([seat], size), lambda answer: _is_list(answer, 1))
        if sizes:
            least = min(sizes)
            _check(connection, workloads.w7_full(seat, least), lambda answer: len(answer["members"]) == least)
        _check(connection, workloads.w8_bulk(seat), lambda answer: created(answer) == 100)


def created(answer: Any) -> int:
    """Return how many operations of a bulk created something."""
    return sum(str(operation["status"]) == "201" for operation in answer["Operations"])


def _check(connection: Connection, workload: Workload, expected: _Expected, first: int = 0) -> None:
    step, name = next(named_steps(workload, first))
    content = connection.expect(step, name)
    answer = orjson.loads(content) if content else None
    if not expected(answer):
        raise BenchmarkError(f"{workload.name} was answered with what is not right: {content[:300]!r}")


def _is_list(answer: Any, total: int) -> bool:
    return bool(answer["totalResults"] == total and len(answer.get("Resources", ())) == total)
