"""Databases, transactions, and the one object every function of ``store`` and ``actions`` takes.

A :class:`Tenant` is made by :func:`begin` alone, from :class:`Credentials` that a token proved, so
whoever holds one is authenticated and every statement can name its ``org_id``.
"""

import math
import os
import secrets
import sqlite3
import threading
import time
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, TypeVar

import orjson
from sqlalchemy import Connection as DatabaseConnection
from sqlalchemy import create_engine, event, make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import ConnectionPoolEntry, NullPool

from scim_server.protocol.catalog import Catalog
from scim_server.protocol.errors import UnavailableException
from scim_server.protocol.portals import PortalProfile
from scim_server.protocol.profiles import Profile
from scim_server.protocol.provisioning import DEFAULT_PROVISIONING, Provisioning
from scim_server.store.driver import attach_libpq, run_by_driver
from scim_server.store.pool import BEHIND_POOLER, Pool

T = TypeVar("T")

_ORGANIZATION = "scim_server_organization"
"""Where a connection of PostgreSQL keeps whose rows it shows."""

# BEGIN IMMEDIATE takes SQLite's write lock at once: a read that upgrades later could fail halfway.
_WRITE_BEGINS = {"sqlite": "BEGIN IMMEDIATE", "postgresql": "BEGIN"}
_SNAPSHOT_BEGINS = {"sqlite": "BEGIN", "postgresql": "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"}
_RETRIED_STATES = ("40001", "40P01")
"""PostgreSQL: serialization failure and deadlock, after which the same action may succeed."""
_MAX_TRIES = 4

_UNAVAILABLE_STATES = ("08", "25006", "28", "3D", "40", "53", "55P03", "57", "58")
"""PostgreSQL: no connection, a standby, no resources left, a lock or statement that took too long, a shutdown."""
_UNAVAILABLE_CODES = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PROTOCOL,
    }
)


@dataclass(frozen=True, slots=True)
class Connection:
    """An identity provider or HR system of an organization, as requests act under it."""

    id: str
    name: str
    profile: Profile
    provisioning: Provisioning = DEFAULT_PROVISIONING


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: a ``token``, a ``user`` by a token of their own, a ``member`` by the portal's, or an ``operator``.

    ``id`` is that of the token, of the user or member, or the operator's name; an operator has no connection.
    """

    kind: str
    id: str
    connection: Connection | None = None
    scopes: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a token proved: the organization and who acts in it."""

    org_id: str
    actor: Actor
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class Tenant:
    """An open connection to the database, inside one organization, at one moment."""

    db: DatabaseConnection
    org_id: str
    actor: Actor
    now: datetime
    catalog: Catalog
    request_id: str = ""
    portals: Mapping[str, PortalProfile] = field(default_factory=dict)
    at_end: "dict[Callable[[Tenant, list[Any]], None], list[Any]]" = field(default_factory=dict)
    """What the transaction writes last, just before it is committed: rows by the function that writes them."""
    walks: "Walks" = field(default_factory=lambda: Walks())

    @property
    def connection_id(self) -> str | None:
        """The connection that acts, None where a person does: an operator, or a user of the organization."""
        return self.actor.connection.id if self.actor.connection and self.actor.kind == "token" else None

    @property
    def provisioning(self) -> Provisioning:
        """The rules for what is provisioned again."""
        return self.actor.connection.provisioning if self.actor.connection else DEFAULT_PROVISIONING

    @property
    def author(self) -> str:
        """Who a resource is recorded as created or changed by: the connection, else the actor."""
        return self.connection_id or self.actor.id


