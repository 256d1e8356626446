"""Who acts and what they may give: nobody gives what is not theirs to give, and nobody gains by what they do.

A token of the portal acts for the organization, and is bound by its rules alone. For a ``member`` it acts as they do.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from scim2_models import ConflictException, ForbiddenException, NotFoundException

from scim_server.actions.portals import organization_of, portal_of
from scim_server.protocol.lifecycle import State
from scim_server.protocol.permissions import (
    Edge,
    Holding,
    authority_of,
    effective,
    exceeding,
    holdings_of,
)
from scim_server.protocol.portals import MANAGE_MEMBERS, Permissions, PortalProfile
from scim_server.store.organizations import Organization, mark_seated, own_organization
from scim_server.store.permissions import edges_of, had_access, list_holders
from scim_server.store.roles import role_ids_of
from scim_server.store.session import Tenant

_SHOWN = 20

IN_RECOVERY = (
    "the organization has lost its administrator, and is in recovery: ask for a hand-over with evidence, which the "
    "operator approves"
)
EMPTY_SEAT = (
    "this would leave the organization without an administrator who has access; name a deputy, give another member "
    "the role, or have the operator approve a hand-over first"
)


def holdings(tenant: Tenant, profile: PortalProfile, organization: Organization, member_id: str) -> tuple[Holding, ...]:
    """Return the roles and customer groups of a member who has access; who has none has nothing.

    The deputy has the administrator's seat while nobody else has it.
    """
    return holdings_with_state(tenant, profile, organization, member_id)[1]


def holdings_with_state(
    tenant: Tenant, profile: PortalProfile, organization: Organization, member_id: str
) -> tuple[State, tuple[Holding, ...]]:
    """Return the state of a member beside their :func:`holdings`.

    :raises NotFoundException: When the organization has no member of that id.
    """
    state, edges = edges_of(tenant, member_id) or (None, [])
    if state is None:
        raise NotFoundException(detail=f"there is no member {member_id[:100]!r}")
    if state != "active":
        return state, ()
    edges += _deputy_edges(tenant, profile, organization, member_id)
    return state, holdings_of(member_id, edges, profile)


def with_access(tenant: Tenant, profile: PortalProfile, member_id: str) -> Permissions:
    """Return the permissions that a member has, or would have with access."""
    _, edges = edges_of(tenant, member_id) or (None, [])
    return effective(holdings_of(member_id, edges, profile), profile)


def _deputy_edges(tenant: Tenant, profile: PortalProfile, organization: Organization, member_id: str) -> list[Edge]:
    """Return the step to the administrator's role that a deputy has while no administrator has access."""
    if organization.deputy_id != member_id or administrators(tenant, profile, limit=1):
        return []
    key = next(key for key, role in profile.roles.items() if role.administrator)
    return [
        Edge(member_id, role_id, None, "role", _name_of(profile, key, organization), None, template=key, is_deputy=True)
        for role_id in role_ids_of(tenant, [key])
    ]


def _name_of(profile: PortalProfile, key: str, organization: Organization) -> str:
    names = profile.roles[key].name
    return names.get(organization.language) or next(iter(names.values()))


def administrators(
    tenant: Tenant, profile: PortalProfile, *, limit: int | None = None
) -> list[tuple[str, str | None, str]]:
    """Return the members with access who have a role with the administrator's seat: id, display and state."""
    templates = [key for key, role in profile.roles.items() if role.administrator]
    role_ids = role_ids_of(tenant, templates)
    return [*list_holders(tenant, role_ids, only_active=True, limit=limit)] if role_ids else []


def seat_is_held(tenant: Tenant, profile: PortalProfile, organization: Organization) -> bool:
    """Return whether an administrator has access, or else the deputy."""
    if administrators(tenant, profile, limit=1):
        return True
    if organization.deputy_id is None:
        return False
    found = edges_of(tenant, organization.deputy_id)
    return found is not None and found[0] == "active"


def is_in_recovery(tenant: Tenant, profile: PortalProfile, organization: Organization) -> bool:
    """Return whether the organization has lost its administrator, and nobody has the seat."""
    return not seat_is_held(tenant, profile, organization) and _was_seated(tenant, profile, organization)


