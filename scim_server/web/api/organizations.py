"""Organizations: for operators all of them, for other tokens their own."""

from scim_server.actions.organizations import (
    change_organization,
    create_organization,
    resume_organization,
    suspend_organization,
)
from scim_server.actions.removal import delete_organization
from scim_server.protocol.replies import etag
from scim_server.store.organizations import Organization, find_organization, list_organizations
from scim_server.store.session import Platform, begin_platform
from scim_server.web.api import schemas
from scim_server.web.api.access import is_operator
from scim_server.web.api.operations import Call, Reply, operation
from scim_server.web.api.paging import page
from scim_server.web.api.portals import check_portal
from scim_server.web.problems import BadFieldsException
from scim_server.web.requests import log
from scim_server.web.site import current_site

DELETION_S = 5.0
"""How long one request goes on deleting."""

_ORGANIZATION = schemas.Organization()


@operation("GET", "/organizations", scope="members:read", query=schemas.PageQuery(), answer=schemas.Organizations())
def list_all_organizations(call: Call) -> Reply:
    """List the organizations in the order of their slugs: all for an operator, else the token's own."""

    def read(after: str | None, limit: int) -> list[Organization]:
        with begin_platform(current_site().store, write=False) as platform:
            if is_operator():
                return list_organizations(platform, after=after or "", limit=limit)
            own = find_organization(platform, call.credentials.org_id)
            return [own] if own is not None else []

    return page(call, read, lambda each: each.slug)


@operation(
    *("POST", "/organizations"),
    scope="operator",
    body=schemas.NewOrganization(),
    answer=_ORGANIZATION,
    status=201,
    versioned=True,
)
def create_an_organization(call: Call) -> Reply:
    """Create an organization with the connection `default`."""
    if "portal" in call.body:
        check_portal(call.body["portal"])

    def action(platform: Platform) -> Reply:
        store, actor = current_site().store, call.credentials.actor
        created = create_organization(platform, store, actor_id=actor.id, **call.body)
        return _reply(created, location=f"/organizations/{created.slug}")

    return call.write_platform(action)


@operation(
    *("GET", "/organizations/<organization>"),
    scope="members:read",
    answer=_ORGANIZATION,
    versioned=True,
    deleting=True,
)
def get_organization(call: Call) -> Reply:
    """Read an organization."""
    assert call.organization is not None
    return _reply(call.organization)


@operation(
    *("PATCH", "/organizations/<organization>"),
    scope="org:admin",
    body=schemas.OrganizationChanges(),
    answer=_ORGANIZATION,
    versioned=True,
)
def change_an_organization(call: Call) -> Reply:
    """Change the name, the time zone, the language or the contact of an organization."""
    return call.write(lambda tenant: _reply(change_organization(tenant, call.body, call.if_match)))


@operation(*("POST", "/organizations/<organization>/suspend"), scope="operator", answer=_ORGANIZATION, versioned=True)
def suspend_an_organization(call: Call) -> Reply:
    """Refuse every token of an organization, on every worker within a second."""
    return call.write(lambda tenant: _reply(suspend_organization(tenant, call.if_match)))


@operation(*("POST", "/organizations/<organization>/resume"), scope="operator", answer=_ORGANIZATION, versioned=True)
def resume_an_organization(call: Call) -> Reply:
    """Take the tokens of a suspended organization again."""
    return call.write(lambda tenant: _reply(resume_organization(tenant, call.if_match)))


@operation(
    *("DELETE", "/organizations/<organization>"),
    scope="operator",
    body=schemas.Confirmation(),
    answer=_ORGANIZATION,
    status=204,
    versioned=True,
    deleting=True,
)
def delete_an_organization(call: Call) -> Reply:
    """Delete an organization with everything in it, its trail included.

    It refuses every request from the first moment on. 204 says that nothing is left; 202 that there is more than one
    request removes: send it again, or run `scim-server org delete`, until it is 204.
    """
    organization = call.organization
    assert organization is not None
    if call.body["confirm"] != organization.slug:
        detail = f"must be {organization.slug!r}, the slug of the organization that is deleted for good"
        raise BadFieldsException([{"pointer": "/confirm", "detail": detail}])
    left = delete_organization(current_site().store, call.credentials, if_match=call.if_match, budget_s=DELETION_S)
    if left is not None:
        return _reply(left, status=202)
    # Its trail is gone with it, so the log tells who did it.
    actor = call.credentials.actor
    log.info("organization deleted", organization=organization.id, slug=organization.slug, actor=actor.id)
    return Reply()


def _reply(organization: Organization, *, location: str | None = None, status: int | None = None) -> Reply:
    return Reply(organization, etag(organization.version, None), location, status=status)
