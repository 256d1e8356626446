"""Cursor-based pagination (RFC 9865), where ServiceProviderConfig announces `pagination.cursor`."""

import re
from typing import Any

from conformance.rfc.answers import Answer, NotApplicable
from conformance.rfc.capabilities import SEARCH_REQUEST
from conformance.rfc.check import check
from conformance.rfc.client import Scim
from conformance.rfc.people import people

NEEDS = ("cursor", "filter")
UNRESERVED = re.compile(r"[A-Za-z0-9._~-]+")


def page(scim: Scim, cursor: str, count: int = 2, **query: Any) -> Answer:
    """Ask for a page of the three people by a cursor; the empty one starts."""
    whom = {"filter": f'userName sw "{people(scim).mark}"', **query}
    return scim.get(scim.users, {**whom, "cursor": cursor, "count": count})


def following(answer: Answer, name: str = "nextCursor") -> str:
    """The cursor of the next page, which there has to be."""
    cursor = answer.expect(200).get(name)
    answer.holds(isinstance(cursor, str) and bool(cursor), f"there is no {name}, and there are more pages")
    return str(cursor)


@check("cursor.config", "must", "9865 §4", "pagination has the REQUIRED booleans cursor and index", needs=("cursor",))
def config(scim: Scim) -> None:
    """Look at what is announced."""
    answer = scim.get("/ServiceProviderConfig").expect(200)
    for name in ("cursor", "index"):
        answer.holds(isinstance(answer.get("pagination", name), bool), f"pagination.{name} is no boolean")
    for name in ("defaultPageSize", "maxPageSize", "cursorTimeout"):
        size = answer.get("pagination", name)
        answer.holds(size is None or (type(size) is int and size > 0), f"pagination.{name} is no positive integer")
    method = answer.get("pagination.defaultPaginationMethod")
    answer.holds(method in (None, "cursor", "index"), f"defaultPaginationMethod is {method}")


@check("cursor.walk", "must", "9865 §2", "nextCursor leads from page to page, each resource once", needs=NEEDS)
def walk(scim: Scim) -> None:
    """Walk through the three by ones and by twos."""
    for count in (1, 2):
        found: list[str] = []
        cursor: str | None = ""
        while cursor is not None and len(found) < 4:
            answer = page(scim, cursor, count).expect(200)
            answer.holds(0 < len(answer.resources) <= count, f"{len(answer.resources)} resources on a page of {count}")
            found += people(scim).who(answer)
            cursor = answer.get("nextCursor")
        answer.holds(sorted(found) == ["ann", "bob", "cid"], f"by {count} the walk finds {found}")


@check("cursor.last", "must", "9865 §2", "nextCursor is omitted on the last page, and only there", needs=NEEDS)
def last(scim: Scim) -> None:
    """Look at the first and the last page, and at one that holds all."""
    cursor = following(page(scim, ""))
    page(scim, cursor).expect(200).without("nextCursor")
    page(scim, "", 50).expect(200).without("nextCursor")


@check("cursor.characters", "must", "9865 §2", "A cursor has only unreserved characters of RFC 3986 §2.3", needs=NEEDS)
def characters(scim: Scim) -> None:
    """Look at a cursor."""
    answer = page(scim, "")
    cursor = following(answer)
    answer.holds(bool(UNRESERVED.fullmatch(cursor)), f"the cursor {cursor} has others")


@check("cursor.total", "should", "9865 §2", "totalResults is the number of resources of all pages", needs=NEEDS)
def total(scim: Scim) -> None:
    """Compare it on both pages."""
    first = page(scim, "").expect(200).equal(3, "totalResults")
    page(scim, following(first)).expect(200).equal(3, "totalResults")


@check(
    "cursor.previous",
    "must",
    "9865 §2",
    "previousCursor MUST NOT be on the first page, and leads back where it is given",
    needs=NEEDS,
)
def previous(scim: Scim) -> None:
    """Go one page on and back again."""
    first = page(scim, "").expect(200).without("previousCursor")
    second = page(scim, following(first)).expect(200)
    if second.get("previousCursor") is None:
        raise NotApplicable("previousCursor, which is OPTIONAL")
    back = page(scim, following(second, "previousCursor")).expect(200)
    back.holds(back.ids == first.ids, "it leads to another page than the one before")


@check("cursor.repeatable", "should", "9865 §2", "The same query and cursor return the same page", needs=NEEDS)
def repeatable(scim: Scim) -> None:
    """Fetch the second page twice."""
    cursor = following(page(scim, ""))
    once, again = page(scim, cursor).expect(200), page(scim, cursor).expect(200)
    again.holds(once.ids == again.ids, "the second time another page is returned")


