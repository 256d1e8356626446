"""What leads from members to roles and customer groups, in one statement whatever the size of the organization.

A member is in teams, these in further ones; each of them may be in roles and customer groups. What a connection
pushed stands, by a mapping, for being in those too: the group itself, or a value of ``roles`` of the user.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import (
    CTE,
    BindParameter,
    ColumnElement,
    FromClause,
    Select,
    and_,
    bindparam,
    exists,
    func,
    literal_column,
    null,
    or_,
    select,
    true,
    union_all,
)

from scim_server.protocol.lifecycle import State
from scim_server.protocol.permissions import Edge
from scim_server.store.columns import Key
from scim_server.store.members import MemberRecord, list_some
from scim_server.store.prepared import Prepared
from scim_server.store.resources import COMPUTED_TYPE
from scim_server.store.session import Tenant
from scim_server.store.tables import assignments, connections, mappings, memberships, resources, role_values, roles

_ORG: BindParameter[str] = bindparam("org_id", type_=Key)
_GROUPS: BindParameter[Sequence[str]] = bindparam("group_ids", type_=Key, expanding=True)


def edges_of(tenant: Tenant, member_id: str) -> tuple[State | None, list[Edge]] | None:
    """Return the state of a member, None for a team, and every step at and above; None where there is nobody."""
    rows = _edges_of(tenant.db.dialect.name).all(tenant.db, org_id=tenant.org_id, member_id=member_id)
    if not rows:
        return None
    # Who is in no group has one row without a step.
    return rows[0][0], [Edge(*row[1:]) for row in rows if row[1] is not None]


@cache
def _edges_of(dialect: str) -> Prepared:
    """Return the statement: one row for each step, beside the state of the member."""
    edges = _steps(dialect, bindparam("member_id", type_=Key))
    user = resources.alias("member_row")
    shown = _shown(edges).subquery("shown")
    found = select(user.c.state, *shown.c).select_from(user.outerjoin(shown, true()))
    return Prepared(found.where(user.c.org_id == _ORG, user.c.id == bindparam("member_id")))


def _steps(dialect: str, member_id: ColumnElement[str]) -> CTE:
    """Return the steps above a member: who or what is in which group, since when, and by which mapping."""
    held = _held(dialect, member_id)
    source = resources.alias("source_row")
    from_group = (
        select(held.c.group_id, mappings.c.group_id, held.c.since, mappings.c.id)
        .select_from(held)
        .join(source, and_(source.c.org_id == _ORG, source.c.id == held.c.group_id))
        .join(
            mappings,
            and_(
                mappings.c.org_id == _ORG,
                mappings.c.connection_id == source.c.namespace,
                mappings.c.source == literal_column("'group'"),
                or_(mappings.c.value == source.c.id, mappings.c.value == source.c.unique_key),
            ),
        )
    )
    from_value = (
        select(member_id, mappings.c.group_id, mappings.c.created_at, mappings.c.id)
        .select_from(role_values)
        .join(
            mappings,
            and_(
                mappings.c.org_id == _ORG,
                mappings.c.connection_id == role_values.c.connection_id,
                mappings.c.source == literal_column("'role'"),
                mappings.c.value == role_values.c.value,
            ),
        )
        .where(role_values.c.org_id == _ORG, role_values.c.resource_id == member_id)
    )
    direct = select(held.c.member_id, held.c.group_id, held.c.since, null().label("mapping_id"))
    return union_all(direct, from_group, from_value).cte("steps")


def _held(dialect: str, member_id: ColumnElement[str]) -> CTE:
    """Return the memberships at and above a member; a circle of teams ends where it closes."""
    direct, nested = memberships.alias("direct"), memberships.alias("nested")
    held = (
        select(direct.c.member_id, direct.c.group_id, direct.c.since)
        .where(direct.c.org_id == _ORG, direct.c.member_id == member_id)
        .cte("held", recursive=True)
    )
    above: FromClause = nested
    condition: ColumnElement[bool] = and_(nested.c.org_id == _ORG, nested.c.member_id == held.c.group_id)
    if dialect == "postgresql":
        # By key for each group, whatever the statistics say: see memberships.groups_column.
        found = select(nested.c.member_id, nested.c.group_id, nested.c.since).where(condition).correlate(held)
        above, condition = found.offset(literal_column("0")).lateral("above"), true()
    return held.union(
        select(above.c.member_id, above.c.group_id, above.c.since).select_from(held.join(above, condition))
    )


def _shown(steps: CTE) -> Select[Any]:
    """Return the columns of :class:`Edge` for steps."""
    group, mapping = resources.alias("group_row"), mappings.alias("mapping")
    return (
        select(
            steps.c.member_id,
            steps.c.group_id,
            steps.c.since,
            group.c.kind,
            group.c.display,
            group.c.external_id,
            roles.c.template,
            roles.c.permissions,
            steps.c.mapping_id,
            mapping.c.display.label("mapped_from"),
            connections.c.name,
        )
        .select_from(steps)
        .join(group, and_(group.c.org_id == _ORG, group.c.id == steps.c.group_id))
        .outerjoin(roles, and_(roles.c.org_id == _ORG, roles.c.group_id == steps.c.group_id))
        .outerjoin(mapping, and_(mapping.c.org_id == _ORG, mapping.c.id == steps.c.mapping_id))
        .outerjoin(connections, and_(connections.c.org_id == _ORG, connections.c.id == mapping.c.connection_id))
    )


def is_assigned(tenant: Tenant, object_type: str, object_id: str, assignee_ids: Sequence[str]) -> bool:
    """Return whether an object is assigned to one of these members and groups, and not closed."""
    found = select(assignments.c.assignee_id).where(
        assignments.c.org_id == tenant.org_id,
        assignments.c.object_type == object_type,
        assignments.c.object_id == object_id,
        assignments.c.closed_at.is_(None),
    )
    return not set(assignee_ids).isdisjoint(tenant.db.scalars(found))


def list_holders(
    tenant: Tenant, group_ids: Sequence[str], *, only_active: bool = False, after: str = "", limit: int | None = None
) -> list[tuple[str, str | None, State]]:
    """Return who is in groups, through teams and mappings too: id, display and state, in the order of their ids."""
    sought = {"org_id": tenant.org_id, "group_ids": group_ids, "after": after}
    found = _holders(only_active).limit(limit)
    return [(identifier, display, state) for identifier, display, state in tenant.db.execute(found, sought)]


@cache
def _holders(only_active: bool) -> Select[str, str | None, State]:
    """Return the statement, which takes longer to make than to run."""
    listed = [resources.c.org_id == _ORG, resources.c.id > bindparam("after"), COMPUTED_TYPE == "User"]
    if only_active:
        listed.append(resources.c.state == "active")
    return (
        select(resources.c.id, resources.c.display, resources.c.state)
        .where(*listed, resources.c.id.in_(select(_below(_ORG, _GROUPS).c.member_id)))
        .order_by(resources.c.id)
    )


def count_holders(tenant: Tenant, group_ids: Sequence[str], *, most: int) -> int:
    """Return how many are in groups, through teams and mappings too; counting ends at so many."""
    sought = {"org_id": tenant.org_id, "group_ids": group_ids, "most": most}
    return tenant.db.scalar(_count(), sought) or 0


@cache
def _count() -> Select[int]:
    below = _below(_ORG, _GROUPS)
    user = resources.alias("holder")
    # OFFSET 0 keeps the subquery, so that each is looked up by key, and only as long as there is need to.
    is_user = exists(
        select(user.c.id)
        .where(user.c.org_id == _ORG, user.c.id == below.c.member_id, user.c.resource_type == "User")
        .offset(literal_column("0"))
    )
    some = select(below.c.member_id).where(is_user).limit(bindparam("most")).subquery("some_holders")
    return select(func.count()).select_from(some)


def list_unassigned(tenant: Tenant, role_ids: Sequence[str], *, limit: int) -> Sequence[MemberRecord]:
    """Return members with access who are in roles, and in no customer group, in the order of their ids."""
    groups = select(resources.c.id).where(resources.c.org_id == tenant.org_id, resources.c.kind == "customerGroup")
    holders, assigned = _below(tenant.org_id, role_ids), _below(tenant.org_id, groups, "assigned")
    lacking = (
        resources.c.state == "active",
        resources.c.id.in_(select(holders.c.member_id)),
        resources.c.id.not_in(select(assigned.c.member_id)),
    )
    return list_some(tenant, *lacking, after="", limit=limit)


def had_access(tenant: Tenant, group_ids: Sequence[str]) -> bool:
    """Return whether the access of somebody who is in groups has ended."""
    return bool(tenant.db.scalar(_had_access(), {"org_id": tenant.org_id, "group_ids": group_ids}))


@cache
def _had_access() -> Select[bool]:
    ended = (resources.c.org_id == _ORG, resources.c.access_ended_at.is_not(None), COMPUTED_TYPE == "User")
    return select(exists().where(*ended, resources.c.id.in_(select(_below(_ORG, _GROUPS).c.member_id))))


def list_holding(tenant: Tenant, besides: str | None, *, after: str, limit: int) -> Sequence[MemberRecord]:
    """Return who is in any role or customer group, in the order of their ids: those after an id, at most so many.

    :param besides: Who is listed too, in none.
    """
    org_id = tenant.org_id
    kinds = (resources.c.org_id == org_id, resources.c.kind.in_(("role", "customerGroup")))
    below = _below(org_id, select(resources.c.id).where(*kinds))
    holds = resources.c.id.in_(select(below.c.member_id))
    return list_some(
        tenant, holds if besides is None else or_(holds, resources.c.id == besides), after=after, limit=limit
    )


def _below(
    org_id: str | BindParameter[str],
    group_ids: Sequence[str] | BindParameter[Sequence[str]] | Select[str],
    name: str = "below",
) -> CTE:
    """Return the members of groups: directly, through teams, and through what mappings make of others."""
    source, mapped, valued, direct = (
        resources.alias("source_row"),
        mappings.alias("mapped"),
        mappings.alias("valued"),
        memberships.alias("direct"),
    )
    into = and_(mapped.c.org_id == org_id, mapped.c.group_id.in_(group_ids), mapped.c.source == "group")
    by_group = select(source.c.id).join(
        mapped,
        and_(
            into,
            source.c.org_id == org_id,
            source.c.namespace == mapped.c.connection_id,
            or_(source.c.id == mapped.c.value, source.c.unique_key == mapped.c.value),
            source.c.resource_type == "Group",
        ),
    )
    by_value = select(role_values.c.resource_id).join(
        valued,
        and_(
            valued.c.org_id == org_id,
            valued.c.group_id.in_(group_ids),
            valued.c.source == "role",
            role_values.c.org_id == org_id,
            role_values.c.value == valued.c.value,
            role_values.c.connection_id == valued.c.connection_id,
        ),
    )
    members = select(direct.c.member_id).where(direct.c.org_id == org_id, direct.c.group_id.in_(group_ids))
    first = union_all(members, by_group, by_value).subquery("first")
    below = select(first.c.member_id).cte(name, recursive=True)
    nested = memberships.alias("nested")
    return below.union(
        select(nested.c.member_id).join(below, and_(nested.c.org_id == org_id, nested.c.group_id == below.c.member_id))
    )
