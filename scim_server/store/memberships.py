"""Memberships as rows: steps as sets, and the groups of a user through any number of levels."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from scim2_models import InvalidValueException, NoTargetException
from scim2_models.path import FilterNode
from sqlalchemy import ColumnElement, Select, delete, func, literal, not_, select
from sqlalchemy.dialects import postgresql, sqlite

from scim_server.protocol.members import (
    AddMembers,
    MemberStep,
    RemoveMatching,
    RemoveMembers,
    ReplaceMembers,
    RequireMatch,
)
from scim_server.protocol.replies import GroupOfUser, Member
from scim_server.store.filters import member_condition
from scim_server.store.id_sets import is_one_of
from scim_server.store.session import Tenant
from scim_server.store.tables import memberships, resources
from scim_server.store.visibility import visible_groups

MEMBERS_AT_ONCE = 1_000
"""How many members an answer holds at once; beyond, they are streamed."""


def groups_of(tenant: Tenant, user_ids: Sequence[str]) -> dict[str, tuple[GroupOfUser, ...]]:
    """Return the groups each user is in, directly or through nested groups (RFC 7643 §4.1.2).

    One statement, whatever the depth; a cycle of groups ends where it closes.
    """
    group, above = resources.alias("group_"), resources.alias("above")
    closure = (
        select(memberships.c.member_id.label("user_id"), memberships.c.group_id, literal(1).label("direct"))
        .join(group, (group.c.org_id == tenant.org_id) & (group.c.id == memberships.c.group_id))
        .where(
            memberships.c.org_id == tenant.org_id,
            is_one_of(tenant, memberships.c.member_id, user_ids),
            visible_groups(tenant, group),
        )
        .cte("closure", recursive=True)
    )
    nested = memberships.alias("nested")
    closure = closure.union(
        select(closure.c.user_id, nested.c.group_id, literal(0))
        .join(nested, (nested.c.org_id == tenant.org_id) & (nested.c.member_id == closure.c.group_id))
        .join(above, (above.c.org_id == tenant.org_id) & (above.c.id == nested.c.group_id))
        .where(visible_groups(tenant, above))
    )
    shown = resources.alias("shown")
    rows = tenant.db.execute(
        select(closure.c.user_id, closure.c.group_id, func.max(closure.c.direct), shown.c.display)
        .join(shown, (shown.c.org_id == tenant.org_id) & (shown.c.id == closure.c.group_id))
        .group_by(closure.c.user_id, closure.c.group_id, shown.c.display)
        .order_by(closure.c.user_id, closure.c.group_id)
    )
    groups: dict[str, list[GroupOfUser]] = defaultdict(list)
    for user_id, group_id, direct, display in rows:
        groups[user_id].append(GroupOfUser(group_id, display or group_id, bool(direct)))
    return {user_id: tuple(each) for user_id, each in groups.items()}


def members_of(tenant: Tenant, group_ids: Sequence[str], *, limit: int | None = None) -> dict[str, tuple[Member, ...]]:
    """Return the members of groups in the order of their ids, at most ``limit`` in all."""
    rows = tenant.db.execute(_members(tenant, is_one_of(tenant, memberships.c.group_id, group_ids)).limit(limit))
    endpoints = _endpoints(tenant)
    members: dict[str, list[Member]] = defaultdict(list)
    for group_id, member_id, resource_type, display in rows:
        members[group_id].append(Member(member_id, resource_type, endpoints[resource_type], display))
    return {group_id: tuple(each) for group_id, each in members.items()}


def stream_members(tenant: Tenant, group_id: str) -> Iterator[Sequence[Member]]:
    """Yield the members of a group in chunks, which the database keeps until they are asked for."""
    endpoints = _endpoints(tenant)
    statement = _members(tenant, memberships.c.group_id == group_id)
    rows = tenant.db.execution_options(stream_results=True, yield_per=MEMBERS_AT_ONCE).execute(statement)
    for chunk in rows.partitions():
        yield [Member(member_id, kind, endpoints[kind], display) for _, member_id, kind, display in chunk]


def _endpoints(tenant: Tenant) -> dict[str, str]:
    return {definition.name: definition.endpoint for definition in tenant.catalog.definitions}


def _members(tenant: Tenant, of_groups: ColumnElement[bool]) -> Select[Any]:
    return (
        select(memberships.c.group_id, resources.c.id, resources.c.resource_type, resources.c.display)
        .join(resources, (resources.c.org_id == tenant.org_id) & (resources.c.id == memberships.c.member_id))
        .where(memberships.c.org_id == tenant.org_id, of_groups)
        .order_by(memberships.c.group_id, memberships.c.member_id)
    )


def apply_step(tenant: Tenant, group_id: str, step: MemberStep) -> tuple[list[str], list[str]]:
    """Apply a step to a group whose row the caller has locked; return the ids added and removed.

    The cost is that of the ids the step names: the group's other members are never read.

    :raises InvalidValueException: When a member to add does not exist in the organization.
    :raises NoTargetException: When a step needs a match and there is none.
    """
    match step:
        case AddMembers(ids):
            return _add(tenant, group_id, ids), []
        case RemoveMembers(ids):
            return [], _remove(tenant, group_id, is_one_of(tenant, memberships.c.member_id, ids))
        case RemoveMatching(value_filter):
            return [], _remove(tenant, group_id, _selected(tenant, group_id, value_filter))
        case ReplaceMembers(ids):
            removed = _remove(tenant, group_id, not_(is_one_of(tenant, memberships.c.member_id, ids)))
            return _add(tenant, group_id, ids), removed
        case RequireMatch(value_filter):
            _require(tenant, group_id, value_filter)
            return [], []


def _add(tenant: Tenant, group_id: str, ids: Sequence[str]) -> list[str]:
    if not ids:
        return []
    group = tenant.catalog.by_name("Group")
    member_types = sorted(group.attributes["members"].sub_attributes["$ref"].reference_types)
    candidates = (
        resources.c.org_id == tenant.org_id,
        is_one_of(tenant, resources.c.id, ids),
        resources.c.resource_type.in_(member_types),
        (resources.c.resource_type != group.name) | visible_groups(tenant, resources),
    )
    # FOR KEY SHARE: none of them can be deleted before the rows that refer to them are in.
    found = set(
        tenant.db.scalars(
            select(resources.c.id)
            .where(*candidates)
            .order_by(resources.c.id)
            .with_for_update(read=True, key_share=True)
        )
    )
    missing = [identifier for identifier in ids if identifier not in found]
    if missing:
        raise InvalidValueException(
            detail=f"members: {missing[0][:100]!r} is the id of no user or group here"
            + (f", nor are {len(missing) - 1} others" if len(missing) > 1 else "")
            + "; create it first, then add it"
        )
    statement = _insert(tenant).from_select(
        ["org_id", "group_id", "member_id"],
        select(resources.c.org_id, literal(group_id), resources.c.id).where(*candidates),
    )
    return sorted(tenant.db.scalars(statement.on_conflict_do_nothing().returning(memberships.c.member_id)))


def _insert(tenant: Tenant) -> Any:
    """Return the INSERT of the database at hand: ON CONFLICT is an extension of both."""
    return (postgresql if tenant.db.dialect.name == "postgresql" else sqlite).insert(memberships)


def _remove(tenant: Tenant, group_id: str, condition: ColumnElement[bool]) -> list[str]:
    statement = (
        delete(memberships)
        .where(memberships.c.org_id == tenant.org_id, memberships.c.group_id == group_id, condition)
        .returning(memberships.c.member_id)
    )
    return sorted(tenant.db.scalars(statement))


def _selected(tenant: Tenant, group_id: str, value_filter: FilterNode) -> ColumnElement[bool]:
    """Return the condition on memberships that holds for the members a filter selects."""
    member = resources.alias("member")
    selected = memberships.alias("selected")
    return memberships.c.member_id.in_(
        select(member.c.id)
        .join(selected, (selected.c.org_id == tenant.org_id) & (selected.c.member_id == member.c.id))
        .where(
            member.c.org_id == tenant.org_id,
            selected.c.group_id == group_id,
            member_condition(tenant, value_filter, member),
        )
    )


def _require(tenant: Tenant, group_id: str, value_filter: FilterNode) -> None:
    matching = select(memberships.c.member_id).where(
        memberships.c.org_id == tenant.org_id,
        memberships.c.group_id == group_id,
        _selected(tenant, group_id, value_filter),
    )
    if tenant.db.scalar(matching.limit(1)) is None:
        raise NoTargetException(detail=f"no member matches [{value_filter}]")
