"""Search by POST (RFC 7644 §3.4.3)."""

from conformance.rfc.answers import LIST_SCHEMA, Answer, pick
from conformance.rfc.capabilities import SEARCH_REQUEST, USER
from conformance.rfc.check import check
from conformance.rfc.client import Scim
from conformance.rfc.people import people

HERE = "7644 §3.4.3"
NEEDS = ("search", "filter")


def ask(scim: Scim, path: str | None = None, **members: object) -> Answer:
    """Search the three people by POST."""
    body = {"schemas": [SEARCH_REQUEST], "filter": f'userName sw "{people(scim).mark}"', **members}
    return scim.post(scim.users + "/.search" if path is None else path, body).expect(200)


@check("search.offered", "must", HERE, "POST to a valid endpoint with /.search SHALL be a query")
def offered(scim: Scim) -> None:
    """Search the users."""
    scim.post(f"{scim.users}/.search", {"schemas": [SEARCH_REQUEST], "count": 1}).expect(200)


@check("search.answer", "must", HERE, "The answer is that of a GET with the same parameters", needs=NEEDS)
def answer(scim: Scim) -> None:
    """Compare the two."""
    three = people(scim)
    scim.user()
    asked = scim.get(scim.users, {"filter": f'userName sw "{three.mark}"'}).expect(200)
    found = ask(scim)
    found.holds(LIST_SCHEMA in (found.get("schemas") or []), "it is no ListResponse")
    key = "userName"
    same = sorted(asked.resources, key=lambda one: str(pick(one, key))) == sorted(
        found.resources, key=lambda one: str(pick(one, key))
    )
    found.holds(same and found.total == 3, "other resources are returned than by GET")


@check("search.attributes", "must", HERE, "attributes and excludedAttributes are arrays of names", needs=NEEDS)
def attributes(scim: Scim) -> None:
    """Ask for userName, and for all but userName."""
    only = ask(scim, attributes=["userName"])
    only.holds(len(only.resources) == 3, "the three are not listed")
    only.holds(all("userName" in one and "meta" not in one for one in only.resources), "not just userName is returned")
    other = ask(scim, excludedAttributes=["userName", "name"])
    other.holds(
        all("userName" not in one and "meta" in one for one in other.resources), "not just userName is left out"
    )


@check("search.sort", "must", HERE, "sortBy and sortOrder are as for a GET", needs=(*NEEDS, "sort"))
def sort(scim: Scim) -> None:
    """Sort in either order."""
    for order, names in (("ascending", ["ann", "bob", "cid"]), ("descending", ["cid", "bob", "ann"])):
        found = ask(scim, sortBy="userName", sortOrder=order)
        found.holds(people(scim).who(found) == names, f"{order}, the order is {people(scim).who(found)}")


@check("search.page", "must", HERE, "startIndex and count are as for a GET", needs=NEEDS)
def page(scim: Scim) -> None:
    """Ask for the last of three."""
    found = ask(scim, startIndex=3, count=2)
    found.holds(len(found.resources) == 1 and found.total == 3, f"{len(found.resources)} of {found.total}")


@check(
    "search.invalid",
    "must",
    "7644 §3.4.3, §3.12",
    "An invalid filter is 400 invalidFilter, an invalid body a 400",
    needs=NEEDS,
)
def invalid(scim: Scim) -> None:
    """Send half a filter, and half a body."""
    path = f"{scim.users}/.search"
    scim.post(path, {"schemas": [SEARCH_REQUEST], "filter": "userName eq"}).error(400, "invalidFilter")
    scim.post(path, b'{"schemas"').error(400, "invalidSyntax", named=False)


@check("search.creates-nothing", "must", HERE, "A search is a query: nothing is created", needs=NEEDS)
def creates_nothing(scim: Scim) -> None:
    """Search with the attributes of a user in the body."""
    name = f"{scim.unique()}@example.com"
    body = {"schemas": [SEARCH_REQUEST, USER], "filter": f'userName eq "{name}"', "userName": name}
    scim.post(f"{scim.users}/.search", body).expect(200, 400)
    answer = scim.get(scim.users, {"filter": f'userName eq "{name}"'}).expect(200)
    answer.holds(answer.total == 0, "a user was created")


@check(
    "search.root",
    "must",
    "7644 §3.4.2.1, §3.4.3",
    "A query of the server root SHALL include all resource types",
    needs=(*NEEDS, "groups"),
)
def root(scim: Scim) -> None:
    """Search for a user and a group with one externalId."""
    mark = scim.unique("both")
    user, group = scim.user(externalId=mark), scim.group(externalId=mark)
    found = ask(scim, "/.search", filter=f'externalId eq "{mark}"')
    found.holds(sorted(found.ids) == sorted([user.id, group.id]), f"{len(found.ids)} of 2 are found")


@check(
    "search.root-type",
    "must",
    "7644 §3.4.2.1",
    "At the root, an attribute that a type does not have matches none of it",
    needs=(*NEEDS, "groups"),
)
def root_type(scim: Scim) -> None:
    """Search by an attribute of users, and by the resource type."""
    found = ask(scim, "/.search")
    found.holds(
        sorted(people(scim).who(found)) == ["ann", "bob", "cid"] and found.total == 3, "not just the three are found"
    )
    mark = scim.unique("typed")
    scim.user(externalId=mark)
    group = scim.group(externalId=mark)
    found = ask(scim, "/.search", filter=f'externalId eq "{mark}" and meta.resourceType eq "Group"')
    found.holds(found.ids == [group.id], "not just the group is found")
