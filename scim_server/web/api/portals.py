"""Portal profiles, and that of an organization."""

from scim_server.actions.portal_changes import change_portal, differences
from scim_server.protocol.replies import etag
from scim_server.store.session import Tenant
from scim_server.web.api import schemas as organization_schemas
from scim_server.web.api import seat_schemas as schemas
from scim_server.web.api.operations import Call, Reply, operation
from scim_server.web.problems import BadFieldsException
from scim_server.web.site import current_site

_PORTAL = "/organizations/<organization>/portal"


@operation("GET", "/portals", scope="members:read", answer=schemas.Portals())
def list_portals(call: Call) -> Reply:
    """List the portal profiles that organizations can have, with their rules, permissions and roles."""
    del call
    loaded = current_site().store.portals
    return Reply({"items": [schemas.portal_content(loaded[name]) for name in sorted(loaded)]})


@operation(
    *("POST", f"{_PORTAL}/preview"), scope="org:admin", body=schemas.PortalChoice(), answer=schemas.Differences()
)
def preview_a_portal(call: Call) -> Reply:
    """List what would hold no longer if the organization had another portal profile; nothing is changed."""

    check_portal(call.body["portal"])
    return call.read(lambda tenant: Reply({"items": differences(tenant, call.body["portal"])}))


@operation(
    *("PUT", _PORTAL),
    scope="operator",
    body=schemas.PortalChoice(),
    answer=organization_schemas.Organization(),
    versioned=True,
)
def change_the_portal(call: Call) -> Reply:
    """Give the organization another portal profile; look first at what would hold no longer.

    The administrators keep their seat, and the roles that the organization lacks are made.
    """
    check_portal(call.body["portal"])

    def action(tenant: Tenant) -> Reply:
        changed = change_portal(tenant, call.body["portal"], call.if_match)
        return Reply(changed, etag(changed.version, None))

    return call.write(action)


def check_portal(name: str) -> None:
    """Check that a portal profile is loaded which the field ``portal`` of the body names.

    :raises BadFieldsException: When none is.
    """
    loaded = current_site().store.portals
    if name not in loaded:
        detail = f"{name[:100]!r} is no portal profile that is loaded; accepted: {', '.join(sorted(loaded))}"
        raise BadFieldsException([{"pointer": "/portal", "detail": detail}])
