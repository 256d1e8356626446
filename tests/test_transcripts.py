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

from tests.databases import Database, only_postgresql, only_sqlite
from tests.directory import SECRET_KEY, Organization, new_organization, site_of
from tests.serving import ROOT, Served, gunicorn
from tests.web.oauth.clients import Registered, register

FORGIVEN: frozenset[str] = frozenset()
"""The checks that fail and may: what they ask for is optional."""


@only_sqlite
@pytest.mark.parametrize("portal", ["contacts", "assigned-orders", "delegated"])
def test_every_client_is_understood_on_sqlite(app: Flask, database: Database, tmp_path: Path, portal: str) -> None:
    """`python -m conformance` passes as a whole whatever the portal profile, with an access token as its client."""
    organization = new_organization(site_of(app).store, portal)
    oauth = register(organization)
    with gunicorn(database.app_url, env={"SCIM_SERVER_SECRET_KEY": SECRET_KEY}) as server:
        form = {"grant_type": "client_credentials", "scope": "scim"}
        answer = httpx.post(f"{server.url}/oauth/token", data=form, auth=oauth.basic, trust_env=False)
        _check(server, organization, oauth, tmp_path, answer.json()["access_token"])


@only_postgresql
@pytest.mark.parametrize("portal", ["customer-groups", "archive"])
def test_every_client_is_understood_on_postgresql(app: Flask, database: Database, tmp_path: Path, portal: str) -> None:
    """`python -m conformance` passes as a whole whatever the portal profile, with a static token as its client."""
    organization = new_organization(site_of(app).store, portal)
    token = organization.token("default")
    with gunicorn(database.app_url, env={"SCIM_SERVER_SECRET_KEY": SECRET_KEY}) as server:
        _check(server, organization, register(organization), tmp_path, token)


def _check(server: Served, organization: Organization, oauth: Registered, directory: Path, token: str) -> None:
    """Hold that nothing fails, the letter of the RFCs on a strict connection, and that no client's part is left out."""
    strict = organization.token("strict", "rfc")
    findings = run_conformance(server, oauth, directory, "--token", strict, "--client-token", token)
    assert {each["id"] for each in findings if each["outcome"] == "failed"} == FORGIVEN
    assert not [each["id"] for each in findings if each["outcome"] == "not announced" and each["part"] == "clients"]


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
