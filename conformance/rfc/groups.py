"""Groups and their members (RFC 7643 §4.2, §4.1.2) and passwords (RFC 7643 §4.1.1)."""

from conformance.rfc.answers import Answer, NotApplicable, pick
from conformance.rfc.capabilities import SEARCH_REQUEST
from conformance.rfc.check import check
from conformance.rfc.client import Scim

NEEDS = ("groups",)
SECRET = "correct-Horse-7-battery"


def _groups(user: Answer) -> list[str]:
    return [str(pick(one, "value")) for one in user.get("groups") or []]


@check(
    "group.members",
    "must",
    "7643 §4.2",
    "A member has the value of its id; what is said of its type is true",
    needs=NEEDS,
)
def members(scim: Scim) -> None:
    """Create a group with two members."""
    ids = sorted(scim.user().id for _ in range(2))
    read = scim.read(scim.group(members=[{"value": id} for id in ids]))
    found = read.get("members") or []
    read.holds(sorted(str(pick(one, "value")) for one in found) == ids, f"the members are {found}")
    for one in found:
        read.holds(pick(one, "type") in (None, "User"), f"a user is a {pick(one, 'type')}")


@check("group.reference", "must", "7643 §2.3.7, §4.2", "A GET on a reference URI MUST return the target", needs=NEEDS)
def reference(scim: Scim) -> None:
    """Follow it."""
    user = scim.user()
    read = scim.read(scim.group(members=[{"value": user.id}]))
    reference = pick((read.get("members") or [None])[0], "$ref")
    if reference is None:
        raise NotApplicable("$ref of a member, which is OPTIONAL")
    path = str(reference).removeprefix(scim.target.base)
    scim.get(path if path.startswith("/") else f"/{path}").expect(200).equal(user.id, "id")


@check(
    "group.of-user",
    "must",
    "7643 §4.1.2",
    "groups of a user is the list of groups to which the user belongs",
    needs=NEEDS,
    uses=("groups",),
)
def of_user(scim: Scim) -> None:
    """Read a user with one group, with two, and with none."""
    user = scim.user()
    first = scim.group(members=[{"value": user.id}])
    answer = scim.read(user)
    answer.holds(_groups(answer) == [first.id], f"groups are {_groups(answer)}")
    second = scim.group(members=[{"value": user.id}])
    answer = scim.read(user)
    answer.holds(sorted(_groups(answer)) == sorted([first.id, second.id]), f"groups are {_groups(answer)}")
    for group in (first, second):
        scim.delete(scim.at(group)).expect(204)
    scim.read(user).without("groups")


@check(
    "group.of-user-display",
    "should",
    "7643 §4.1.2",
    "A user's group has its display name and $ref",
    needs=NEEDS,
    uses=("groups",),
)
def of_user_display(scim: Scim) -> None:
    """Look at the one group of a user."""
    user = scim.user()
    group = scim.group(members=[{"value": user.id}])
    answer = scim.read(user)
    one = (answer.get("groups") or [None])[0]
    answer.holds(pick(one, "display") == group.get("displayName"), f"display is {pick(one, 'display')}")
    answer.holds(str(pick(one, "$ref")).endswith(scim.at(group)), f"$ref is {pick(one, '$ref')}")


@check(
    "group.listed",
    "must",
    "7643 §4.1.2",
    "groups is in the users of a list too",
    needs=(*NEEDS, "filter"),
    uses=("groups",),
)
def listed(scim: Scim) -> None:
    """List a member."""
    user = scim.user()
    group = scim.group(members=[{"value": user.id}])
    answer = scim.get(scim.users, {"filter": f'userName eq "{user.get("userName")}"'}).expect(200)
    found = [pick(one, "value") for one in pick(answer.resources[0], "groups") or []]
    answer.holds(found == [group.id], f"groups are {found}")


@check(
    "group.put-ignores-groups",
    "must",
    "7643 §4.1.2, 7644 §3.5.1",
    "groups in a PUT of a user is ignored",
    needs=NEEDS,
    uses=("groups",),
)
def put_ignores_groups(scim: Scim) -> None:
    """Replace a member by itself with another group, and with none."""
    user, other = scim.user(), scim.group()
    group = scim.group(members=[{"value": user.id}])
    for groups in ([{"value": other.id}], []):
        scim.put(scim.at(user), {**user.body, "groups": groups}).expect(200)
        answer = scim.read(user)
        answer.holds(_groups(answer) == [group.id], f"groups are {_groups(answer)}")


