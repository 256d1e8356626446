"""Filters (RFC 7644 §3.4.2.2): whom each finds of three people, and which are no filters at all."""

from collections.abc import Sequence
from datetime import datetime, timedelta, timezone

import orjson

from conformance.rfc.answers import Answer
from conformance.rfc.check import check
from conformance.rfc.client import Scim
from conformance.rfc.filter_cases import CASES, INVALID, ORDERED_WITHOUT_ORDER, Case
from conformance.rfc.people import QUOTED, People, people

HERE = "7644 §3.4.2.2"


def find(scim: Scim, filter: str) -> Answer:
    """Filter the users."""
    return scim.get(scim.users, {"filter": filter})


def expect_who(scim: Scim, filter: str, names: Sequence[str], *, alone: bool = False) -> None:
    """Filter the three people, or with `alone` all users, and compare whom it finds."""
    three = people(scim)
    written = filter.replace("{mark}", three.mark)
    answer = find(scim, written if alone else f'userName sw "{three.mark}" and ({written})').expect(200)
    found = sorted(three.who(answer))
    answer.holds(found == sorted(names), f"finds {' '.join(found) or 'nobody'}, not {' '.join(names) or 'nobody'}")
    answer.holds(answer.total >= len(names), f"totalResults is {answer.total}")


def _register(case: Case) -> None:
    @check(case.id, case.level, case.reference, case.rule, needs=("filter",), uses=case.uses)
    def run(scim: Scim) -> None:
        for filter, names in case.filters.items():
            expect_who(scim, filter, names.split(), alone=case.alone)


for _case in CASES:
    _register(_case)


def _register_invalid(id: str, rule: str, filters: tuple[str, ...]) -> None:
    @check(f"filter.{id}", "must", f"{HERE}, §3.12", rule, needs=("filter",))
    def run(scim: Scim) -> None:
        for filter in filters:
            find(scim, filter).error(400, "invalidFilter")


for _id, _rule, _filters in INVALID:
    _register_invalid(_id, _rule, _filters)


@check(
    "filter.no-order",
    "must",
    HERE,
    "gt, ge, lt, le on Boolean and Binary SHALL fail with 400 invalidFilter",
    needs=("filter",),
    uses=("active",),
)
def no_order(scim: Scim) -> None:
    """Order by a boolean, and by a binary where there is one."""
    for filter, use in ORDERED_WITHOUT_ORDER:
        if scim.can.declares(use):
            find(scim, filter).error(400, "invalidFilter")


@check(
    "filter.escapes",
    "must",
    HERE,
    "A string is a JSON string: quotation marks and backslashes are escaped",
    needs=("filter",),
    uses=("title",),
)
def escapes(scim: Scim) -> None:
    """Look for a title that needs both."""
    expect_who(scim, f"title eq {orjson.dumps(QUOTED).decode()}", ["cid"])
    expect_who(scim, r'title sw "\u0061 \""', ["cid"])
    expect_who(scim, r'title co " \\ (title) and "', ["cid"])


@check("filter.id", "must", HERE, "id can be filtered, by its exact case", needs=("filter",))
def by_id(scim: Scim) -> None:
    """Look for one of the three by its id, and by its id in the other case."""
    id = people(scim).users["bob"].id
    expect_who(scim, f'id eq "{id}"', ["bob"], alone=True)
    if id.swapcase() != id:
        expect_who(scim, f'id eq "{id.swapcase()}"', [], alone=True)


@check(
    "filter.date-instant",
    "must",
    HERE,
    "DateTime comparisons are chronological, whatever the offset",
    needs=("filter",),
)
def date_instant(scim: Scim) -> None:
    """Write one instant with another offset, and a later one that sorts first as text."""
    made = datetime.fromisoformat(people(scim).users["bob"].get("meta.created"))
    same = made.astimezone(timezone(timedelta(hours=-9))).isoformat()
    earlier = (made - timedelta(hours=1)).astimezone(timezone(timedelta(hours=9))).isoformat()
    expect_who(scim, f'meta.created eq "{same}" and userName co "-bob@"', ["bob"])
    expect_who(scim, f'meta.created le "{same}" and userName co "-bob@"', ["bob"])
    expect_who(scim, f'meta.created gt "{earlier}"', ["ann", "bob", "cid"])
    expect_who(scim, f'meta.created lt "{earlier}"', [])


@check(
    "filter.unknown-attribute",
    "must",
    f"{HERE}, §3.12",
    "An attribute no schema defines matches nothing or is 400 invalidFilter",
    needs=("filter",),
)
def unknown_attribute(scim: Scim) -> None:
    """Filter by an attribute and a sub-attribute that are not there."""
    three = people(scim)
    for filter in ('favouriteColour eq "green"', 'name.favouriteColour sw "g"', "urn:example:none:favouriteColour pr"):
        answer = find(scim, filter)
        if answer.status == 200:
            answer.holds(answer.total == 0 and not three.who(answer), "finds somebody")
        else:
            answer.error(400, "invalidFilter")


@check(
    "filter.password",
    "may",
    "7643 §7, §4.1.1",
    "Filters on what is never returned are a MAY: by them a password could be guessed at",
    needs=("filter",),
    uses=("password",),
)
def password(scim: Scim) -> None:
    """Guess at a password by filters."""
    user = scim.user(password="correct-Horse-7-battery")
    for guess in ('password sw "correct"', 'password eq "correct-Horse-7-battery"', 'password co "Horse"'):
        answer = find(scim, f'userName eq "{user.get("userName")}" and {guess}')
        if answer.status == 200:
            answer.holds(answer.total == 0, "the filter finds the user by the password")
        else:
            answer.error(400, "invalidFilter", named=False)


@check("filter.group", "must", HERE, "Groups are filtered like users", needs=("filter", "groups"))
def group(scim: Scim) -> None:
    """Look for a group by its name and by its members."""
    user = scim.user()
    group = scim.group(members=[{"value": user.id}])
    for filter in (
        f'displayName sw "{group.get("displayName")}"',
        f'members.value eq "{user.id}"',
        f'members[value eq "{user.id}"]',
    ):
        answer = scim.get(scim.groups, {"filter": filter}).expect(200)
        answer.holds(answer.ids == [group.id], "the group is not found")
    answer = scim.get(scim.groups, {"filter": f'members.value eq "{scim.unique()}"'}).expect(200)
    answer.holds(answer.total == 0, "a group is found by a member it does not have")


@check(
    "filter.user-groups",
    "should",
    HERE,
    "The groups of a user can be filtered",
    needs=("filter", "groups"),
    uses=("groups",),
)
def user_groups(scim: Scim) -> None:
    """Look for the members of a group among the users."""
    user = scim.user()
    group = scim.group(members=[{"value": user.id}])
    answer = find(scim, f'groups.value eq "{group.id}"').expect(200)
    answer.holds(answer.ids == [user.id], "the member is not found")


@check(
    "filter.combined",
    "must",
    "7644 §3.4.2",
    "A filter is combined with sorting, pagination and projection",
    needs=("filter", "sort"),
)
def combined(scim: Scim) -> None:
    """Ask for the second of three, userName only."""
    three: People = people(scim)
    query = {"filter": f'userName sw "{three.mark}"', "sortBy": "userName", "startIndex": 2, "count": 1}
    answer = scim.get(scim.users, {**query, "attributes": "userName"}).expect(200)
    answer.holds(three.who(answer) == ["bob"], f"finds {three.who(answer)}, not bob")
    answer.holds(answer.total == 3, f"totalResults is {answer.total}, not 3")
    answer.holds("meta" not in answer.resources[0], "more than userName is returned")
