"""Deleting resources (RFC 7644 §3.6)."""

from conformance.rfc.answers import Answer
from conformance.rfc.check import check
from conformance.rfc.client import Scim

HERE = "7644 §3.6"


def deleted(scim: Scim) -> Answer:
    """A user who was there."""
    user = scim.user()
    scim.delete(scim.at(user)).expect(204)
    return user


@check("delete.status", "must", HERE, "A successful DELETE returns 204 No Content")
def status(scim: Scim) -> None:
    """Delete a user."""
    answer = scim.delete(scim.at(scim.user())).expect(204)
    answer.holds(not answer.text, "a 204 has a body")


@check("delete.gone", "must", HERE, "404 MUST be returned for all operations on the deleted resource")
def gone(scim: Scim) -> None:
    """Try each method on a deleted user."""
    user = deleted(scim)
    scim.get(scim.at(user)).error(404)
    scim.put(scim.at(user), user.body).error(404)
    scim.delete(scim.at(user)).error(404)
    if "patch" in scim.can.features:
        scim.patch(scim.at(user), {"op": "replace", "path": "displayName", "value": "x"}).error(404)


@check(
    "delete.unlisted",
    "must",
    HERE,
    "Service providers MUST omit the resource from future query results",
    needs=("filter",),
)
def unlisted(scim: Scim) -> None:
    """Look for a deleted user."""
    user = deleted(scim)
    answer = scim.get(scim.users, {"filter": f'userName eq "{user.get("userName")}"'}).expect(200)
    answer.holds(answer.total == 0 and not answer.resources, "the user is still found")


@check("delete.name-free", "should", HERE, "A CREATE with the same userName SHOULD NOT fail with 409")
def name_free(scim: Scim) -> None:
    """Create a deleted user again, who is another one."""
    user = deleted(scim)
    again = scim.post(scim.users, scim.user_body(userName=user.get("userName"))).expect(201)
    again.holds(again.id != user.id, "the new user has the id of the deleted one")


@check("delete.unknown", "must", "7644 §3.12", "Deleting what does not exist is a 404")
def unknown(scim: Scim) -> None:
    """Delete nobody."""
    scim.delete(scim.at(scim.unique("nobody"))).error(404)


@check("delete.collection", "must", "7644 §3.2", "DELETE is for a resource: an endpoint is not deleted")
def collection(scim: Scim) -> None:
    """Delete all users."""
    user = scim.user()
    scim.delete(scim.users).refused()
    scim.read(user)


@check("delete.group", "must", HERE, "A group is deleted like a user, and its members stay", needs=("groups",))
def group(scim: Scim) -> None:
    """Delete a group with a member."""
    user = scim.user()
    group = scim.group(members=[{"value": user.id}])
    scim.delete(scim.at(group)).expect(204)
    scim.get(scim.at(group)).error(404)
    scim.read(user).without("groups")


@check(
    "delete.member",
    "may",
    "7643 §2.3.7",
    "A provider MAY enforce referential integrity: a deleted user is no member",
    needs=("groups",),
)
def member(scim: Scim) -> None:
    """Delete one of two members."""
    first, second = scim.user(), scim.user()
    group = scim.group(members=[{"value": first.id}, {"value": second.id}])
    scim.delete(scim.at(first)).expect(204)
    read = scim.read(group)
    read.holds([one["value"] for one in read.get("members") or []] == [second.id], f"members are {read.get('members')}")
