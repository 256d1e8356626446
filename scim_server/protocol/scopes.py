"""Scopes (RFC 6749 §3.3): what a token may do, as it is written, narrowed and covered."""

from collections.abc import Iterable, Set

SCIM_SCOPES = ("scim:read", "scim:write")
ORGANIZATION_SCOPES = ("members:read", "members:write", "org:admin")
OPERATOR = "operator"
SCOPES = (*SCIM_SCOPES, *ORGANIZATION_SCOPES, OPERATOR)

ACCEPTED = ("scim", *SCOPES)
"""What may be written where a scope is asked for; ``scim`` stands for both of its halves."""

_IMPLIED = {
    "org:admin": frozenset({"members:read", "members:write"}),
    OPERATOR: frozenset(ORGANIZATION_SCOPES),
}


def read_scope(text: str) -> frozenset[str]:
    """Return the scopes that a text names, ``scim`` as both of its halves.

    :raises ValueError: When one is unknown, or there is none.
    """
    names = text.split()
    if not names or not set(names) <= set(ACCEPTED):
        raise ValueError(f"{text!r} is not a scope; accepted: {', '.join(ACCEPTED)}")
    return frozenset(each for name in names for each in (SCIM_SCOPES if name == "scim" else (name,)))


def write_scope(scopes: Iterable[str]) -> str:
    """Return scopes as text, in the order of ``SCOPES``."""
    return " ".join(sorted(scopes, key=SCOPES.index))


def narrow(requested: str | None, granted: Set[str]) -> frozenset[str]:
    """Return what is given of a request: what it names, or all that was granted where it names none.

    :raises ValueError: When it asks for more than was granted, or for a scope that does not exist.
    """
    if not requested:
        return frozenset(granted)
    scopes = read_scope(requested)
    if not scopes <= granted:
        raise ValueError(f"the scope {write_scope(scopes - granted)} was not granted; granted: {write_scope(granted)}")
    return scopes


def covers(scopes: Set[str], needed: str) -> bool:
    """Return whether scopes allow what needs one: ``operator`` is all of the API, ``org:admin`` holds the members."""
    return needed in scopes or any(needed in _IMPLIED[each] for each in scopes if each in _IMPLIED)