class KnownTokens:
    """What the database said of tokens less than a second ago, by digest; one for each process.

    So a revocation holds within a second of its commit in every process.
    """

    MAX_AGE_S = 0.8
    MAX_TOKENS = 10_000

    def __init__(self) -> None:
        self._found: dict[str, tuple[float, Any]] = {}

    def get(self, digest: str) -> Any:
        """Return what is known of a token, None where the database is to be asked."""
        at, found = self._found.get(digest, (0.0, None))
        return found if time.monotonic() - at < self.MAX_AGE_S else None

    def has_found(self, digest: str) -> bool:
        """Return whether a token existed when the database was last asked, however long ago that was."""
        return digest in self._found

    def put(self, digest: str, found: Any, asked_at: float) -> None:
        """Keep what the database said of a token that exists.

        :param asked_at: When it was asked, by the monotonic clock: the age counts from there.
        """
        if len(self._found) >= self.MAX_TOKENS:
            self._found.clear()
        self._found[digest] = (asked_at, found)

    def forget(self, digest: str) -> None:
        """Ask the database again about a token."""
        if digest in self._found:
            self._found[digest] = (-math.inf, None)


class Walks:
    """Where pages by index left off a moment ago, so that a client that walks on pays for nothing it skips.

    By what is walked through, the index of the next resource, and how many had been deleted by then: a place holds
    while nothing before it can have gone. One for each process.
    """

    MAX_AGE_S = 60.0
    MAX_PLACES = 10_000

    def __init__(self) -> None:
        self._places: dict[Hashable, tuple[float, str]] = {}

    def get(self, place: Hashable) -> str | None:
        """Return the id of the resource before a place, None where that is not known."""
        at, before = self._places.get(place, (0.0, None))
        return before if time.monotonic() - at < self.MAX_AGE_S else None

    def put(self, place: Hashable, before: str) -> None:
        """Keep the id of the resource before a place."""
        if len(self._places) >= self.MAX_PLACES:
            self._places.clear()
        self._places[place] = (time.monotonic(), before)


@dataclass(frozen=True, slots=True)
class Platform:
    """An open connection to the database for what spans organizations."""

    db: DatabaseConnection
    now: datetime


def utc_now() -> datetime:
    """Return the present moment, truncated to milliseconds as it is stored."""
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


@dataclass(frozen=True, slots=True)
class Store:
    """A database and what is needed to use it."""

    pool: Pool
    catalog: Catalog
    portals: Mapping[str, PortalProfile] = field(default_factory=dict)
    clock: Callable[[], datetime] = field(default=utc_now)
    known_tokens: KnownTokens = field(default_factory=lambda: KnownTokens())
    walks: Walks = field(default_factory=lambda: Walks())

    @property
    def dialect(self) -> str:
        """The name of the database system: ``sqlite`` or ``postgresql``."""
        return self.pool.engine.dialect.name

    @property
    def write_begin(self) -> str:
        """The statement that begins a transaction which writes."""
        return _WRITE_BEGINS[self.dialect]

    @property
    def writes_at_once(self) -> bool:
        """Whether one statement can change several tables, which spares a transaction its round trips."""
        return self.dialect == "postgresql"

    def close(self) -> None:
        """Close the connections to the database that are not in use."""
        self.pool.close()


def open_store(
    url: str,
    catalog: Catalog,
    portals: Mapping[str, PortalProfile] | None = None,
    *,
    pool_size: int = 5,
    busy_timeout_ms: int = 5_000,
    statement_timeout_ms: int = 30_000,
    clock: Callable[[], datetime] = utc_now,
) -> Store:
    """Return the store of a database URL; nothing connects until it is used."""
    address = make_url(url)
    options: dict[str, Any] = {
        "json_serializer": lambda value: orjson.dumps(value).decode(),
        "hide_parameters": True,  # An exception in the logs names no person.
    }
    if address.get_backend_name() == "sqlite":
        options["connect_args"] = {"timeout": busy_timeout_ms / 1000, "check_same_thread": False}
    else:
        address = address.set(drivername="postgresql+psycopg")
        options["connect_args"] = {
            "connect_timeout": 5,
            "autocommit": True,
            "options": f"-c statement_timeout={statement_timeout_ms} -c lock_timeout={busy_timeout_ms} -c timezone=UTC",
        }
    engine = create_engine(address, poolclass=NullPool, **options)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
    else:
        psycopg = engine.dialect.loaded_dbapi
        event.listen(engine, "connect", lambda connection, record: _prepare_postgresql(connection, record, psycopg))
    return Store(Pool(engine, pool_size, busy_timeout_ms / 1000), catalog, portals or {}, clock)


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    # The driver leaves BEGIN to us, as psycopg does under autocommit: see _begin.
    connection.isolation_level = None
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON", "trusted_schema = OFF"):
        connection.execute(f"PRAGMA {pragma}")


