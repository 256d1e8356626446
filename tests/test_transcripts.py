"""What identity providers send is answered as they need it, by a real gunicorn on both databases."""

import subprocess
import sys
from collections import Counter
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
"""The scenarios that need what the server does not offer; all others are replayed."""


def test_every_client_is_understood(app: Flask, database: Database, tmp_path: Path) -> None:
    """`python -m conformance` passes as a whole, and leaves out only what is listed above."""
    client = new_client(app)
    report = tmp_path / "report.json"
    with gunicorn(database.app_url, env={"SCIM_SERVER_SECRET_KEY": SECRET_KEY}) as server:
        run = subprocess.run(
            [
                *(sys.executable, "-m", "conformance", "--url", f"{server.url}/scim/v2", "--token", client.token),
                *("--report", str(report)),
            ],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
    assert run.returncode == 0, run.stdout + run.stderr
    scenarios = orjson.loads(report.read_bytes())["scenarios"]
    assert {each["scenario"] for each in scenarios if each["outcome"] == "not announced"} == NOT_ANNOUNCED
    assert {each["scenario"] for each in scenarios if each["outcome"] == "failed"} == set()
    assert Counter(each["outcome"] for each in scenarios)["passed"] == len(scenarios) - len(NOT_ANNOUNCED)
