"""Media types (RFC 7644 §3.1, §8.1) and data types on the wire (RFC 7643 §2.3)."""

import base64

from conformance.rfc.answers import Answer
from conformance.rfc.check import check
from conformance.rfc.client import Scim
from conformance.rfc.create import DATE_TIME

HERE = "7644 §3.1, §8.1"


def _kind(answer: Answer) -> str:
    return (answer.header("Content-Type") or "").split(";")[0].strip().lower()


@check("media.response", "must", HERE, "Responses are application/scim+json")
def response(scim: Scim) -> None:
    """Look at a resource, a list and the configuration."""
    user = scim.user()
    for answer in (user, scim.read(user), scim.get(scim.users, {"count": 1}), scim.get("/ServiceProviderConfig")):
        answer.holds(_kind(answer) == "application/scim+json", f"the Content-Type is {answer.header('Content-Type')}")


@check("media.charset", "must", HERE, "A charset parameter is understood")
def charset(scim: Scim) -> None:
    """Send one, in another case too."""
    for kind in ("application/scim+json; charset=utf-8", "Application/SCIM+JSON;charset=UTF-8"):
        body = scim.user_body(displayName="Zoë")
        scim.post(scim.users, body, headers={"Content-Type": kind}).expect(201).equal("Zoë", "displayName")


@check("media.json", "should", HERE, "application/json SHOULD be supported too")
def json(scim: Scim) -> None:
    """Send it and ask for it."""
    kinds = {"Content-Type": "application/json", "Accept": "application/json"}
    scim.post(scim.users, scim.user_body(), headers=kinds).expect(201)


@check(
    "media.accept", "must", "7644 §3.1, 9110 §12.5.1", "Accept may be missing, */* or a list with application/scim+json"
)
def accept(scim: Scim) -> None:
    """Ask in four ways."""
    user = scim.user()
    for accepted in (None, "*/*", "application/*", "text/html;q=0.5, application/scim+json"):
        scim.get(scim.at(user), headers={"Accept": accepted}).expect(200).equal(user.id, "id")


@check("media.unsupported", "may", "9110 §15.5.16", "A body that is no JSON by its Content-Type is refused")
def unsupported(scim: Scim) -> None:
    """Send a user as XML and as plain text."""
    for kind in ("application/xml", "text/plain"):
        scim.post(scim.users, scim.user_body(), headers={"Content-Type": kind}).expect(400, 415)


@check("types.boolean", "must", "7643 §2.3.2", "A boolean is the literal true or false", uses=("active",))
def boolean(scim: Scim) -> None:
    """Store both."""
    for value in (True, False):
        scim.read(scim.user(active=value)).equal(value, "active")


@check(
    "types.boolean-text",
    "should",
    "7643 §2.3.2",
    "A string is no boolean: refused, or at least returned as a boolean",
    uses=("active",),
)
def boolean_text(scim: Scim) -> None:
    """Send "true" in quotation marks."""
    answer = scim.post(scim.users, scim.user_body(active="true"))
    if answer.status == 201:
        answer.equal(True, "active")
    else:
        answer.error(400, "invalidValue", "invalidSyntax", named=False)


@check("types.date", "must", "7643 §2.3.5", "A DateTime is a valid xsd:dateTime with date and time")
def date(scim: Scim) -> None:
    """Look at the two of every resource."""
    answer = scim.read(scim.user())
    for name in ("created", "lastModified"):
        value = str(answer.get("meta", name))
        answer.holds(bool(DATE_TIME.fullmatch(value)), f"meta.{name} is {value}")


@check(
    "types.binary", "must", "7643 §2.3.6", "Binary is base64 and comes back as it was", uses=("x509Certificates.value",)
)
def binary(scim: Scim) -> None:
    """Store bytes of all kinds."""
    value = base64.b64encode(bytes(range(256))).decode()
    answer = scim.read(scim.user(x509Certificates=[{"value": value}]))
    answer.has({"x509Certificates": [{"value": value}]})


@check("types.reference", "must", "7643 §2.3.7", "A reference is a URI and comes back as it was", uses=("profileUrl",))
def reference(scim: Scim) -> None:
    """Store a URI with what can be in one."""
    value = "https://example.com/ann?x=1&y=%C3%A9#z"
    scim.read(scim.user(profileUrl=value)).equal(value, "profileUrl")


@check(
    "types.multi-valued",
    "must",
    "7643 §2.4",
    "A multi-valued attribute is an array, each value with its sub-attributes",
    uses=("emails.type", "emails.display"),
)
def multi_valued(scim: Scim) -> None:
    """Store three values, of which two differ by one sub-attribute."""
    emails = [{"value": "a@example.com", "type": "work", "display": "A"}, {"value": "a@example.com", "type": "home"}]
    emails.append({"value": "b@example.com"})
    answer = scim.read(scim.user(emails=emails)).has({"emails": emails})
    answer.holds(len(answer.get("emails")) == 3, "it is not three")


@check("types.long-string", "should", "7643 §2.3.1", "A string has no length limit of its own", uses=("displayName",))
def long_string(scim: Scim) -> None:
    """Store two thousand characters."""
    scim.read(scim.user(displayName="é" * 2000)).equal("é" * 2000, "displayName")
