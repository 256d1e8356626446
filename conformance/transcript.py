"""Tells what was sent and received as text, with every secret blanked out."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from conformance.exchange import Received, Sent

BODY_LIMIT = 2000
SHORTEST_SECRET = 4
_CREDENTIALS = re.compile(r"^(\S+ )?.*$", re.DOTALL)
_ACCESS_TOKEN = re.compile(r'("access_token"\s*:\s*)"[^"]*"')


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request and its answer; without `received` no answer came."""

    sent: Sent
    received: Received | None


def sent_lines(sent: Sent) -> list[str]:
    """Tell a request line by line; credentials are left out."""
    lines = [f"{sent.method} {sent.url}"]
    for name, value in sent.headers:
        hidden = _CREDENTIALS.sub(r"\1***", value, count=1) if name.lower() == "authorization" else value
        lines.append(f"{name}: {hidden}")
    if sent.body is not None:
        lines += ["", *_body_lines(sent.body.decode("utf-8", errors="replace"))]
    return lines


def received_lines(received: Received) -> list[str]:
    """Tell an answer line by line."""
    lines = [f"{received.status} {received.reason} ({received.milliseconds:.0f} ms)"]
    lines += [f"{name}: {value}" for name, value in received.headers]
    return [*lines, "", *_body_lines(received.text)] if received.body else lines


def exchange_text(exchange: Exchange, secrets: Iterable[str]) -> tuple[str, str]:
    """Tell a request and its answer as two texts."""
    answer = received_lines(exchange.received) if exchange.received else ["no answer"]
    return redacted("\n".join(sent_lines(exchange.sent)), secrets), redacted("\n".join(answer), secrets)


def _body_lines(text: str) -> list[str]:
    return cut(_ACCESS_TOKEN.sub(r'\1"***"', text), BODY_LIMIT).splitlines()


def cut(text: str, limit: int) -> str:
    """Shorten a text and say how long it was."""
    return text if len(text) <= limit else f"{text[:limit]}... ({len(text)} characters)"


def redacted(text: str, secrets: Iterable[str]) -> str:
    """Hide secrets; very short ones are left, or they would blank out half of the report."""
    for secret in secrets:
        if len(secret) >= SHORTEST_SECRET:
            text = text.replace(secret, "***")
    return text
