"""Members, by the addresses and user names that people type."""

from collections.abc import Sequence

from scim2_models import InvalidValueException

from scim_server.store.members import list_named
from scim_server.store.session import Tenant

MAX_AT_ONCE = 100
"""How many members one form names."""


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
