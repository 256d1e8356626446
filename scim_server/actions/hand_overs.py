"""Hand-overs of the administrator's seat: asked for with evidence, and decided by the operator of the portal."""

from scim2_models import ConflictException, ForbiddenException, InvalidValueException

from scim_server.actions.authority import guarded, is_in_recovery, require_permission, seat_is_held
from scim_server.actions.groups import change_members_of, check_holders
from scim_server.protocol.portals import MANAGE_MEMBERS, PortalProfile
from scim_server.store.hand_overs import (
    Evidence,
    HandOver,
    Kind,
    Status,
    decide,
    find_open,
    get_hand_over,
    insert_hand_over,
    set_evidence,
)
from scim_server.store.members import get_member
from scim_server.store.memberships import list_members
from scim_server.store.organizations import Organization
from scim_server.store.permissions import list_holders
from scim_server.store.roles import RoleRecord, list_roles, roles_of
from scim_server.store.session import Tenant, new_id
from scim_server.store.trail import record

MAX_EVIDENCE_BYTES = 2_000_000
_HOLDERS_AT_ONCE = 1_000


def request_hand_over(
    tenant: Tenant,
    to_user_id: str,
    from_user_id: str | None,
    reason: str,
    evidence: Evidence | None = None,
    role_key: str | None = None,
) -> HandOver:
    """Ask the operator that a member gets the administrator's seat.

    :param from_user_id: The administrator who gives it up; nobody does where one is designated, or the seat was lost.
    :param role_key: The key of the administrator's role, where the portal's profile has several.
    :raises ForbiddenException: When a member asks for it who may not.
    :raises ConflictException: When another is open, or who gives it up does not have it.
    """
    with guarded(tenant, None) as guard:
        profile, organization = guard.profile, guard.organization
        _check_may_ask(tenant, profile, organization)
        role = _seat(tenant, profile, role_key)
        if find_open(tenant) is not None:
            raise ConflictException(detail="another hand-over is open; withdraw it, or have it decided first")
        if get_member(tenant, to_user_id, lock=True).state == "archived":
            raise ConflictException(detail="the member is archived; restore them first")
        holders = {each[0] for each in list_holders(tenant, [role.id])}
        if from_user_id is not None and from_user_id not in holders:
            raise ConflictException(detail=f"the member who hands over does not have the role {role.display}")
        if from_user_id == to_user_id or (from_user_id is None and to_user_id in holders):
            raise ConflictException(detail=f"the member has the role {role.display} already")
        kind: Kind = "hand_over" if from_user_id else "designation"
        if is_in_recovery(tenant, profile, organization):
            kind = "recovery"
        hand_over = HandOver(
            new_id(), kind, role.template or "", from_user_id, to_user_id, reason, None, None, None, "requested",
            tenant.author, tenant.now,
        )  # fmt: skip
        insert_hand_over(tenant, hand_over)
        asked = {"kind": kind, "role": role.template, "from": from_user_id, "to": to_user_id, "reason": reason}
        changes = {name: {"to": value} for name, value in asked.items() if value is not None}
        record(tenant, "hand_over.request", "HandOver", hand_over.id, changes)
        if evidence is not None:
            hand_over = _attach(tenant, hand_over, evidence)
    return hand_over


def _check_may_ask(tenant: Tenant, profile: PortalProfile, organization: Organization) -> None:
    """Let who manages members go on; where nobody can, since one alone could, whoever has access."""
    if profile.policy.administrators == "one" and not seat_is_held(tenant, profile, organization):
        return
    require_permission(tenant, organization, MANAGE_MEMBERS)


def _seat(tenant: Tenant, profile: PortalProfile, role_key: str | None) -> RoleRecord:
    """Return the role of an administrator.

    :raises InvalidValueException: When the key names another.
    """
    keys = [key for key, role in profile.roles.items() if role.administrator]
    if role_key is not None and role_key not in keys:
        detail = f"role {role_key[:100]!r} is no administrator's in {profile.name}; accepted: {', '.join(keys)}"
        raise InvalidValueException(detail=detail)
    wanted = role_key or keys[0]
    found = [role for role in list_roles(tenant) if role.template == wanted]
    if not found:
        raise ConflictException(detail=f"the organization lacks the role {wanted}; run `scim-server db upgrade`")
    return found[0]


def attach_evidence(tenant: Tenant, hand_over_id: str, evidence: Evidence) -> HandOver:
    """Give an open request its evidence, in place of any it had.

    :raises ConflictException: When it was decided.
    :raises ForbiddenException: When a member does so who neither asked for it nor manages members.
    """
    with guarded(tenant, None) as guard:
        return _attach(tenant, _own_open(tenant, hand_over_id, guard.organization), evidence)


