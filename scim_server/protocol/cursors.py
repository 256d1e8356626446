"""Cursors (RFC 9865): where a scan stands, sealed so that a client can neither read nor forge it."""

import base64
import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from scim2_models import ExpiredCursorException, InvalidCountException, InvalidCursorException

TIMEOUT_S = 86_400
"""How long a cursor is taken, announced as ``pagination.cursorTimeout``."""

_MAX_LENGTH = 8_000


@dataclass(frozen=True, slots=True)
class Position:
    """A place between two resources: after the one named, or before it when ``backwards``.

    ``value`` is what that resource is sorted by, None where it has no value or nothing is sorted.
    """

    value: Any
    id: str
    backwards: bool


@dataclass(frozen=True, slots=True)
class CursorKey:
    """The key cursors are sealed with; every process of a server derives the same."""

    fernet: MultiFernet

    @classmethod
    def derive(cls, secret_key: str, previous_secret_key: str | None = None) -> "CursorKey":
        """Return the key for cursors under the server's secret key; those under the previous one are read as well."""
        keys = [secret_key, *([previous_secret_key] if previous_secret_key else [])]
        derived = (hmac.digest(each.encode(), b"scim-server cursor", "sha256") for each in keys)
        return cls(MultiFernet([Fernet(base64.urlsafe_b64encode(secret)) for secret in derived]))


def fingerprint(*parts: Any) -> str:
    """Return what stands for the query a cursor belongs to."""
    return hashlib.sha256(orjson.dumps(parts)).hexdigest()[:32]


def write_cursor(key: CursorKey, query: str, count: int, position: Position, now: datetime) -> str:
    """Return the cursor of a position, of unreserved characters alone (RFC 9865 §2).

    :param query: The fingerprint of the query it belongs to.
    """
    content = orjson.dumps([query, count, position.value, position.id, position.backwards])
    return key.fernet.encrypt_at_time(content, int(now.timestamp())).decode().rstrip("=")


def read_cursor(key: CursorKey, text: str, query: str, count: int | None, now: datetime) -> tuple[int, Position]:
    """Return the count and the position of a cursor.

    :param count: The ``count`` of this request, None where it names none.
    :raises InvalidCursorException: When the cursor is not ours, or belongs to another query.
    :raises ExpiredCursorException: When it is older than ``TIMEOUT_S``.
    :raises InvalidCountException: When ``count`` differs from that of the first request.
    """
    sealed = text.encode() + b"=" * (-len(text) % 4)
    try:
        content: Sequence[Any] = orjson.loads(key.fernet.decrypt(sealed)) if len(sealed) < _MAX_LENGTH else ()
        issued = key.fernet.extract_timestamp(sealed) if content else 0
    except (InvalidToken, ValueError):
        content, issued = (), 0
    if not content or content[0] != query:
        raise InvalidCursorException(detail="the cursor is not one of this query; start again with an empty cursor")
    if now.timestamp() - issued > TIMEOUT_S:
        raise ExpiredCursorException(detail="the cursor has expired; start again with an empty cursor")
    _, first_count, value, resource_id, backwards = content
    if count is not None and count != first_count:
        raise InvalidCountException(detail=f"count must stay {first_count} until the end of this scan")
    return first_count, Position(value, resource_id, backwards)
