"""Errors (RFC 7644 §3.12) and /Me (§3.11)."""

from conformance.rfc.answers import ERROR_SCHEMA, Answer
from conformance.rfc.check import check
from conformance.rfc.client import Scim

HERE = "7644 §3.12"


def _each(scim: Scim) -> list[Answer]:
    """One error of each kind that can be had cheaply."""
    user = scim.user()
    return [
        scim.get(scim.at(scim.unique("nobody"))).expect(404),
        scim.post(scim.users, b"{").expect(400),
        scim.post(scim.users, scim.user_body(userName=user.get("userName"))).expect(409),
        scim.get(scim.users, headers={"Authorization": f"Bearer {scim.unique()}"}).expect(401),
    ]


@check("error.schema", "must", HERE, "Errors are identified by the Error schema URI")
def schema(scim: Scim) -> None:
    """Look at several errors."""
    for answer in _each(scim):
        answer.equal([ERROR_SCHEMA], "schemas")


@check("error.status", "must", HERE, "status is REQUIRED: the HTTP status code expressed as a JSON string")
def status(scim: Scim) -> None:
    """Look at several errors."""
    for answer in _each(scim):
        answer.equal(str(answer.status), "status")


@check("error.detail", "should", HERE, "detail is a human-readable message")
def detail(scim: Scim) -> None:
    """Look at several errors."""
    for answer in _each(scim):
        detail = answer.get("detail")
        answer.holds(isinstance(detail, str) and bool(detail), "there is no detail")


@check("error.media-type", "must", "7644 §3.12, §8.1", "Errors are returned in JSON form, as application/scim+json")
def media_type(scim: Scim) -> None:
    """Look at several errors."""
    for answer in _each(scim):
        kind = answer.header("Content-Type") or ""
        answer.holds(kind.split(";")[0].strip().lower() == "application/scim+json", f"the Content-Type is {kind}")


@check("error.endpoint", "must", HERE, "An endpoint that does not exist is a 404 with an error body")
def endpoint(scim: Scim) -> None:
    """Ask for robots."""
    scim.get("/Robots").error(404).equal("404", "status")
    scim.post("/Robots", scim.user_body()).error(404).equal("404", "status")


@check(
    "error.method", "must", "7644 §3.2, 9110 §15.5.6", "A method an endpoint does not have is refused by an error body"
)
def method(scim: Scim) -> None:
    """PUT to all users, POST to one."""
    user = scim.user()
    for answer in (scim.put(scim.users, user.body), scim.post(scim.at(user), user.body)):
        answer.expect(404, 405, 501).equal(str(answer.status), "status")
    scim.read(user)


@check(
    "error.value-type",
    "must",
    "7643 §2.3, 7644 §3.12",
    "A value of the wrong type is 400 invalidValue (or invalidSyntax)",
    uses=("active", "name", "emails"),
)
def value_type(scim: Scim) -> None:
    """Send a word for a boolean, a word for an object, a number for a string, an object for a word."""
    for members in ({"active": "perhaps"}, {"name": "Ann"}, {"userName": {"a": 1}}, {"emails": "a@example.com"}):
        scim.post(scim.users, scim.user_body(**members)).error(400, "invalidValue", "invalidSyntax", named=False)


@check(
    "error.number-for-string",
    "should",
    "7643 §2.3.1",
    "A string is a JSON string, not a number or a boolean",
    uses=("displayName",),
)
def number_for_string(scim: Scim) -> None:
    """Send a number and true."""
    for value in (5, True):
        answer = scim.post(scim.users, scim.user_body(displayName=value))
        if answer.status == 201:
            answer.holds(isinstance(answer.get("displayName"), str), "the number is stored and returned as a number")
        else:
            answer.error(400, "invalidValue", "invalidSyntax", named=False)


@check("error.schemas-missing", "should", "7643 §3, 7644 §3.12", "schemas is REQUIRED: a body without it is 400")
def schemas_missing(scim: Scim) -> None:
    """Leave it out."""
    body = scim.user_body()
    del body["schemas"]
    scim.post(scim.users, body).error(400, "invalidSyntax", "invalidValue", named=False)


@check(
    "me.answer", "should", "7644 §3.11", "/Me is not implemented (501), redirects (308) or is the subject's resource"
)
def me(scim: Scim) -> None:
    """Ask who I am."""
    answer = scim.get("/Me").expect(200, 308, 404, 501)
    if answer.status == 308:
        answer.holds(bool(answer.header("Location")), "there is no Location header")
    elif answer.status == 200:
        location = answer.header("Location") or answer.header("Content-Location")
        answer.holds(location == answer.get("meta.location"), f"the Location header is {location}, not the resource's")
    else:
        answer.equal(str(answer.status), "status")
