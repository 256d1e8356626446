"""What stands in the address of a page and in its forms, read before an action sees it.

What an address holds that is not well-formed counts as absent, so that the page of a list opens all the same; a form
that holds such is refused.
"""

import re
from collections.abc import Collection

from flask import request
from scim2_models import InvalidValueException, NotFoundException

from scim_server.protocol.replies import etag

_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# Of these, U+0000 cannot be stored, and none can be seen.
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_CONTROL_IN_LINES = re.compile(r"[\x00-\x09\x0b-\x1f\x7f]")
_VERSION = re.compile(r"[0-9]{1,9}")
_MAX_NUMBER_LENGTH = 9
_MAX_TEXT_LENGTH = 200


def check_id(what: str, identifier: str) -> str:
    """Return an id in the path of an address, or refuse one this server never gave: the database need not be asked.

    :raises NotFoundException: When it has another form.
    """
    if not _ID.fullmatch(identifier):
        raise NotFoundException(detail=f"there is no {what} {identifier[:100]!r}")
    return identifier


def id_in_query(name: str) -> str:
    """Return the id under a name in the query, the empty text where there is none."""
    found = request.args.get(name, "")
    return found if _ID.fullmatch(found) else ""


def number_in_query(name: str) -> int:
    """Return the number under a name in the query, 0 where there is none."""
    found = request.args.get(name, "")
    return int(found) if found.isascii() and found.isdigit() and len(found) <= _MAX_NUMBER_LENGTH else 0


def text_in_query(name: str) -> str:
    """Return the text under a name in the query, without spaces around it; the empty one where it is no text."""
    found = request.args.get(name, "").strip()
    return found if len(found) <= _MAX_TEXT_LENGTH and not _CONTROL.search(found) else ""


def typed(name: str, longest: int = 1_000) -> str:
    """Return what was typed into a field of one line, without spaces around it; empty where it was left so.

    :raises InvalidValueException: When it is too long, or holds what cannot be seen.
    """
    return _visible(request.form.get(name, ""), longest, _CONTROL)


def typed_lines(name: str, longest: int = 10_000) -> str:
    """Return what was typed into a field of several lines, as `typed` does."""
    return _visible(request.form.get(name, "").replace("\r\n", "\n"), longest, _CONTROL_IN_LINES)


def _visible(sent: str, longest: int, invisible: re.Pattern[str]) -> str:
    text = sent.strip()
    if len(text) > longest:
        raise InvalidValueException(detail=f"a text has {longest} characters at most")
    if invisible.search(text):
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


def chosen_id(name: str, *, is_optional: bool = False) -> str:
    """Return the id of which of several things was chosen.

    :param is_optional: Whether none may be, which is the empty text.
    :raises InvalidValueException: When it is none.
    """
    value = request.form.get(name, "")
    if not (_ID.fullmatch(value) or (is_optional and not value)):
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
