"""The days on which a member gets access and loses it, as the User extension of members has them."""

import re
from dataclasses import dataclass
from datetime import date

from scim2_models import InvalidValueException

from scim_server.protocol.documents import Document

MEMBER_USER_URN = "urn:scim-server:params:scim:schemas:extension:member:1.0:User"

_DATE = re.compile(r"((?:19|2[0-9])[0-9]{2}-[0-9]{2}-[0-9]{2})T.*")
MIDNIGHT = "T00:00:00Z"
"""What makes a date a dateTime (RFC 7643 §2.3.5)."""


@dataclass(frozen=True, slots=True)
class MemberDates:
    """The first day with access, and the first day without; None for a day that is open."""

    start: date | None = None
    end: date | None = None


NO_DATES = MemberDates()


def dates_of(document: Document) -> MemberDates:
    """Return the dates of a user.

    :raises InvalidValueException: When one is no date.
    """
    extension = document.get(MEMBER_USER_URN)
    if not extension:
        return NO_DATES
    return MemberDates(_read(extension, "startDate"), _read(extension, "endDate"))


def _read(extension: Document, name: str) -> date | None:
    text = extension.get(name)
    if text is None:
        return None
    try:
        # Its date as it is written: HR systems send the day with whatever time and offset.
        if match := _DATE.fullmatch(text.upper()):
            return date.fromisoformat(match[1])
    except ValueError:
        pass
    detail = f"{MEMBER_USER_URN}:{name} must be a date such as 2026-01-31{MIDNIGHT}, not {text[:100]!r}"
    raise InvalidValueException(detail=detail)
