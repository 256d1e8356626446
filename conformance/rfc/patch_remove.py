"""PATCH: remove (RFC 7644 §3.5.2.2)."""

from conformance.rfc.answers import Body, pick
from conformance.rfc.capabilities import ENTERPRISE
from conformance.rfc.check import check
from conformance.rfc.client import Scim
from conformance.rfc.patch_add import HOME, WORK, after, emails_of

HERE = "7644 §3.5.2.2"
NEEDS = ("patch",)


def remove(path: str) -> Body:
    """An operation that removes."""
    return {"op": "remove", "path": path}


@check(
    "patch.remove",
    "must",
    HERE,
    "A single-valued attribute is removed and SHALL be considered unassigned",
    needs=NEEDS,
    uses=("title",),
)
def single(scim: Scim) -> None:
    """Remove a title; the rest stays."""
    after(scim, scim.user(title="Guide", displayName="Ann"), remove("title")).without("title").equal(
        "Ann", "displayName"
    )


@check(
    "patch.remove-without-path",
    "must",
    HERE,
    "If path is unspecified, the operation fails with 400 noTarget",
    needs=NEEDS,
)
def without_path(scim: Scim) -> None:
    """Remove nothing in particular."""
    user = scim.user(displayName="Ann")
    scim.patch(scim.at(user), {"op": "remove"}).error(400, "noTarget")
    scim.read(user).equal("Ann", "displayName")


@check(
    "patch.remove-complex",
    "must",
    HERE,
    "A complex attribute is removed with all its sub-attributes",
    needs=NEEDS,
    uses=("name.familyName",),
)
def complex(scim: Scim) -> None:
    """Remove a name."""
    after(scim, scim.user(name={"givenName": "Ann", "familyName": "Berg"}), remove("name")).without("name")


@check(
    "patch.remove-sub-attribute",
    "must",
    HERE,
    "A sub-attribute is removed alone",
    needs=NEEDS,
    uses=("name.familyName", "name.givenName"),
)
def sub_attribute(scim: Scim) -> None:
    """Remove a family name."""
    user = scim.user(name={"givenName": "Ann", "familyName": "Berg"})
    after(scim, user, remove("name.familyName")).without("name.familyName").equal("Ann", "name.givenName")


@check(
    "patch.remove-multi-valued",
    "must",
    HERE,
    "Without a filter, the attribute and all values are removed",
    needs=NEEDS,
    uses=("emails",),
)
def multi_valued(scim: Scim) -> None:
    """Remove all e-mail addresses."""
    after(scim, scim.user(emails=[WORK, HOME]), remove("emails")).without("emails")


@check(
    "patch.remove-value-path",
    "must",
    HERE,
    "With a filter, the values matched by it are removed",
    needs=NEEDS,
    uses=("emails.type",),
)
def value_path(scim: Scim) -> None:
    """Remove the work address, by two ways."""
    for path in ('emails[type eq "work"]', 'emails[value sw "ann@w" and type eq "work"]'):
        read = after(scim, scim.user(emails=[WORK, HOME]), remove(path))
        read.holds(emails_of(read) == [HOME["value"]], f"the addresses are {emails_of(read)}")


@check(
    "patch.remove-last-value",
    "must",
    HERE,
    "If no other values remain, the attribute SHALL be considered unassigned",
    needs=NEEDS,
    uses=("emails.type",),
)
def last_value(scim: Scim) -> None:
    """Remove the only address, then look for nobody with an address."""
    user = scim.user(emails=[WORK])
    after(scim, user, remove('emails[type eq "work"]')).without("emails")
    if "filter" in scim.can.features:
        answer = scim.get(scim.users, {"filter": f'userName eq "{user.get("userName")}" and emails pr'}).expect(200)
        answer.holds(answer.total == 0, "emails is still present for a filter")


@check(
    "patch.remove-value-path-sub-attribute",
    "must",
    "7644 §3.5.2",
    "A value path may end in the sub-attribute to be removed",
    needs=NEEDS,
    uses=("emails.display", "emails.type"),
)
def value_path_sub_attribute(scim: Scim) -> None:
    """Remove the display of the work address."""
    user = scim.user(emails=[{**WORK, "display": "Office"}, {**HOME, "display": "House"}])
    read = after(scim, user, remove('emails[type eq "work"].display')).has(
        {"emails": [WORK, {**HOME, "display": "House"}]}
    )
    read.holds("Office" not in [pick(one, "display") for one in read.get("emails")], "the display is still there")


@check(
    "patch.remove-extension",
    "must",
    "7644 §3.10",
    "An attribute of an extension is removed by its URI",
    needs=NEEDS,
    uses=("enterprise:department", "enterprise:division"),
)
def extension(scim: Scim) -> None:
    """Remove a department."""
    user = scim.user(
        schemas=["urn:ietf:params:scim:schemas:core:2.0:User", ENTERPRISE],
        **{ENTERPRISE: {"department": "Sales", "division": "East"}},
    )
    read = after(scim, user, remove(f"{ENTERPRISE}:department")).without(ENTERPRISE, "department")
    read.equal("East", ENTERPRISE, "division")


@check(
    "patch.remove-required",
    "must",
    HERE,
    "Removing a required attribute SHALL be answered by an error, scimType mutability",
    needs=NEEDS,
)
def required(scim: Scim) -> None:
    """Remove the userName."""
    user = scim.user()
    scim.patch(scim.at(user), remove("userName")).error(400, "mutability")
    scim.read(user).equal(user.get("userName"), "userName")


@check(
    "patch.remove-read-only",
    "must",
    HERE,
    "Removing a read-only attribute SHALL be answered by an error, scimType mutability",
    needs=NEEDS,
)
def read_only(scim: Scim) -> None:
    """Remove the id and the time of creation."""
    user = scim.user()
    for path in ("id", "meta.created"):
        scim.patch(scim.at(user), remove(path)).error(400, "mutability")
    scim.read(user).equal(user.get("meta.created"), "meta.created")


@check("patch.remove-member", "must", HERE, "A member is removed by a filter on its value", needs=("patch", "groups"))
def member(scim: Scim) -> None:
    """Remove one of two members."""
    first, second = scim.user().id, scim.user().id
    group = scim.group(members=[{"value": first}, {"value": second}])
    read = after(scim, group, remove(f'members[value eq "{first}"]'))
    read.holds([one["value"] for one in read.get("members")] == [second], f"the members are {read.get('members')}")


@check("patch.remove-members", "must", HERE, "All members are removed without a filter", needs=("patch", "groups"))
def members(scim: Scim) -> None:
    """Remove all members."""
    group = scim.group(members=[{"value": scim.user().id}, {"value": scim.user().id}])
    after(scim, group, remove("members")).without("members").equal(group.get("displayName"), "displayName")
