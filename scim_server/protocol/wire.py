"""Request bodies as JSON values, with everything refused that two readers could read differently."""

import json
import re
from typing import Any, NoReturn

import orjson
from scim2_models import InvalidSyntaxException

MAX_DEPTH = 32
"""How deep a body may nest; the deepest a client sends is a bulk PATCH of a value path, 8."""

# Possessive, and to the end without a closing quote: in linear time on any body, one that ends in \ included.
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_NOT_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[]{}")


def read_json(body: bytes) -> Any:
    """Return the JSON value of a request body.

    :raises InvalidSyntaxException: When the body is not JSON in UTF-8, nests deeper than
        ``MAX_DEPTH``, names a member twice in one object (whatever its case: RFC 7643 §2.1),
        holds a NUL character, a lone surrogate, or a number no 64-bit integer or double holds.
    """
    if not body.strip():
        _refuse("the body is empty; send a JSON object")
    try:
        # NB: a byte order mark is skipped, as RFC 8259 §8.1 allows a reader to.
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        _refuse(f"the body is not UTF-8 (byte {exc.start})")
    if _nests_too_deep(body):
        _refuse(f"the body nests deeper than {MAX_DEPTH} levels")
    try:
        value = json.loads(text, object_pairs_hook=_unique_members, parse_constant=_no_constant, parse_float=_finite)
        # orjson refuses lone surrogates and integers beyond 64 bits.
        compact = orjson.dumps(value)
    except json.JSONDecodeError as exc:
        _refuse(f"the body is not JSON: {exc.msg} at line {exc.lineno}, column {exc.colno}")
    except (TypeError, ValueError) as exc:
        _refuse(f"the body holds what JSON between systems cannot carry: {exc}")
    if b"\\u0000" in compact and _holds_nul(value):
        _refuse("the body holds a NUL character (U+0000), which no attribute may hold")
    return value


def read_object(body: bytes) -> dict[str, Any]:
    """Return the JSON object of a request body.

    :raises InvalidSyntaxException: When the body is no JSON object; see :func:`read_json`.
    """
    value = read_json(body)
    if not isinstance(value, dict):
        _refuse("the body must be a JSON object")
    return value


def _refuse(detail: str) -> NoReturn:
    raise InvalidSyntaxException(detail=detail)


def _nests_too_deep(body: bytes) -> bool:
    if body.count(b"[") + body.count(b"{") <= MAX_DEPTH:
        return False
    depth = 0
    for bracket in _STRING.sub(b"", body).translate(None, _NOT_BRACKETS):
        depth += 1 if bracket in b"[{" else -1
        if depth > MAX_DEPTH:
            return True
    return False


def _unique_members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs) or len({name.lower() for name in members}) != len(pairs):
        names = [name.lower() for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the member {twice[:60]!r} twice in one object (names are compared without case)")
    return members


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name}, which is not a JSON number")


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError(f"the number {text[:40]}, which is out of range")
    return number


def _holds_nul(value: Any) -> bool:
    if isinstance(value, str):
        return "\0" in value
    if isinstance(value, dict):
        return any("\0" in name or _holds_nul(item) for name, item in value.items())
    return isinstance(value, list) and any(_holds_nul(item) for item in value)
