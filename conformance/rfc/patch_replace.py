"""PATCH: replace (RFC 7644 §3.5.2.3)."""

from conformance.rfc.answers import Body, pick
from conformance.rfc.capabilities import ENTERPRISE
from conformance.rfc.check import check
from conformance.rfc.client import Scim
from conformance.rfc.patch_add import HOME, WORK, after, emails_of

HERE = "7644 §3.5.2.3"
NEEDS = ("patch",)


def replace(path: str | None, value: object) -> Body:
    """An operation that replaces."""
    return {"op": "replace", **({"path": path} if path else {}), "value": value}


@check(
    "patch.replace",
    "must",
    HERE,
    "If the target is a single-valued attribute, its value is replaced",
    needs=NEEDS,
    uses=("title", "active"),
)
def single(scim: Scim) -> None:
    """Replace a string and a boolean; the rest stays."""
    user = scim.user(title="Guide", displayName="Ann", active=True)
    read = after(scim, user, replace("title", "Chief"), replace("active", False))
    read.equal("Chief", "title").equal(False, "active").equal("Ann", "displayName")


@check(
    "patch.replace-path-less",
    "must",
    HERE,
    "If path is omitted, value is one or more attributes to be replaced",
    needs=NEEDS,
    uses=("title", "active"),
)
def path_less(scim: Scim) -> None:
    """Replace two attributes at once."""
    user = scim.user(title="Guide", displayName="Ann", active=True)
    read = after(scim, user, replace(None, {"title": "Chief", "active": False}))
    read.equal("Chief", "title").equal(False, "active").equal("Ann", "displayName")


@check(
    "patch.replace-missing",
    "must",
    HERE,
    "An attribute that does not exist: the operation SHALL be treated as an add",
    needs=NEEDS,
    uses=("title", "emails", "name.familyName"),
)
def missing(scim: Scim) -> None:
    """Replace what is not there: a string, a sub-attribute, an array."""
    read = after(
        scim, scim.user(), replace("title", "Guide"), replace("name.familyName", "Berg"), replace("emails", [WORK])
    )
    read.equal("Guide", "title").equal("Berg", "name.familyName").has({"emails": [WORK]})


@check(
    "patch.replace-complex",
    "must",
    HERE,
    "For a complex attribute, the given sub-attributes replace or are added",
    needs=NEEDS,
    uses=("name.familyName", "name.givenName", "name.middleName"),
)
def complex(scim: Scim) -> None:
    """Replace one sub-attribute and add another by the whole attribute."""
    user = scim.user(name={"givenName": "Ann", "familyName": "Berg"})
    read = after(scim, user, replace("name", {"familyName": "Adler", "middleName": "B"}))
    read.equal("Adler", "name.familyName").equal("B", "name.middleName")


@check(
    "patch.replace-sub-attribute",
    "must",
    HERE,
    "A sub-attribute is replaced alone",
    needs=NEEDS,
    uses=("name.familyName", "name.givenName"),
)
def sub_attribute(scim: Scim) -> None:
    """Replace a family name."""
    user = scim.user(name={"givenName": "Ann", "familyName": "Berg"})
    after(scim, user, replace("name.familyName", "Adler")).has({"name": {"givenName": "Ann", "familyName": "Adler"}})


@check(
    "patch.replace-multi-valued",
    "must",
    HERE,
    "If the target is multi-valued and no filter is given, all values are replaced",
    needs=NEEDS,
    uses=("emails",),
)
def multi_valued(scim: Scim) -> None:
    """Replace two addresses by one."""
    user = scim.user(emails=[WORK, HOME])
    read = after(scim, user, replace("emails", [{"value": "new@example.com", "type": "other"}]))
    read.holds(emails_of(read) == ["new@example.com"], f"the addresses are {emails_of(read)}")


