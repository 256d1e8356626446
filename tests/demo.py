"""`scim-server serve --demo`, as a process of its own."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.serving import ROOT


def free_port() -> int:
    """Return a port of the loopback that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@contextlib.contextmanager
def demo(
    directory: Path, *arguments: str, until: str = "", **variables: str
) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """Run `scim-server serve --demo` in a directory until the block ends; yield its first lines, until a line."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SCIM_SERVER_")}
    process = subprocess.Popen(
        [sys.executable, "-c", "from scim_server.cli import main; main()", "serve", "--demo", *arguments],
        cwd=directory,
        env={**environment, "PYTHONPATH": str(ROOT), "TMPDIR": str(directory), **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    try:
        told = []
        for line in process.stdout:
            if line.rstrip("\n") == until:
                break
            told.append(line.rstrip("\n"))
        yield process, told
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # The workers share the session that gunicorn leads.
        process.wait()
        process.stdout.close()
