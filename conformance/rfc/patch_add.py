"""PATCH: add (RFC 7644 §3.5.2.1)."""

from conformance.rfc.answers import Answer, Body, pick
from conformance.rfc.capabilities import ENTERPRISE
from conformance.rfc.check import check
from conformance.rfc.client import Scim

HERE = "7644 §3.5.2.1"
WORK = {"value": "ann@work.example.com", "type": "work"}
HOME = {"value": "ann@home.example.com", "type": "home"}


def add(path: str | None, value: object) -> Body:
    """An operation that adds."""
    return {"op": "add", **({"path": path} if path else {}), "value": value}


def after(scim: Scim, resource: Answer, *operations: Body) -> Answer:
    """Apply operations as one PATCH and read the resource again."""
    scim.patch(scim.at(resource), *operations).expect(200, 204)
    return scim.read(resource)


def emails_of(answer: Answer) -> list[str]:
    """The e-mail addresses, sorted."""
    return sorted(one["value"] for one in answer.get("emails") or [])


@check(
    "patch.add",
    "must",
    HERE,
    "If the target location does not exist, the attribute and value are added",
    needs=("patch",),
    uses=("title",),
)
def new(scim: Scim) -> None:
    """Add a title."""
    after(scim, scim.user(), add("title", "Guide")).equal("Guide", "title")


@check(
    "patch.add-existing",
    "must",
    HERE,
    "If the target location is single-valued, the existing value is replaced",
    needs=("patch",),
    uses=("title",),
)
def existing(scim: Scim) -> None:
    """Add a title where there is one."""
    after(scim, scim.user(title="Guide"), add("title", "Chief")).equal("Chief", "title")


@check(
    "patch.add-path-less",
    "must",
    HERE,
    "If path is omitted, value is a set of attributes to be added to the resource",
    needs=("patch",),
    uses=("title", "emails"),
)
def path_less(scim: Scim) -> None:
    """Add two attributes at once; what is not named stays."""
    user = scim.user(displayName="Ann")
    read = after(scim, user, add(None, {"title": "Guide", "emails": [WORK]}))
    read.equal("Guide", "title").equal("Ann", "displayName").has({"emails": [WORK]})


@check(
    "patch.add-complex",
    "must",
    HERE,
    "For a complex attribute, a set of sub-attributes SHALL be specified in value",
    needs=("patch",),
    uses=("name.familyName", "name.givenName"),
)
def complex(scim: Scim) -> None:
    """Add a family name to a name by the whole attribute: the given name stays."""
    user = scim.user(name={"givenName": "Ann"})
    after(scim, user, add("name", {"familyName": "Berg"})).has({"name": {"givenName": "Ann", "familyName": "Berg"}})


@check(
    "patch.add-sub-attribute",
    "must",
    HERE,
    "A path may name a sub-attribute, whose parent is created if need be",
    needs=("patch",),
    uses=("name.familyName", "name.givenName"),
)
def sub_attribute(scim: Scim) -> None:
    """Add a family name with and without a name before it."""
    after(scim, scim.user(), add("name.familyName", "Berg")).equal("Berg", "name.familyName")
    user = scim.user(name={"givenName": "Ann"})
    after(scim, user, add("name.familyName", "Berg")).has({"name": {"givenName": "Ann", "familyName": "Berg"}})


@check(
    "patch.add-multi-valued",
    "must",
    HERE,
    "If the target is a multi-valued attribute, a new value is added to it",
    needs=("patch",),
    uses=("emails",),
)
def multi_valued(scim: Scim) -> None:
    """Add an e-mail address."""
    user = scim.user(emails=[WORK])
    read = after(scim, user, add("emails", [HOME]))
    read.holds(emails_of(read) == [HOME["value"], WORK["value"]], f"the addresses are {emails_of(read)}")


@check(
    "patch.add-single-value",
    "may",
    HERE,
    "A new value of a multi-valued attribute may be given without an array",
    needs=("patch",),
    uses=("emails",),
)
def single_value(scim: Scim) -> None:
    """Add an e-mail address as an object."""
    read = after(scim, scim.user(emails=[WORK]), add("emails", HOME))
    read.holds(emails_of(read) == [HOME["value"], WORK["value"]], f"the addresses are {emails_of(read)}")


@check(
    "patch.add-path-less-multi-valued",
    "must",
    HERE,
    "Without a path too, values are added to a multi-valued attribute",
    needs=("patch",),
    uses=("emails",),
)
def path_less_multi_valued(scim: Scim) -> None:
    """Add an e-mail address without a path."""
    read = after(scim, scim.user(emails=[WORK]), add(None, {"emails": [HOME]}))
    read.holds(emails_of(read) == [HOME["value"], WORK["value"]], f"the addresses are {emails_of(read)}")