@check("cursor.forged", "should", "9865 §2.1", "A cursor that is invalid is answered by 400 invalidCursor", needs=NEEDS)
def forged(scim: Scim) -> None:
    """Make one up, change one and cut one off."""
    good = following(page(scim, ""))
    changed = good[:-2] + ("AA" if good[-2:] != "AA" else "BB")
    for cursor in ("made-up", changed, good[: len(good) // 2], "2"):
        page(scim, cursor).error(400, "invalidCursor")


@check(
    "cursor.other-query", "must", "9865 §2", "A cursor is for a query whose other parameters are identical", needs=NEEDS
)
def other_query(scim: Scim) -> None:
    """Use it with another filter and with none: an error, not a page of something else."""
    cursor = following(page(scim, ""))
    page(scim, cursor, filter="userName pr").error(400, "invalidCursor", "invalidValue")
    scim.get(scim.users, {"cursor": cursor, "count": 2}).error(400, "invalidCursor", "invalidValue")


@check("cursor.other-endpoint", "must", "9865 §2", "The client MUST query the same endpoint", needs=(*NEEDS, "groups"))
def other_endpoint(scim: Scim) -> None:
    """Use a cursor of users for groups."""
    cursor = following(page(scim, ""))
    scim.get(scim.groups, {"cursor": cursor, "count": 2}).error(400, "invalidCursor", "invalidValue")


@check(
    "cursor.other-count",
    "should",
    "9865 §2.1",
    "A count other than that of the initial query is 400 invalidCount",
    needs=NEEDS,
)
def other_count(scim: Scim) -> None:
    """Change the count on the second page."""
    page(scim, following(page(scim, "")), 1).error(400, "invalidCount")


@check(
    "cursor.count-zero", "must", "9865 §2", "A count of 0, or less, returns no resources but totalResults", needs=NEEDS
)
def count_zero(scim: Scim) -> None:
    """Ask for none."""
    for count in (0, -1):
        answer = page(scim, "", count).expect(200)
        answer.holds(not answer.resources and answer.total == 3, f"{len(answer.resources)} of {answer.total}")


@check(
    "cursor.sort",
    "should",
    "9865 §2.2",
    "Cursor-paged results are sorted where sorting is implemented",
    needs=(*NEEDS, "sort"),
)
def sort(scim: Scim) -> None:
    """Walk by name in either order."""
    for order, names in (("ascending", ["ann", "bob", "cid"]), ("descending", ["cid", "bob", "ann"])):
        asked: dict[str, Any] = {"sortBy": "userName", "sortOrder": order}
        first = page(scim, "", **asked)
        second = page(scim, following(first), **asked).expect(200)
        found = people(scim).who(first) + people(scim).who(second)
        second.holds(found == names, f"{order}, the order is {found}")


@check(
    "cursor.stable", "should", "9865 §2", "A resource deleted during a walk does not make it skip another", needs=NEEDS
)
def stable(scim: Scim) -> None:
    """Delete a user of the first page before fetching the second."""
    mark = scim.unique("walk")
    users = [scim.user(userName=f"{mark}-{at}@example.com") for at in range(4)]
    query = {"filter": f'userName sw "{mark}"', "count": 2}
    first = scim.get(scim.users, {**query, "cursor": ""})
    cursor = following(first)
    scim.delete(scim.at(first.ids[0])).expect(204)
    second = scim.get(scim.users, {**query, "cursor": cursor}).expect(200)
    left = {user.id for user in users} - set(first.ids)
    second.holds(set(second.ids) == left, f"{len(left & set(second.ids))} of the {len(left)} left are found")


@check(
    "cursor.search", "must", "9865 §3", "Cursors are passed in the body of a search by POST", needs=(*NEEDS, "search")
)
def search(scim: Scim) -> None:
    """Walk through the three by POST."""
    body = {"schemas": [SEARCH_REQUEST], "filter": f'userName sw "{people(scim).mark}"', "count": 2}
    first = scim.post(f"{scim.users}/.search", {**body, "cursor": ""})
    second = scim.post(f"{scim.users}/.search", {**body, "cursor": following(first)}).expect(200)
    found = sorted(people(scim).who(first) + people(scim).who(second))
    second.holds(found == ["ann", "bob", "cid"], f"the walk finds {found}").without("nextCursor")
