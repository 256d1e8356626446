"""What the portal's back end asks: what a member may do, through what, and whether they may do this to that."""

from dataclasses import dataclass

from scim2_models import InvalidValueException

from scim_server.actions.authority import holdings_with_state
from scim_server.actions.portals import portal_of
from scim_server.protocol.permissions import Holding, Reason, effective, reasons_of
from scim_server.protocol.portals import App, Permissions, PortalProfile
from scim_server.store.organizations import Organization
from scim_server.store.permissions import edges_of, is_assigned
from scim_server.store.session import Tenant


@dataclass(frozen=True, slots=True)
class Rights:
    """What a member has; all of it is empty where they have no access.

    ``apps`` are those of the portal, each with whether it opens for them.
    ``is_complete`` is False where a permission reaches customer groups and the member has none.
    """

    state: str
    permissions: Permissions
    reasons: dict[str, list[Reason]]
    roles: tuple[Holding, ...]
    customer_groups: tuple[Holding, ...]
    apps: tuple[tuple[App, bool], ...]
    is_complete: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a member may do something; ``scope`` is how far the permission reaches, None where they lack it."""

    allowed: bool
    scope: str | None
    reason: str


def rights_of(tenant: Tenant, organization: Organization, member_id: str) -> Rights:
    """Return what a member may do, and through what.

    :raises NotFoundException: When the organization has no member of that id.
    """
    profile = portal_of(tenant, organization)
    state, held = holdings_with_state(tenant, profile, organization, member_id)
    if state != "active":
        return Rights(state, {}, {}, (), (), _apps(profile, {}), is_complete=True)
    permissions = effective(held, profile)
    groups = tuple(each for each in held if each.kind == "customerGroup")
    return Rights(
        state,
        permissions,
        reasons_of(held, profile),
        tuple(each for each in held if each.kind == "role"),
        groups,
        _apps(profile, permissions),
        is_complete=bool(groups) or "customer_groups" not in permissions.values(),
    )


def _apps(profile: PortalProfile, permissions: Permissions) -> tuple[tuple[App, bool], ...]:
    return tuple((app, app.available and app.permission in permissions) for app in profile.apps.values())


def check_permission(
    tenant: Tenant, organization: Organization, member_id: str, permission: str, named: str | None
) -> Verdict:
    """Return whether a member may do something, to an object ``type:id`` where one is named.

    An object is within reach of ``customer_groups`` where it is one of the member's customer groups itself,
    ``customerGroup:`` and its id or external id, or is assigned to one; within reach of ``assigned`` where it is
    assigned to the member, or to a group they are in.

    :raises NotFoundException: When the organization has no member of that id.
    :raises InvalidValueException: When the portal has no such permission, or the object has another form.
    """
    profile = portal_of(tenant, organization)
    if permission not in profile.permissions:
        accepted = ", ".join(profile.permissions)
        raise InvalidValueException(detail=f"permission {permission[:100]!r} is unknown; accepted: {accepted}")
    state, held = holdings_with_state(tenant, profile, organization, member_id)
    if state != "active":
        return Verdict(False, None, f"the member is {state}, and has no access")
    scope = effective(held, profile).get(permission)
    if scope is None:
        return Verdict(False, None, f"no role of the member has {permission}")
    return _within(tenant, profile, member_id, held, scope, named)


def _within(
    tenant: Tenant, profile: PortalProfile, member_id: str, held: tuple[Holding, ...], scope: str, named: str | None
) -> Verdict:
    if scope == "organization":
        return Verdict(True, scope, "it reaches all that the organization has")
    groups = [each for each in held if each.kind == "customerGroup"]
    if scope == "customer_groups" and not groups:
        return Verdict(False, scope, "it reaches customer groups, of which the member has none")
    if named is None:
        return Verdict(True, scope, "to what it reaches; name an object to know of that one")
    object_type, _, object_id = named.partition(":")
    if scope == "customer_groups":
        own = {identifier for each in groups for identifier in (each.group_id, each.external_id) if identifier}
        if object_type == "customerGroup":
            reached = object_id in own
        else:
            reached = is_assigned(tenant, object_type, object_id, [each.group_id for each in groups])
        return Verdict(reached, scope, "it is" + ("" if reached else " not") + " of the member's customer groups")
    # NB: every group that they are in, not those alone through which they hold a role.
    _, edges = edges_of(tenant, member_id) or (None, [])
    reached = is_assigned(tenant, object_type, object_id, [member_id, *sorted({edge.group_id for edge in edges})])
    return Verdict(reached, scope, "it is" + ("" if reached else " not") + " assigned to the member")
