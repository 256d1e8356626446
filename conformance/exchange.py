"""Sends a request exactly as written and keeps what came back."""

import gzip
import select
import time
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

TIMEOUT_SECONDS = 60.0


class ExchangeError(Exception):
    """No answer came back: the connection was refused, reset or timed out, or the answer was not HTTP."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A request as it goes on the wire."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes | None


@dataclass(frozen=True, slots=True)
class Received:
    """An answer."""

    status: int
    reason: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    milliseconds: float

    def header(self, name: str) -> str | None:
        """The value of a header by its name in any case, several joined by a comma."""
        values = [value for key, value in self.headers if key.lower() == name.lower()]
        return ", ".join(values) if values else None

    @property
    def text(self) -> str:
        """The body as text; bytes that are not UTF-8 show as replacement characters."""
        return self.body.decode("utf-8", errors="replace")


class Wire:
    """One keep-alive connection for each server spoken to."""

    def __init__(self, timeout: float = TIMEOUT_SECONDS) -> None:
        self._timeout = timeout
        self._connections: dict[tuple[str, str], HTTPConnection] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for connection in self._connections.values():
            connection.close()

    def send(self, sent: Sent) -> Received:
        """Exchange one request for one answer; redirects are not followed."""
        key, target = _split(sent.url)
        connection = self._connection(key)
        start = time.perf_counter()
        try:
            response, whole = _exchange(connection, target, sent)
            body = response.read()
            if not whole:
                connection.close()
            if response.getheader("Content-Encoding", "").lower() == "gzip":
                body = gzip.decompress(body)
        except (OSError, HTTPException, EOFError, ValueError) as error:
            # Not only closed: a half-written request would stay in its buffer.
            self._connections.pop(key).close()
            raise ExchangeError(f"{type(error).__name__}: {error}") from error
        return Received(
            status=response.status,
            reason=response.reason,
            headers=tuple(response.getheaders()),
            body=body,
            milliseconds=(time.perf_counter() - start) * 1000,
        )

    def _connection(self, key: tuple[str, str]) -> HTTPConnection:
        """Find the connection to an origin, or open it (again)."""
        kept = self._connections.get(key)
        if kept is None:
            scheme, netloc = key
            parts = urlsplit(f"{scheme}://{netloc}")
            kind = HTTPSConnection if scheme == "https" else HTTPConnection
            kept = self._connections[key] = kind(parts.hostname or "", parts.port, timeout=self._timeout)
        elif _was_dropped(kept):
            kept.close()
        return kept


def _split(url: str) -> tuple[tuple[str, str], str]:
    """Split a URL into its origin and the rest of it, character for character."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError as error:
        raise ExchangeError(f"{url} is no URL: {error}") from error
    if not usable:
        raise ExchangeError(f"{url} is no http or https URL")
    return (parts.scheme, parts.netloc), url.split("://", 1)[1][len(parts.netloc) :] or "/"


def _exchange(connection: HTTPConnection, target: str, sent: Sent) -> tuple[HTTPResponse, bool]:
    """Send a request and wait for the answer; also say whether all of the request went out."""
    given = {name.lower() for name, _ in sent.headers}
    connection.putrequest(sent.method, target, skip_host="host" in given, skip_accept_encoding=True)
    for name, value in sent.headers:
        connection.putheader(name, value.encode("utf-8"))
    # RFC 9110 §8.6: a method that usually has a body announces an empty one too.
    if "content-length" not in given and (sent.body is not None or sent.method in ("POST", "PUT", "PATCH")):
        connection.putheader("Content-Length", str(len(sent.body or b"")))
    try:
        connection.endheaders(sent.body)
    except (BrokenPipeError, ConnectionResetError):
        # RFC 9112 §9.6: a server may answer, e.g. 413, and close before it has read everything.
        return connection.getresponse(), False
    return connection.getresponse(), True


def _was_dropped(connection: HTTPConnection) -> bool:
    """Whether the server closed an idle connection: then something, the end, is already there to read."""
    if connection.sock is None:
        return False
    return bool(select.select([connection.sock], [], [], 0)[0])
