"""The server behind PgBouncer in transaction mode, as docs/scaling.md has it: many workers on few connections."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import httpx
import psycopg
import pytest

from tests.databases import Database, DatabaseServer, only_postgresql
from tests.directory import SECRET_KEY, Client, add_members, group_body, new_client, patch_body, running_app, user_body
from tests.pooling import block, name_of, pgbouncer
from tests.serving import Served, gunicorn
from tests.web.scim.test_streaming import fill

pytestmark = only_postgresql

POOL_SIZE = 3
WORKERS, THREADS = 3, 4
CLIENTS = 12
ROUNDS = 15
"""Enough for each connection to run each statement more often than the five times after which psycopg prepares it."""


@contextmanager
def pooled(server: DatabaseServer, template: Database, lock_timeout: str = "5s", **changed: str) -> Iterator[Database]:
    """Have a database behind PgBouncer, its role under the limits of time that the page gives it."""
    database = server.create(template)
    limits = block("sql", "lock_timeout").replace("DATABASE scim ", f"DATABASE {name_of(database)} ")
    with psycopg.connect(_url(database, "postgres"), autocommit=True) as superuser:
        for statement in limits.replace("'5s'", f"'{lock_timeout}'").split(";")[:-1]:
            superuser.execute(statement.encode())
    with pgbouncer(database, default_pool_size=str(POOL_SIZE), **changed) as url:
        yield replace(database, app_url=url)
    server.drop(database)


def _url(database: Database, role: str) -> str:
    """Return the URL under which a role reaches PostgreSQL itself."""
    return database.owner_url.replace("+psycopg", "").replace("scim_owner@", f"{role}@")


@pytest.fixture(scope="module")
def database(database_server: DatabaseServer, migrated_template: Database) -> Iterator[Database]:
    """A database behind PgBouncer as it is on the page."""
    with pooled(database_server, migrated_template) as database:
        yield database


@pytest.fixture(scope="module")
def client(database: Database) -> Iterator[Client]:
    """A client in-process, whose app is behind the pooler too."""
    with running_app(database) as app:
        yield new_client(app)


@pytest.fixture(scope="module")
def served(database: Database) -> Iterator[Served]:
    """A gunicorn whose workers open more connections than the pooler has."""
    settings = {"SCIM_SERVER_SECRET_KEY": SECRET_KEY, "SCIM_SERVER_THREADS": str(THREADS)}
    with gunicorn(database.app_url, workers=WORKERS, env=settings) as running:
        yield running


def _send(http: httpx.Client, method: str, path: str, body: object = None) -> Any:
    answer = http.request(method, path, json=body)
    assert answer.is_success, answer.text
    return answer.json() if answer.content else None


def _converse(http: httpx.Client, number: int, group: str) -> list[str]:
    """Create users and groups, rename and add the users, and read them; return the ids of the users."""
    users: list[str] = []
    for turn in range(ROUNDS):
        name = f"user-{number}-{turn}"
        user = _send(http, "POST", "/Users", user_body(name))["id"]
        renaming = {"op": "replace", "path": "displayName", "value": name.upper()}
        _send(http, "PATCH", f"/Users/{user}", patch_body(renaming))
        own = _send(http, "POST", "/Groups", group_body(f"group-{number}-{turn}", users))["id"]
        for joined in (own, group):
            _send(http, "PATCH", f"/Groups/{joined}", patch_body(add_members(user)))
        users.append(user)
        (found,) = _send(http, "GET", f'/Users?filter=userName eq "{name}"')["Resources"]
        assert (found["id"], found["displayName"]) == (user, name.upper())
        assert {each["value"] for each in found["groups"]} == {own, group}
        assert {each["value"] for each in _send(http, "GET", f"/Groups/{own}")["members"]} == set(users)
    return users


def test_many_workers_share_few_connections(database: Database, served: Served, client: Client) -> None:
    """Concurrent writes and reads all succeed, and what they wrote is what is there."""
    group = client.new_group()
    headers = {"Authorization": f"Bearer {client.token}", "Content-Type": "application/scim+json"}

    def converse(number: int) -> list[str]:
        with httpx.Client(base_url=f"{served.url}/scim/v2", headers=headers, trust_env=False, timeout=30) as http:
            return _converse(http, number, group)

    with ThreadPoolExecutor(CLIENTS) as threads:
        users = [user for made in threads.map(converse, range(CLIENTS)) for user in made]
    assert len(set(users)) == CLIENTS * ROUNDS
    assert client.members(group) == set(users)
    assert _connections(database) <= POOL_SIZE < _clients(database)


def _connections(database: Database) -> int:
    """Return how many connections of the application PostgreSQL has."""
    with psycopg.connect(_url(database, "postgres")) as superuser:
        found = superuser.execute(
            "SELECT 1 FROM pg_stat_activity WHERE usename = 'scim_app' AND datname = current_database()"
        )
        return len(found.fetchall())


def _clients(database: Database) -> int:
    """Return how many connections of the application the pooler has, as its console says."""
    console = database.app_url.replace("+psycopg", "").replace(f"@/{name_of(database)}?", "@/pgbouncer?")
    with psycopg.connect(console, autocommit=True) as pooler:
        return sum(name_of(database) in row for row in pooler.execute("SHOW CLIENTS"))


def test_organizations_share_connections_and_nothing_else(database: Database) -> None:
    """Each request sees the rows of its own organization, whoever had the connection of the database before."""
    with running_app(database) as app:
        clients = [new_client(app) for _ in range(4)]
        users = [client.new_user() for client in clients]

        def look(turn: int) -> bool:
            client, user = clients[turn % 4], users[turn % 4]
            seen = [each["id"] for each in client.read("/Users")["Resources"]]
            found = client.patch(f"/Users/{user}", {"op": "replace", "path": "title", "value": str(turn)})
            return (seen, found.status_code, client.get(f"/Users/{users[turn % 4 - 1]}").status_code) == (
                [user],
                200,
                404,
            )

        with ThreadPoolExecutor(THREADS) as threads:
            assert all(threads.map(look, range(200)))


def test_a_streamed_group_is_whole(served: Served, client: Client) -> None:
    """A large group is read from one cursor, in one transaction, so on one connection."""
    group = client.new_group()
    members = fill(client, group, 3_000)
    headers = {"Authorization": f"Bearer {client.token}"}
    for _ in range(6):
        answer = httpx.get(f"{served.url}/scim/v2/Groups/{group}", headers=headers, trust_env=False, timeout=30)
        assert {each["value"] for each in answer.json()["members"]} == set(members)


def test_waiting_has_an_end(database_server: DatabaseServer, migrated_template: Database) -> None:
    """A request that waits for a row, or for a connection of the pooler, is 503; later ones are served."""
    short = {"lock_timeout": "250ms", "query_wait_timeout": "1"}
    with pooled(database_server, migrated_template, **short) as database, running_app(database) as app:
        client = new_client(app)
        group = client.new_group()
        with psycopg.connect(_url(database, "postgres")) as another:
            another.execute("SELECT 1 FROM resources WHERE id = %s FOR UPDATE", [group])
            assert client.delete(f"/Groups/{group}").status_code == 503
        others = [psycopg.connect(database.app_url.replace("+psycopg", "")) for _ in range(POOL_SIZE)]
        for each in others:
            each.execute("SELECT 1")
        assert client.get(f"/Groups/{group}").status_code == 503
        for each in others:
            each.close()
        assert client.delete(f"/Groups/{group}").status_code == 204