@check(
    "patch.add-value-path",
    "must",
    "7644 §3.5.2",
    "A value path selects the values whose sub-attribute is added",
    needs=("patch",),
    uses=("emails.type", "emails.display"),
)
def value_path(scim: Scim) -> None:
    """Add a display to the work address."""
    user = scim.user(emails=[WORK, HOME])
    read = after(scim, user, add('emails[type eq "work"].display', "Office"))
    read.has({"emails": [{**WORK, "display": "Office"}, HOME]})
    displays = [pick(one, "display") for one in read.get("emails") if pick(one, "type") == "home"]
    read.holds("Office" not in displays, "the home address has the display too")


@check(
    "patch.add-present",
    "must",
    HERE,
    "If the target already contains the value, no changes SHOULD be made, and success returned",
    needs=("patch",),
    uses=("emails", "title"),
)
def present(scim: Scim) -> None:
    """Add what is there already: no duplicate appears."""
    user = scim.user(title="Guide", emails=[WORK])
    read = after(scim, user, add("emails", [WORK]), add("title", "Guide"))
    read.holds(emails_of(read) == [WORK["value"]], f"the addresses are {emails_of(read)}").equal("Guide", "title")


@check(
    "patch.add-present-timestamp",
    "must",
    HERE,
    "Adding a value that is there SHALL NOT change the modify timestamp",
    needs=("patch",),
    uses=("emails", "title"),
)
def present_timestamp(scim: Scim) -> None:
    """Add what is there already, and later something new."""
    user = scim.user(title="Guide", emails=[WORK])
    scim.pause()
    same = after(scim, user, add("title", "Guide"), add("emails", [WORK]))
    same.equal(user.get("meta.lastModified"), "meta.lastModified")
    other = after(scim, user, add("title", "Chief"))
    other.holds(other.get("meta.lastModified") > user.get("meta.lastModified"), "a change did not advance it")


@check(
    "patch.add-extension",
    "must",
    "7644 §3.10",
    "A path names an attribute of an extension by its URI",
    needs=("patch",),
    uses=("enterprise:department", "enterprise:division"),
)
def extension(scim: Scim) -> None:
    """Add a department by its path, and a division without a path."""
    user = scim.user()
    after(scim, user, add(f"{ENTERPRISE}:department", "Sales")).equal("Sales", ENTERPRISE, "department")
    read = after(scim, user, add(None, {ENTERPRISE: {"division": "East"}})).equal("East", ENTERPRISE, "division")
    read.equal("Sales", ENTERPRISE, "department")


@check(
    "patch.add-primary",
    "must",
    "7644 §3.5.2",
    "Setting primary to true SHALL set it to false for any other values",
    needs=("patch",),
    uses=("emails.primary",),
)
def primary(scim: Scim) -> None:
    """Add a primary address beside a primary one."""
    read = after(scim, scim.user(emails=[{**WORK, "primary": True}]), add("emails", [{**HOME, "primary": True}]))
    primaries = [one["value"] for one in read.get("emails") if pick(one, "primary") is True]
    read.holds(primaries == [HOME["value"]], f"primary are {primaries}")
    read.holds(len(emails_of(read)) == 2, "an address is lost")


@check("patch.add-member", "must", HERE, "Members are added to a group, each once", needs=("patch", "groups"))
def member(scim: Scim) -> None:
    """Add a second member, and the first again."""
    first, second = scim.user().id, scim.user().id
    group = scim.group(members=[{"value": first}])
    read = after(scim, group, add("members", [{"value": second}, {"value": first}]))
    found = sorted(one["value"] for one in read.get("members"))
    read.holds(found == sorted([first, second]), f"the members are {found}")


@check(
    "patch.path-case",
    "must",
    "7643 §2.1",
    "Attribute names in a path are case insensitive",
    needs=("patch",),
    uses=("title", "name.familyName"),
)
def path_case(scim: Scim) -> None:
    """Write two paths in other ways."""
    read = after(scim, scim.user(), add("TITLE", "Guide"), add("Name.FAMILYNAME", "Berg"))
    read.equal("Guide", "title").equal("Berg", "name.familyName")


@check(
    "patch.path-urn",
    "must",
    "7644 §3.10",
    "A path may be prefixed by the core schema's URI",
    needs=("patch",),
    uses=("title",),
)
def path_urn(scim: Scim) -> None:
    """Write a whole path."""
    path = "urn:ietf:params:scim:schemas:core:2.0:User:title"
    after(scim, scim.user(), add(path, "Guide")).equal("Guide", "title")
