"""The servers of a run, each on a free port of the loopback: gunicorn as deployed, and granian."""

import ctypes
import http.client
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal

from benchmarks.cells import BenchmarkError, Server
from benchmarks.databases import Database

Kind = Literal["gunicorn", "granian"]
KINDS: tuple[Kind, ...] = ("gunicorn", "granian")

HOST = "127.0.0.1"
_ROOT = Path(__file__).parents[1]
WORKERS = 2
_START_TIMEOUT_S = 60
_STOP_TIMEOUT_S = 10
_NOT_PASSED_ON = ("SCIM_SERVER_", "GRANIAN_", "PYTHONDONTWRITEBYTECODE")
"""An installed package is compiled; one that is not takes 1.3 times as long to start."""
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


@contextmanager
def serve(
    kind: Kind,
    app: str,
    environ: Mapping[str, str],
    *,
    probe: str,
    token: str = "",
    prefix: str = "",
    database: Database | None = None,
    workers: int = WORKERS,
) -> Iterator[Server]:
    """Serve a WSGI application until the block ends.

    :param app: Its module, where it is named ``app``.
    :param probe: The path, below ``prefix``, whose first 200 says that it has started.
    :raises BenchmarkError: When it does not within 60 s; the message ends with its log.
    """
    port = _free_port()
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(_NOT_PASSED_ON)},
        **environ,
        "SCIM_SERVER_WORKERS": str(workers),
        "PYTHONPATH": str(_ROOT),
    }
    with tempfile.TemporaryDirectory(prefix="scim-bench-") as directory:
        environment["TMPDIR"] = directory
        log = Path(directory, "log")
        start = time.perf_counter()
        with log.open("wb") as output:
            process = subprocess.Popen(
                _command(kind, app, port, workers),
                cwd=_ROOT,
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_end_with_parent,
            )
        try:
            _await_answer(process, port, prefix + probe, token, log)
            started_s = time.perf_counter() - start
            yield Server(
                f"{app} on {kind}", HOST, port, prefix, process.pid, database.pid if database else None, started_s, log
            )
        finally:
            _stop(process)


def _command(kind: Kind, app: str, port: int, workers: int) -> list[str]:
    if kind == "gunicorn":
        address = f"{HOST}:{port}"
        return [sys.executable, "-m", "gunicorn", f"{app}:app", "-c", "gunicorn.conf.py", "--bind", address]
    options = ["--interface", "wsgi", "--workers", str(workers), "--blocking-threads", "1", "--log-level", "warning"]
    return [sys.executable, "-m", "granian", *options, "--host", HOST, "--port", str(port), f"{app}:app"]


def _free_port() -> int:
    with socket.create_server((HOST, 0)) as listener:
        return int(listener.getsockname()[1])


def _end_with_parent() -> None:
    """Have the kernel stop the server should the harness be killed."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _await_answer(process: subprocess.Popen[bytes], port: int, path: str, token: str, log: Path) -> None:
    deadline = time.monotonic() + _START_TIMEOUT_S
    last = "no answer"
    while process.poll() is None and time.monotonic() < deadline:
        connection = http.client.HTTPConnection(HOST, port, timeout=_START_TIMEOUT_S)
        try:
            connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
            last = f"status {connection.getresponse().status}"
        except (OSError, http.client.HTTPException) as error:
            last = repr(error)
        finally:
            connection.close()
        if last == "status 200":
            return
        time.sleep(0.01)
    raise BenchmarkError(f"the server did not start ({last}):\n{log.read_text(errors='replace')[-3000:]}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        with suppress(subprocess.TimeoutExpired):
            process.wait(_STOP_TIMEOUT_S)
    finally:
        # Whatever is left of the session it leads.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