def _prepare_postgresql(connection: Any, record: ConnectionPoolEntry, psycopg: Any) -> None:
    # A pooler, such as PgBouncer, tells process ids of its own. Each transaction may then run on another connection
    # of the database, which has none of the statements that were prepared on the last.
    (process_id,) = connection.execute("SELECT pg_backend_pid()").fetchone()
    prepares = process_id == connection.info.backend_pid
    if not prepares:
        record.info[BEHIND_POOLER] = True
    # psycopg's own would, after a ROLLBACK, deallocate all there are.
    connection.prepare_threshold = None
    attach_libpq(connection, record.info, psycopg, prepares=prepares)


@contextmanager
def begin(store: Store, credentials: Credentials, *, write: bool) -> Iterator[Tenant]:
    """Open the database for one request: returning commits, raising rolls back.

    Reads run without a transaction, each statement on its own.

    :raises UnavailableException: When the database does not answer or stays locked.
    """
    with _AVAILABLE, store.pool.open(store.write_begin if write else None) as db:
        show_rows(db, credentials.org_id, in_transaction=write)
        tenant = _tenant(store, credentials, db)
        yield tenant
        write_end(tenant)


def show_rows(db: DatabaseConnection, org_id: str, *, in_transaction: bool = False) -> None:
    """Have row-level security show the rows of one organization.

    Outside of transactions a connection stays with its organization, and is told of another one when it comes.
    """
    if db.dialect.name != "postgresql":
        return
    info = db.connection.info
    if info.get(_ORGANIZATION) == org_id:
        return
    if in_transaction or BEHIND_POOLER in info:
        run_by_driver(db, "SELECT set_config('app.org', $1, true)", [org_id])
    else:
        run_by_driver(db, "SELECT set_config('app.org', $1, false)", [org_id])
        info[_ORGANIZATION] = org_id


def write_end(tenant: Tenant) -> None:
    """Write what was left for the end of the transaction; :func:`begin` does."""
    while tenant.at_end:
        write, rows = tenant.at_end.popitem()
        write(tenant, rows)


@contextmanager
def savepoint(tenant: Tenant) -> Iterator[None]:
    """Undo what is done inside, and what it left for the end of the transaction, when it raises."""
    before = {write: len(rows) for write, rows in tenant.at_end.items()}
    run_by_driver(tenant.db, "SAVEPOINT operation")
    try:
        yield
    except Exception:
        run_by_driver(tenant.db, "ROLLBACK TO SAVEPOINT operation")
        for write, rows in tenant.at_end.items():
            del rows[before.get(write, 0) :]
        raise
    finally:
        run_by_driver(tenant.db, "RELEASE SAVEPOINT operation")


@contextmanager
def begin_snapshot(store: Store, credentials: Credentials) -> Iterator[Tenant]:
    """Open the database for an answer that is streamed: all its statements see one state.

    :raises UnavailableException: When the database does not answer.
    """
    with _AVAILABLE, store.pool.open(_SNAPSHOT_BEGINS[store.dialect]) as db:
        show_rows(db, credentials.org_id, in_transaction=True)
        yield _tenant(store, credentials, db)


def _tenant(store: Store, credentials: Credentials, db: DatabaseConnection) -> Tenant:
    return Tenant(
        db=db,
        org_id=credentials.org_id,
        actor=credentials.actor,
        now=store.clock(),
        catalog=store.catalog,
        portals=store.portals,
        request_id=credentials.request_id,
        walks=store.walks,
    )


@contextmanager
def begin_platform(store: Store, *, write: bool) -> Iterator[Platform]:
    """Open the database for what spans organizations; see :func:`begin`."""
    with _AVAILABLE, store.pool.open(store.write_begin if write else None) as db:
        yield Platform(db=db, now=store.clock())


