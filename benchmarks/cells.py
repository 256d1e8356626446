"""A cell: one workload driven against one server for a moment, and what that took."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.processes import cpu_s


class BenchmarkError(RuntimeError):
    """A measurement cannot be made or used; the message says why."""


@dataclass(frozen=True, slots=True)
class Driven:
    """What a driver saw; ``errors`` are answers other than 2xx, and connections that broke."""

    requests: int
    seconds: float
    errors: int
    p50_ms: float
    p99_ms: float
    sent_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Cell:
    """What a driver saw, and the CPU time of the server and of PostgreSQL meanwhile."""

    driven: Driven
    server_cpu_s: float
    database_cpu_s: float

    @property
    def rate(self) -> float:
        """Requests per second."""
        return self.driven.requests / self.driven.seconds

    @property
    def server_cpu_ms(self) -> float:
        """The server's CPU milliseconds per request."""
        return self.server_cpu_s * 1000 / max(1, self.driven.requests)

    @property
    def database_cpu_ms(self) -> float:
        """PostgreSQL's CPU milliseconds per request; 0 on SQLite, which is part of the server."""
        return self.database_cpu_s * 1000 / max(1, self.driven.requests)


@dataclass(frozen=True, slots=True)
class Server:
    """A running server: where it listens, its first process, and that of its database if there is one."""

    name: str
    host: str
    port: int
    prefix: str
    pid: int
    database_pid: int | None
    started_s: float
    log: Path


def measure(server: Server, drive: Callable[[], Driven], pause_s: float = 0.04) -> Cell:
    """Return what driving a server takes, requests that were under way at the end included."""
    before, database_before = cpu_s(server.pid), _database_cpu_s(server)
    driven = drive()
    time.sleep(pause_s)
    after, database_after = cpu_s(server.pid), _database_cpu_s(server)
    return Cell(driven, after - before, database_after - database_before)


def _database_cpu_s(server: Server) -> float:
    return 0.0 if server.database_pid is None else cpu_s(server.database_pid)
