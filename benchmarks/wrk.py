"""Throughput: wrk, told what to send by a Lua script made from a workload."""

import itertools
import json
import math
import os
import random
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.cells import BenchmarkError, Driven, Server
from benchmarks.workloads import CREATED, UNIQUE, Step, Workload

_DRIVER = Path(__file__).with_name("driver.lua")
_GRACE_S = 20
_runs = itertools.count(1)


def is_installed() -> bool:
    """Return whether wrk can be run."""
    return shutil.which("wrk") is not None


def drive(server: Server, workload: Workload, connections: int, seconds: float) -> Driven:
    """Go through a workload on some connections for a time, from a place of the list chosen by chance.

    :raises BenchmarkError: When wrk fails.
    """
    start = random.randrange(len(workload.steps)) // workload.stride * workload.stride
    with _script(server, workload) as script, _started(server, workload, connections, seconds, script, start) as wrk:
        # NB: wrk takes whole seconds only; interrupted before, it reports what it has.
        try:
            output, problems = wrk.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            wrk.send_signal(signal.SIGINT)
            output, problems = _finish(wrk)
    return _read(output, problems)


def drive_names(server: Server, workload: Workload, connections: int, names: int, start: int, most_s: float) -> Driven:
    """Go through a serial workload until each connection has used so many names.

    :param start: Where in the list the first connection starts.
    :raises BenchmarkError: When wrk fails, or is not done after ``most_s`` seconds.
    """
    with (
        _script(server, workload) as script,
        _started(server, workload, connections, most_s, script, start, names) as wrk,
    ):
        assert wrk.stdout is not None
        finished = sum(1 for _ in itertools.islice(wrk.stdout, connections))
        wrk.send_signal(signal.SIGINT)
        output, problems = _finish(wrk)
    if finished < connections or wrk.returncode:
        raise BenchmarkError(f"{workload.name} was not done within {most_s:.0f} s")
    return _read(output, problems)


@contextmanager
def _script(server: Server, workload: Workload) -> Iterator[str]:
    """Have a file with the script of a workload."""
    with tempfile.NamedTemporaryFile("w", prefix="scim-bench-", suffix=".lua") as file:
        file.write(script(server.prefix, workload))
        file.flush()
        yield file.name


def script(prefix: str, workload: Workload) -> str:
    """Return a workload in Lua."""
    tokens = {step.token: index for index, step in enumerate(workload.steps, 1)}
    texts = {step.body: index for index, step in enumerate(workload.steps, 1)}
    headers = (
        f'[{index}] = {{["Authorization"] = "Bearer {token}", ["Content-Type"] = "application/scim+json", '
        '["Accept"] = "application/scim+json"}'
        for token, index in tokens.items()
    )
    made = (
        f"{{method = {_quoted(step.method)}, path = {_quoted(step.path)}, token = {tokens[step.token]}, "
        f"body = {texts[step.body]}, varies = {'true' if _varies(step) else 'false'}}}"
        for step in workload.steps
    )
    return (
        f"PREFIX, SERIAL, STRIDE = {_quoted(prefix)}, {'true' if workload.serial else 'false'}, {workload.stride}\n"
        f"HEADERS = {{{', '.join(headers)}}}\n"
        f"BODIES = {{{', '.join(f'[{index}] = {_quoted(text)}' for text, index in texts.items())}}}\n"
        "STEPS = {\n" + ",\n".join(made) + f"\n}}\n{_DRIVER.read_text()}"
    )


def _varies(step: Step) -> bool:
    return any(mark in text for mark in (UNIQUE, CREATED) for text in (step.path, step.body))


def _quoted(text: str) -> str:
    """Return a text as a Lua string; JSON escapes ASCII the same way."""
    assert text.isascii()
    return json.dumps(text)


@contextmanager
def _started(
    server: Server, workload: Workload, connections: int, seconds: float, script: str, start: int, names: int = 0
) -> Iterator[subprocess.Popen[str]]:
    """Have wrk run until the block ends at the latest."""
    threads = connections if workload.serial else 1
    command = ["wrk", "--threads", str(threads), "--connections", str(connections)]
    # Interrupted at the right moment; should nobody be left to do so, it ends by itself.
    command += ["--duration", f"{math.ceil(seconds) + 1}s", "--timeout", "60s", "--script", script]
    # Other runs, even on the same database, use other names.
    run = f"{os.getpid():x}-{next(_runs)}"
    command += [f"http://{server.host}:{server.port}/", "--", run, str(start), str(names)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as wrk:
        try:
            yield wrk
        finally:
            wrk.kill()  # When time is up, nobody waits for the rest.


def _finish(wrk: subprocess.Popen[str]) -> tuple[str, str]:
    try:
        return wrk.communicate(timeout=_GRACE_S)
    except subprocess.TimeoutExpired:
        wrk.kill()
        return wrk.communicate()


def _read(output: str, problems: str) -> Driven:
    line = next((line for line in output.splitlines() if line.startswith("@@{")), None)
    if line is None:
        raise BenchmarkError(f"wrk said nothing to be read: {(problems or output).strip()[-500:]}")
    found = json.loads(line.removeprefix("@@"))
    return Driven(
        found["requests"],
        found["microseconds"] / 1_000_000,
        # No answer in all that time is a failure too.
        found["refused"] + found["broken"] + (not found["requests"]),
        found["p50_ms"],
        found["p99_ms"],
        found["bytes"],
    )
