"""What stands in the address of a page: ids, and where a page of a list begins."""

import re

from flask import request
from scim2_models import NotFoundException

_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_MAX_NUMBER_LENGTH = 9


def check_id(what: str, identifier: str) -> str:
    """Return an id, or refuse one this server never gave: the database need not be asked.

    :raises NotFoundException: When it has another form.
    """
    if not _ID.fullmatch(identifier):
        raise NotFoundException(detail=f"there is no {what} {identifier[:100]!r}")
    return identifier


def id_in_query(name: str) -> str | None:
    """Return the id under a name in the query; None where there is none, or what is there is none."""
    found = request.args.get(name, "")
    return found if _ID.fullmatch(found) else None


def number_in_query(name: str) -> int:
    """Return the number under a name in the query, 0 where there is none."""
    found = request.args.get(name, "")
    return int(found) if found.isascii() and found.isdigit() and len(found) <= _MAX_NUMBER_LENGTH else 0


def text_in_query(name: str) -> str:
    """Return the text under a name in the query, without spaces around it; the empty one where it is no text."""
    found = request.args.get(name, "").strip()
    return found if len(found) <= 200 and not _CONTROL.search(found) else ""
