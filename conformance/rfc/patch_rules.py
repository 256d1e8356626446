"""PATCH as a whole: order, atomicity, answers and errors (RFC 7644 §3.5.2, §3.12)."""

from conformance.rfc.answers import Body, NotApplicable, pick
from conformance.rfc.capabilities import GROUP
from conformance.rfc.check import check
from conformance.rfc.client import PATCH_OP, Scim
from conformance.rfc.patch_add import WORK, add, after
from conformance.rfc.patch_replace import replace

HERE = "7644 §3.5.2"
NEEDS = ("patch",)


@check("patch.answer", "must", HERE, "The server either returns 200 and the entire resource, or 204", needs=NEEDS)
def answer(scim: Scim) -> None:
    """Look at the answer to a change."""
    user = scim.user(displayName="Ann")
    answer = scim.patch(scim.at(user), replace("displayName", "Anna")).expect(200, 204)
    if answer.status == 200:
        answer.equal(user.id, "id").equal("Anna", "displayName").equal(user.get("userName"), "userName")
    else:
        answer.holds(not answer.text, "a 204 has a body")


@check(
    "patch.order",
    "must",
    HERE,
    "Operations are applied sequentially in the order they appear",
    needs=NEEDS,
    uses=("title", "emails.type"),
)
def order(scim: Scim) -> None:
    """Let each operation build upon the one before."""
    operations = [
        add("title", "one"),
        replace("title", "two"),
        {"op": "remove", "path": "title"},
        add("title", "three"),
        add("emails", [WORK]),
        replace('emails[type eq "work"].value', "new@example.com"),
    ]
    read = after(scim, scim.user(), *operations).equal("three", "title")
    read.has({"emails": [{"value": "new@example.com", "type": "work"}]})


@check(
    "patch.atomic",
    "must",
    HERE,
    "If a single operation fails, the original resource MUST be restored",
    needs=NEEDS,
    uses=("title",),
)
def atomic(scim: Scim) -> None:
    """Let the last of three operations fail."""
    user = scim.user(title="Guide", displayName="Ann")
    bad = {"op": "remove"}
    scim.patch(scim.at(user), replace("title", "Chief"), replace("displayName", "Anna"), bad).error(400)
    read = scim.read(user).equal("Guide", "title").equal("Ann", "displayName")
    read.equal(user.get("meta.lastModified"), "meta.lastModified")


@check(
    "patch.atomic-members",
    "must",
    HERE,
    "A PATCH of a group, too, SHALL be treated as atomic",
    needs=("patch", "groups"),
)
def atomic_members(scim: Scim) -> None:
    """Add a member, then fail."""
    first, second = scim.user().id, scim.user().id
    group = scim.group(members=[{"value": first}])
    scim.patch(scim.at(group), add("members", [{"value": second}]), {"op": "remove"}).error(400)
    read = scim.read(group)
    read.holds([one["value"] for one in read.get("members")] == [first], f"the members are {read.get('members')}")


@check("patch.read-only", "must", HERE, "A client MUST NOT modify a readOnly attribute: 400 mutability", needs=NEEDS)
def read_only(scim: Scim) -> None:
    """Replace the id and the time of creation."""
    user = scim.user()
    for path, value in (("id", "another"), ("meta.created", "2001-01-01T00:00:00Z")):
        scim.patch(scim.at(user), replace(path, value)).error(400, "mutability")
    scim.read(user).equal(user.get("meta.created"), "meta.created")


@check(
    "patch.groups-read-only",
    "must",
    "7643 §4.1.2, 7644 §3.5.2",
    "groups of a user is readOnly: 400 mutability",
    needs=("patch", "groups"),
    uses=("groups",),
)
def groups_read_only(scim: Scim) -> None:
    """Add a user to a group from the wrong side."""
    user, group = scim.user(), scim.group()
    scim.patch(scim.at(user), add("groups", [{"value": group.id}])).error(400, "mutability")
    scim.read(group).without("members")


@check(
    "patch.member-immutable",
    "must",
    "7643 §4.2, §7; 7644 §3.5.2",
    "The value of a member is immutable: replacing it is refused",
    needs=("patch", "groups"),
)
def member_immutable(scim: Scim) -> None:
    """Change whom a member is."""
    first, second = scim.user().id, scim.user().id
    group = scim.group(members=[{"value": first}])
    definition = scim.can.attribute(GROUP, "members.value")
    if definition and pick(definition, "mutability") != "immutable":
        raise NotApplicable("an immutable member value")
    scim.patch(scim.at(group), replace(f'members[value eq "{first}"].value', second)).error(400, "mutability")


