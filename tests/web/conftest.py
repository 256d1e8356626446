"""Every statement of every test here names its organization; a real server for what needs one."""

import time
from collections.abc import Iterator

import pytest
from flask import Flask

from tests.databases import Database
from tests.directory import SECRET_KEY, running_app, site_of
from tests.serving import Served, gunicorn


@pytest.fixture(autouse=True)
def every_statement_names_its_organization(request: pytest.FixtureRequest) -> None:
    """Hold the statements of each test to the rule of tenancy; a test of both paths does so on one of them."""
    if "both_paths" not in request.fixturenames:
        request.getfixturevalue("tenant_guard")


@pytest.fixture(scope="session")
def served(app: Flask, database: Database) -> Iterator[Served]:
    """Two workers of gunicorn on the database of the session, with small bodies."""
    settings = {"SCIM_SERVER_SECRET_KEY": SECRET_KEY, "SCIM_SERVER_MAX_BODY_BYTES": "100000"}
    with gunicorn(database.app_url, workers=2, env=settings) as running:
        yield running


@pytest.fixture
def limited(database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[Flask]:
    """An app that takes two requests a second of each connection, behind proxies; no window ends in a test."""
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now)
    with running_app(database, rate_limit_per_s="2", forwarded_allow_ips="127.0.0.1,10.0.0.0/8") as app:
        site_of(app).limits.counted.storage.reset()
        yield app
