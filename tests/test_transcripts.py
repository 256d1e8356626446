"""What identity providers send, and what the RFCs state, a real gunicorn answers as it has to, on both databases."""

import subprocess
import sys
from pathlib import Path

import orjson
from flask import Flask

from tests.databases import Database
from tests.directory import SECRET_KEY, new_client
from tests.serving import ROOT, gunicorn

NOT_ANNOUNCED: frozenset[str] = frozenset(
    {
        "entra/50-oauth-client-credentials",  # There is no token endpoint yet.
    }
)
"""The scenarios of clients that need what the server does not offer; all others are replayed."""

FORGIVEN: frozenset[str] = frozenset()
"""The checks that fail and may: what they ask for is optional."""


def test_every_client_is_understood(app: Flask, database: Database, tmp_path: Path) -> None:
    """`python -m conformance` passes as a whole, and leaves out only what is listed above."""
    client, strict = new_client(app), new_client(app, connection="strict", profile="rfc")
    report = tmp_path / "report.json"
    with gunicorn(database.app_url, env={"SCIM_SERVER_SECRET_KEY": SECRET_KEY}) as server:
        run = subprocess.run(
            [
                *(sys.executable, "-m", "conformance", "--url", f"{server.url}/scim/v2", "--token", strict.token),
                *("--client-token", client.token, "--report", str(report)),
            ],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
    assert run.returncode == 0, run.stdout + run.stderr
    findings = orjson.loads(report.read_bytes())["findings"]
    assert {each["id"] for each in findings if each["outcome"] == "failed"} == FORGIVEN
    missing = {each["id"] for each in findings if each["outcome"] == "not announced" and each["part"] == "clients"}
    assert missing == NOT_ANNOUNCED
