"""Passwords that people choose."""

from scim2_models import InvalidValueException

from scim_server.protocol.comparison import prepared_password
from scim_server.store.passwords import digest_password

MIN_LENGTH = 12
MAX_LENGTH = 1_000


def digest_chosen(password: str) -> str:
    """Return the digest of a password that a person chose; takes some 20 ms, so it is made before a transaction.

    :raises InvalidValueException: When it is too short or too long.
    """
    prepared = prepared_password(password)
    if not MIN_LENGTH <= len(prepared) <= MAX_LENGTH:
        raise InvalidValueException(
            detail=f"password must have {MIN_LENGTH} to {MAX_LENGTH} characters; several words are fine"
        )
    return digest_password(prepared)
