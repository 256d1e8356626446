"""Fixtures for every test: real databases, and no network beyond the loopback."""

import ipaddress
import signal
import socket
import sys
from collections.abc import Iterator

import pytest

from scim_server.store.migrate import upgrade
from tests.databases import Database, DatabaseServer, SQLiteServer, running_postgresql


def _exit_cleanly(signal_number: int, _frame: object) -> None:
    """Let the fixtures stop what they have started, as after Ctrl-C."""
    pytest.exit(f"stopped by signal {signal_number}", returncode=128 + signal_number)


# A job that is cancelled gets SIGTERM, and PostgreSQL would outlive it.
signal.signal(signal.SIGTERM, _exit_cleanly)


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
