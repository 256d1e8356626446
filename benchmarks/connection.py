"""Latency: one keep-alive connection in Python; it also stands in for wrk where a test cannot have that."""

import http.client
import itertools
import os
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import closing

import orjson

from benchmarks.cells import BenchmarkError, Driven, Server
from benchmarks.workloads import CREATED, UNIQUE, Step, Workload

TIMEOUT_S = 120
_runs = itertools.count(1)


class Connection:
    """A keep-alive connection that goes through workloads."""

    def __init__(self, server: Server) -> None:
        self._http = http.client.HTTPConnection(server.host, server.port, timeout=TIMEOUT_S)
        self._prefix = server.prefix
        self._created = "none"

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def send(self, step: Step, name: str = "") -> tuple[int, bytes]:
        """Send one request; return the status and body of its answer."""
        path, body = (
            text.replace(UNIQUE, name).replace(CREATED, self._created) if "@" in text else text
            for text in (step.path, step.body)
        )
        headers = {
            "Authorization": f"Bearer {step.token}",
            "Content-Type": "application/scim+json",
            "Accept": "application/scim+json",
        }
        self._http.request(step.method, self._prefix + path, body.encode() if body else None, headers)
        answer = self._http.getresponse()
        content = answer.read()
        if answer.status == 201:
            self._created = str(orjson.loads(content).get("id", "none"))
        return answer.status, content

    def expect(self, step: Step, name: str = "") -> bytes:
        """Send one request and return the body of its answer.

        :raises BenchmarkError: When that is not a success.
        """
        status, content = self.send(step, name)
        if not 200 <= status < 300:
            raise BenchmarkError(f"{step.method} {step.path[:100]} was answered {status}: {content[:300]!r}")
        return content

    def timed(self, step: Step, name: str = "") -> float:
        """Send one request and return the milliseconds until its whole answer was there.

        :raises BenchmarkError: When that is not a success.
        """
        start = time.perf_counter()
        self.expect(step, name)
        return (time.perf_counter() - start) * 1000


def named_steps(workload: Workload, first: int = 0) -> Iterator[tuple[Step, str]]:
    """Yield the requests of a workload again and again, each with its name."""
    run = f"p{os.getpid():x}-{next(_runs)}"
    for count in itertools.count():
        yield workload.steps[(first + count) % len(workload.steps)], f"{run}-{count // workload.stride}"


def latencies_ms(connection: Connection, workload: Workload, count: int, first: int = 0) -> list[float]:
    """Return how long each of some requests took on one connection.

    :raises BenchmarkError: When one is not a success.
    """
    return [connection.timed(step, name) for step, name in itertools.islice(named_steps(workload, first), count)]


def drive(server: Server, workload: Workload, connections: int, seconds: float) -> Driven:
    """Go through a workload as :func:`benchmarks.wrk.drive` does, at the speed of Python."""
    times_ms: list[float] = []
    errors: list[int] = []
    shared = None if workload.serial else named_steps(workload)
    lock = threading.Lock()
    start = time.perf_counter()

    def go() -> None:
        steps = shared or named_steps(workload)
        with closing(Connection(server)) as connection:
            while time.perf_counter() - start < seconds:
                with lock:
                    step, name = next(steps)
                sent_at = time.perf_counter()
                try:
                    status, _ = connection.send(step, name)
                except (OSError, http.client.HTTPException):
                    status = 0
                times_ms.append((time.perf_counter() - sent_at) * 1000)
                if not 200 <= status < 300:
                    errors.append(status)

    threads = [threading.Thread(target=go) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if not times_ms:
        raise BenchmarkError("there was no answer")
    ordered = sorted(times_ms)
    p99_ms = ordered[int(len(ordered) * 0.99)]
    return Driven(len(times_ms), time.perf_counter() - start, len(errors), statistics.median(ordered), p99_ms)
