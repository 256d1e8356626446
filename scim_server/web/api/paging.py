"""Pages of lists by sealed cursors, as SCIM's are (RFC 9865)."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from scim2_models import SCIMException

from scim_server.protocol.cursors import Position, fingerprint, read_cursor, write_cursor
from scim_server.web.api.operations import Call, Reply
from scim_server.web.problems import BadFieldsException
from scim_server.web.site import current_site

T = TypeVar("T")


def position_of(call: Call) -> Position | None:
    """Return where the page that is asked for starts, None for the first.

    :raises BadFieldsException: When the cursor is none of this list, or too old.
    """
    text = call.query.get("cursor")
    if text is None:
        return None
    site = current_site()
    try:
        return read_cursor(site.cursor_key, text, _list_of(call), None, site.store.clock())[1]
    except SCIMException as exc:
        detail = "is none of this list, or too old; start again without it"
        raise BadFieldsException([{"parameter": "cursor", "detail": detail}]) from exc


def cursor_of(call: Call, position: Position | None) -> str | None:
    """Return the cursor of a position."""
    if position is None:
        return None
    site = current_site()
    return write_cursor(site.cursor_key, _list_of(call), call.query["limit"], position, site.store.clock())


def page(call: Call, read: Callable[[str | None, int], Sequence[T]], key: Callable[[T], str], **more: Any) -> Reply:
    """Return the answer with a page of a list.

    :param read: Returns what comes after a key, at most so many.
    """
    position = position_of(call)
    limit = call.query["limit"]
    found = read(position.id if position else None, limit + 1)
    following = Position(None, key(found[limit - 1]), backwards=False) if len(found) > limit else None
    return page_reply(found[:limit], cursor_of(call, following), **more)


def page_reply(items: Sequence[Any], next_cursor: str | None, **more: Any) -> Reply:
    """Return the answer with these items."""
    return Reply({"items": items, "next_cursor": next_cursor, **more}, next_cursor=next_cursor)


def _list_of(call: Call) -> str:
    """Return what a cursor is bound to: the organization, the list and what it is narrowed by."""
    narrowed = {name: str(value) for name, value in call.query.items() if name not in ("cursor", "limit")}
    return fingerprint("api", call.credentials.org_id, call.operation.name, sorted(narrowed.items()))
