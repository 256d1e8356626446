"""Reading one resource (RFC 7644 §3.4.1) and what every representation has (RFC 7643 §3, §3.1)."""

from conformance.rfc.answers import LIST_SCHEMA, NotApplicable
from conformance.rfc.capabilities import ENTERPRISE, USER
from conformance.rfc.check import check
from conformance.rfc.client import Scim


@check("read.known", "must", "7644 §3.4.1", "If the resource exists, the server responds with 200 and the resource")
def known(scim: Scim) -> None:
    """Read what was created."""
    user = scim.user(displayName="Ann")
    scim.get(scim.at(user)).expect(200).has(user.body)


@check("read.unknown", "must", "7644 §3.12", "A resource that does not exist is a 404 with an error body")
def unknown(scim: Scim) -> None:
    """Read ids no server gives."""
    for id in (scim.unique("nobody"), "00000000-0000-4000-8000-000000000000", "0"):
        scim.get(scim.at(id)).error(404).equal("404", "status")


@check("read.id-exact", "must", "7643 §3.1", "id is case exact")
def id_exact(scim: Scim) -> None:
    """Turn the case of an id."""
    id = scim.user().id
    if id.swapcase() == id:
        raise NotApplicable("ids without letters")
    scim.get(scim.at(id.swapcase())).expect(404)


@check(
    "read.other-type",
    "must",
    "7644 §3.4.1",
    "A resource is found below the endpoint of its own type only",
    needs=("groups",),
)
def other_type(scim: Scim) -> None:
    """Look for a user among the groups."""
    scim.get(scim.at(scim.user().id, scim.groups)).expect(404)


@check("read.schemas", "must", "7643 §3", "schemas is non-empty, names the URIs of what is there, and none twice")
def schemas(scim: Scim) -> None:
    """Look at schemas without an extension in use."""
    answer = scim.read(scim.user())
    named = answer.get("schemas")
    answer.holds(isinstance(named, list) and USER in named, "schemas does not name User")
    answer.holds(len(set(named)) == len(named), "schemas names one twice")


@check(
    "read.schemas-in-use",
    "must",
    "7643 §3",
    "schemas names the extensions in use",
    needs=("enterprise", "patch"),
    uses=("enterprise:department",),
)
def schemas_in_use(scim: Scim) -> None:
    """Add an extension by PATCH."""
    user = scim.user()
    operation = {"op": "add", "path": f"{ENTERPRISE}:department", "value": "Tours"}
    scim.patch(scim.at(user), operation).succeeds()
    answer = scim.read(user).equal("Tours", ENTERPRISE, "department")
    answer.holds(ENTERPRISE in answer.get("schemas"), "schemas does not name the extension")


@check(
    "list.shape",
    "must",
    "7644 §3.4.2",
    "A query is answered by 200 and a ListResponse with totalResults and Resources",
    needs=("filter",),
)
def list_shape(scim: Scim) -> None:
    """List one user."""
    user = scim.user()
    answer = scim.get(scim.users, {"filter": f'userName eq "{user.get("userName")}"'}).expect(200)
    answer.holds(LIST_SCHEMA in (answer.get("schemas") or []), "schemas does not name ListResponse")
    answer.holds(answer.total == 1 and answer.ids == [user.id], "the user is not listed once")


@check(
    "list.complete",
    "must",
    "7643 §3.1, 7644 §3.4.2",
    "A resource of a list is what reading it alone returns",
    needs=("filter",),
)
def list_complete(scim: Scim) -> None:
    """Compare the two."""
    user = scim.user(displayName="Ann")
    answer = scim.get(scim.users, {"filter": f'userName eq "{user.get("userName")}"'}).expect(200)
    answer.holds(answer.resources == [scim.read(user).body], "the listed user differs from the one read")


@check(
    "list.empty",
    "must",
    "7644 §3.4.2",
    "A query without results is answered by 200 and totalResults 0, not by 404",
    needs=("filter",),
)
def list_empty(scim: Scim) -> None:
    """Find nobody where there is somebody."""
    scim.user()
    answer = scim.get(scim.users, {"filter": f'userName eq "{scim.unique()}"'}).expect(200)
    answer.holds(answer.total == 0 and not answer.resources, "something is found")


@check("list.all", "must", "7644 §3.4.2", "A query without a filter returns the resources of the endpoint")
def list_all(scim: Scim) -> None:
    """See the total grow by the users created."""
    before = scim.get(scim.users).expect(200).total
    scim.user()
    scim.user()
    answer = scim.get(scim.users).expect(200)
    answer.holds(answer.total >= before + 2, f"totalResults was {before} and is {answer.total} after two more")
    answer.holds(bool(answer.resources), "no resource is returned")


@check("list.groups", "must", "7644 §3.4.2", "Groups are listed like users", needs=("groups", "filter"))
def list_groups(scim: Scim) -> None:
    """Find a group by its name."""
    group = scim.group()
    answer = scim.get(scim.groups, {"filter": f'displayName eq "{group.get("displayName")}"'}).expect(200)
    answer.holds(answer.ids == [group.id] and answer.total == 1, "the group is not listed once")
