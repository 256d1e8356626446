"""The health of a connection is what its requests were answered with."""

import sqlite3
import time
from contextlib import closing

import httpx
import pytest
from click.testing import CliRunner
from flask import Flask

from scim_server.cli import main
from scim_server.store.health import ConnectionHealth, RequestCounts, read_health
from scim_server.store.session import begin
from tests.databases import Database, only_sqlite
from tests.directory import SECRET_KEY, Client, environment, new_client, running_app, site_of
from tests.serving import gunicorn
from tests.statements import recorded


@pytest.fixture(autouse=True)
def nothing_counted_before(app: Flask) -> None:
    """Let what other tests sent be forgotten."""
    site_of(app).counts._tallies.clear()


def _health(client: Client) -> ConnectionHealth:
    with begin(client.organization.store, client.organization.operator, write=False) as tenant:
        return read_health(tenant, client.connection.id)


def _sums(health: ConnectionHealth) -> tuple[int, int]:
    return sum(each.requests for each in health.hours), sum(each.errors for each in health.hours)


def test_requests_and_errors_are_counted(app: Flask, client: Client) -> None:
    """Each request with a token counts, and of the last error the sentence that was answered is kept."""
    client.new_user()
    client.get("/Users")
    client.get("/Users?filter=nonsense")
    refused = client.post("/Groups", {"displayName": ""})
    client.http.get("/scim/v2/Users")
    assert _health(client) == ConnectionHealth(None, None, None, None, ())
    site_of(app).counts.write(site_of(app).store)
    health = _health(client)
    assert _sums(health) == (4, 2)
    assert (health.last_error_status, health.last_error_detail) == (400, refused.get_json()["detail"])
    assert health.last_request_at is not None
    assert health.last_error_at is not None


def test_no_request_waits_for_a_count(app: Flask, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """A request writes no count before it is answered: what is due is written when its answer is closed."""
    client.get("/Schemas")
    monkeypatch.setattr(RequestCounts, "INTERVAL_S", 0.0)
    with recorded(tokens=True) as statements:
        answer = client.get("/Schemas")
    assert not [each for each in statements if "connection_hours" in each.sql]
    answer.close()
    assert _sums(_health(client)) == (2, 0)


@only_sqlite
def test_a_locked_database_is_not_waited_for(database: Database) -> None:
    """While somebody else writes, counts are kept for later."""
    with running_app(database, busy_timeout_ms="20000") as app:
        client, site = new_client(app), site_of(app)
        client.get("/Users")
        with closing(sqlite3.connect(database.app_url.removeprefix("sqlite:///"), isolation_level=None)) as another:
            another.execute("BEGIN IMMEDIATE")
            started = time.monotonic()
            site.counts.write(site.store)
            assert time.monotonic() - started < 10
        client.get("/Users")
        site.counts.write(site.store)
        assert _sums(_health(client)) == (2, 0)


def test_a_worker_that_stops_writes_what_it_has_counted(database: Database, client: Client) -> None:
    """What several workers answered is there once the server has stopped, and the command line shows it."""
    env = {"SCIM_SERVER_SECRET_KEY": SECRET_KEY}
    with gunicorn(database.app_url, workers=2, env=env) as served:
        for number in range(20):
            path = "Users" if number % 4 else "Nothing"
            httpx.get(
                f"{served.url}/scim/v2/{path}", headers={"Authorization": f"Bearer {client.token}"}, trust_env=False
            )
    assert _sums(_health(client)) == (20, 5)
    shown = CliRunner(env=environment(database)).invoke(
        main, ["connection", "show", client.organization.slug, "default"]
    )
    assert shown.exit_code == 0, shown.output
    assert "there is no endpoint" in shown.output
    assert shown.output.split()[-2:] == ["20", "5"]
