"""The access review: who holds what, since when, through what, and when they last signed in."""

from dataclasses import dataclass
from datetime import datetime

import orjson

from scim_server.actions.authority import administrators, holdings_with_state
from scim_server.actions.portals import portal_of
from scim_server.protocol.permissions import Holding, holdings_of
from scim_server.protocol.portals import PortalProfile
from scim_server.store.member_sessions import last_sign_ins
from scim_server.store.members import MemberRecord
from scim_server.store.organizations import Organization
from scim_server.store.permissions import edges_of, list_holding
from scim_server.store.session import Tenant


@dataclass(frozen=True, slots=True)
class Reviewed:
    """A member, and the roles and customer groups they have; who has no access would have them again with it."""

    id: str
    user_name: str
    display: str | None
    state: str
    last_sign_in_at: datetime | None
    held: tuple[Holding, ...]


def review(tenant: Tenant, organization: Organization, *, after: str, limit: int) -> list[Reviewed]:
    """Return members with roles or customer groups in the order of their ids: those after an id, at most so many."""
    profile = portal_of(tenant, organization)
    deputy_id = None if administrators(tenant, profile, limit=1) else organization.deputy_id
    members = list_holding(tenant, deputy_id, after=after, limit=limit)
    signed_in = last_sign_ins(tenant, [each.id for each in members])
    return [
        Reviewed(
            each.id,
            str(orjson.loads(each.document).get("userName")),
            each.display,
            each.state,
            signed_in.get(each.id),
            _held(tenant, profile, organization, each),
        )
        for each in members
    ]


def _held(
    tenant: Tenant, profile: PortalProfile, organization: Organization, member: MemberRecord
) -> tuple[Holding, ...]:
    if member.state == "active":
        return holdings_with_state(tenant, profile, organization, member.id)[1]
    _, edges = edges_of(tenant, member.id) or (None, [])
    return holdings_of(member.id, edges, profile)


def held_since(holding: Holding) -> datetime | None:
    """Return since when a member has had something: since the last of the steps to it; None where one is not known."""
    moments = [edge.since for edge in holding.path]
    return None if None in moments else max(each for each in moments if each is not None)
