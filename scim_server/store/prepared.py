"""Statements compiled once and run by the driver itself: the fast path of what every request runs.

SQLAlchemy builds, hashes and wraps a statement anew each time, which costs more than the database
takes to answer it by key. The slow path is the same statement run by SQLAlchemy; it is taken where
somebody listens to its events, such as tracing, or a test that counts.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Dialect, Select
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.dml import UpdateBase

from scim_server.store.driver import Row, is_observed, run_by_driver

_Process = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class _Compiled:
    """A statement in the words of one database."""

    sql: str
    names: tuple[str, ...]
    constants: Mapping[str, Any]
    binders: tuple[tuple[str, _Process], ...]
    readers: tuple[tuple[int, _Process], ...]


class Prepared:
    """A Core statement whose every value is a named ``bindparam``, ready to run."""

    __slots__ = ("_compiled", "statement")

    def __init__(self, statement: Select[Any] | UpdateBase) -> None:
        self.statement = statement
        self._compiled: dict[str, _Compiled] = {}

    def all(self, db: Connection, **values: Any) -> Sequence[Row]:
        """Run the statement and return its rows."""
        if is_observed(db):
            return db.execute(self.statement, values).all()
        compiled = self._compiled.get(db.dialect.name) or self._compile(db)
        rows: Sequence[Row] = self._run(db, compiled, values)
        return _read(rows, compiled.readers) if compiled.readers else rows

    def first(self, db: Connection, **values: Any) -> Row | None:
        """Run the statement and return its first row."""
        return next(iter(self.all(db, **values)), None)

    def run(self, db: Connection, **values: Any) -> None:
        """Run a statement that returns no rows."""
        if is_observed(db):
            db.execute(self.statement, values)
            return
        self._run(db, self._compiled.get(db.dialect.name) or self._compile(db), values)

    def _run(self, db: Connection, compiled: _Compiled, values: dict[str, Any]) -> Sequence[Row]:
        for name, process in compiled.binders:
            if values.get(name) is not None:
                values[name] = process(values[name])
        if compiled.constants:
            values = {**compiled.constants, **values}
        return run_by_driver(db, compiled.sql, [values[name] for name in compiled.names])

    def _compile(self, db: Connection) -> _Compiled:
        dialect = db.dialect
        compiled = self.statement.compile(dialect=_spoken(dialect))
        assert isinstance(compiled, SQLCompiler)
        assert compiled.positiontup is not None
        binders = ((name, _binder(bind.type, dialect)) for name, bind in compiled.binds.items())
        constants = {name: bind.value for name, bind in compiled.binds.items() if not bind.required}
        kept = {name: _bound(compiled.binds[name].type, dialect, value) for name, value in constants.items()}
        columns = [column.type for column in self.statement.exported_columns]
        readers = ((index, _reader(kind, dialect)) for index, kind in enumerate(columns))
        self._compiled[dialect.name] = _Compiled(
            sql=str(compiled),
            names=tuple(compiled.positiontup),
            constants=kept,
            binders=tuple((name, process) for name, process in binders if process and name not in constants),
            readers=tuple((index, process) for index, process in readers if process),
        )
        return self._compiled[dialect.name]


def _spoken(dialect: Dialect) -> Dialect:
    """Return the dialect with parameters as the driver passes them on, without reading the statement for them."""
    kind: Any = type(dialect)
    spoken: Dialect = kind(paramstyle="numeric_dollar") if dialect.name == "postgresql" else dialect
    return spoken


def _binder(kind: Any, dialect: Dialect) -> _Process | None:
    return kind.dialect_impl(dialect).bind_processor(dialect)  # type: ignore[no-any-return]  # SQLAlchemy leaves it open


def _bound(kind: Any, dialect: Dialect, value: Any) -> Any:
    process = _binder(kind, dialect)
    return process(value) if process else value


def _reader(kind: Any, dialect: Dialect) -> _Process | None:
    return kind.dialect_impl(dialect).result_processor(dialect, None)  # type: ignore[no-any-return]  # as above


def _read(rows: Sequence[Row], readers: Sequence[tuple[int, _Process]]) -> list[Row]:
    read: list[Row] = []
    for row in rows:
        values = list(row)
        for index, process in readers:
            values[index] = process(values[index])
        read.append(values)
    return read
