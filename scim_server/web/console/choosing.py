"""What people write into forms: text without what no form shows, ids, and members by their names."""

import re
from collections.abc import Sequence

from flask import request
from scim2_models import InvalidValueException, NotFoundException

from scim_server.store.members import list_named
from scim_server.store.session import Tenant

MAX_AT_ONCE = 100
"""How many members one form names."""

_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")
_CONTROL_IN_LINES = re.compile(r"[\x00-\x09\x0b-\x1f\x7f]+")


def typed(name: str, longest: int = 1_000) -> str:
    """Return what was typed into a field of one line, or stands in the address."""
    return _CONTROL.sub(" ", request.values.get(name, "")).strip()[:longest]


def typed_lines(name: str, longest: int = 10_000) -> str:
    """Return what was typed into a field of several lines."""
    return _CONTROL_IN_LINES.sub(" ", request.form.get(name, "").replace("\r\n", "\n")).strip()[:longest]


def chosen_id(name: str) -> str:
    """Return the id that was chosen, or that a page starts after; empty where it is none that was ever given."""
    sent = request.values.get(name, "")
    return sent if _ID.fullmatch(sent) else ""


def checked_id(what: str, identifier: str) -> str:
    """Return the id in an address.

    :raises NotFoundException: When it has another form: the database need not be asked.
    """
    if not _ID.fullmatch(identifier):
        raise NotFoundException(detail=f"there is no {what} {identifier[:100]!r}")
    return identifier


def member_named(tenant: Tenant, name: str) -> str:
    """Return the id of the member with an address or user name.

    :raises InvalidValueException: When there is none, or several have the address.
    """
    found = list_named(tenant, name, 2)
    if not found:
        raise InvalidValueException(detail=f"nobody here has the address or user name {name}")
    if len(found) > 1:
        raise InvalidValueException(detail=f"several members have the address {name}; give the user name instead")
    return found[0].id


def members_named(tenant: Tenant, names: Sequence[str]) -> list[str]:
    """Return the ids of the members with these addresses or user names.

    :raises InvalidValueException: When one is unknown, or there are none, or too many.
    """
    wanted = list(dict.fromkeys(names))
    if not wanted:
        raise InvalidValueException(detail="give at least one address or user name")
    if len(wanted) > MAX_AT_ONCE:
        raise InvalidValueException(detail=f"at most {MAX_AT_ONCE} members are added at once")
    return list(dict.fromkeys(member_named(tenant, name) for name in wanted))
