"""P12: what one organization waits while another sends ten times what it may."""

import itertools
import os
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from multiprocessing import get_context

from benchmarks import workloads
from benchmarks.cells import BenchmarkError, Server
from benchmarks.connection import Connection
from benchmarks.intervals import median, ratio
from benchmarks.options import Options
from benchmarks.rows import Row, shown, verdict
from benchmarks.servers import KINDS
from benchmarks.stage import Stage, our_server
from benchmarks.workloads import Seat, Step

GOAL = 2.0
LIMIT_PER_S = 100
TIMES = 10
CONNECTIONS = 8
QUIET_PER_S = 80
PHASE_S = 2.5


@dataclass(slots=True)
class Flood:
    """What came back to who sent too much, by status."""

    seconds: float
    statuses: Counter[int] = field(default_factory=Counter)


def rows(stage: Stage, options: Options) -> Iterator[Row]:
    """Measure the 99th percentile of a quiet organization, alone and beside one that floods, in turns.

    :raises BenchmarkError: When the flood is not refused, or the quiet one is.
    """
    for kind in KINDS:
        with our_server(kind, stage.database, stage.writing, rate_limit_per_s=LIMIT_PER_S) as server:
            yield _row(server, kind, stage, options)


def _row(server: Server, kind: str, stage: Stage, options: Options) -> Row:
    phase_s = PHASE_S if options.sizes.rounds >= 10 else 0.5
    quiet: list[float] = []
    loaded: list[float] = []
    sums: Counter[int] = Counter()
    flooded_s = 0.0
    # Who floods sits elsewhere: its processor is not the server's.
    with (
        ProcessPoolExecutor(1, get_context("fork"), os.nice, (10,)) as elsewhere,
        closing(Connection(server)) as connection,
    ):
        _p99_ms(connection, stage.writing, phase_s / 2)
        for _ in range(max(2, options.pairs // 6)):
            quiet.append(_p99_ms(connection, stage.writing, phase_s))
            flood = elsewhere.submit(_flood, server, workloads.w2_read([stage.reading]).steps[0], phase_s + 0.4)
            time.sleep(0.2)
            loaded.append(_p99_ms(connection, stage.writing, phase_s))
            sums += flood.result().statuses
            flooded_s += flood.result().seconds
    if not sums[429] or set(sums) - {200, 429}:
        raise BenchmarkError(f"who sends {TIMES} times as much as it may was answered {dict(sums)}")
    times = ratio(loaded, quiet)
    return Row(
        "P12",
        f"p99 of W2 beside another organization that sends {TIMES} times its limit, {kind}",
        f"≤ {GOAL:g} times that alone",
        f"{shown(times, 'times')}, {shown(median(loaded), 'ms')} after {shown(median(quiet), 'ms')}",
        verdict(times.at_most(GOAL)),
        f"{times.count} rounds of {phase_s:g} s alone and {phase_s:g} s beside; {QUIET_PER_S} requests/s on one "
        f"connection; the other on {CONNECTIONS}: {sums.total() / flooded_s:.0f}/s, of which "
        f"{sums[200] / flooded_s:.0f}/s were answered with 200, limit {LIMIT_PER_S}/s",
    )


def _p99_ms(connection: Connection, seat: Seat, seconds: float) -> float:
    """Return the 99th percentile of reads that come at a steady pace."""
    steps, times = itertools.cycle(workloads.w2_read([seat]).steps), []
    start = time.perf_counter()
    for number in range(int(seconds * QUIET_PER_S)):
        time.sleep(max(0.0, start + number / QUIET_PER_S - time.perf_counter()))
        times.append(connection.timed(next(steps)))
    return sorted(times)[int(len(times) * 0.99)]


def _flood(server: Server, step: Step, seconds: float) -> Flood:
    """Send the same request again and again, at ten times the limit, on several connections."""
    request = (
        f"{step.method} {server.prefix}{step.path} HTTP/1.1\r\nHost: {server.host}:{server.port}\r\n"
        f"Authorization: Bearer {step.token}\r\n\r\n"
    ).encode()
    flood = Flood(seconds)
    pause_s = CONNECTIONS / (LIMIT_PER_S * TIMES)
    start = time.perf_counter()

    def send(number: int) -> None:
        with socket.create_connection((server.host, server.port)) as connection:
            # Nagle's algorithm would add its own wait to each request.
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            due = start + pause_s * number / CONNECTIONS
            while due < start + seconds:
                time.sleep(max(0.0, due - time.perf_counter()))
                connection.sendall(request)
                flood.statuses[_status(connection)] += 1
                due += pause_s

    threads = [threading.Thread(target=send, args=(number,)) for number in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    flood.seconds = time.perf_counter() - start
    return flood


def _status(connection: socket.socket) -> int:
    """Read an answer to its end and return its status."""
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += _received(connection)
    head, _, body = answer.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
    while len(body) < length:
        body += _received(connection)
    return int(head.split(b" ", 2)[1])


def _received(connection: socket.socket) -> bytes:
    received = connection.recv(65_536)
    if not received:
        raise BenchmarkError("the server closed the connection of who sends too much")
    return received
