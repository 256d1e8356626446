"""Replacing resources by PUT (RFC 7644 §3.5.1)."""

from conformance.rfc.answers import Answer, Body
from conformance.rfc.check import check
from conformance.rfc.client import Scim

HERE = "7644 §3.5.1"


def replaced(scim: Scim, user: Answer, **members: object) -> Answer:
    """Replace a user by itself with other members; None leaves one out."""
    body: Body = {name: value for name, value in {**user.body, **members}.items() if value is not None}
    return scim.put(scim.at(user), body)


@check("replace.answer", "must", HERE, "A successful PUT returns 200 and the entire resource")
def answer(scim: Scim) -> None:
    """Change a name."""
    user = scim.user(displayName="Ann")
    changed = replaced(scim, user, displayName="Anna").expect(200).equal("Anna", "displayName").equal(user.id, "id")
    scim.read(user).has(changed.body).equal("Anna", "displayName")


@check(
    "replace.values",
    "must",
    HERE,
    "readWrite attributes: any values provided SHALL replace the existing attribute values",
    uses=("emails", "name.familyName", "name.givenName"),
)
def values(scim: Scim) -> None:
    """Replace the e-mail addresses and the name whole."""
    user = scim.user(
        name={"familyName": "Berg", "givenName": "Ann"},
        emails=[{"value": "a@example.com", "type": "work"}, {"value": "b@example.com", "type": "home"}],
    )
    emails = [{"value": "c@example.com", "type": "other"}]
    replaced(scim, user, name={"familyName": "Adler"}, emails=emails).expect(200)
    read = scim.read(user).equal("Adler", "name.familyName").without("name.givenName")
    read.has({"emails": emails}).holds(len(read.get("emails")) == 1, "old e-mail addresses are still there")


@check(
    "replace.omitted",
    "may",
    HERE,
    "readWrite attributes that are omitted MAY be assumed to be cleared",
    uses=("title",),
)
def omitted(scim: Scim) -> None:
    """Leave out the title."""
    user = scim.user(title="Guide")
    replaced(scim, user, title=None).expect(200)
    scim.read(user).without("title")


@check("replace.cleared", "must", "7643 §2.5", "null or an empty array clears the attribute", uses=("title", "emails"))
def cleared(scim: Scim) -> None:
    """Send null and an empty array."""
    user = scim.user(title="Guide", emails=[{"value": "a@example.com"}])
    scim.put(scim.at(user), {**user.body, "title": None, "emails": []}).expect(200)
    scim.read(user).without("title").without("emails")


@check("replace.read-only", "must", HERE, "readOnly attributes: any values provided SHALL be ignored")
def read_only(scim: Scim) -> None:
    """Send another meta and another id."""
    user = scim.user()
    meta = {"resourceType": "Robot", "created": "2001-01-01T00:00:00Z"}
    answer = replaced(scim, user, meta=meta, id="another").expect(200).equal(user.id, "id")
    answer.equal("User", "meta.resourceType").equal(user.get("meta.created"), "meta.created")


@check("replace.required", "must", HERE, "A required attribute that is missing MUST be refused")
def required(scim: Scim) -> None:
    """Leave out the userName."""
    user = scim.user()
    replaced(scim, user, userName=None).error(400, "invalidValue", "invalidSyntax", named=False)
    scim.read(user).equal(user.get("userName"), "userName")


@check("replace.unknown", "must", HERE, "HTTP PUT MUST NOT be used to create new resources")
def unknown(scim: Scim) -> None:
    """Replace nobody."""
    body = scim.user_body()
    scim.put(scim.at(scim.unique("nobody")), body).error(404)
    answer = scim.get(scim.users, {"filter": f'userName eq "{body["userName"]}"'})
    answer.holds(answer.status != 200 or answer.total == 0, "a user was created")


@check("replace.duplicate", "must", "7644 §3.12, 7643 §4.1.1", "A userName that is taken is 409 uniqueness")
def duplicate(scim: Scim) -> None:
    """Take another user's name."""
    other, user = scim.user(), scim.user()
    replaced(scim, user, userName=other.get("userName")).error(409, "uniqueness")
    scim.read(user).equal(user.get("userName"), "userName")


@check("replace.own-name", "must", "7643 §4.1.1", "A user's own userName in another case is no duplicate")
def own_name(scim: Scim) -> None:
    """Send it in capitals."""
    user = scim.user()
    name = user.get("userName").upper()
    replaced(scim, user, userName=name).expect(200).equal(name, "userName")


@check("replace.malformed", "must", "7644 §3.12", "A body that is no JSON is 400 invalidSyntax and changes nothing")
def malformed(scim: Scim) -> None:
    """Send half an object."""
    user = scim.user()
    scim.send("PUT", scim.at(user), body=b'{"userName":').error(400, "invalidSyntax", named=False)
    scim.read(user).equal(user.get("meta.lastModified"), "meta.lastModified")


@check(
    "replace.last-modified",
    "must",
    "7643 §3.1",
    "lastModified is the time the resource was last updated, created stays",
)
def last_modified(scim: Scim) -> None:
    """Change a user and compare the times."""
    user = scim.user(displayName="Ann")
    scim.pause()
    answer = replaced(scim, user, displayName="Anna").expect(200).equal(user.get("meta.created"), "meta.created")
    answer.holds(answer.get("meta.lastModified") > user.get("meta.lastModified"), "lastModified did not advance")


@check("replace.members", "must", HERE, "The members of a group are replaced whole", needs=("groups",))
def members(scim: Scim) -> None:
    """Replace one of two members by another."""
    first, second, third = (scim.user().id for _ in range(3))
    group = scim.group(members=[{"value": first}, {"value": second}])
    scim.put(scim.at(group), {**group.body, "members": [{"value": second}, {"value": third}]}).expect(200)
    found = sorted(member["value"] for member in scim.read(group).get("members"))
    scim.read(group).holds(found == sorted([second, third]), f"the members are {found}")
