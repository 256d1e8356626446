"""Creating resources (RFC 7644 §3.3)."""

import re

from conformance.rfc.answers import pick
from conformance.rfc.capabilities import ENTERPRISE, USER
from conformance.rfc.check import check
from conformance.rfc.client import Scim

DATE_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")


@check("create.status", "must", "7644 §3.3", "A created resource is answered by 201 and its representation")
def status(scim: Scim) -> None:
    """Create a user of nothing but what is required."""
    body = scim.user_body()
    answer = scim.post(scim.users, body).expect(201)
    answer.has(body).holds(bool(answer.id), "it has no id")


@check(
    "create.as-sent",
    "must",
    "7644 §3.3",
    "The body of the answer is the service provider's representation of the resource",
)
def as_sent(scim: Scim) -> None:
    """Create a user with attributes of each shape, and read it again."""
    members = {
        "name": {"givenName": "Ann", "familyName": "Berg", "formatted": "Ann Berg"},
        "displayName": "Ann Berg",
        "title": "Guide",
        "active": False,
        "emails": [{"value": "ann@example.com", "type": "work", "primary": True}, {"value": "a@example.org"}],
        "addresses": [{"type": "work", "locality": "Sibiu", "country": "RO"}],
    }
    body = scim.user_body(**{name: value for name, value in members.items() if scim.can.declares(name)})
    created = scim.post(scim.users, body).expect(201).has(body)
    scim.read(created).has(body)


@check(
    "create.location",
    "must",
    "7644 §3.3",
    "The URI of the created resource SHALL be in the Location header and meta.location",
)
def location(scim: Scim) -> None:
    """Compare the two and follow the header."""
    answer = scim.user()
    header = answer.header("Location")
    answer.holds(bool(header), "there is no Location header").equal(header, "meta.location")
    path = (header or "").removeprefix(scim.target.base)
    answer.holds(path.endswith(scim.at(answer)), f"{header} is not the resource below the base URL")
    scim.get(scim.at(answer)).expect(200)


@check(
    "create.meta", "must", "7643 §3.1", "meta has resourceType, created, lastModified and location, dates as DateTime"
)
def meta(scim: Scim) -> None:
    """Look at each member of meta."""
    answer = scim.user().equal("User", "meta.resourceType")
    for name in ("created", "lastModified"):
        value = answer.get("meta", name)
        answer.holds(isinstance(value, str) and bool(DATE_TIME.fullmatch(value)), f"meta.{name} is {value}")
    answer.holds(isinstance(answer.get("meta.location"), str), "meta.location is missing")


@check(
    "create.read-only-ignored", "must", "7644 §3.3", "Attributes in the request body that are readOnly SHALL be ignored"
)
def read_only_ignored(scim: Scim) -> None:
    """Send an id and meta of one's own."""
    mine = {"id": "chosen-by-client", "meta": {"created": "2001-01-01T00:00:00Z", "resourceType": "Robot"}}
    answer = scim.post(scim.users, scim.user_body(**mine)).expect(201).equal("User", "meta.resourceType")
    answer.holds(answer.id != "chosen-by-client", "the id of the client was taken")
    answer.holds(not str(answer.get("meta.created")).startswith("2001"), "meta.created of the client was taken")


@check(
    "create.groups-ignored",
    "must",
    "7643 §4.1.2",
    "groups of a user is readOnly: membership changes MUST go by the Group",
    needs=("groups",),
)
def groups_ignored(scim: Scim) -> None:
    """Put a group into the new user."""
    group = scim.group()
    answer = scim.post(scim.users, scim.user_body(groups=[{"value": group.id}])).expect(201).without("groups")
    scim.read(group).holds(answer.id not in str(scim.read(group).get("members")), "the user became a member")


@check("create.duplicate", "must", "7644 §3.3", "A duplicate MUST be answered by 409 with scimType uniqueness")
def duplicate(scim: Scim) -> None:
    """Create the same user twice."""
    body = scim.user_body()
    scim.post(scim.users, body).expect(201)
    scim.post(scim.users, body).error(409, "uniqueness")


