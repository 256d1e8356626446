"""Memberships as rows: steps as sets, and the groups of a user through any number of levels."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

import orjson
from scim2_models import InvalidValueException, NoTargetException
from scim2_models.path import FilterNode
from sqlalchemy import (
    BigInteger,
    BindParameter,
    ColumnElement,
    FromClause,
    Select,
    Text,
    and_,
    bindparam,
    cast,
    delete,
    exists,
    func,
    literal_column,
    not_,
    or_,
    select,
    true,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.elements import KeyedColumnElement

from scim_server.protocol.members import (
    AddMembers,
    MemberStep,
    RemoveMatching,
    RemoveMembers,
    ReplaceMembers,
    RequireMatch,
)
from scim_server.protocol.replies import GroupOfUser, Member
from scim_server.store.columns import Key, Moment, computed
from scim_server.store.filters import member_condition
from scim_server.store.id_sets import id_list, is_listed
from scim_server.store.prepared import Prepared
from scim_server.store.session import Tenant
from scim_server.store.tables import memberships, resources
from scim_server.store.visibility import seen_groups, visibility

MEMBERS_AT_ONCE = 1_000
"""How many members an answer holds at once; beyond, they are streamed."""

_ALL = 2**62


def groups_of(tenant: Tenant, user_ids: Sequence[str]) -> dict[str, tuple[GroupOfUser, ...]]:
    """Return the groups each user is in, directly or through nested groups (RFC 7643 §4.1.2), in one statement."""
    limits = visibility(tenant)
    statement = _groups_of(tenant.db.dialect.name, bool(limits))
    rows = statement.all(tenant.db, org_id=tenant.org_id, user_ids=id_list(tenant, user_ids), **limits)
    return {user_id: read_groups(user_id, edges) for user_id, edges in rows}


@cache
def _groups_of(dialect: str, limited: bool) -> Prepared:
    edges = groups_column(dialect, resources.c.id, limited)
    return Prepared(
        select(resources.c.id, edges).where(
            resources.c.org_id == bindparam("org_id"), is_listed(dialect, resources.c.id, "user_ids")
        )
    )


def groups_column(dialect: str, user_id: KeyedColumnElement[str], limited: bool) -> ColumnElement[str | None]:
    """Return the memberships at and above a user, for :func:`read_groups`; binds as :func:`seen_groups` does.

    A JSON array of arrays: member, group, and the group's display, null where the tenant does not see it. A
    cycle of groups ends where it closes.
    """
    org_id: BindParameter[str] = bindparam("org_id", type_=Key)
    direct, nested = memberships.alias("direct"), memberships.alias("nested")
    edges = (
        select(direct.c.member_id, direct.c.group_id, _display(direct.c.group_id, limited).label("display"))
        .where(direct.c.org_id == org_id, direct.c.member_id == user_id)
        .correlate(user_id.table)
        .cte("edges", recursive=True, nesting=True)
    )
    above: FromClause = nested
    condition: ColumnElement[bool] = and_(nested.c.org_id == org_id, nested.c.member_id == edges.c.group_id)
    if dialect == "postgresql":
        # OFFSET 0 keeps the subquery: by key for each group, where the planner would otherwise read all the
        # memberships of an organization whose statistics are old.
        found = select(nested.c.member_id, nested.c.group_id).where(condition).correlate(edges)
        above, condition = found.offset(literal_column("0")).lateral("above"), true()
    edges = edges.union(
        select(above.c.member_id, above.c.group_id, _display(above.c.group_id, limited))
        .select_from(edges.join(above, condition))
        .where(edges.c.display.is_not(None))
    )
    return select(_as_json(dialect, edges)).select_from(edges).scalar_subquery()


def _as_json(dialect: str, table: FromClause) -> ColumnElement[str | None]:
    """Return all rows of a table as one JSON array of arrays."""
    if dialect == "postgresql":
        return cast(func.json_agg(func.json_build_array(*table.c)), Text)
    return func.json_group_array(func.json_array(*table.c))


def _display(group_id: ColumnElement[str], limited: bool) -> ColumnElement[str | None]:
    """Return what a person reads for a group, NULL where the tenant does not see it."""
    group = resources.alias()
    seen = (group.c.org_id == bindparam("org_id"), group.c.id == group_id, seen_groups(limited, group))
    return select(func.coalesce(group.c.display, group.c.id)).where(*seen).scalar_subquery()


def read_groups(user_id: str, edges: str | None) -> tuple[GroupOfUser, ...]:
    """Return the groups of a user in the order of their ids, from the value of :func:`groups_column`."""
    if not edges:
        return ()
    above: dict[str, list[str]] = defaultdict(list)
    displays: dict[str, str] = {}
    for member_id, group_id, display in orjson.loads(edges):
        if display is not None:
            displays[group_id] = display
            above[member_id].append(group_id)
    direct = above.get(user_id, [])
    found, waiting = set(direct), list(direct)
    while waiting:
        further = [group_id for group_id in above.get(waiting.pop(), ()) if group_id not in found]
        found.update(further)
        waiting += further
    return tuple(GroupOfUser(group_id, displays[group_id], group_id in direct) for group_id in sorted(found))


def members_of(tenant: Tenant, group_ids: Sequence[str], *, limit: int | None = None) -> dict[str, tuple[Member, ...]]:
    """Return the members of groups in the order of their ids, at most ``limit`` in all."""
    rows = _members_of(tenant.db.dialect.name).all(
        tenant.db,
        org_id=tenant.org_id,
        group_ids=id_list(tenant, group_ids),
        most=_ALL if limit is None else limit,
    )
    endpoints = _endpoints(tenant)
    members: dict[str, list[Member]] = defaultdict(list)
    for group_id, member_id, resource_type, display in rows:
        members[group_id].append(Member(member_id, resource_type, endpoints[resource_type], display))
    return {group_id: tuple(each) for group_id, each in members.items()}


@cache
def _members_of(dialect: str) -> Prepared:
    statement = _members(dialect, bindparam("org_id"), is_listed(dialect, memberships.c.group_id, "group_ids"))
    return Prepared(statement.limit(bindparam("most", type_=BigInteger)))


def list_members(tenant: Tenant, group_id: str, *, after: str, limit: int) -> list[Member]:
    """Return members of a group in the order of their ids: those after an id, at most so many."""
    endpoints = _endpoints(tenant)
    values = {"org_id": tenant.org_id, "group_id": group_id, "after": after, "most": limit}
    rows = following(tenant.db.dialect.name).all(tenant.db, **values)
    return [Member(member_id, kind, endpoints[kind], display) for _, member_id, kind, display in rows]


@cache
def following(dialect: str) -> Prepared:
    """Return the statement that finds the members of a group after one, at most so many."""
    after = and_(memberships.c.group_id == bindparam("group_id"), memberships.c.member_id > bindparam("after"))
    # NB: a bound limit. PostgreSQL takes it for a tenth of the members, and walks along the index; of a written one it
    # may believe that it reaches all, and then looks all of them up, for each chunk, to sort them.
    return Prepared(_members(dialect, bindparam("org_id"), after).limit(bindparam("most", type_=BigInteger)))


def stream_members(tenant: Tenant, group_id: str) -> Iterator[Sequence[Member]]:
    """Yield the members of a group in the order of their ids, in chunks: each statement starts where the last ended."""
    after = ""
    while members := list_members(tenant, group_id, after=after, limit=MEMBERS_AT_ONCE):
        yield members
        if len(members) < MEMBERS_AT_ONCE:
            return
        after = members[-1].id


def _endpoints(tenant: Tenant) -> dict[str, str]:
    return {definition.name: definition.endpoint for definition in tenant.catalog.definitions}


def _members(dialect: str, org_id: ColumnElement[str], of_groups: ColumnElement[bool]) -> Select[Any]:
    member: FromClause = resources
    condition: ColumnElement[bool] = and_(resources.c.org_id == org_id, resources.c.id == memberships.c.member_id)
    if dialect == "postgresql":
        # By key for each member: see groups_column.
        found = select(resources.c.id, resources.c.resource_type, resources.c.display).where(condition)
        found = found.correlate(memberships).offset(literal_column("0"))
        member, condition = found.lateral("member"), true()
    return (
        select(memberships.c.group_id, member.c.id, member.c.resource_type, member.c.display)
        .join(member, condition)
        .where(memberships.c.org_id == org_id, of_groups)
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
            return [], _remove(tenant, group_id, ids)
        case RemoveMatching(value_filter):
            return [], _remove_matching(tenant, group_id, value_filter)
        case ReplaceMembers(ids):
            removed = _remove(tenant, group_id, ids, others=True)
            return _add(tenant, group_id, ids), removed
        case RequireMatch(value_filter):
            _require(tenant, group_id, value_filter)
            return [], []


def _add(tenant: Tenant, group_id: str, ids: Sequence[str]) -> list[str]:
    if not ids:
        return []
    group = tenant.catalog.by_name("Group")
    limits = visibility(tenant)
    values = {"org_id": tenant.org_id, "ids": id_list(tenant, ids), **limits}
    kinds = tuple(sorted(group.attributes["members"].sub_attributes["$ref"].reference_types))
    found = {row[0] for row in candidates(tenant.db.dialect.name, bool(limits), kinds).all(tenant.db, **values)}
    missing = [identifier for identifier in ids if identifier not in found]
    if missing:
        raise InvalidValueException(
            detail=f"members: {missing[0][:100]!r} is the id of no user or group here"
            + (f", nor are {len(missing) - 1} others" if len(missing) > 1 else "")
            + "; create it first, then add it"
        )
    values = {"org_id": tenant.org_id, "group_id": group_id, "ids": id_list(tenant, ids)}
    return sorted(row[0] for row in _insertion(tenant.db.dialect.name).all(tenant.db, since=tenant.now, **values))


@cache
def candidates(dialect: str, limited: bool, kinds: tuple[str, ...]) -> Prepared:
    """Return the statement that finds which ids can be members, and keeps those from being deleted."""
    resource_type = computed(resources.c.resource_type)
    of_kind = [resource_type == kind for kind in kinds if kind != "Group"]
    # Teams alone are members of other groups: roles and customer groups are what is given to them.
    a_team = (resource_type == "Group") & (computed(resources.c.kind) == "team")
    a_group = a_team & seen_groups(limited, resources, by_key=True)
    return Prepared(
        select(resources.c.id)
        .where(
            resources.c.org_id == bindparam("org_id"),
            is_listed(dialect, resources.c.id, "ids"),
            or_(a_group, *of_kind),
        )
        .order_by(resources.c.id)
        # FOR KEY SHARE: none of them can be deleted before the rows that refer to them are in.
        .with_for_update(read=True, key_share=True)
    )


@cache
def _insertion(dialect: str) -> Prepared:
    """Return the statement that adds members; ON CONFLICT is an extension of both databases."""
    # NB: the org_id of the members, not a bound one: Citus then leaves the whole statement to one server.
    given = (bindparam("group_id", type_=Key), resources.c.id, bindparam("since", type_=Moment))
    added = select(resources.c.org_id, *given).where(
        resources.c.org_id == bindparam("org_id"), is_listed(dialect, resources.c.id, "ids")
    )
    statement = (postgresql if dialect == "postgresql" else sqlite).insert(memberships)
    return Prepared(
        statement.from_select(["org_id", "group_id", "member_id", "since"], added)
        .on_conflict_do_nothing()
        .returning(memberships.c.member_id)
    )


def _remove(tenant: Tenant, group_id: str, ids: Sequence[str], *, others: bool = False) -> list[str]:
    """End memberships: those of the ids, or of all others."""
    rows = _removal(tenant.db.dialect.name, others).all(
        tenant.db, org_id=tenant.org_id, group_id=group_id, ids=id_list(tenant, ids)
    )
    return sorted(row[0] for row in rows)


@cache
def _removal(dialect: str, others: bool) -> Prepared:
    listed = is_listed(dialect, memberships.c.member_id, "ids", each_anew=others)
    return Prepared(
        delete(memberships)
        .where(
            memberships.c.org_id == bindparam("org_id"),
            memberships.c.group_id == bindparam("group_id"),
            not_(listed) if others else listed,
            _is_no_sub_team(bindparam("org_id")),
        )
        .returning(memberships.c.member_id)
    )


_child = resources.alias("child")


def _is_no_sub_team(org_id: Any) -> ColumnElement[bool]:
    """Return the condition on memberships that holds but for a sub-team: it stays until an administrator moves it."""
    in_group = (_child.c.org_id == org_id, _child.c.parent_id == memberships.c.group_id)
    return ~exists(select(literal_column("1")).where(*in_group, _child.c.id == memberships.c.member_id))


def _remove_matching(tenant: Tenant, group_id: str, value_filter: FilterNode) -> list[str]:
    statement = (
        delete(memberships)
        .where(
            memberships.c.org_id == tenant.org_id,
            memberships.c.group_id == group_id,
            _selected(tenant, group_id, value_filter),
            _is_no_sub_team(tenant.org_id),
        )
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