def _was_seated(tenant: Tenant, profile: PortalProfile, organization: Organization) -> bool:
    """Return whether somebody has had the seat; no action has seen it where identity providers alone have filled it."""
    templates = [key for key, role in profile.roles.items() if role.administrator]
    return organization.seated_at is not None or had_access(tenant, role_ids_of(tenant, templates))


def _heirs(tenant: Tenant, profile: PortalProfile) -> set[str]:
    """Return who has an administrator's role and may yet get access, or has it; not those whose access has ended."""
    templates = [key for key, role in profile.roles.items() if role.administrator]
    holders = list_holders(tenant, role_ids_of(tenant, templates))
    return {identifier for identifier, _, state in holders if state in ("contact", "invited", "active")}


@dataclass(frozen=True, slots=True)
class Guard:
    """What bounds who acts, while the organization's row is held; ``held`` is None for one who acts for all of it."""

    profile: PortalProfile
    organization: Organization
    held: tuple[Holding, ...] | None

    def give(self, permissions: Permissions) -> None:
        """Check that who acts may give permissions.

        :raises ForbiddenException: When one is neither theirs nor theirs to give.
        """
        beyond = () if self.held is None else exceeding(permissions, authority_of(self.held, self.profile))
        if beyond:
            detail = f"you may not give {', '.join(beyond)}: you neither have it nor a role that gives it to others"
            raise ForbiddenException(detail=detail)


@contextmanager
def guarded(
    tenant: Tenant,
    needed: str | None = MANAGE_MEMBERS,
    *,
    ends_recovery: bool = False,
    within: Guard | None = None,
) -> Iterator[Guard]:
    """Do what changes who may do what inside; it is undone where it breaks a rule that nobody may break.

    That is to gain by what one does, and to leave the administrator's seat empty. The organization's row is held
    from the beginning, so that two who do so at once do not both look before either writes.

    :param needed: The permission that a member needs for it, if any.
    :param ends_recovery: Whether it may fill the seat of an organization that has lost its administrator, which is
        for the operator to do, by a hand-over with evidence.
    :param within: The guard of what this is a part of, such as one row of many, at whose end it is all checked.
    :raises ForbiddenException: When a member lacks it, or would gain.
    :raises ConflictException: When nobody would have the administrator's seat any more, or somebody again.
    """
    if within is not None:
        yield within
        return
    organization = own_organization(tenant, lock=True)
    if organization is None:
        raise ConflictException(detail="the organization was deleted")
    profile = portal_of(tenant, organization)
    acting = tenant.actor.id if tenant.actor.kind == "member" else None
    held = holdings(tenant, profile, organization, acting) if acting else None
    if acting and needed and needed not in effective(held or (), profile):
        require_permission(tenant, organization, needed)
    was_held = seat_is_held(tenant, profile, organization)
    is_lost = not was_held and not ends_recovery and _was_seated(tenant, profile, organization)
    heirs = _heirs(tenant, profile) if is_lost else set()
    yield Guard(profile, organization, held)
    after = organization_of(tenant)
    if acting:
        holds = effective(holdings(tenant, profile, after, acting), profile)
        if gained := exceeding(holds, effective(held or (), profile)):
            raise ForbiddenException(detail=f"nobody changes their own rights: you would gain {', '.join(gained)}")
    is_held = seat_is_held(tenant, profile, after)
    if was_held and not is_held:
        raise ConflictException(detail=EMPTY_SEAT)
    if is_lost and (is_held or _heirs(tenant, profile) - heirs):
        raise ConflictException(detail=IN_RECOVERY)
    if is_held and after.seated_at is None:
        mark_seated(tenant)


def require_permission(tenant: Tenant, organization: Organization, permission: str) -> None:
    """Let a member go on who has a permission; who acts for the organization has them all.

    :raises ForbiddenException: When they do not, with those to turn to.
    """
    if tenant.actor.kind != "member":
        return
    profile = portal_of(tenant, organization)
    if permission in effective(holdings(tenant, profile, organization, tenant.actor.id), profile):
        return
    raise ForbiddenException(detail=f"this takes the permission {permission}{whom_to_ask(tenant, profile)}")


def whom_to_ask(tenant: Tenant, profile: PortalProfile) -> str:
    """Return what a refusal ends with: the administrators to turn to, where there are any."""
    names = [display or identifier for identifier, display, _ in administrators(tenant, profile, limit=_SHOWN)]
    return f"; ask an administrator: {', '.join(names)}" if names else ""
