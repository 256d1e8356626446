"""The administrator's seat, its deputy, and the access review."""

from typing import Any

from scim_server.actions.access_review import review
from scim_server.actions.seat import seat_of, set_deputy
from scim_server.protocol.portals import MANAGE_MEMBERS
from scim_server.protocol.replies import etag
from scim_server.store.session import Tenant
from scim_server.web.api import schemas as organization_schemas
from scim_server.web.api import seat_schemas as schemas
from scim_server.web.api.operations import ANY_MEMBER, Call, Reply, operation
from scim_server.web.api.paging import page

_ORGANIZATION = "/organizations/<organization>"


@operation("GET", f"{_ORGANIZATION}/seat", scope="members:read", permission=ANY_MEMBER, answer=schemas.Seat())
def get_the_seat(call: Call) -> Reply:
    """Read who has the administrator's seat, who stands in, whom to turn to, and what to mind."""

    def read(tenant: Tenant) -> Reply:
        assert call.organization is not None
        return Reply(schemas.seat_content(seat_of(tenant, call.organization)))

    return call.read(read)


@operation(
    *("PUT", f"{_ORGANIZATION}/deputy"),
    scope="members:write",
    permission=MANAGE_MEMBERS,
    body=schemas.NewDeputy(),
    answer=organization_schemas.Organization(),
    versioned=True,
)
def name_a_deputy(call: Call) -> Reply:
    """Say which member has the administrator's seat while no administrator has access."""

    def action(tenant: Tenant) -> Reply:
        changed = set_deputy(tenant, call.body["member"], call.if_match)
        return Reply(changed, etag(changed.version, None))

    return call.write(action)


@operation(
    *("GET", f"{_ORGANIZATION}/access-review"),
    scope="members:read",
    permission=MANAGE_MEMBERS,
    query=organization_schemas.PageQuery(),
    answer=schemas.AccessReview(),
)
def review_access(call: Call) -> Reply:
    """List who has which role and customer group, since when, through what, and when they last signed in."""

    def read(after: str | None, limit: int) -> list[dict[str, Any]]:
        organization = call.organization
        assert organization is not None
        found = call.read(lambda tenant: review(tenant, organization, after=after or "", limit=limit))
        return [schemas.reviewed_content(each) for each in found]

    return page(call, read, lambda each: str(each["id"]))
