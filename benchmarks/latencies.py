"""What one person waits: p50 over one keep-alive connection, sizes and servers side by side."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from statistics import median as median_of

from benchmarks.cells import Server
from benchmarks.connection import Connection, latencies_ms
from benchmarks.workloads import Workload


def side_by_side(
    servers: Mapping[str, Server], compared: Mapping[str, tuple[str, Workload]], rounds: int, count: int
) -> dict[str, list[float]]:
    """Return the p50 in ms of each workload in each round.

    :param compared: The name of a server and a workload, by the name of the result.
    :param count: Requests of each workload in a round.
    :raises BenchmarkError: When a request is not a success.
    """
    with ExitStack() as stack:
        connections = {name: stack.enter_context(closing(Connection(server))) for name, server in servers.items()}
        found: dict[str, list[float]] = {name: [] for name in compared}
        for number in range(-1, rounds):
            for name, (subject, workload) in _alternating(compared, number):
                times = latencies_ms(connections[subject], workload, count, first=max(0, number) * count)
                if number >= 0:  # The round before the first warms up.
                    found[name].append(median_of(times))
    return found


def _alternating(
    compared: Mapping[str, tuple[str, Workload]], number: int
) -> Sequence[tuple[str, tuple[str, Workload]]]:
    items = list(compared.items())
    return items[::-1] if number % 2 else items