@check(
    "patch.invalid-path",
    "must",
    "7644 §3.5.2, §3.12",
    "A path that is malformed or names no attribute is 400 invalidPath",
    needs=NEEDS,
)
def invalid_path(scim: Scim) -> None:
    """Write paths that are none."""
    user = scim.user()
    for path in (
        "emails[",
        "emails[]",
        "name..familyName",
        "favouriteColour",
        "name.favouriteColour",
        'emails[type eq "work"',
    ):
        scim.patch(scim.at(user), replace(path, "x")).error(400, "invalidPath", "invalidFilter", "noTarget")


@check(
    "patch.invalid-value",
    "must",
    "7644 §3.12",
    "A value of the wrong type is 400 invalidValue",
    needs=NEEDS,
    uses=("active", "name"),
)
def invalid_value(scim: Scim) -> None:
    """Give a boolean and a complex attribute a string."""
    user = scim.user(active=True)
    for path, value in (("active", "perhaps"), ("name", "Ann"), ("userName", {"a": 1}), ("emails", "a@example.com")):
        scim.patch(scim.at(user), replace(path, value)).error(400, "invalidValue", "invalidSyntax")
    scim.read(user).equal(True, "active").equal(user.get("userName"), "userName")


@check(
    "patch.invalid-operation",
    "must",
    HERE,
    "Each operation MUST have exactly one op of add, remove or replace",
    needs=NEEDS,
)
def invalid_operation(scim: Scim) -> None:
    """Move, and do nothing in particular."""
    user = scim.user()
    for operation in ({"op": "move", "path": "displayName", "value": "x"}, {"path": "displayName", "value": "x"}):
        scim.patch(scim.at(user), operation).error(400, "invalidSyntax", "invalidValue", named=False)


@check("patch.missing-value", "must", "7644 §3.5.2.1", "An add MUST contain a value member", needs=NEEDS)
def missing_value(scim: Scim) -> None:
    """Add nothing."""
    user = scim.user(displayName="Ann")
    operation = {"op": "add", "path": "displayName"}
    scim.patch(scim.at(user), operation).error(400, "invalidValue", "invalidSyntax", named=False)
    scim.read(user).equal("Ann", "displayName")


@check("patch.no-operations", "must", HERE, "The body MUST contain Operations, an array of one or more", needs=NEEDS)
def no_operations(scim: Scim) -> None:
    """Send none."""
    user = scim.user()
    bodies: tuple[Body, ...] = ({"schemas": [PATCH_OP]}, {"schemas": [PATCH_OP], "Operations": []})
    for body in bodies:
        answer = scim.send("PATCH", scim.at(user), body=body)
        answer.error(400, "invalidSyntax", "invalidValue", named=False)


@check("patch.schemas", "should", HERE, "schemas of the body MUST be the URI of PatchOp", needs=NEEDS)
def schemas(scim: Scim) -> None:
    """Send another URI, which a server may refuse."""
    user = scim.user(displayName="Ann")
    body = {"schemas": ["urn:example:nothing"], "Operations": [replace("displayName", "Anna")]}
    scim.send("PATCH", scim.at(user), body=body).error(400)


@check("patch.unknown", "must", "7644 §3.12", "A PATCH of a resource that does not exist is a 404", needs=NEEDS)
def unknown(scim: Scim) -> None:
    """Change nobody."""
    scim.patch(scim.at(scim.unique("nobody")), replace("displayName", "x")).error(404)


@check("patch.duplicate", "must", "7644 §3.12", "A userName that is taken is 409 uniqueness", needs=NEEDS)
def duplicate(scim: Scim) -> None:
    """Take another user's name."""
    other, user = scim.user(), scim.user()
    scim.patch(scim.at(user), replace("userName", other.get("userName"))).error(409, "uniqueness")
    scim.read(user).equal(user.get("userName"), "userName")


@check("patch.last-modified", "must", "7643 §3.1", "A change advances lastModified, and only that", needs=NEEDS)
def last_modified(scim: Scim) -> None:
    """Change a user and compare the times."""
    user = scim.user(displayName="Ann")
    scim.pause()
    read = after(scim, user, replace("displayName", "Anna")).equal(user.get("meta.created"), "meta.created")
    read.holds(read.get("meta.lastModified") > user.get("meta.lastModified"), "lastModified did not advance")
