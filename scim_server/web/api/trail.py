"""What happened in an organization, and what it holds."""

from scim_server.store.history import Entry, TrailFilter, count_inactive, list_activity, list_entries
from scim_server.store.lookups import total_of
from scim_server.store.session import Tenant
from scim_server.web.api import schemas
from scim_server.web.api.operations import Call, Reply, operation
from scim_server.web.api.paging import page


@operation(
    *("GET", "/organizations/<organization>/trail"),
    scope="org:admin",
    query=schemas.TrailQuery(),
    answer=schemas.Trail(),
)
def read_trail(call: Call) -> Reply:
    """List who did what, newest first: by resource, by actor, by action, in a time."""
    narrowed = {name: value for name, value in call.query.items() if name not in ("cursor", "limit")}
    wanted = TrailFilter(**narrowed)

    def read(before: str | None, limit: int) -> list[Entry]:
        return call.read(lambda tenant: list_entries(tenant, wanted, before=before, limit=limit))

    return page(call, read, lambda each: each.id)


@operation("GET", "/organizations/<organization>/statistics", scope="members:read", answer=schemas.Statistics())
def read_statistics(call: Call) -> Reply:
    """Count users and groups, and tell when each connection was last used."""
    return Reply(call.read(_statistics))


def _statistics(tenant: Tenant) -> dict[str, object]:
    users, groups = (tenant.catalog.by_name(name) for name in ("User", "Group"))
    inactive = count_inactive(tenant, users.name)
    return {
        "users": {"active": total_of(tenant, users) - inactive, "inactive": inactive},
        "groups": total_of(tenant, groups),
        "connections": list_activity(tenant),
    }
