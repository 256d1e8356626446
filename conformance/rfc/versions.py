"""Versions of resources: ETag, If-Match and If-None-Match (RFC 7644 §3.14)."""

from conformance.rfc.answers import Answer
from conformance.rfc.check import check
from conformance.rfc.client import Scim

HERE = "7644 §3.14"
NEEDS = ("etag",)
STALE = 'W/"stale-and-never-issued"'


def version_of(answer: Answer) -> str:
    """The version of the resource in an answer, which there has to be."""
    version = answer.get("meta.version")
    answer.holds(isinstance(version, str) and bool(version), "meta.version is missing")
    return str(version)


def changed(scim: Scim, user: Answer) -> Answer:
    """Rename a user."""
    return scim.put(scim.at(user), {**user.body, "displayName": scim.unique("changed")}).expect(200)


@check("version.etag", "must", f"{HERE}, 7643 §3.1", "meta.version is the same as the ETag header", needs=NEEDS)
def etag(scim: Scim) -> None:
    """Compare them for each method that answers with a resource."""
    user = scim.user()
    for answer in (user, scim.read(user), changed(scim, user), scim.read(user)):
        answer.holds(answer.header("ETag") == version_of(answer), f"the ETag header is {answer.header('ETag')}")


@check("version.list", "must", "7643 §3.1", "The resources of a list have the same version", needs=(*NEEDS, "filter"))
def in_list(scim: Scim) -> None:
    """Compare the list with the resource."""
    user = scim.user()
    answer = scim.get(scim.users, {"filter": f'userName eq "{user.get("userName")}"'}).expect(200)
    answer.holds(answer.resources[0]["meta"].get("version") == version_of(scim.read(user)), "the versions differ")


@check("version.changes", "must", HERE, "A change makes another version, a read does not", needs=NEEDS)
def changes(scim: Scim) -> None:
    """Compare versions before and after."""
    user = scim.user()
    scim.read(user).equal(version_of(user), "meta.version")
    answer = changed(scim, user)
    answer.holds(version_of(answer) != version_of(user), "the version stayed the same")


@check(
    "version.members",
    "must",
    HERE,
    "A change of members makes another version of the group",
    needs=(*NEEDS, "patch", "groups"),
)
def members(scim: Scim) -> None:
    """Add a member."""
    group, user = scim.group(), scim.user()
    scim.patch(scim.at(group), {"op": "add", "path": "members", "value": [{"value": user.id}]}).succeeds()
    answer = scim.read(group)
    answer.holds(version_of(answer) != version_of(group), "the version stayed the same")


@check("version.not-modified", "must", HERE, "A GET with If-None-Match of the present version is 304", needs=NEEDS)
def not_modified(scim: Scim) -> None:
    """Read conditionally before and after a change."""
    user = scim.user()
    answer = scim.get(scim.at(user), headers={"If-None-Match": version_of(user)}).expect(304)
    answer.holds(not answer.text, "a 304 has a body")
    changed(scim, user)
    scim.get(scim.at(user), headers={"If-None-Match": version_of(user)}).expect(200)


def _stale(scim: Scim, method: str) -> None:
    user = scim.user(displayName="Ann")
    now = changed(scim, user)
    body = {
        "PUT": {**user.body, "displayName": "Overwritten"},
        "PATCH": {
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": [{"op": "replace", "path": "displayName", "value": "Overwritten"}],
        },
        "DELETE": None,
    }[method]
    for version in (version_of(user), STALE):
        answer = scim.send(method, scim.at(user), body=body, headers={"If-Match": version})
        answer.error(412).equal("412", "status")
    scim.read(user).equal(now.get("displayName"), "displayName")
    scim.send(method, scim.at(user), body=body, headers={"If-Match": version_of(now)}).succeeds()


@check("version.put", "must", HERE, "A PUT with If-Match of another version is 412 and changes nothing", needs=NEEDS)
def put(scim: Scim) -> None:
    """Replace by a stale, an invented and the present version."""
    _stale(scim, "PUT")


@check(
    "version.patch",
    "must",
    HERE,
    "A PATCH with If-Match of another version is 412 and changes nothing",
    needs=(*NEEDS, "patch"),
)
def patch(scim: Scim) -> None:
    """Change by a stale, an invented and the present version."""
    _stale(scim, "PATCH")


@check(
    "version.delete", "must", HERE, "A DELETE with If-Match of another version is 412 and deletes nothing", needs=NEEDS
)
def delete(scim: Scim) -> None:
    """Delete by a stale, an invented and the present version."""
    _stale(scim, "DELETE")


@check(
    "version.any", "must", "7644 §3.14, 9110 §13.1.1", "If-Match: * holds for any version of what exists", needs=NEEDS
)
def any_version(scim: Scim) -> None:
    """Replace whatever is there, and what is not."""
    user = scim.user()
    scim.put(scim.at(user), user.body, headers={"If-Match": "*"}).expect(200)
    scim.put(scim.at(scim.unique("nobody")), user.body, headers={"If-Match": "*"}).expect(404, 412)


@check(
    "version.list-of-versions", "must", "9110 §13.1.1, §13.1.2", "A condition may list several versions", needs=NEEDS
)
def list_of_versions(scim: Scim) -> None:
    """Name the present version second."""
    user = scim.user()
    both = f"{STALE}, {version_of(user)}"
    scim.get(scim.at(user), headers={"If-None-Match": both}).expect(304)
    scim.put(scim.at(user), user.body, headers={"If-Match": both}).expect(200)
