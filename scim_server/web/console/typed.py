"""What was typed into a form or stands in an address, read before an action sees it."""

import re
from collections.abc import Collection

from flask import request
from scim2_models import InvalidValueException, NotFoundException

from scim_server.protocol.replies import etag

MAX_LENGTH = 1_000

_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# Of these, U+0000 cannot be stored, and none can be seen.
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_VERSION = re.compile(r"[0-9]{1,9}")


def typed(name: str, max_length: int = MAX_LENGTH) -> str:
    """Return the text of a field without spaces around it, empty where it was left so.

    :raises InvalidValueException: When it is too long, or holds what cannot be seen.
    """
    text = request.form.get(name, "").strip()
    if len(text) > max_length:
        raise InvalidValueException(detail=f"a text has {max_length} characters at most")
    if _CONTROL.search(text):
        raise InvalidValueException(detail="a text holds no control characters")
    return text


def chosen(name: str, choices: Collection[str]) -> str:
    """Return which of several choices was made.

    :raises InvalidValueException: When it is none of them.
    """
    value = request.form.get(name, "")
    if value not in choices:
        raise InvalidValueException(detail="choose one of what is offered")
    return value


def version_seen() -> str:
    """Return the version that a form was made from, as ``If-Match`` names it: nobody undoes what they never saw.

    :raises InvalidValueException: When the form has none.
    """
    version = request.form.get("version", "")
    if not _VERSION.fullmatch(version):
        raise InvalidValueException(detail="this form is not whole; open the page again")
    return etag(int(version), None)


def checked_id(identifier: str) -> str:
    """Return an id, or refuse what this server never gave: the database need not be asked.

    :raises NotFoundException: When it has another form.
    """
    if not _ID.fullmatch(identifier):
        raise NotFoundException(detail="there is no such page")
    return identifier


def chosen_id(name: str) -> str:
    """Return the id of which of several things was chosen.

    :raises InvalidValueException: When it is none.
    """
    value = request.form.get(name, "")
    if not _ID.fullmatch(value):
        raise InvalidValueException(detail="choose one of what is offered")
    return value


def cursor_of(name: str = "after", max_length: int = 200) -> str:
    """Return the key after which a page of a list starts, empty for the first page."""
    text = request.args.get(name, "")
    return "" if len(text) > max_length or _CONTROL.search(text) else text