def _attach(tenant: Tenant, hand_over: HandOver, evidence: Evidence) -> HandOver:
    if not 0 < len(evidence.content) <= MAX_EVIDENCE_BYTES:
        raise InvalidValueException(detail=f"the evidence must be a file of 1 to {MAX_EVIDENCE_BYTES} bytes")
    attached = set_evidence(tenant, hand_over, evidence)
    record(tenant, "hand_over.evidence", "HandOver", hand_over.id, {"evidence": {"to": _described(attached)}})
    return attached


def _described(hand_over: HandOver) -> dict[str, str | None]:
    return {"name": hand_over.evidence_name, "sha256": hand_over.evidence_digest}


def withdraw_hand_over(tenant: Tenant, hand_over_id: str) -> HandOver:
    """Take an open request back.

    :raises ConflictException: When it was decided.
    :raises ForbiddenException: When a member does so who neither asked for it nor manages members.
    """
    with guarded(tenant, None) as guard:
        return _end(tenant, _own_open(tenant, hand_over_id, guard.organization), "withdrawn", None)


def reject_hand_over(tenant: Tenant, hand_over_id: str, note: str | None) -> HandOver:
    """Refuse an open request, as the operator.

    :raises ConflictException: When it was decided.
    """
    _check_operator(tenant)
    with guarded(tenant):
        return _end(tenant, _open(tenant, hand_over_id), "rejected", note)


def approve_hand_over(tenant: Tenant, hand_over_id: str, note: str | None = None) -> HandOver:
    """Give a member the administrator's seat, as the operator, and take it from who gives it up.

    Where a portal has one administrator, it is taken from whoever has it.

    :raises ConflictException: When there is no evidence, the member has no access, or the seat cannot be given or
        taken by hand.
    """
    _check_operator(tenant)
    with guarded(tenant, ends_recovery=True) as guard:
        hand_over = _open(tenant, hand_over_id)
        if hand_over.evidence_digest is None:
            raise ConflictException(detail="the hand-over has no evidence, which its approval is recorded with")
        member = get_member(tenant, hand_over.to_user_id, lock=True)
        if member.state != "active":
            raise ConflictException(detail=f"the member is {member.state}; an administrator has access: give it first")
        role = _seat(tenant, guard.profile, hand_over.role)
        _move_seat(tenant, guard.profile, role, hand_over)
        return _end(tenant, hand_over, "approved", note)


def _move_seat(tenant: Tenant, profile: PortalProfile, role: RoleRecord, hand_over: HandOver) -> None:
    to_user_id, from_user_id = hand_over.to_user_id, hand_over.from_user_id
    others = [each for each in roles_of(tenant, to_user_id) if each.id != role.id]
    ending = others if profile.policy.roles_per_member == "one" else []
    for each in (role, *ending):
        if each.connection_id is not None:
            raise ConflictException(detail=f"a connection fills the role {each.display}; end that first")
    for each in sorted(ending, key=lambda other: other.id):
        change_members_of(tenant, each.id, (), (to_user_id,))
    leaving = {from_user_id} if from_user_id else set()
    if profile.policy.administrators == "one":
        leaving |= {each.id for each in list_members(tenant, role.id, after="", limit=_HOLDERS_AT_ONCE)}
    change_members_of(tenant, role.id, (to_user_id,), sorted(leaving - {to_user_id}))
    if from_user_id and any(each[0] == from_user_id for each in list_holders(tenant, [role.id])):
        detail = f"who hands over has the role {role.display} through a team or a mapping; take them out of that first"
        raise ConflictException(detail=detail)
    check_holders(tenant, profile, role.id)


def _check_operator(tenant: Tenant) -> None:
    if tenant.actor.kind != "operator":
        raise ForbiddenException(detail="the operator of the portal decides about hand-overs")


def _open(tenant: Tenant, hand_over_id: str) -> HandOver:
    hand_over = get_hand_over(tenant, hand_over_id, lock=True)
    if hand_over.status != "requested":
        raise ConflictException(detail=f"the hand-over is {hand_over.status} already")
    return hand_over


def _own_open(tenant: Tenant, hand_over_id: str, organization: Organization) -> HandOver:
    """Return an open request that who acts may change: their own, or any where they manage members."""
    hand_over = get_hand_over(tenant, hand_over_id)
    if tenant.actor.kind == "member" and hand_over.requested_by != tenant.actor.id:
        require_permission(tenant, organization, MANAGE_MEMBERS)
    return _open(tenant, hand_over_id)


def _end(tenant: Tenant, hand_over: HandOver, status: Status, note: str | None) -> HandOver:
    ended = decide(tenant, hand_over, status, note)
    facts = {"from": hand_over.from_user_id, "to": hand_over.to_user_id, "evidence": _described(hand_over)}
    changes = {"status": {"from": "requested", "to": status}, **{name: {"to": each} for name, each in facts.items()}}
    record(tenant, f"hand_over.{_VERBS[status]}", "HandOver", hand_over.id, changes)
    return ended


_VERBS: dict[Status, str] = {"approved": "approve", "rejected": "reject", "withdrawn": "withdraw"}
