"""A real gunicorn, for what the in-process client cannot show: workers, signals, sockets, logs."""

import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

ROOT = Path(__file__).parents[1]
START_TIMEOUT_S = 30
STOP_TIMEOUT_S = 10


@dataclass(frozen=True, slots=True)
class Served:
    """A running server: base URL, without a trailing slash, and log file, which goes when it stops."""

    url: str
    log: Path


@contextmanager
def gunicorn(database_url: str, *, workers: int = 2, env: Mapping[str, str] | None = None) -> Iterator[Served]:
    """Serve the application on a free loopback port, as deployed, until the block ends.

    No `SCIM_SERVER_*` variable of the caller's environment reaches the server; `env` adds to it.

    :raises RuntimeError: When `/healthz` does not answer 200 within 30 s; the message ends with the log.
    """
    with tempfile.TemporaryDirectory(prefix="scim-server-") as directory:
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("SCIM_SERVER_")},
            "SCIM_SERVER_DATABASE_URL": database_url,
            "SCIM_SERVER_SECRET_KEY": secrets.token_urlsafe(32),
            "SCIM_SERVER_WORKERS": str(workers),
            "SCIM_SERVER_RATE_LIMIT_PER_S": "0",
            "SCIM_SERVER_PORTALS_DIR": str(ROOT / "tests" / "plain_portals"),
            "TMPDIR": directory,
            **(env or {}),
        }
        log = Path(directory, "gunicorn.log")
        # gunicorn inherits the bound socket: nobody can take the port between choosing and binding it.
        with socket.create_server(("127.0.0.1", 0)) as listener, log.open("wb") as output:
            url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            bind = f"fd://{listener.fileno()}"
            process = subprocess.Popen(
                [sys.executable, "-m", "gunicorn", "wsgi:app", "-c", "gunicorn.conf.py", "--bind", bind],
                cwd=ROOT,
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                pass_fds=[listener.fileno()],
                start_new_session=True,
            )
        try:
            _wait_until_healthy(process, url, log)
            yield Served(url, log)
        finally:
            _stop(process)


def _wait_until_healthy(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    last = "no answer"
    with httpx.Client(timeout=2, trust_env=False) as http:
        while process.poll() is None and time.monotonic() < deadline:
            try:
                answer = http.get(f"{url}/healthz")
            except httpx.TransportError as error:
                last = repr(error)
            else:
                if answer.status_code == 200:
                    return
                last = f"status {answer.status_code}"
            time.sleep(0.05)
    raise RuntimeError(f"gunicorn did not become healthy ({last}):\n{log.read_text(errors='replace')}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        # The workers share the session that the arbiter leads.
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
