"""A database that is busy or down is 503, changes nothing, and is used again as soon as it answers."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import psycopg
import pytest
from flask import Flask
from sqlalchemy import Connection, Engine, event
from werkzeug.test import TestResponse

from scim_server.protocol.errors import ERROR_URN
from scim_server.web.requests import SCIM_MEDIA_TYPE
from tests.databases import Database, only_postgresql, only_sqlite
from tests.directory import (
    Client,
    add_members,
    contents,
    group_body,
    new_client,
    patch_body,
    remove_member,
    running_app,
    site_of,
    unique,
    user_body,
)
from tests.statements import Statement


def _unavailable(answer: TestResponse) -> bool:
    """Return whether an answer is a 503; one that is has all it needs."""
    if answer.status_code != 503:
        return False
    assert answer.content_type == SCIM_MEDIA_TYPE
    assert int(answer.headers["Retry-After"]) >= 1
    body = answer.get_json()
    assert body["schemas"] == [ERROR_URN]
    assert body["status"] == "503"
    assert "nothing was changed" in body["detail"]
    return True


def _writes(user: str, group: str) -> list[tuple[str, str, Any]]:
    return [
        ("POST", "/Users", user_body(unique("user"))),
        ("PUT", f"/Users/{user}", user_body(unique("user"))),
        ("PATCH", f"/Groups/{group}", patch_body(remove_member(user))),
        ("DELETE", f"/Users/{user}", None),
    ]


@only_sqlite
def test_a_locked_database_refuses_writes_and_serves_reads(database: Database, both_paths: None) -> None:
    """While another process writes for longer than the wait, a write is 503 and a read is served."""
    with running_app(database, busy_timeout_ms="50") as app:
        client = new_client(app)
        user = client.new_user()
        group = client.new_group(members=[user])
        before, writes = contents(client), _writes(user, group)
        with closing(sqlite3.connect(database.app_url.removeprefix("sqlite:///"), isolation_level=None)) as another:
            another.execute("BEGIN IMMEDIATE")
            for method, path, body in writes:
                assert _unavailable(client.send(method, path, body)), (method, path)
                assert client.get("/Users").status_code == 200
            assert contents(client) == before
        assert [client.send(*each).status_code for each in writes] == [201, 200, 200, 204]


@only_postgresql
def test_a_row_that_is_locked_for_long_is_503(database: Database, both_paths: None) -> None:
    """A write waits for the row it needs no longer than the setting says."""
    with running_app(database, busy_timeout_ms="50") as app:
        client = new_client(app)
        user = client.new_user()
        group = client.new_group(members=[user])
        before = contents(client)
        with psycopg.connect(database.app_url.replace("+psycopg", "").replace("scim_app@", "postgres@")) as another:
            another.execute("SELECT 1 FROM resources WHERE id = %s FOR UPDATE", [group])
            assert _unavailable(client.patch(f"/Groups/{group}", remove_member(user)))
            assert _unavailable(client.delete(f"/Users/{user}"))
            assert client.get(f"/Groups/{group}").status_code == 200
            assert contents(client) == before
        assert client.delete(f"/Users/{user}").status_code == 204


@only_postgresql
def test_a_replica_serves_reads_and_no_writes(fresh_database: Database, both_paths: None) -> None:
    """A database that takes no writes, as a standby, answers them with 503; reads are as before."""
    with running_app(fresh_database) as app:
        client = new_client(app)
        user = client.new_user()
        group = client.new_group(members=[user])
        before = contents(client)
        with psycopg.connect(fresh_database.owner_url.replace("+psycopg", ""), autocommit=True) as owner:
            owner.execute(f"ALTER DATABASE {owner.info.dbname} SET default_transaction_read_only = on".encode())
        site_of(app).store.close()
        for method, path, body in _writes(user, group):
            assert _unavailable(client.send(method, path, body)), (method, path)
        assert client.members(group) == {user}
        assert contents(client) == before


def test_a_pool_without_a_free_connection_is_503(database: Database, both_paths: None) -> None:
    """A request that gets no connection in time is 503, and the next is served."""
    with running_app(database, busy_timeout_ms="50", pool_size="2") as app:
        client, pool = new_client(app), site_of(app).store.pool
        with pool.open(), pool.open():
            assert _unavailable(client.get("/Users"))
            assert _unavailable(client.post("/Users", user_body("waits")))
        assert client.get("/Users").status_code == 200
        assert client.post("/Users", user_body("waits")).status_code == 201


def _terminate(database: Database) -> None:
    """End every connection of the application to a database, as a restart of it does."""
    with psycopg.connect(database.app_url.replace("+psycopg", ""), autocommit=True) as another:
        another.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
            "WHERE datname = current_database() AND usename = current_user AND pid <> pg_backend_pid()"
        )


@only_postgresql
def test_connections_that_ended_cost_one_503(fresh_database: Database, both_paths: None) -> None:
    """After the database restarted, one request at most is 503 for all of its connections, and then none."""
    with running_app(fresh_database) as app:
        client, pool = new_client(app), site_of(app).store.pool
        with pool.open(), pool.open(), pool.open():
            pass  # Three connections wait in the pool.
        _terminate(fresh_database)
        assert _unavailable(client.get("/Users"))
        assert [client.get("/Users").status_code for _ in range(4)] == [200] * 4


@contextmanager
def _terminating(database: Database, number: int) -> Iterator[list[str]]:
    """End the connections of the application just before the ``number``-th statement of a request, COMMIT included."""
    ended: list[str] = []
    seen = 0

    def execute(_db: Connection, _cursor: Any, sql: str, parameters: Any, _context: Any, _many: bool) -> None:
        nonlocal seen
        if not Statement(sql, parameters).is_of_tokens:
            seen += 1
            if seen == number:
                ended.append(sql)
                _terminate(database)

    event.listen(Engine, "before_cursor_execute", execute)
    try:
        yield ended
    finally:
        event.remove(Engine, "before_cursor_execute", execute)


@only_postgresql
def test_a_connection_that_ends_within_a_request_undoes_it(fresh_database: Database) -> None:
    """Wherever the connection breaks, COMMIT included, a request is 503 and undone, and the next works."""
    with running_app(fresh_database) as app:
        client = new_client(app)
        user, other = client.new_user(), client.new_user()
        group = client.new_group("group", [user])
        before, number, last = contents(client), 0, ""
        while True:
            number += 1
            with _terminating(fresh_database, number) as ended:
                answer = client.put(f"/Groups/{group}", group_body("renamed", [other]))
            if not ended:
                break
            (last,) = ended
            assert _unavailable(answer), (last, answer.text)
            assert contents(client) == before, last
        assert answer.status_code == 200
        assert number > 5
        assert last == "COMMIT"
        assert client.members(group) == {other}


@only_postgresql
def test_a_database_that_refuses_connections_is_503_until_it_accepts_them(
    fresh_database: Database, both_paths: None
) -> None:
    """While the database is down every request is 503; the first after it is up again is served."""
    name = fresh_database.owner_url.partition("@/")[2].partition("?")[0]
    elsewhere = fresh_database.owner_url.replace("+psycopg", "").replace(f"@/{name}?", "@/postgres?")
    with running_app(fresh_database) as app, psycopg.connect(elsewhere, autocommit=True) as owner:
        client = new_client(app)
        assert client.get("/Users").status_code == 200
        _terminate(fresh_database)
        owner.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false".encode())
        for _ in range(3):
            assert _unavailable(client.get("/Users"))
            assert _unavailable(client.post("/Users", user_body("waits")))
        assert client.http.get("/readyz").status_code == 503
        assert client.http.get("/healthz").status_code == 200
        owner.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true".encode())
        assert client.post("/Users", user_body("waits")).status_code == 201
        assert client.http.get("/readyz").status_code == 200


def test_a_database_that_is_not_there_is_503(
    app: Flask, database: Database, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A server whose database does not exist lives, is not ready, and answers 503."""
    nowhere = tmp_path_factory.mktemp("nowhere") / "missing"
    url = f"sqlite:///{nowhere}/x" if database.dialect == "sqlite" else f"postgresql://scim_app@/x?host={nowhere}"
    token = new_client(app).token
    with running_app(Database(database.dialect, url, url)) as elsewhere:
        http = elsewhere.test_client()
        assert _unavailable(http.get("/scim/v2/Users", headers={"Authorization": f"Bearer {token}"}))
        assert http.get("/scim/v2/Users").status_code == 401
        assert (http.get("/healthz").status_code, http.get("/readyz").status_code) == (200, 503)


def test_a_database_that_is_not_migrated_is_not_ready(empty_database: Database) -> None:
    """A server on a database without its tables says so to whoever asks whether it is ready."""
    with running_app(empty_database) as app:
        http = app.test_client()
        answer = http.get("/readyz")
        assert (answer.status_code, answer.content_type) == (503, "text/plain")
        assert "scim-server db upgrade" in answer.text
        assert http.get("/healthz").status_code == 200


def test_a_request_does_not_keep_its_connection(client: Client, both_paths: None) -> None:
    """Every connection is back in the pool after a request, whether it succeeded or not."""
    idle = client.organization.store.pool.idle
    user = client.new_user()
    before = len(idle)
    client.get("/Users?filter=nothing eq 1")
    client.patch(f"/Users/{user}", add_members(user))
    client.post("/Users", b"{")
    assert len(idle) == before