@check("create.duplicate-case", "must", "7643 §4.1.1, §8.7.1", "userName is unique and its case does not matter")
def duplicate_case(scim: Scim) -> None:
    """Create the same user in capitals."""
    body = scim.user_body()
    scim.post(scim.users, body).expect(201)
    scim.post(scim.users, {**body, "userName": body["userName"].upper()}).error(409, "uniqueness")


@check("create.required", "must", "7643 §4.1.1, 7644 §3.12", "userName is REQUIRED: without it, 400 invalidValue")
def required(scim: Scim) -> None:
    """Leave the userName out."""
    body = scim.user_body()
    del body["userName"]
    scim.post(scim.users, body).error(400, "invalidValue", "invalidSyntax", named=False)


@check("create.required-empty", "must", "7643 §8.7.1, 7644 §3.12", "Each User MUST include a non-empty userName value")
def required_empty(scim: Scim) -> None:
    """Send an empty userName."""
    scim.post(scim.users, scim.user_body(userName="")).error(400, "invalidValue", "invalidSyntax", named=False)


@check("create.malformed", "must", "7644 §3.12", "A body that is no JSON, or no object, is 400 invalidSyntax")
def malformed(scim: Scim) -> None:
    """Send half an object, an array and nothing."""
    for body in (b'{"schemas":', b"[]", b""):
        scim.post(scim.users, body).error(400, "invalidSyntax", "invalidValue", named=False)


@check("create.names-case", "must", "7643 §2.1", "Attribute names are case insensitive")
def names_case(scim: Scim) -> None:
    """Spell a user's attributes in other ways."""
    body = scim.user_body()
    user_name = body.pop("userName")
    answer = scim.post(scim.users, {**body, "USERNAME": user_name, "displayname": "Ann"}).expect(201)
    answer.equal(user_name, "userName").equal("Ann", "displayName")


@check("create.unassigned", "must", "7643 §2.5", "null and an empty array are unassigned, which equals not being there")
def unassigned(scim: Scim) -> None:
    """Create a user of nothings."""
    answer = scim.user(displayName=None, name=None, emails=[], nickName=None)
    for name in ("displayName", "name", "emails", "nickName"):
        answer.without(name)


@check(
    "create.enterprise",
    "must",
    "7643 §3.3",
    "Attributes of an extension stand below its URI, which is in schemas",
    needs=("enterprise",),
    uses=("enterprise:department",),
)
def enterprise(scim: Scim) -> None:
    """Create a user with a department."""
    body = scim.user_body(schemas=[USER, ENTERPRISE], **{ENTERPRISE: {"department": "Tours"}})
    answer = scim.read(scim.post(scim.users, body).expect(201)).equal("Tours", ENTERPRISE, "department")
    answer.holds({USER, ENTERPRISE} <= set(answer.get("schemas")), "schemas does not name both")


@check(
    "create.unicode",
    "must",
    "7644 §8.1, §5",
    "Strings are UTF-8 and come back as they were sent",
    uses=("displayName",),
)
def unicode(scim: Scim) -> None:
    """Create a user in many scripts."""
    name = 'Zoë Łukasz 山田 "太郎" \\ मीरा 👩‍🚀'
    answer = scim.user(displayName=name)
    scim.read(answer).equal(name, "displayName")


@check(
    "create.one-primary", "must", "7643 §2.4", "The primary value true MUST appear no more than once", uses=("emails",)
)
def one_primary(scim: Scim) -> None:
    """Send two primary e-mail addresses: refused or corrected, but not stored."""
    emails = [
        {"value": f"{at}@example.com", "type": kind, "primary": True} for at, kind in (("a", "work"), ("b", "home"))
    ]
    answer = scim.post(scim.users, scim.user_body(emails=emails))
    if answer.status != 400:
        primaries = [one for one in answer.expect(201).get("emails") if pick(one, "primary") is True]
        answer.holds(len(primaries) < 2, "two e-mail addresses are primary")


@check("create.group", "must", "7643 §4.2", "A group has a displayName, which is REQUIRED", needs=("groups",))
def group(scim: Scim) -> None:
    """Create a group, and one without a name."""
    body = scim.group_body()
    scim.post(scim.groups, body).expect(201).has(body).equal("Group", "meta.resourceType")
    del body["displayName"]
    scim.post(scim.groups, body).error(400, "invalidValue", "invalidSyntax", named=False)
