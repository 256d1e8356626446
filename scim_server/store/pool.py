"""The connections of a process to its database: as many as it may use at once, each kept as it is for its next use.

SQLAlchemy's pool makes a connection object anew for each use, which costs a read more than its statement does.
"""

import threading
from contextlib import suppress
from types import TracebackType

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from scim_server.store.driver import is_observed, run_by_driver

BEHIND_POOLER = "scim_server_behind_pooler"
"""What a connection knows of itself that is another connection of the database with each transaction."""


class Pool:
    """The connections of an engine that has no pool of its own."""

    def __init__(self, engine: Engine, size: int, timeout_s: float) -> None:
        self.engine = engine
        self.idle: list[Connection] = []
        """Those that wait to be used; the last one used is the next, whose backend is warm."""
        self._free = threading.BoundedSemaphore(size)
        self._timeout_s = timeout_s

    def open(self, begin: str | None = None) -> "Opened":
        """Return a connection for a ``with`` block.

        :param begin: The statement that begins a transaction: returning commits it, raising rolls it back. Without,
            each statement is on its own; but behind a pooler, where only a transaction stays on its connection.
        """
        return Opened(self, begin)

    def take(self) -> Connection:
        """Return a connection; :meth:`give_back` must follow.

        :raises PoolTimeoutError: When all are in use for too long.
        :raises DBAPIError: When the database takes no more.
        """
        if not self._free.acquire(timeout=self._timeout_s):
            raise PoolTimeoutError("every connection to the database is in use")
        try:
            return self.idle.pop()
        except IndexError:
            pass
        try:
            return self.engine.connect()
        except BaseException:
            self._free.release()
            raise

    def give_back(self, db: Connection) -> None:
        """Take a connection back; with one that is gone, the idle ones are given up too: they are as old."""
        try:
            if db.in_transaction() and not db.invalidated:
                db.rollback()  # SQLAlchemy's own, which any statement run by it begins; the driver has none.
            if db.invalidated:
                db.close()
                self.close()
            else:
                self.idle.append(db)
        finally:
            self._free.release()

    def close(self) -> None:
        """Close the connections that are not in use."""
        while self.idle:
            with suppress(IndexError):  # Another thread was faster.
                self.idle.pop().close()


class Opened:
    """A connection in use; a class, since every request would pay for a generator."""

    __slots__ = ("_begin", "_db", "_pool")

    def __init__(self, pool: Pool, begin: str | None) -> None:
        self._pool, self._begin = pool, begin

    def __enter__(self) -> Connection:
        db = self._db = self._pool.take()
        if self._begin is None and BEHIND_POOLER in db.connection.info:
            self._begin = "BEGIN"
        if self._begin is not None:
            try:
                _run(db, self._begin)
            except BaseException:
                self._roll_back()
                raise
        return db

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        if self._begin is None:
            self._pool.give_back(self._db)
        elif error is None:
            self._commit()
        else:
            self._roll_back()

    def _commit(self) -> None:
        try:
            _run(self._db, "COMMIT")
        except BaseException:
            self._roll_back()
            raise
        self._pool.give_back(self._db)

    def _roll_back(self) -> None:
        """Undo what was done; a connection that cannot is closed, which does."""
        db = self._db
        try:
            if not db.invalidated:
                db.connection.rollback()
        except db.dialect.loaded_dbapi.Error as exc:
            db.invalidate(exc)
        finally:
            self._pool.give_back(db)


def _run(db: Connection, statement: str) -> None:
    if is_observed(db):
        db.exec_driver_sql(statement)
    else:
        run_by_driver(db, statement)
