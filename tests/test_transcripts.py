"""What identity providers send, and what the RFCs state, a real gunicorn answers as it has to, on both databases."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from flask import Flask

from tests.databases import Database, only_sqlite
from tests.directory import SECRET_KEY, new_client, new_organization, site_of
from tests.serving import ROOT, Served, gunicorn
from tests.web.oauth.clients import Registered, register

FORGIVEN: frozenset[str] = frozenset()
"""The checks that fail and may: what they ask for is optional."""


# The profiles rule people, and identity providers are answered alike; each one is walked through somewhere.
PORTALS = {"sqlite": ("delegated", "archive"), "postgresql": ("customer-groups", "delegated")}


def test_every_client_is_understood(app: Flask, database: Database, tmp_path: Path) -> None:
    """`python -m conformance` passes as a whole, and leaves out nothing, whatever the portal profile."""
    store = site_of(app).store
    lenient, rfc = PORTALS[store.dialect]
    client = new_client(app, new_organization(store, lenient))
    strict = new_client(app, new_organization(store, rfc), connection="strict", profile="rfc")
    oauth = register(client.organization)
    with gunicorn(database.app_url, env={"SCIM_SERVER_SECRET_KEY": SECRET_KEY}) as server:
        findings = run_conformance(server, oauth, tmp_path, "--token", strict.token, "--client-token", client.token)
    assert {each["id"] for each in findings if each["outcome"] == "failed"} == FORGIVEN
    assert not [each["id"] for each in findings if each["outcome"] == "not announced" and each["part"] == "clients"]


@only_sqlite
@pytest.mark.parametrize("portal", ["contacts", "assigned-orders"])
def test_clients_with_an_access_token_are_understood(
    app: Flask, database: Database, tmp_path: Path, portal: str
) -> None:
    """The transcripts pass with the token of an OAuth client as with a static one, whatever the portal profile."""
    oauth = register(new_organization(site_of(app).store, portal))
    with gunicorn(database.app_url, env={"SCIM_SERVER_SECRET_KEY": SECRET_KEY}) as server:
        form = {"grant_type": "client_credentials", "scope": "scim"}
        answer = httpx.post(f"{server.url}/oauth/token", data=form, auth=oauth.basic, trust_env=False)
        findings = run_conformance(
            server, oauth, tmp_path, "--token", answer.json()["access_token"], "--only", "clients"
        )
    assert {each["outcome"] for each in findings} == {"passed"}


def run_conformance(server: Served, oauth: Registered, directory: Path, *arguments: str) -> list[dict[str, Any]]:
    """Run `python -m conformance`, which has to succeed, and return what it found."""
    report = directory / "report.json"
    token_endpoint = ("--token-endpoint", f"{server.url}/oauth/token")
    run = subprocess.run(
        [
            *(sys.executable, "-m", "conformance", "--url", f"{server.url}/scim/v2", *token_endpoint),
            *(*arguments, "--report", str(report)),
        ],
        cwd=ROOT,
        env={**os.environ, "OAUTH_CLIENT_ID": oauth.id, "OAUTH_CLIENT_SECRET": oauth.secret},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    found: list[dict[str, Any]] = orjson.loads(report.read_bytes())["findings"]
    return found
