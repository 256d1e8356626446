"""Fixtures for every test: real databases, and no network beyond the loopback."""

import contextlib
import ipaddress
import os
import signal
import socket
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, settings

from scim_server.protocol.catalog import Catalog
from scim_server.store.migrate import upgrade
from tests.databases import Database, DatabaseServer, SQLiteServer, running_postgresql
from tests.directory import Client, new_client, running_app, site_of
from tests.statements import guarded


def _exit_cleanly(signal_number: int, _frame: object) -> None:
    """Let the fixtures stop what they have started, as after Ctrl-C."""
    pytest.exit(f"stopped by signal {signal_number}", returncode=128 + signal_number)


# A job that is cancelled gets SIGTERM, and PostgreSQL would outlive it.
signal.signal(signal.SIGTERM, _exit_cleanly)

_processes: list[int] = []
"""The ids of those that run the tests, where this one only hands them out."""


@pytest.hookimpl(optionalhook=True)
def pytest_testnodeready(node: Any) -> None:
    """Know the processes of pytest-xdist."""
    _processes.append(node.gateway._io.popen.pid)  # Nothing public says it.


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(exitstatus: int) -> None:
    """Let the processes that are still at work stop what they have started; pytest-xdist would kill them."""
    if exitstatus not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        for process in _processes:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGTERM)


# The same cases at every run, few enough for a run of seconds; HYPOTHESIS_PROFILE=long looks for new ones.
_ANY_MACHINE: dict[str, Any] = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}  # A busy one, too.
settings.register_profile("fast", max_examples=100, derandomize=True, database=None, **_ANY_MACHINE)
settings.register_profile("long", max_examples=20_000, **_ANY_MACHINE)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fast"))


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def database_server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[DatabaseServer]:
    """Both database systems in turn: what asks for a database runs on each."""
    if request.param == "sqlite":
        yield SQLiteServer(tmp_path_factory.mktemp("sqlite"))
    else:
        with running_postgresql() as server:
            yield server


@pytest.fixture(scope="session")
def migrated_template(database_server: DatabaseServer) -> Database:
    """The database that the others are copied from, so that migrations run once. Nobody connects to it."""
    template = database_server.create()
    upgrade(template.owner_url)
    return template


@pytest.fixture(scope="session")
def database(database_server: DatabaseServer, migrated_template: Database) -> Database:
    """The migrated database of the session; each test makes an organization of its own in it."""
    return database_server.create(migrated_template)


@pytest.fixture
def fresh_database(database_server: DatabaseServer, migrated_template: Database) -> Iterator[Database]:
    """A migrated database of the test's own, for what concerns all organizations."""
    fresh = database_server.create(migrated_template)
    yield fresh
    database_server.drop(fresh)


@pytest.fixture
def empty_database(database_server: DatabaseServer) -> Iterator[Database]:
    """A database without tables, for the migrations themselves."""
    empty = database_server.create()
    yield empty
    database_server.drop(empty)


@pytest.fixture(scope="session")
def app(database: Database) -> Iterator[Flask]:
    """The app on the database of the session."""
    with running_app(database) as running:
        yield running


@pytest.fixture(scope="session")
def catalog(app: Flask) -> Catalog:
    """The schemas that ship, read once."""
    return site_of(app).store.catalog


@pytest.fixture
def client(app: Flask) -> Client:
    """A client of the connection `default` of an organization of the test's own."""
    return new_client(app)


@pytest.fixture
def tenant_guard() -> Iterator[None]:
    """Fail the test when a statement touches a tenant table without naming the organization."""
    with guarded() as faults:
        yield
    if faults:
        pytest.fail("\n".join(faults))


@pytest.fixture(params=["driver", "sqlalchemy"])
def both_paths(request: pytest.FixtureRequest) -> None:
    """Prepared statements run by the driver, as in production, and then by SQLAlchemy, where the guard sees them."""
    if request.param == "sqlalchemy":
        request.getfixturevalue("tenant_guard")


class NetworkRefused(RuntimeError):
    """A test tried to leave the machine. Not an OSError, which the code under test may handle."""


def _refuse_network(event: str, arguments: tuple[object, ...]) -> None:
    """Let Python's sockets reach loopback and Unix addresses only, and look up no name but `localhost`."""
    if event in {"socket.connect", "socket.sendto", "socket.sendmsg"}:
        sock, address = arguments
        if not isinstance(sock, socket.SocketType) or not isinstance(address, tuple):
            return  # A Unix socket, or one that is connected, and so has passed here already.
        host = address[0]
    elif event in {"socket.getaddrinfo", "socket.gethostbyname"}:
        host = arguments[0]
    else:
        return
    if not _is_loopback(host):
        raise NetworkRefused(f"a test may reach the loopback only, not {host!r}")


def _is_loopback(host: object) -> bool:
    name = host.decode() if isinstance(host, bytes) else host
    # None and "" are this machine: the wildcard address that servers bind.
    if name in (None, "", "localhost"):
        return True
    try:
        return ipaddress.ip_address(str(name)).is_loopback
    except ValueError:
        return False


# An audit hook sees every connection made from Python, whichever library makes it. It cannot be removed; it
# ends with the process of the tests.
sys.addaudithook(_refuse_network)
