"""What stands in the way of a creation, and what lets it through: for the person who reads a 409."""

from scim2_models import SCIMException, UniquenessException

from scim_server.protocol.documents import Parts
from scim_server.store.connections import find_connection
from scim_server.store.resources import find_namesake
from scim_server.store.session import Tenant


def explained(tenant: Tenant, error: SCIMException, parts: Parts | None) -> SCIMException:
    """Return the error of a creation, saying which user has the userName that a connection sent, and what helps.

    Any other error stays as it is, as does this one where that user is gone by now.
    """
    users = tenant.catalog.by_name("User")
    if not isinstance(error, UniquenessException) or parts is None or "userName" not in parts.document:
        return error
    found = find_namesake(tenant, users, parts.document)
    if found is None or tenant.connection_id is None:
        return error
    user, managed_by = found
    return UniquenessException(
        attribute="userName",
        detail=f"userName {str(parts.document['userName'])[:200]!r} (compared without case) is that of the "
        f"{'inactive ' if user.active is False else ''}user {user.id}, {_whose(tenant, user.active, managed_by)}",
    )


def _whose(tenant: Tenant, active: bool | None, managed_by: str | None) -> str:
    """Return who provisions a user, and how this connection gets to."""
    if managed_by == tenant.connection_id:
        again = "; to let a POST make it active again, set on_inactive of the connection to reactivate"
        return "which this connection provisions: change that one by PUT or PATCH" + ("" if active else again)
    connection = None if managed_by is None else find_connection(tenant, managed_by)
    whose = "no connection" if connection is None else f"the connection {connection.name!r}"
    own = tenant.actor.connection
    assert own is not None
    return (
        f"which {whose} provisions: to let this connection, {own.name!r}, take over such users, set its on_existing to "
        "adopt (scim-server connection change ORG NAME --on-existing adopt, or in the API), and send it again"
    )
