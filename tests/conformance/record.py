"""Record the conformance of this server and of scim2-server: `python -m tests.conformance.record`.

gunicorn runs both, this one on PostgreSQL. The reports go to `docs/conformance/`, whose `README.md` explains
each difference.
"""

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from scim_server.store.migrate import upgrade
from tests.databases import running_postgresql
from tests.demo import free_port
from tests.directory import SECRET_KEY, new_client, running_app
from tests.serving import ROOT, START_TIMEOUT_S, gunicorn
from tests.web.oauth.clients import register

REPORTS = ROOT / "docs" / "conformance"


def main() -> None:
    """Run the conformance program against both servers."""
    REPORTS.mkdir(parents=True, exist_ok=True)
    with running_postgresql() as server:
        database = server.create()
        upgrade(database.owner_url)
        with running_app(database) as app:
            client, strict = new_client(app), new_client(app, connection="strict", profile="rfc")
            oauth = register(client.organization)
            os.environ |= {"OAUTH_CLIENT_ID": oauth.id, "OAUTH_CLIENT_SECRET": oauth.secret}
            with gunicorn(database.app_url, env={"SCIM_SERVER_SECRET_KEY": SECRET_KEY}) as served:
                tokens = ("--token", strict.token, "--client-token", client.token, "--profile", "rfc")
                endpoint = ("--token-endpoint", f"{served.url}/oauth/token")
                _record("scim-server", "--url", f"{served.url}/scim/v2", *tokens, *endpoint)
    with _peer() as (url, token):
        _record("scim2-server", "--url", url, "--token", token)


def _record(name: str, *options: str) -> None:
    reports = [part for form in ("html", "md") for part in ("--report", str(REPORTS / f"{name}.{form}"))]
    subprocess.run([sys.executable, "-m", "conformance", *options, *reports], cwd=ROOT, check=False)


@contextmanager
def _peer() -> Iterator[tuple[str, str]]:
    """Serve an empty scim2-server, its storage in memory, until the block ends; yield its base URL and a token."""
    token, bind = secrets.token_urlsafe(32), f"127.0.0.1:{free_port()}"
    process = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "benchmarks.peer_app:app", "-c", "/dev/null", "--bind", bind],
        cwd=ROOT,
        env={**os.environ, "BENCH_PEER_TOKEN": token},
        stderr=subprocess.DEVNULL,
    )
    try:
        transport = httpx.HTTPTransport(retries=START_TIMEOUT_S)
        with httpx.Client(transport=transport, trust_env=False, timeout=START_TIMEOUT_S) as client:
            client.get(f"http://{bind}/ServiceProviderConfig")
        yield f"http://{bind}", token
    finally:
        process.terminate()
        process.wait()


if __name__ == "__main__":
    main()