def enter(platform: Platform, store: Store, credentials: Credentials) -> Tenant:
    """Return an organization within a transaction that spans organizations, such as the one that makes it.

    The caller is who writes the end of it; see :func:`write_end`.
    """
    show_rows(platform.db, credentials.org_id, in_transaction=True)
    return replace(_tenant(store, credentials, platform.db), now=platform.now)


def transact(store: Store, credentials: Credentials, action: Callable[[Tenant], T]) -> T:
    """Run an action in a transaction, again from its beginning after a deadlock, up to 3 times.

    :raises UnavailableException: When the database does not answer, stays locked, or deadlocks again.
    """
    for attempt in range(1, _MAX_TRIES + 1):
        try:
            with begin(store, credentials, write=True) as tenant:
                return action(tenant)
        except UnavailableException as exc:
            if not _is_retried(exc.__cause__) or attempt == _MAX_TRIES:
                raise
            time.sleep(0.01 * attempt * (1 + secrets.randbelow(100) / 100))
    raise AssertionError("unreachable")


def attempt(store: Store, credentials: Credentials, action: Callable[[Tenant], T | None]) -> T | None:
    """Run an action that writes one statement, its own transaction, if any; return None after a deadlock.

    :raises UnavailableException: When the database does not answer or stays locked.
    """
    try:
        with begin(store, credentials, write=False) as tenant:
            return action(tenant)
    except UnavailableException as exc:
        if not _is_retried(exc.__cause__):
            raise
        return None


class _Available:
    """Says of a database that cannot answer now that it is unavailable.

    A class, not a generator, which every request would pay for.
    """

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        if isinstance(error, PoolTimeoutError) or (isinstance(error, DBAPIError) and _is_unavailable(error)):
            raise UnavailableException from error


_AVAILABLE = _Available()


def _is_unavailable(exc: DBAPIError) -> bool:
    """Return whether the database cannot answer now; any other error is a bug, which no repetition mends."""
    if exc.connection_invalidated:
        return True
    if isinstance(exc.orig, sqlite3.Error):
        # The low byte is the primary code. Python's own errors, such as a value it cannot bind, have none.
        return getattr(exc.orig, "sqlite_errorcode", 0) & 0xFF in _UNAVAILABLE_CODES
    state = getattr(exc.orig, "sqlstate", None)
    if state is None:
        return isinstance(exc, OperationalError | InterfaceError)
    return str(state).startswith(_UNAVAILABLE_STATES)


@contextmanager
def impatient(db: DatabaseConnection) -> Iterator[None]:
    """Let what runs inside fail at once where SQLite is locked, without the wait for the lock."""
    if db.dialect.name != "sqlite":
        yield
        return
    wait_ms = db.exec_driver_sql("PRAGMA busy_timeout").scalar()
    db.exec_driver_sql("PRAGMA busy_timeout = 0")
    try:
        yield
    finally:
        db.exec_driver_sql(f"PRAGMA busy_timeout = {wait_ms}")


def _is_retried(cause: BaseException | None) -> bool:
    return isinstance(cause, DBAPIError) and getattr(cause.orig, "sqlstate", None) in _RETRIED_STATES


def is_ready(store: Store) -> bool:
    """Return whether the database answers."""
    try:
        with begin_platform(store, write=False) as platform:
            platform.db.exec_driver_sql("SELECT 1")
    except UnavailableException:
        return False
    return True


_id_lock = threading.Lock()
_last_id_ns = 0


def new_id() -> str:
    """Return a UUIDv7 (RFC 9562 §5.7); those of one process are in the order they were made."""
    global _last_id_ns
    with _id_lock:
        # 48 bits of milliseconds and 12 bits of its fraction, as RFC 9562 §6.2 method 3 has it.
        _last_id_ns = max(time.time_ns(), _last_id_ns + 245)
        milliseconds, fraction = divmod(_last_id_ns, 1_000_000)
    tail = int.from_bytes(os.urandom(8)) & (2**62 - 1)
    number = (milliseconds << 80) | (0x7 << 76) | ((fraction * 4096 // 1_000_000) << 64) | (0b10 << 62) | tail
    digits = f"{number:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
