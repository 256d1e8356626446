"""The list of members that people look through: searched, narrowed, sorted and paged by indexes.

What a page takes does not grow with the organization. Each condition has an index that leads to those who meet it; the
one that fewest meet is looked at first, and the others are checked on these. Where many meet every one of them, the
list is walked in its order until the page is full, or so many were looked at: then the page is short, and the next
one goes on from there. Left to themselves, databases choose by statistics, which a prefix that half of all people
share and a role of three do not follow.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, get_args

from sqlalchemy import (
    ColumnElement,
    Integer,
    Select,
    and_,
    bindparam,
    func,
    literal_column,
    or_,
    select,
    tuple_,
    union_all,
)

from scim_server.protocol.comparison import attribute_key
from scim_server.protocol.lifecycle import STATES, State
from scim_server.store.columns import MAX_NAME_LENGTH
from scim_server.store.columns import Key as KeyType
from scim_server.store.id_sets import is_one_of
from scim_server.store.json_paths import bind_text
from scim_server.store.lookups import total_of
from scim_server.store.resources import COMPUTED_TYPE
from scim_server.store.session import Tenant
from scim_server.store.tables import connections, emails, memberships, resources, roles

Sort = Literal["name", "user_name", "created"]
SORTS: tuple[Sort, ...] = get_args(Sort)

MAX_FOUND = 1_000
"""How many may meet a condition for all of them to be looked at; also how far members are counted."""

MAX_WALKED = 4_000
"""How many members a walk looks at for one page."""

MAX_WORDS = 4
MAX_GROUPS = 4
LOCAL = "local"
"""The origin of members whom no connection provisions."""

Key = tuple[str, ...]
"""What a member is sorted by; no two have the same."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which members are asked for: all where it says nothing.

    ``words``: each begins the last name, the first name, the ``userName`` or an e-mail address.
    ``groups``: ids of roles, teams or customer groups; each has the member itself.
    ``origin``: the id of the connection that provisions them, or ``LOCAL``.
    """

    words: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    state: State | None = None
    origin: str | None = None
    sort: Sort = "name"


@dataclass(frozen=True, slots=True)
class ListedMember:
    """A member as a list shows them."""

    id: str
    state: State
    document: str
    display: str | None
    version: int
    created_at: datetime
    created_by: str | None
    managed_by: str | None


@dataclass(frozen=True, slots=True)
class MemberPage:
    """A page of members; ``total`` is None where there are more than are counted.

    ``following`` is where the next page starts; after a page that is not full, the walk goes on there.
    """

    members: list[ListedMember]
    total: int | None
    following: Key | None


@dataclass(frozen=True, slots=True)
class _Condition:
    """What a member has to meet: ``ids`` leads to those who do by indexes, ``test`` tells it of a row."""

    ids: Callable[[int], Select[Any]]
    test: Callable[[Any], ColumnElement[bool]]


_IS_MEMBER = resources.c.state.is_not(None)
"""The predicate of the indexes."""

_KEYS: dict[Sort, tuple[str, ...]] = {
    "name": ("last_name", "first_name", "id"),
    "user_name": ("unique_key",),
    "created": ("id",),  # A UUIDv7 begins with its time.
}
_LAST = "\U0010ffff"
_COLUMNS = tuple(resources.c[name] for name in ListedMember.__slots__)
_TESTED = tuple(resources.c[name] for name in ("id", "last_name", "first_name", "unique_key", "state", "managed_by"))


def list_members(tenant: Tenant, wanted: Wanted, *, after: Key | None, limit: int) -> MemberPage:
    """Return a page of members, in their order, those after a key.

    :param after: ``following`` of the page before; one of another order leads to the first page.
    """
    if after is not None and len(after) != len(_KEYS[wanted.sort]):
        after = None
    conditions = _conditions(tenant, wanted)
    narrowest = _narrowest(tenant, conditions)
    if narrowest is None:
        met, following = _walk(tenant, wanted, conditions, after, limit)
        total = None if conditions else total_of(tenant, tenant.catalog.by_name("User"))
        return MemberPage(_members(tenant, met), total, following)
    found = sorted(_meeting(tenant, wanted.sort, narrowest, conditions), reverse=wanted.sort == "created")
    rest = [each for each in found if after is None or _is_beyond(wanted.sort, each[0], after)]
    following = rest[limit - 1][0] if len(rest) > limit else None
    return MemberPage(_members(tenant, [identifier for _, identifier in rest[:limit]]), len(found), following)


def _members(tenant: Tenant, ids: Sequence[str]) -> list[ListedMember]:
    own = (resources.c.org_id == tenant.org_id, is_one_of(tenant, resources.c.id, ids))
    rows = tenant.db.execute(select(*_COLUMNS).where(*own, COMPUTED_TYPE == "User"))
    found = {row.id: ListedMember(*row) for row in rows}
    return [found[each] for each in ids if each in found]


def count_states(tenant: Tenant) -> dict[State, int]:
    """Return how many members are in each state, counting each no further than one beyond ``MAX_FOUND``.

    NB: exact numbers would be read from all rows of a state, or kept in a row that every change of a state waits for.
    """
    counts = [
        select(func.count())
        .select_from(
            select(resources.c.id)
            .where(resources.c.org_id == tenant.org_id, resources.c.state == state)
            .order_by(resources.c.last_name)  # By the index, whatever share of all they are.
            .limit(_number(MAX_FOUND + 1))
            .subquery()
        )
        .scalar_subquery()
        for state in STATES
    ]
    return dict(zip(STATES, tenant.db.execute(select(*counts)).one(), strict=True))


@dataclass(frozen=True, slots=True)
class HeldRole:
    """A role that a member was given itself; ``template`` is its key in the portal profile."""

    id: str
    display: str
    template: str | None


def roles_of_each(tenant: Tenant, member_ids: Sequence[str]) -> dict[str, list[HeldRole]]:
    """Return the roles that each of these members was given itself, in the order of their names."""
    own = (roles.c.org_id == tenant.org_id, resources.c.org_id == tenant.org_id, memberships.c.org_id == tenant.org_id)
    held = (
        select(memberships.c.member_id, roles.c.group_id, resources.c.display, roles.c.template)
        .join(roles, memberships.c.group_id == roles.c.group_id)
        .join(resources, resources.c.id == roles.c.group_id)
        .where(*own, is_one_of(tenant, memberships.c.member_id, member_ids))
    )
    found: dict[str, list[HeldRole]] = {}
    for member_id, *role in tenant.db.execute(held.order_by(resources.c.display)):
        found.setdefault(member_id, []).append(HeldRole(*role))
    return found


def connection_names(tenant: Tenant, ids: Sequence[str]) -> dict[str, str]:
    """Return the names of connections by their ids."""
    own = (connections.c.org_id == tenant.org_id, is_one_of(tenant, connections.c.id, ids))
    rows = tenant.db.execute(select(connections.c.id, connections.c.name).where(*own))
    return {row.id: row.name for row in rows}


def newest_groups(tenant: Tenant, kind: str) -> list[tuple[str, str]]:
    """Return ids and names of the groups of a kind among those made last, in the order of their names."""
    own = (resources.c.org_id == tenant.org_id, resources.c.resource_type == "Group")
    found = select(resources.c.id, resources.c.display, resources.c.kind).where(*own)
    newest = found.order_by(resources.c.id.desc()).limit(MAX_FOUND).subquery()
    rows = tenant.db.execute(select(newest.c.id, newest.c.display).where(newest.c.kind == kind))
    return sorted(((group_id, display or group_id) for group_id, display in rows), key=lambda each: each[1].lower())


def _conditions(tenant: Tenant, wanted: Wanted) -> list[_Condition]:
    """Return what members have to meet, that which fewest can be expected to meet first."""
    conditions = [_in_group(tenant, group_id) for group_id in wanted.groups[:MAX_GROUPS]]
    state, origin = wanted.state, None if wanted.origin == LOCAL else wanted.origin
    if state is not None:
        in_state = select(resources.c.id).where(resources.c.org_id == tenant.org_id, resources.c.state == state)
        conditions.append(_in_index(in_state.order_by(resources.c.last_name), lambda row: row.state == state))
    if wanted.origin is not None:
        managed_by = resources.c.managed_by
        of_origin = managed_by.is_(None) if origin is None else _is(managed_by, origin)
        found = select(resources.c.id).where(resources.c.org_id == tenant.org_id, of_origin, _IS_MEMBER)
        conditions.append(_in_index(found.order_by(managed_by), lambda row: row.managed_by == origin))
    return conditions + [_with_word(tenant, word) for word in wanted.words[:MAX_WORDS]]


def _in_index(found: Select[Any], test: Callable[[Any], ColumnElement[bool]]) -> _Condition:
    """Return the condition of a test; what finds those who meet it has the order of an index, so that it is by this."""
    return _Condition(lambda limit: found.limit(_number(limit)), test)


def _in_group(tenant: Tenant, group_id: str) -> _Condition:
    own, of_group = memberships.c.org_id == tenant.org_id, memberships.c.group_id
    found = select(memberships.c.member_id).where(own, _is(of_group, group_id)).order_by(of_group)
    holds = select(_ONE).where(own, of_group == group_id)
    return _in_index(found, lambda row: _is_any(holds.where(memberships.c.member_id == row.id)))


def _number(value: int) -> ColumnElement[int]:
    """Return a number as a part of the statement, by which PostgreSQL plans."""
    return literal_column(str(value), Integer)


def _is(column: ColumnElement[str], value: str) -> ColumnElement[bool]:
    """Return whether a column has a value; no equation, among whose rows its order would be none and need no index."""
    return and_(column >= bind_text(value), column <= bind_text(value))


_ONE = _number(1)


def _is_any(found: Select[Any]) -> ColumnElement[bool]:
    """Return whether a look-up by key finds something.

    NB: not EXISTS, for which PostgreSQL may read at once all that any row could find.
    """
    return found.limit(_ONE).scalar_subquery().is_not(None)


def _with_word(tenant: Tenant, word: str) -> _Condition:
    user = tenant.catalog.by_name("User")
    name, unique = user.attributes["name"].sub_attributes, user.unique_attribute
    assert unique is not None
    own, own_address = resources.c.org_id == tenant.org_id, emails.c.org_id == tenant.org_id
    last = attribute_key(word, name["familyname"])[:MAX_NAME_LENGTH]
    first = attribute_key(word, name["givenname"])[:MAX_NAME_LENGTH]
    user_name = attribute_key(word, unique)
    address = _begins(emails.c.value, attribute_key(word, user.attributes["emails"].sub_attributes["value"]))

    def ids(limit: int) -> Select[Any]:
        # NB: whoever has the word twice counts twice; a condition only seems to be met by a few more.
        # Each is in the order of its index, so that it is by this.
        most, last_name, first_name = _number(limit), resources.c.last_name, resources.c.first_name
        found = select(resources.c.id).where(own)
        in_states = (found.where(resources.c.state == each, _begins(last_name, last)) for each in STATES)
        of_name = found.where(_begins(resources.c.unique_key, user_name), resources.c.resource_type == "User")
        of_address = select(emails.c.resource_id.label("id")).where(own_address, address)
        parts = (
            *(each.order_by(last_name) for each in in_states),
            found.where(_begins(first_name, first), _IS_MEMBER).order_by(first_name),
            of_name.order_by(resources.c.unique_key),
            of_address.order_by(emails.c.value),
        )
        together = union_all(*(select(part.limit(most).subquery().c.id) for part in parts)).subquery()
        return select(together.c.id).limit(most)

    def test(row: Any) -> ColumnElement[bool]:
        has_address = select(_ONE).where(own_address, emails.c.resource_id == row.id, address)
        begins = (_begins(row.last_name, last), _begins(row.first_name, first), _begins(row.unique_key, user_name))
        return or_(*begins, _is_any(has_address))

    return _Condition(ids, test)


def _begins(column: ColumnElement[str], start: str) -> ColumnElement[bool]:
    """Return whether a text begins with another: a range of an index, being compared by code point."""
    return and_(column >= bind_text(start), column < bind_text(start + _LAST))


def _narrowest(tenant: Tenant, conditions: Sequence[_Condition]) -> list[str] | None:
    """Return the ids of those who meet the condition that fewest meet, None where more than enough meet each."""
    narrowest: list[str] | None = None
    for condition in conditions:
        limit = MAX_FOUND + 1 if narrowest is None else len(narrowest)
        if not limit:
            break
        found = tenant.db.scalars(condition.ids(limit)).all()
        if len(found) < limit:
            narrowest = list(dict.fromkeys(found))
    return narrowest


_Met = tuple[Key, str]
"""The key of a member, and the id."""


def _meeting(tenant: Tenant, sort: Sort, ids: Sequence[str], conditions: Sequence[_Condition]) -> list[_Met]:
    """Return those among these members who meet all conditions; they are sorted here, being few.

    NB: the database could look for them along the index of the order.
    """
    own = (resources.c.org_id == tenant.org_id, is_one_of(tenant, resources.c.id, ids))
    tests = (condition.test(resources.c) for condition in conditions)
    rows = tenant.db.execute(select(*_TESTED).where(*own, COMPUTED_TYPE == "User", *tests))
    return [(_key(sort, row), row.id) for row in rows]


def _key(sort: Sort, row: Any) -> Key:
    return tuple(getattr(row, name) or "" for name in _KEYS[sort])


def _is_beyond(sort: Sort, key: Key, after: Key) -> bool:
    return key < after if sort == "created" else key > after


def _walk(
    tenant: Tenant, wanted: Wanted, conditions: Sequence[_Condition], after: Key | None, limit: int
) -> tuple[list[str], Key | None]:
    """Return the ids of a page of those who meet all conditions, and where the next one starts."""
    found: list[str] = []
    walked, steps, last = 0, limit + 1, after
    while walked < MAX_WALKED:
        rows = tenant.db.execute(_ahead(tenant, wanted, conditions, after, steps)).all()
        for row in rows:
            if row.meets:
                if len(found) == limit:
                    return found, last
                found.append(row.id)
                last = _key(wanted.sort, row)
            after = _key(wanted.sort, row)
        if len(rows) < steps:
            return found, None
        walked += steps
        # Few at first: most often they are enough.
        steps = min(4 * steps, MAX_WALKED - walked)
    return found, after


def _ahead(
    tenant: Tenant, wanted: Wanted, conditions: Sequence[_Condition], after: Key | None, limit: int
) -> Select[Any]:
    """Return the statement that reads so many members after a key, and whether they meet the conditions."""
    most = _number(limit)
    stretches = [each.limit(most) for each in _stretches(tenant, wanted, after)]
    if len(stretches) > 1:
        together = union_all(*(select(each.subquery()) for each in stretches)).subquery("together")
        ahead = select(together).order_by(*_order(wanted.sort, together.c)).limit(most).subquery("ahead")
    else:
        ahead = stretches[0].subquery("ahead")
    # NB: tested around the stretch, so that nobody beyond it is.
    meets = and_(_ONE == _ONE, *(condition.test(ahead.c) for condition in conditions))
    return select(ahead, meets.label("meets")).order_by(*_order(wanted.sort, ahead.c))


def _stretches(tenant: Tenant, wanted: Wanted, after: Key | None) -> list[Select[Any]]:
    """Return the statements that together have all members after a key, each by an index and in its order."""
    found = select(*_TESTED).where(resources.c.org_id == tenant.org_id).order_by(*_order(wanted.sort, resources.c))
    if after is not None:
        columns = [resources.c[name] for name in _KEYS[wanted.sort]]
        values = tuple_(*(bindparam(None, each, KeyType) for each in after))
        found = found.where(tuple_(*columns) < values if wanted.sort == "created" else tuple_(*columns) > values)
    if wanted.sort != "name":
        return [found.where(resources.c.resource_type == "User")]
    return [found.where(resources.c.state == state) for state in ((wanted.state,) if wanted.state else STATES)]


def _order(sort: Sort, row: Any) -> list[ColumnElement[Any]]:
    return [row[name].desc() if sort == "created" else row[name] for name in _KEYS[sort]]
