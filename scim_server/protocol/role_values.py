"""The values of ``roles`` of a User (RFC 7643 §4.1.2), as what a mapping compares."""

from typing import Any

import orjson

from scim_server.protocol.comparison import comparison_key
from scim_server.protocol.documents import Document

MAX_LENGTH = 200
"""How long a value is that can be mapped."""


def role_keys(document: Document) -> tuple[str, ...]:
    """Return the keys of the values of ``roles``; what is too long, or no text, has none."""
    roles = document.get("roles")
    values = [role.get("value") for role in roles if isinstance(role, dict)] if isinstance(roles, list) else []
    keys = {role_key(_plain(value)) for value in values if isinstance(value, str)}
    return tuple(sorted(key for key in keys if 0 < len(key) <= MAX_LENGTH))


def role_key(value: str) -> str:
    """Return what a value is compared by, which is without regard to case."""
    return comparison_key(value, case_exact=False)


def _plain(value: str) -> str:
    """Return the value within a value: Entra sends an app role as JSON in a string."""
    if not value.startswith("{"):
        return value
    try:
        role: Any = orjson.loads(value)
    except orjson.JSONDecodeError:
        return value
    plain = role.get("value") if isinstance(role, dict) else None
    return plain if isinstance(plain, str) else value
