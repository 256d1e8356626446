"""The form of bearer tokens: a prefix secret scanners know, 30 random characters, a checksum.

A token with a wrong checksum was never issued, which is known without asking the database.
"""

import re
import string
import zlib
from datetime import datetime

ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
PREFIX = "scimsrv_"
RANDOM_LENGTH = 30
PATTERN = r"scimsrv_[0-9A-Za-z]{36}"
"""The regular expression of a token, for secret scanning."""

WARNING_DAYS = (15, 30, 60, 90)
"""How many days before its end a token is warned of."""

_TOKEN = re.compile(PATTERN)


def make_token(characters: str) -> str:
    """Return the token of 30 random characters of ``ALPHABET``."""
    return f"{PREFIX}{characters}{_checksum(characters)}"


def is_well_formed(token: str) -> bool:
    """Return whether a text is a token whose checksum holds."""
    if _TOKEN.fullmatch(token) is None:
        return False
    characters = token.removeprefix(PREFIX)
    return _checksum(characters[:RANDOM_LENGTH]) == characters[RANDOM_LENGTH:]


def _checksum(characters: str) -> str:
    """Return the CRC-32 of the characters as 6 base62 digits."""
    number = zlib.crc32(characters.encode("ascii"))
    digits = ""
    for _ in range(6):
        number, digit = divmod(number, len(ALPHABET))
        digits = ALPHABET[digit] + digits
    return digits


def warning_days(expires_at: datetime | None, now: datetime) -> int | None:
    """Return the warning that is due for a token: the smallest of ``WARNING_DAYS`` that its end is within."""
    if expires_at is None:
        return None
    return next((days for days in WARNING_DAYS if (expires_at - now).total_seconds() <= days * 86_400), None)
