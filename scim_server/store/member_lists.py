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
    not_,
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
from scim_server.store.tables import emails, memberships, resources

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
"""The place of a member in a list: the number of its course, and the key in this; no two have the same."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which members are asked for: all where it says nothing.

    ``words``: each begins the last name, the first name, the ``userName`` or an e-mail address. Who has the first of
    them for a last name comes first, then who has it for a first name, and so on; ``sort`` is for lists without.
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


@dataclass(frozen=True, slots=True)
class _Course:
    """A part of a list, all of which an index has in its order, as the stretches together that it is made of.

    ``excludes`` tells of a row whether an earlier course has it.
    """

    keys: tuple[str, ...]
    stretches: Sequence[Select[Any]]
    excludes: tuple[Callable[[Any], ColumnElement[bool]], ...] = ()
    descending: bool = False


_IS_MEMBER = resources.c.state.is_not(None)
"""The predicate of the indexes."""

_LAST = "\U0010ffff"
_COLUMNS = tuple(resources.c[name] for name in ListedMember.__slots__)
_TESTED = tuple(resources.c[name] for name in ("id", "last_name", "first_name", "unique_key", "state", "managed_by"))
_BY_NAME = ("last_name", "first_name", "id")


def list_members(tenant: Tenant, wanted: Wanted, *, after: Key | None, limit: int) -> MemberPage:
    """Return a page of members, in their order, those after a key.

    :param after: ``following`` of the page before; one of another order leads to the first page.
    """
    word = _Word.read(tenant, wanted.words[0]) if wanted.words else None
    courses = _courses(tenant, wanted, word)
    if after is not None and not _is_place(courses, after):
        after = None
    conditions = _conditions(tenant, wanted)
    narrowest = _narrowest(tenant, conditions)
    if narrowest is None:
        met, following = _walk(tenant, courses, conditions, after, limit)
        total = None if conditions else total_of(tenant, tenant.catalog.by_name("User"))
        return MemberPage(_members(tenant, met), total, following)
    found = _meeting(tenant, courses, word, narrowest, conditions)
    descending = courses[0].descending
    rest = [each for each in found if after is None or (each[0] < after if descending else each[0] > after)]
    following = rest[limit - 1][0] if len(rest) > limit else None
    return MemberPage(_members(tenant, [identifier for _, identifier in rest[:limit]]), len(found), following)


def _is_place(courses: Sequence[_Course], after: Key) -> bool:
    numbers = [str(number) for number in range(len(courses))]
    return after[:1] != () and after[0] in numbers and len(after) == 1 + len(courses[int(after[0])].keys)


def _members(tenant: Tenant, ids: Sequence[str]) -> list[ListedMember]:
    own = (resources.c.org_id == tenant.org_id, is_one_of(tenant, resources.c.id, ids))
    rows = tenant.db.execute(select(*_COLUMNS).where(*own, COMPUTED_TYPE == "User"))
    found = {row.id: ListedMember(*row) for row in rows}
    return [found[each] for each in ids if each in found]


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


@dataclass(frozen=True, slots=True)
class _Word:
    """A word of a search, as each of what it may begin has it."""

    last: str
    first: str
    user_name: str
    address: str

    @classmethod
    def read(cls, tenant: Tenant, word: str) -> "_Word":
        """Return a word in the forms of the attributes."""
        user = tenant.catalog.by_name("User")
        name, unique = user.attributes["name"].sub_attributes, user.unique_attribute
        assert unique is not None
        return cls(
            attribute_key(word, name["familyname"])[:MAX_NAME_LENGTH],
            attribute_key(word, name["givenname"])[:MAX_NAME_LENGTH],
            attribute_key(word, unique),
            attribute_key(word, user.attributes["emails"].sub_attributes["value"]),
        )

    def is_last(self, row: Any) -> ColumnElement[bool]:
        """Return whether the word begins a last name."""
        return _begins(row.last_name, self.last)

    def is_first(self, row: Any) -> ColumnElement[bool]:
        """Return whether the word begins a first name."""
        return _begins(row.first_name, self.first)

    def is_user_name(self, row: Any) -> ColumnElement[bool]:
        """Return whether the word begins a ``userName``."""
        return _begins(row.unique_key, self.user_name)

    def addresses(self, tenant: Tenant, *columns: ColumnElement[Any]) -> Select[Any]:
        """Return the e-mail addresses that the word begins."""
        return select(*columns).where(emails.c.org_id == tenant.org_id, _begins(emails.c.value, self.address))


def _with_word(tenant: Tenant, text: str) -> _Condition:
    word = _Word.read(tenant, text)

    def ids(limit: int) -> Select[Any]:
        # NB: whoever has the word twice counts twice; a condition only seems to be met by a few more.
        most, columns = _number(limit), resources.c
        # Each is in the order of its index, so that it is by this.
        found = select(columns.id).where(columns.org_id == tenant.org_id)
        in_states = (found.where(columns.state == each, word.is_last(columns)) for each in STATES)
        parts = (
            *(each.order_by(columns.last_name) for each in in_states),
            found.where(word.is_first(columns), _IS_MEMBER).order_by(columns.first_name),
            found.where(word.is_user_name(columns), columns.resource_type == "User").order_by(columns.unique_key),
            word.addresses(tenant, emails.c.resource_id.label("id")).order_by(emails.c.value),
        )
        together = union_all(*(select(part.limit(most).subquery().c.id) for part in parts)).subquery()
        return select(together.c.id).limit(most)

    def test(row: Any) -> ColumnElement[bool]:
        has_address = _is_any(word.addresses(tenant, _ONE).where(emails.c.resource_id == row.id))
        return or_(word.is_last(row), word.is_first(row), word.is_user_name(row), has_address)

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
"""The place of a member, and the id."""


def _meeting(
    tenant: Tenant,
    courses: Sequence[_Course],
    word: _Word | None,
    ids: Sequence[str],
    conditions: Sequence[_Condition],
) -> list[_Met]:
    """Return those among these members who meet all conditions; they are sorted here, being few.

    NB: the database could look for them along the index of the order.
    """
    own = (resources.c.org_id == tenant.org_id, is_one_of(tenant, resources.c.id, ids))
    tests = (condition.test(resources.c) for condition in conditions)
    columns: tuple[ColumnElement[Any], ...] = _TESTED
    if word is not None:
        first = word.addresses(tenant, func.min(emails.c.value)).where(emails.c.resource_id == resources.c.id)
        columns = (*columns, first.scalar_subquery().label("value"))
    rows = tenant.db.execute(select(*columns).where(*own, COMPUTED_TYPE == "User", *tests))
    met = []
    for row in rows:
        number = 0 if word is None else _course_of(word, row)
        met.append((_place(courses, number, row), row.id))
    return sorted(met, reverse=courses[0].descending)


def _course_of(word: _Word, row: Any) -> int:
    begun = ((row.last_name, word.last), (row.first_name, word.first), (row.unique_key, word.user_name))
    return next((number for number, (text, start) in enumerate(begun) if (text or "").startswith(start)), len(begun))


def _place(courses: Sequence[_Course], number: int, row: Any) -> Key:
    return str(number), *(getattr(row, name) or "" for name in courses[number].keys)


def _walk(
    tenant: Tenant, courses: Sequence[_Course], conditions: Sequence[_Condition], after: Key | None, limit: int
) -> tuple[list[str], Key | None]:
    """Return the ids of a page of those who meet all conditions, and where the next one starts."""
    found: list[str] = []
    walked, steps, last = 0, limit + 1, after
    number = int(after[0]) if after is not None else 0
    while walked < MAX_WALKED:
        rows = tenant.db.execute(_ahead(courses[number], conditions, after and after[1:], steps)).all()
        for row in rows:
            place = _place(courses, number, row)
            if row.meets:
                if len(found) == limit:
                    return found, last
                found.append(row.id)
                last = place
            after = place
        walked += steps
        if len(rows) < steps:
            number, after = number + 1, None
            if number == len(courses):
                return found, None
        # Few at first: most often they are enough.
        steps = max(1, min(4 * steps, MAX_WALKED - walked))
    return found, after or (str(number), *("" for _ in courses[number].keys))


def _ahead(course: _Course, conditions: Sequence[_Condition], after: Key | None, limit: int) -> Select[Any]:
    """Return the statement that reads so many members of a course after a key, and whether they meet conditions."""
    most = _number(limit)
    stretches = [_beyond(each, course, after).limit(most) for each in course.stretches]
    if len(stretches) > 1:
        together = union_all(*(select(each.subquery()) for each in stretches)).subquery("together")
        ahead = select(together).order_by(*_order(course, together.c)).limit(most).subquery("ahead")
    else:
        ahead = stretches[0].subquery("ahead")
    # NB: tested around the stretch, so that nobody beyond it is.
    tests = [condition.test(ahead.c) for condition in conditions]
    meets = and_(_ONE == _ONE, *tests, *(not_(test(ahead.c)) for test in course.excludes))
    return select(ahead, meets.label("meets")).order_by(*_order(course, ahead.c))


def _beyond(stretch: Select[Any], course: _Course, after: Key | None) -> Select[Any]:
    """Return the rows of a stretch after a key, in their order."""
    columns = [stretch.selected_columns[name] for name in course.keys]
    if after is not None:
        values = tuple_(*(bindparam(None, each, KeyType) for each in after))
        stretch = stretch.where(tuple_(*columns) < values if course.descending else tuple_(*columns) > values)
    return stretch.order_by(*(each.desc() if course.descending else each for each in columns))


def _order(course: _Course, row: Any) -> list[ColumnElement[Any]]:
    return [row[name].desc() if course.descending else row[name] for name in course.keys]


def _courses(tenant: Tenant, wanted: Wanted, word: _Word | None) -> list[_Course]:
    """Return what a list is made of, in its order."""
    columns = resources.c
    found = select(*_TESTED).where(columns.org_id == tenant.org_id)
    of_type = found.where(columns.resource_type == "User")
    in_states = [found.where(columns.state == each) for each in ((wanted.state,) if wanted.state else STATES)]
    if word is None and wanted.sort == "created":
        return [_Course(("id",), [of_type], descending=True)]  # A UUIDv7 begins with its time.
    if word is None and wanted.sort == "user_name":
        return [_Course(("unique_key",), [of_type])]
    if word is None:
        return [_Course(_BY_NAME, in_states)]
    by_name = (word.is_last, word.is_first, word.is_user_name)
    addresses = word.addresses(tenant, *_TESTED, emails.c.value).where(columns.org_id == tenant.org_id)
    of_members = addresses.where(columns.id == emails.c.resource_id, COMPUTED_TYPE == "User")

    def had_before(row: Any) -> ColumnElement[bool]:
        earlier = word.addresses(tenant, _ONE).where(emails.c.resource_id == row.id, emails.c.value < row.value)
        return _is_any(earlier)

    return [
        _Course(_BY_NAME, [each.where(word.is_last(columns)) for each in in_states]),
        _Course(("first_name", "id"), [found.where(_IS_MEMBER, word.is_first(columns))], by_name[:1]),
        _Course(("unique_key",), [of_type.where(word.is_user_name(columns))], by_name[:2]),
        _Course(("value", "id"), [of_members], (*by_name, had_before)),
    ]
