"""PgBouncer before the PostgreSQL of the tests, as docs/scaling.md configures it."""

import configparser
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.databases import Database
from tests.serving import ROOT

PAGE = (ROOT / "docs" / "scaling.md").read_text()
START_TIMEOUT_S = 10


def block(language: str, holding: str) -> str:
    """Return the one code block of docs/scaling.md that holds a text."""
    (found,) = (each for each in PAGE.split(f"```{language}\n")[1:] if holding in each.partition("```")[0])
    return found.partition("```")[0]


def name_of(database: Database) -> str:
    """Return the name of a database of PostgreSQL."""
    return database.app_url.partition("@/")[2].partition("?")[0]


@contextmanager
def pgbouncer(database: Database, **changed: str) -> Iterator[str]:
    """Pool the connections to a database in transaction mode until the block ends; yield the application's URL.

    The addresses and who may come in are the test's, and what it changes; all other settings are those of the page.
    For root, as whom PgBouncer refuses to run, it runs as who owns the directory of PostgreSQL's socket.

    :raises RuntimeError: When it does not answer within 10 s; the message ends with its log.
    """
    program = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        pytest.fail("install pgbouncer (Debian: apt install pgbouncer)")
    server = Path(database.app_url.partition("?host=")[2])
    name = name_of(database)
    with tempfile.TemporaryDirectory(prefix="scim-pool-") as made:
        directory = Path(made)
        settings = configparser.ConfigParser(interpolation=None)
        settings.read_string(block("ini", "pool_mode"))
        settings["databases"] = {name: f"host={server} dbname={name}"}
        settings["pgbouncer"].update(
            {
                "listen_addr": "",
                "unix_socket_dir": made,
                "auth_type": "trust",
                "auth_file": str(directory / "users.txt"),
                "stats_users": "scim_app",
                **changed,
            }
        )
        (directory / "users.txt").write_text('"scim_app" ""\n')
        with (directory / "pgbouncer.ini").open("w") as file:
            settings.write(file)
        as_another: dict[str, Any] = {}
        if os.geteuid() == 0:
            owner = server.stat()
            as_another = {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": ()}
            for path in (directory, *directory.iterdir()):
                os.chown(path, owner.st_uid, owner.st_gid)
        with (directory / "log").open("wb") as log:
            process = subprocess.Popen(
                [program, str(directory / "pgbouncer.ini")],
                cwd=directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                **as_another,
            )
        try:
            url = f"postgresql+psycopg://scim_app@/{name}?host={directory}&port={settings['pgbouncer']['listen_port']}"
            _wait(process, url, directory / "log")
            yield url
        finally:
            process.kill()
            process.wait()


def _wait(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with psycopg.connect(url.replace("+psycopg", ""), autocommit=True):
                return
        except psycopg.OperationalError:
            time.sleep(0.05)
    raise RuntimeError(f"PgBouncer does not answer:\n{log.read_text(errors='replace')}")
