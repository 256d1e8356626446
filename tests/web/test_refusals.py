"""Refusals before Flask: as Flask would refuse, of nothing but what it would refuse."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from flask.signals import request_started
from structlog.testing import CapturingLogger
from werkzeug.test import TestResponse

from scim_server.store.health import ConnectionHealth, read_health
from scim_server.store.session import begin
from scim_server.web import requests
from scim_server.web.limits import WINDOW_S
from scim_server.web.refusals import RecentlyRefused
from tests.directory import Client, a_second_later, new_client, site_of, unique, user_body

REQUESTS: tuple[tuple[str, str, Any, dict[str, str]], ...] = (
    ("GET", "/Users", None, {}),
    ("HEAD", "/Users", None, {}),
    ("GET", "//Users/", None, {"X_Request_ID": "a-request"}),
    ("GET", "/Nothing?filter=%", None, {"X_Request_ID": "no id \N{BULLET}".encode().decode("latin-1")}),
    ("TRACE", "/Users", None, {}),
    ("POST", "/Users", user_body("somebody"), {}),
    ("POST", "/Bulk", b"{", {"Content_Type": "text/plain"}),
    ("PATCH", "/Users/1", [], {"If_Match": "W/1"}),
    ("DELETE", "/Groups/1", None, {"Accept": "text/html"}),
)
"""Of whatever kind, well formed or not."""


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> CapturingLogger:
    """The lines of requests."""
    capturing = CapturingLogger()
    monkeypatch.setattr(requests, "log", capturing)
    return capturing


@pytest.fixture
def dispatched(limited: Flask) -> Iterator[list[str]]:
    """The paths of the requests that Flask has seen."""
    seen: list[str] = []

    def see(_app: Flask, **_: object) -> None:
        seen.append(requests.current_request().path)

    with request_started.connected_to(see, limited):
        yield seen


def _exhaust(client: Client) -> None:
    """Send what may be sent, and one more, which Flask refuses."""
    for _ in range(2 * WINDOW_S):
        assert client.get("/Schemas").status_code == 200
    assert client.get("/Schemas").status_code == 429


def _health(app: Flask, client: Client) -> ConnectionHealth:
    site_of(app).counts.write(site_of(app).store, patiently=True)
    with begin(client.organization.store, client.organization.operator, write=False) as tenant:
        return read_health(tenant, client.connection.id)


def _shown(answer: TestResponse) -> tuple[object, ...]:
    """Return an answer, but for an id that was made for it."""
    headers = {name: value for name, value in answer.headers if name != "X-Request-ID"}
    sent = answer.headers["X-Request-ID"]
    return answer.status, answer.data, headers, sent if sent == "a-request" else len(sent)


def _line(call: Any) -> dict[str, Any]:
    """Return a line of the log, but for its id, how long its request took, and the route, which only Flask knows."""
    return {**call.kwargs, "event": call.args[0], "duration_ms": 0, "route": None, "request_id": 0}


def test_both_ways_refuse_alike(limited: Flask, log: CapturingLogger, dispatched: list[str]) -> None:
    """Answer, line in the log and health of the connection are the same, whatever is asked for."""
    client = new_client(limited)
    _exhaust(client)
    told = []
    for early in (False, True):
        site_of(limited).counts._tallies.clear()
        del log.calls[:], dispatched[:]
        answers = []
        for method, path, body, headers in REQUESTS:
            if not early:
                site_of(limited).refused._senders.clear()
            answers.append(_shown(client.send(method, path, body, **headers)))
        assert len(dispatched) == (0 if early else len(REQUESTS))
        (tally,) = site_of(limited).counts._tallies.values()
        told.append((answers, [_line(call) for call in log.calls], tally))
    assert told[0] == told[1]
    answers, lines, tally = told[1]
    assert {answer[0] for answer in answers} == {"429 TOO MANY REQUESTS"}
    assert len(lines) == tally.errors == len(REQUESTS)
    assert {line["connection"] for line in lines} == {client.connection.id}


def test_a_refusal_is_an_error_of_its_connection(limited: Flask) -> None:
    """The health of a connection counts what was refused before Flask as what was refused by it."""
    client = new_client(limited)
    _exhaust(client)
    refused = client.get("/Users")
    health = _health(limited, client)
    (hour,) = health.hours
    assert (hour.requests, hour.errors) == (2 * WINDOW_S + 2, 2)
    assert (health.last_error_status, health.last_error_detail) == (429, refused.get_json()["detail"])


def test_what_the_limit_lets_through_again_is_answered(
    limited: Flask, dispatched: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who was refused is answered as soon as the limit has room, and each request counts once."""
    client = new_client(limited)
    _exhaust(client)
    later = time.time() + 2 * WINDOW_S
    monkeypatch.setattr(time, "time", lambda: later)
    del dispatched[:]
    _exhaust(client)
    assert len(dispatched) == 2 * WINDOW_S


def test_only_the_sender_is_refused_before_flask(limited: Flask, dispatched: list[str]) -> None:
    """Another token, another Host and another area of the server are Flask's to judge, whoever was refused."""
    client = new_client(limited)
    other = Client(client.http, client.organization, client.credentials, client.organization.token())
    _exhaust(client)
    del dispatched[:]
    assert client.get("/Users", Host="no/host").status_code == 400
    assert other.get("/Users").status_code == 429
    assert new_client(limited).get("/Users").status_code == 200
    problem = limited.test_client().get("/api/v1/users", headers={"Authorization": f"Bearer {client.token}"})
    assert (problem.status_code, problem.content_type) == (429, "application/problem+json")
    assert limited.test_client().get("/healthz", headers={"Authorization": f"Bearer {client.token}"}).text
    assert len(dispatched) == 5
    assert client.get("/Users").status_code == 429
    assert len(dispatched) == 5


def test_a_revoked_token_is_told_so_after_a_second(limited: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who goes on sending too much with a token that was revoked is refused, and then told why."""
    client = new_client(limited)
    _exhaust(client)
    client.organization.revoke(client.token)
    a_second_later(site_of(limited).store)
    assert client.get("/Users").status_code == 429
    later = time.monotonic() + RecentlyRefused.KEPT_S + 0.1
    monkeypatch.setattr(time, "monotonic", lambda: later)
    assert client.get("/Users").status_code == 401


def test_few_senders_are_remembered(limited: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many tokens are refused within a second."""
    monkeypatch.setattr(RecentlyRefused, "MAX_SENDERS", 2)
    client = new_client(limited)
    _exhaust(client)
    for _ in range(3):
        client.get("/Users", Authorization=f"Bearer {client.organization.token(unique('connection'))}")
        client.get("/Users", Host=unique("host"))
    assert 1 <= len(site_of(limited).refused._senders) <= 2
