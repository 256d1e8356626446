"""Random conversations with the server, in-process and served by gunicorn, end as the reference says."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import httpx
import orjson
import pytest
from flask import Flask
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from scim_server.web.requests import SCIM_PREFIX
from tests.databases import Database
from tests.directory import SECRET_KEY, new_client, new_organization, running_app, set_clock, site_of
from tests.fuzzing.machine import DirectoryMachine, Reply, Served
from tests.serving import gunicorn

LONG = settings.get_current_profile_name() == "long"


def bounded(examples: int, steps: int) -> settings:
    """Return settings that fit the suite, or with ``HYPOTHESIS_PROFILE=long`` a run of some minutes."""
    return settings(
        max_examples=examples * 50 if LONG else examples,
        stateful_step_count=steps * 2 if LONG else steps,
        deadline=None,
        derandomize=not LONG,
        database=None,
        print_blob=True,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )


def converse(machine: Callable[[], DirectoryMachine], limits: settings) -> None:
    """Run conversations, each on a new machine."""
    run_state_machine_as_test(machine, settings=limits)  # type: ignore[arg-type]  # a factory will do


@pytest.fixture(scope="module")
def clocked_app(database: Database) -> Iterator[Flask]:
    """An app whose clock is the machine's."""
    with running_app(database, base_url="https://scim.example") as app:
        yield app


def served_in_process(app: Flask) -> Served:
    """Return the app as a server with organizations of its own."""
    http = app.test_client()

    def send(token: str, method: str, path: str, body: Any, headers: dict[str, str]) -> Reply:
        sent = {"Authorization": f"Bearer {token}", "Content-Type": "application/scim+json", **headers}
        data = None if body is None else orjson.dumps(body)
        response = http.open(SCIM_PREFIX + path, method=method, data=data, headers=sent)
        return Reply(response.status_code, {name.lower(): value for name, value in response.headers}, response.text)

    site = site_of(app)
    assert site.base_url is not None
    return Served(
        site.store.catalog, site.base_url + SCIM_PREFIX, send, tokens_of(app), lambda clock: set_clock(app, clock)
    )


def tokens_of(app: Flask) -> tuple[str, str, str]:
    """Return tokens of two connections of a new organization, and of one connection of another."""
    store = site_of(app).store
    first, second = new_organization(store), new_organization(store)
    strict = new_client(app, first, connection="strict", profile="rfc")
    return new_client(app, first).token, strict.token, new_client(app, second).token


def test_the_server_answers_as_the_reference(clocked_app: Flask) -> None:
    """Statuses, bodies, totals, versions and visibility are those of the reference, step by step."""
    converse(lambda: DirectoryMachine(served_in_process(clocked_app)), bounded(6, 20))


@pytest.fixture
def served_by_gunicorn(database: Database, app: Flask) -> Iterator[Served]:
    """Two workers of gunicorn, which have clocks of their own."""
    with (
        gunicorn(database.app_url, env={"SCIM_SERVER_SECRET_KEY": SECRET_KEY}) as server,
        httpx.Client(base_url=server.url + SCIM_PREFIX, trust_env=False, timeout=30) as http,
    ):

        def send(token: str, method: str, path: str, body: Any, headers: dict[str, str]) -> Reply:
            sent = {"Authorization": f"Bearer {token}", "Content-Type": "application/scim+json", **headers}
            data = None if body is None else orjson.dumps(body)
            response = http.request(method, server.url + SCIM_PREFIX + path, content=data, headers=sent)
            return Reply(response.status_code, dict(response.headers), response.text)

        yield Served(site_of(app).store.catalog, server.url + SCIM_PREFIX, send, tokens_of(app))


def test_gunicorn_answers_as_the_reference(served_by_gunicorn: Served, app: Flask) -> None:
    """Through sockets and two workers, the same conversations end in the same way."""
    converse(lambda: DirectoryMachine(replace(served_by_gunicorn, tokens=tokens_of(app))), bounded(2, 12))
