"""Shows results: a table by client, each failure with what was said, and a JSON report."""

import re
from collections.abc import Sequence
from pathlib import Path

import orjson
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from conformance.exchange import Received, Sent
from conformance.json_types import Json
from conformance.replay import Result, Server, StepFailure
from conformance.scenario import LEVELS

BODY_LIMIT = 2000
VALUE_LIMIT = 500
SHORTEST_SECRET = 4
_CREDENTIALS = re.compile(r"^(\S+ )?.*$", re.DOTALL)
_ACCESS_TOKEN = re.compile(r'("access_token"\s*:\s*)"[^"]*"')


def print_line(console: Console, result: Result) -> None:
    """Print one scenario's outcome on one line."""
    sort = f"{result.outcome} ({result.scenario.level})" if result.outcome == "failed" else result.outcome
    timing = f"{result.requests} requests, {result.seconds:.2f} s" if result.requests else ""
    _say(console, f"{sort:16} {result.scenario.label:52} {timing}".rstrip())


def print_failures(console: Console, results: Sequence[Result]) -> None:
    """Print each failed step of each scenario."""
    for result in results:
        for failure in result.failures:
            _say(console, "")
            _say(console, f"FAILED ({result.scenario.level}) {result.scenario.label}: {result.scenario.name}")
            for line in failure_lines(failure, result.secrets):
                _say(console, f"  {line}")


def print_slow(console: Console, results: Sequence[Result]) -> None:
    """Print the answers that took longer than their scenario hoped."""
    for result in results:
        for slow in result.slow:
            _say(
                console,
                f"slow: {result.scenario.label} steps[{slow.step}] took {slow.milliseconds:.0f} ms,"
                f" {slow.max_ms} ms hoped for",
            )


def print_table(console: Console, results: Sequence[Result]) -> None:
    """Print a table with one row for each client."""
    table = Table(title="SCIM conformance by client", box=SIMPLE_HEAD)
    table.add_column("client", no_wrap=True)
    for heading in ("all", "passed", *(f"failed {level}" for level in LEVELS), "not announced"):
        table.add_column(heading, justify="right", overflow="fold")
    clients = sorted({result.scenario.client for result in results})
    for client in clients:
        table.add_row(client, *_counts([r for r in results if r.scenario.client == client]))
    if len(clients) > 1:
        table.add_section()
        table.add_row("sum", *_counts(results))
    console.print(table)


def _counts(results: Sequence[Result]) -> list[str]:
    failed = [sum(r.outcome == "failed" and r.scenario.level == level for r in results) for level in LEVELS]
    passed = sum(r.outcome == "passed" for r in results)
    not_announced = sum(r.outcome == "not announced" for r in results)
    return [str(count or "-") for count in (len(results), passed, *failed, not_announced)]


def failure_lines(failure: StepFailure, secrets: frozenset[str]) -> list[str]:
    """Tell one failed step: where, what was expected, what was sent, what came back."""
    where = f"steps[{failure.step}]" + (f" turn {failure.turn}" if failure.turn else "")
    lines = [f"{where}: {failure.comment}" if failure.comment else where]
    for mismatch in failure.mismatches:
        expected = orjson.dumps(mismatch.expected).decode()
        lines.append(f"{mismatch.what}: expected {_cut(expected, VALUE_LIMIT)}")
        lines.append(f"{' ' * len(mismatch.what)}       got {_cut(mismatch.got, VALUE_LIMIT)}")
    if failure.sent:
        lines += [f"> {line}" for line in _sent_lines(failure.sent)]
    if failure.received:
        lines += [f"< {line}" for line in _received_lines(failure.received)]
    return [_redacted(line, secrets) for line in lines]


def _sent_lines(sent: Sent) -> list[str]:
    lines = [f"{sent.method} {sent.url}"]
    for name, value in sent.headers:
        hidden = _CREDENTIALS.sub(r"\1***", value, count=1) if name.lower() == "authorization" else value
        lines.append(f"{name}: {hidden}")
    if sent.body is not None:
        lines += ["", *_body_lines(sent.body.decode("utf-8", errors="replace"))]
    return lines


def _received_lines(received: Received) -> list[str]:
    lines = [f"{received.status} {received.reason} ({received.milliseconds:.0f} ms)"]
    lines += [f"{name}: {value}" for name, value in received.headers]
    return [*lines, "", *_body_lines(received.text)] if received.body else lines


def _body_lines(text: str) -> list[str]:
    return _cut(_ACCESS_TOKEN.sub(r'\1"***"', text), BODY_LIMIT).splitlines()


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[:limit]}... ({len(text)} characters)"


def _redacted(text: str, secrets: frozenset[str]) -> str:
    """Hide secrets; very short ones are left, or they would blank out half of the report."""
    for secret in secrets:
        if len(secret) >= SHORTEST_SECRET:
            text = text.replace(secret, "***")
    return text


def write_report(path: Path, results: Sequence[Result], server: Server) -> None:
    """Write all results as JSON."""
    document: Json = {"url": server.base, "scenarios": [_result(result) for result in results]}
    path.write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2))


def _result(result: Result) -> Json:
    scenario = result.scenario
    return {
        "client": scenario.client,
        "scenario": scenario.label,
        "name": scenario.name,
        "level": scenario.level,
        "outcome": result.outcome,
        "requests": result.requests,
        "seconds": round(result.seconds, 3),
        "failures": [_failure(failure, result.secrets) for failure in result.failures],
        "slow": [{"step": slow.step, "max_ms": slow.max_ms, "ms": round(slow.milliseconds)} for slow in result.slow],
    }


def _failure(failure: StepFailure, secrets: frozenset[str]) -> Json:
    return {
        "step": failure.step,
        "turn": failure.turn,
        "comment": failure.comment,
        "mismatches": [
            {
                "what": mismatch.what,
                "expected": mismatch.expected,
                "got": _redacted(_cut(mismatch.got, BODY_LIMIT), secrets),
            }
            for mismatch in failure.mismatches
        ],
        "told": list(failure_lines(failure, secrets)),
    }


def _say(console: Console, text: str) -> None:
    """Print text as it is: neither markup nor wrapping nor highlighting."""
    console.print(text, markup=False, highlight=False, soft_wrap=True, emoji=False)
