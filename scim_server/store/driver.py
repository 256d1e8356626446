"""Statements given to the database by its driver itself: SQLite's, or libpq, which psycopg stands on.

Around libpq, psycopg's cursors take four times the processor that the statement does.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

Row = Sequence[Any]

_LIBPQ = "libpq"
"""Where a connection of PostgreSQL keeps its :class:`Libpq`."""


class Libpq:
    """One connection to PostgreSQL, and the statements that were prepared on it."""

    MAX_STATEMENTS = 200

    def __init__(self, connection: Any, psycopg: Any, *, prepares: bool) -> None:
        self._pgconn, self._psycopg, self._prepares = connection.pgconn, psycopg, prepares
        self._transformer = psycopg.adapt.Transformer(connection)
        self._names: dict[str, bytes] = {}
        self._prepared = 0

    def rows(self, sql: str, parameters: Sequence[Any]) -> Sequence[Row]:
        """Run a statement and return its rows; the database knows the types of its parameters, sent as text.

        :raises psycopg.Error: When the database refuses it, or is gone.
        """
        try:
            result = self._result(sql, parameters)
        except MemoryError as exc:  # libpq has no result where it could not even send the statement.
            raise self._psycopg.OperationalError(self._pgconn.get_error_message()) from exc
        if result.status == self._psycopg.pq.ExecStatus.TUPLES_OK:
            self._transformer.set_pgresult(result)
            return self._transformer.load_rows(0, result.ntuples, tuple)  # type: ignore[no-any-return]  # psycopg comes untyped
        self._check(result)
        return ()

    def _result(self, sql: str, parameters: Sequence[Any]) -> Any:
        if not parameters:
            return self._pgconn.exec_(sql.encode())
        formats = [self._psycopg.adapt.PyFormat.TEXT] * len(parameters)
        sent = self._transformer.dump_sequence(parameters, formats)
        if not self._prepares:
            return self._pgconn.exec_params(sql.encode(), sent)
        return self._pgconn.exec_prepared(self._names.get(sql) or self._prepare(sql), sent)

    def _prepare(self, sql: str) -> bytes:
        if len(self._names) >= self.MAX_STATEMENTS:
            oldest = next(iter(self._names))
            self._check(self._pgconn.exec_(b"DEALLOCATE " + self._names.pop(oldest)))
        self._prepared += 1
        name = b"scim_server_%d" % self._prepared
        self._check(self._pgconn.prepare(name, sql.encode()))
        self._names[sql] = name
        return name

    def _check(self, result: Any) -> None:
        if result.status != self._psycopg.pq.ExecStatus.COMMAND_OK:
            raise self._psycopg.errors.error_from_result(result, encoding="utf-8")


def attach_libpq(connection: Any, info: dict[Any, Any], psycopg: Any, *, prepares: bool) -> None:
    """Give a new connection of PostgreSQL its :class:`Libpq`.

    :param prepares: Whether what is prepared on it is there for the next statement.
    """
    info[_LIBPQ] = Libpq(connection, psycopg, prepares=prepares)


def is_observed(db: Connection) -> bool:
    """Return whether somebody listens to what SQLAlchemy runs, such as tracing, or a test that counts."""
    return bool(db.dispatch.before_cursor_execute)


def run_by_driver(db: Connection, statement: str, parameters: Sequence[Any] = ()) -> Sequence[Row]:
    """Run a statement by the driver itself and return its rows; failures are as SQLAlchemy has them.

    :param statement: Its parameters are ``?`` on SQLite, and ``$1``, ``$2`` on PostgreSQL, as it has them itself.
    :raises DBAPIError: When the database refuses it; a connection that is gone is given up.
    """
    connection = db.connection
    libpq: Libpq | None = connection.info.get(_LIBPQ)
    try:
        if libpq is not None:
            return libpq.rows(statement, parameters)
        driver: Any = connection.driver_connection
        return driver.execute(statement, parameters).fetchall()  # type: ignore[no-any-return]  # of either driver
    except Exception as exc:
        raise _wrapped(db, statement, exc) from exc


def _wrapped(db: Connection, sql: str, error: Exception) -> Exception:
    dbapi = db.dialect.loaded_dbapi
    if not isinstance(error, dbapi.Error):
        return error
    gone = db.dialect.is_disconnect(error, db.connection.dbapi_connection, None)
    if gone and not db.invalidated:
        db.invalidate(error)
    return DBAPIError.instance(
        sql, None, error, dbapi.Error, hide_parameters=True, connection_invalidated=gone, dialect=db.dialect
    )
