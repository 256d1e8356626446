"""The health of connections: their last request, their last error, and how many of each there were by the hour."""

import math
import threading
import time
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import bindparam, case, delete, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError

from scim_server.protocol.errors import UnavailableException
from scim_server.store.session import Actor, Credentials, Store, Tenant, begin, impatient
from scim_server.store.tables import connection_hours

KEPT = timedelta(days=30)
"""How long the hours of a connection are kept that is in use; of one that is not, the last ones stay."""

MAX_DETAIL_LENGTH = 500


@dataclass(frozen=True, slots=True)
class Hour:
    """How many requests a connection sent in an hour, and how many of them were answered with 400 or above."""

    hour: datetime
    requests: int
    errors: int


@dataclass(frozen=True, slots=True)
class ConnectionHealth:
    """What is known of the requests of a connection, the newest hour first; None where there was none."""

    last_request_at: datetime | None
    last_error_at: datetime | None
    last_error_status: int | None
    last_error_detail: str | None
    hours: tuple[Hour, ...]


@dataclass(frozen=True, slots=True)
class RequestError:
    """The last request of an hour that was answered with 400 or above, and what was said of it."""

    at: datetime
    status: int
    detail: str | None


def read_health(tenant: Tenant, connection_id: str, *, limit: int | None = None) -> ConnectionHealth:
    """Return the health of a connection, up to the requests of the last seconds.

    :param limit: How many hours are looked at, the newest first.
    """
    rows = tenant.db.execute(
        select(connection_hours)
        .where(connection_hours.c.org_id == tenant.org_id, connection_hours.c.connection_id == connection_id)
        .order_by(connection_hours.c.hour.desc())
        .limit(limit)
    ).all()
    failed = next((row for row in rows if row.last_error_at is not None), None)
    return ConnectionHealth(
        last_request_at=rows[0].last_request_at if rows else None,
        last_error_at=failed.last_error_at if failed else None,
        last_error_status=failed.last_error_status if failed else None,
        last_error_detail=failed.last_error_detail if failed else None,
        hours=tuple(Hour(row.hour, row.requests, row.errors) for row in rows),
    )


def list_errors(tenant: Tenant, connection_id: str, limit: int) -> list[RequestError]:
    """Return the last error of each hour that had one, the newest first, at most so many."""
    of_connection = (connection_hours.c.org_id == tenant.org_id, connection_hours.c.connection_id == connection_id)
    columns = (connection_hours.c.last_error_at, connection_hours.c.last_error_status)
    rows = tenant.db.execute(
        select(*columns, connection_hours.c.last_error_detail)
        .where(*of_connection, connection_hours.c.last_error_at.is_not(None))
        .order_by(connection_hours.c.hour.desc())
        .limit(limit)
    )
    return [RequestError(*row) for row in rows]


@dataclass(slots=True)
class _Tally:
    """What one process has seen of a connection since it last wrote; times are seconds since the epoch."""

    requests: int = 0
    errors: int = 0
    last_request_at: float = 0.0
    last_error_at: float | None = None
    last_error_status: int | None = None
    last_error_detail: str | None = None


