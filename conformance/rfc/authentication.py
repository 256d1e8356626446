"""Authentication: who may not come in, and what they are told (RFC 7644 §2)."""

from conformance.rfc.answers import ERROR_SCHEMA
from conformance.rfc.check import check
from conformance.rfc.client import Scim


@check("auth.missing", "must", "7644 §2, §3.12", "A request whose authorization is missing fails with 401")
def missing(scim: Scim) -> None:
    """List users as nobody."""
    scim.get(scim.users, headers={"Authorization": None}).expect(401)


@check("auth.wrong", "must", "7644 §2, §3.12", "A request whose authorization is invalid fails with 401")
def wrong(scim: Scim) -> None:
    """List users by a token that no server issued, and by an empty one."""
    scim.get(scim.users, headers={"Authorization": f"Bearer {scim.unique()}"}).expect(401)
    scim.get(scim.users, headers={"Authorization": "Bearer"}).expect(401)


@check(
    "auth.www-authenticate",
    "must",
    "7644 §2",
    "The provider SHALL indicate its schemes via the WWW-Authenticate header",
)
def www_authenticate(scim: Scim) -> None:
    """Look for the header of a 401."""
    answer = scim.get(scim.users, headers={"Authorization": None}).expect(401)
    answer.holds(bool(answer.header("WWW-Authenticate")), "there is no WWW-Authenticate header")


@check("auth.error", "must", "7644 §3.12", "Errors, 401 included, MUST be returned as a JSON error response")
def error(scim: Scim) -> None:
    """Look at the body of a 401."""
    answer = scim.get(scim.users, headers={"Authorization": None}).expect(401)
    answer.holds(ERROR_SCHEMA in (answer.get("schemas") or []), "the body is no SCIM error").equal("401", "status")


@check("auth.writes", "must", "7644 §2", "Nothing is created, changed or deleted without authorization")
def writes(scim: Scim) -> None:
    """Try each method as nobody and see that nothing happened."""
    user = scim.user(displayName="Before")
    nobody = {"Authorization": None}
    operation = {"op": "replace", "path": "displayName", "value": "After"}
    scim.post(scim.users, scim.user_body(), headers=nobody).expect(401)
    scim.put(scim.at(user), {**user.body, "displayName": "After"}, headers=nobody).expect(401)
    scim.patch(scim.at(user), operation, headers=nobody).expect(401)
    scim.delete(scim.at(user), headers=nobody).expect(401)
    scim.read(user).equal("Before", "displayName")


@check("auth.scheme-case", "must", "9110 §11.1", "The name of an authentication scheme is compared without case")
def scheme_case(scim: Scim) -> None:
    """Say `bearer`."""
    scim.get(scim.users, {"count": 1}, {"Authorization": f"bearer {scim.target.token}"}).expect(200)