@check(
    "patch.replace-value-path",
    "must",
    HERE,
    "If a filter matches values, all matching record values SHALL be replaced",
    needs=NEEDS,
    uses=("emails.type",),
)
def value_path(scim: Scim) -> None:
    """Replace the work address whole."""
    user = scim.user(emails=[WORK, HOME])
    read = after(scim, user, replace('emails[type eq "work"]', {"value": "new@example.com", "type": "work"}))
    read.has({"emails": [{"value": "new@example.com", "type": "work"}, HOME]})
    read.holds(len(emails_of(read)) == 2, f"the addresses are {emails_of(read)}")


@check(
    "patch.replace-value-path-sub-attribute",
    "must",
    HERE,
    "The sub-attribute of all matching values is replaced",
    needs=NEEDS,
    uses=("emails.type",),
)
def value_path_sub_attribute(scim: Scim) -> None:
    """Replace the value of both work addresses' type."""
    other = {"value": "second@work.example.com", "type": "work"}
    read = after(scim, scim.user(emails=[WORK, HOME, other]), replace('emails[type eq "work"].type', "other"))
    types = sorted(str(pick(one, "type")) for one in read.get("emails"))
    read.holds(types == ["home", "other", "other"], f"the types are {types}")


@check(
    "patch.replace-no-target",
    "must",
    HERE,
    "If the filter matches nothing, the operation fails with 400 noTarget",
    needs=NEEDS,
    uses=("emails.type",),
)
def no_target(scim: Scim) -> None:
    """Replace an address that is not there."""
    user = scim.user(emails=[WORK])
    scim.patch(scim.at(user), replace('emails[type eq "home"].value', "new@example.com")).error(400, "noTarget")
    scim.patch(scim.at(user), replace('emails[type eq "home"]', HOME)).error(400, "noTarget")
    read = scim.read(user)
    read.holds(emails_of(read) == [WORK["value"]], f"the addresses are {emails_of(read)}")


@check(
    "patch.replace-primary",
    "must",
    "7644 §3.5.2",
    "Setting primary to true SHALL set it to false for any other values",
    needs=NEEDS,
    uses=("emails.primary", "emails.type"),
)
def primary(scim: Scim) -> None:
    """Make the other address the primary one."""
    user = scim.user(emails=[{**WORK, "primary": True}, HOME])
    read = after(scim, user, replace('emails[type eq "home"].primary', True))
    primaries = [one["value"] for one in read.get("emails") if pick(one, "primary") is True]
    read.holds(primaries == [HOME["value"]], f"primary are {primaries}")


@check(
    "patch.replace-extension",
    "must",
    "7644 §3.10",
    "An attribute of an extension is replaced by its URI",
    needs=NEEDS,
    uses=("enterprise:department", "enterprise:division"),
)
def extension(scim: Scim) -> None:
    """Replace a department by its path and by the extension's."""
    user = scim.user(
        schemas=["urn:ietf:params:scim:schemas:core:2.0:User", ENTERPRISE],
        **{ENTERPRISE: {"department": "Sales", "division": "East"}},
    )
    read = after(scim, user, replace(f"{ENTERPRISE}:department", "Tours")).equal("Tours", ENTERPRISE, "department")
    read.equal("East", ENTERPRISE, "division")
    after(scim, user, replace(None, {ENTERPRISE: {"division": "West"}})).equal("West", ENTERPRISE, "division")


@check(
    "patch.replace-null",
    "must",
    "7643 §2.5",
    "null is unassigned: replacing by it removes the value",
    needs=NEEDS,
    uses=("title",),
)
def null(scim: Scim) -> None:
    """Replace a title by null."""
    after(scim, scim.user(title="Guide"), replace("title", None)).without("title")


@check("patch.replace-members", "must", HERE, "The members of a group are replaced whole", needs=("patch", "groups"))
def members(scim: Scim) -> None:
    """Replace the members, and the name."""
    first, second = scim.user().id, scim.user().id
    group = scim.group(members=[{"value": first}])
    name = scim.unique("renamed")
    read = after(scim, group, replace("members", [{"value": second}]), replace("displayName", name)).equal(
        name, "displayName"
    )
    read.holds([one["value"] for one in read.get("members")] == [second], f"the members are {read.get('members')}")