@dataclass(slots=True)
class RequestCounts:
    """What one process has counted and not written yet; a process that is killed loses it.

    It is written every few seconds, by whoever finds that it is time, and when the process ends.
    """

    INTERVAL_S = 10.0
    MAX_CONNECTIONS = 10_000
    MAX_WRITING_S = 0.5

    _tallies: dict[tuple[str, str], _Tally] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _written_at: float = field(default_factory=time.monotonic)

    def count(self, org_id: str, connection_id: str, now: float, status: int, detail: str | None) -> None:
        """Count a request that was answered, with the ``detail`` of its error if it was one.

        :param now: In seconds since the epoch.
        """
        with self._lock:
            tally = self._tallies.get((org_id, connection_id))
            if tally is None:
                if len(self._tallies) >= self.MAX_CONNECTIONS:
                    return
                tally = self._tallies[org_id, connection_id] = _Tally()
            tally.requests += 1
            tally.last_request_at = now
            if status >= 400:
                tally.errors += 1
                tally.last_error_at, tally.last_error_status = now, status
                tally.last_error_detail = detail and detail[:MAX_DETAIL_LENGTH]

    def is_due(self) -> bool:
        """Return whether it is time to write; the caller who is told so does."""
        now = time.monotonic()
        if now - self._written_at < self.INTERVAL_S:
            return False
        with self._lock:
            due = now - self._written_at >= self.INTERVAL_S
            self._written_at = now
        return due

    def write(self, store: Store, *, patiently: bool = False) -> None:
        """Write what was counted, for half a second at most; the rest, and what the database refuses, waits.

        :param patiently: Whether all is written, and the lock of SQLite waited for.
        """
        end = math.inf if patiently else time.monotonic() + self.MAX_WRITING_S
        for key in list(self._tallies):
            if time.monotonic() > end:
                return
            with self._lock:
                tally = self._tallies.pop(key, None)
            if tally is None:
                continue
            try:
                _write(store, *key, tally, patiently=patiently)
            except UnavailableException:
                self._put_back(key, tally)
                return

    def _put_back(self, key: tuple[str, str], tally: _Tally) -> None:
        with self._lock:
            newer = self._tallies.setdefault(key, tally)
            if newer is not tally:
                newer.requests += tally.requests
                newer.errors += tally.errors
                if newer.last_error_at is None:
                    newer.last_error_at, newer.last_error_status = tally.last_error_at, tally.last_error_status
                    newer.last_error_detail = tally.last_error_detail


_SERVER = Actor("server", "health")
_ADDED = ("requests", "errors")
_ERROR = ("last_error_at", "last_error_status", "last_error_detail")


@cache
def _counting(dialect_name: str) -> Any:
    """Return the statement that adds to an hour; ON CONFLICT is an extension of both databases."""
    dialect: Any = {"sqlite": sqlite, "postgresql": postgresql}[dialect_name]
    statement = dialect.insert(connection_hours).values(
        {each.name: bindparam(each.name) for each in connection_hours.c}
    )
    new, kept = statement.excluded, connection_hours.c
    later = func.coalesce(new.last_error_at >= kept.last_error_at, new.last_error_at.is_not(None))
    return statement.on_conflict_do_update(
        index_elements=["org_id", "connection_id", "hour"],
        set_={
            **{name: kept[name] + new[name] for name in _ADDED},
            **{name: case((later, new[name]), else_=kept[name]) for name in _ERROR},
            "last_request_at": case(
                (new.last_request_at > kept.last_request_at, new.last_request_at), else_=kept.last_request_at
            ),
        },
    ).returning(connection_hours.c.requests)


def _write(store: Store, org_id: str, connection_id: str, tally: _Tally, *, patiently: bool) -> None:
    """Add what was counted to the hour of its last request, each statement its own transaction."""
    at = datetime.fromtimestamp(tally.last_request_at, UTC)
    failed_at = None if tally.last_error_at is None else datetime.fromtimestamp(tally.last_error_at, UTC)
    hour = at.replace(minute=0, second=0, microsecond=0)
    values = {**asdict(tally), "last_request_at": at, "last_error_at": failed_at}
    credentials, key = Credentials(org_id, _SERVER), {"org_id": org_id, "connection_id": connection_id, "hour": hour}
    with begin(store, credentials, write=False) as tenant, nullcontext() if patiently else impatient(tenant.db):
        try:
            requests = tenant.db.scalar(_counting(tenant.db.dialect.name), {**key, **values})
        except IntegrityError:
            return  # The connection was deleted meanwhile.
        if requests == tally.requests:  # An hour has begun.
            tenant.db.execute(
                delete(connection_hours).where(
                    connection_hours.c.org_id == org_id,
                    connection_hours.c.connection_id == connection_id,
                    connection_hours.c.hour < hour - KEPT,
                )
            )