@check("group.nested", "must", "7643 §4.2", "A member may be a group: nested groups", needs=NEEDS)
def nested(scim: Scim) -> None:
    """Put a group into a group."""
    inner = scim.group()
    answer = scim.post(scim.groups, scim.group_body(members=[{"value": inner.id, "type": "Group"}]))
    if answer.status in (400, 501):
        raise NotApplicable("groups as members")
    read = scim.read(answer.expect(201))
    read.holds([pick(one, "value") for one in read.get("members")] == [inner.id], "the group is not a member")
    read.holds(pick(read.get("members")[0], "type") in (None, "Group"), "it is not said to be a Group")


@check(
    "group.nested-of-user",
    "may",
    "7643 §4.1.2",
    "groups of a user may name those of nested membership, as indirect",
    needs=NEEDS,
    uses=("groups",),
)
def nested_of_user(scim: Scim) -> None:
    """Read a user of a group in a group."""
    user = scim.user()
    inner = scim.group(members=[{"value": user.id}])
    outer = scim.group(members=[{"value": inner.id, "type": "Group"}])
    answer = scim.read(user)
    kinds = {str(pick(one, "value")): pick(one, "type") for one in answer.get("groups") or []}
    answer.holds(kinds.get(inner.id, "") in (None, "direct"), "the group of the user is not among them, as direct")
    if outer.id in kinds:
        answer.holds(kinds[outer.id] in (None, "indirect"), f"the outer group is {kinds[outer.id]}")


@check(
    "group.nested-deleted",
    "may",
    "7643 §2.3.7",
    "A provider MAY enforce referential integrity: a deleted group is no member",
    needs=NEEDS,
)
def nested_deleted(scim: Scim) -> None:
    """Delete the inner of two groups."""
    inner = scim.group()
    outer = scim.group(members=[{"value": inner.id, "type": "Group"}])
    scim.delete(scim.at(inner)).expect(204)
    scim.read(outer).without("members")


@check("password.never", "must", "7643 §4.1.1, §7", "The password is never returned", uses=("password",))
def never(scim: Scim) -> None:
    """Create a user with a password and look at every answer."""
    user = scim.user(password=SECRET)
    answers = [
        user,
        scim.read(user),
        scim.get(scim.at(user), {"attributes": "password,userName"}),
        scim.put(scim.at(user), {**user.body, "password": SECRET}),
    ]
    if "filter" in scim.can.features:
        answers.append(
            scim.get(scim.users, {"filter": f'userName eq "{user.get("userName")}"', "attributes": "password"})
        )
    if "patch" in scim.can.features:
        answers.append(scim.patch(scim.at(user), {"op": "replace", "path": "displayName", "value": "Ann"}))
    if "search" in scim.can.features:
        body = {
            "schemas": [SEARCH_REQUEST],
            "filter": f'userName eq "{user.get("userName")}"',
            "attributes": ["password"],
        }
        answers.append(scim.post(f"{scim.users}/.search", body))
    for answer in answers:
        answer.succeeds().holds(
            SECRET not in answer.text and '"password"' not in answer.text, "the password is returned"
        )


@check(
    "password.change",
    "must",
    "7643 §5, §4.1.1",
    "Where changePassword is announced, a password can be set",
    needs=("changePassword", "patch"),
    uses=("password",),
)
def change(scim: Scim) -> None:
    """Set one by PATCH."""
    user = scim.user()
    answer = scim.patch(scim.at(user), {"op": "replace", "path": "password", "value": SECRET}).expect(200, 204)
    answer.holds(SECRET not in answer.text, "the password is returned")


@check(
    "password.error", "must", "7643 §4.1.1, 7644 §7.5.2", "An error does not repeat the password", uses=("password",)
)
def error(scim: Scim) -> None:
    """Let a request with a password fail."""
    user = scim.user()
    answer = scim.post(scim.users, scim.user_body(userName=user.get("userName"), password=SECRET)).expect(409)
    answer.holds(SECRET not in answer.text, "the password is in the error")
    answer = scim.post(scim.users, scim.user_body(password={"value": SECRET})).expect(400)
    answer.holds(SECRET not in answer.text, "the password is in the error")
