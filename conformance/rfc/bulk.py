"""Bulk operations (RFC 7644 §3.7), where ServiceProviderConfig announces them."""

from typing import Any

from conformance.rfc.answers import Answer, Body, pick
from conformance.rfc.check import check
from conformance.rfc.client import PATCH_OP, Scim

HERE = "7644 §3.7"
BULK_REQUEST = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"
BULK_RESPONSE = "urn:ietf:params:scim:api:messages:2.0:BulkResponse"
NEEDS = ("bulk",)


def send(scim: Scim, *operations: Body, **members: Any) -> Answer:
    """Send operations as one bulk request."""
    return scim.post("/Bulk", {"schemas": [BULK_REQUEST], **members, "Operations": list(operations)})


def results(answer: Answer, count: int) -> list[Body]:
    """The result of each operation, of which there have to be so many."""
    found = answer.expect(200).get("Operations") or []
    answer.holds(len(found) == count, f"{len(found)} results, not {count}")
    return list(found)


def expect_status(answer: Answer, result: Body, *statuses: str) -> None:
    """Go on when the result of an operation has one of these statuses, a string."""
    status = pick(result, "status")
    answer.holds(status in statuses, f"{pick(result, 'method')} has the status {status!r}, not {' or '.join(statuses)}")


def posting(scim: Scim, bulk_id: str, path: str | None = None, **members: Any) -> Body:
    """An operation that creates a user, or a group with `path` given."""
    data = scim.group_body(**members) if path else scim.user_body(**members)
    return {"method": "POST", "path": path or scim.users, "bulkId": bulk_id, "data": data}


def location_of(answer: Answer, result: Body) -> str:
    """The path of what an operation created."""
    location = pick(result, "location")
    answer.holds(isinstance(location, str), "the result has no location")
    return "/" + "/".join(str(location).split("/")[-2:])


@check(
    "bulk.create",
    "must",
    f"{HERE}, §3.7.3",
    "Each result has its method, bulkId, location and a status string",
    needs=NEEDS,
)
def create(scim: Scim) -> None:
    """Create two users at once."""
    first, second = posting(scim, "one"), posting(scim, "two")
    answer = send(scim, first, second)
    answer.holds(BULK_RESPONSE in (answer.get("schemas") or []), "it is no BulkResponse")
    for sent, result in zip((first, second), results(answer, 2), strict=True):
        expect_status(answer, result, "201")
        answer.holds(pick(result, "bulkId") == sent["bulkId"], "the results are not in order, or without bulkId")
        answer.holds(pick(result, "method") == "POST", "the method is missing")
        scim.get(location_of(answer, result)).expect(200).has(sent["data"])


@check(
    "bulk.methods", "must", HERE, "PUT, PATCH and DELETE apply to the resource that path names", needs=(*NEEDS, "patch")
)
def methods(scim: Scim) -> None:
    """Replace, change and delete one user each."""
    put, patch, gone = (scim.user(displayName="Ann") for _ in range(3))
    change = {"schemas": [PATCH_OP], "Operations": [{"op": "replace", "path": "displayName", "value": "Anna"}]}
    answer = send(
        scim,
        {"method": "PUT", "path": scim.at(put), "data": {**put.body, "displayName": "Anne"}},
        {"method": "PATCH", "path": scim.at(patch), "data": change},
        {"method": "DELETE", "path": scim.at(gone)},
    )
    for result, statuses in zip(results(answer, 3), (("200",), ("200", "204"), ("204",)), strict=True):
        expect_status(answer, result, *statuses)
    scim.read(put).equal("Anne", "displayName")
    scim.read(patch).equal("Anna", "displayName")
    scim.get(scim.at(gone)).expect(404)


@check(
    "bulk.reference-backwards",
    "must",
    "7644 §3.7.2",
    "bulkId:... is replaced by the id of a resource created before",
    needs=(*NEEDS, "groups"),
)
def reference_backwards(scim: Scim) -> None:
    """Create a user and then its group."""
    members = [{"value": "bulkId:ann"}]
    answer = send(scim, posting(scim, "ann"), posting(scim, "team", scim.groups, members=members))
    _expect_member(scim, answer, *results(answer, 2))


@check(
    "bulk.reference-forwards",
    "must",
    "7644 §3.7.2",
    "bulkId:... may name a resource that is created later in the request",
    needs=(*NEEDS, "groups"),
)
def reference_forwards(scim: Scim) -> None:
    """Create a group before its member."""
    members = [{"value": "bulkId:ann"}]
    answer = send(scim, posting(scim, "team", scim.groups, members=members), posting(scim, "ann"))
    group, user = results(answer, 2)
    _expect_member(scim, answer, user, group)


def _expect_member(scim: Scim, answer: Answer, user: Body, group: Body) -> None:
    for result in (user, group):
        expect_status(answer, result, "201")
    id = location_of(answer, user).rpartition("/")[2]
    read = scim.get(location_of(answer, group)).expect(200)
    read.holds([one["value"] for one in read.get("members") or []] == [id], "the new user is not the member")


@check(
    "bulk.reference-circular",
    "must",
    "7644 §3.7.1",
    "A provider MUST try to resolve circular references, and MAY stop with 409",
    needs=(*NEEDS, "groups"),
)
def reference_circular(scim: Scim) -> None:
    """Create two groups that are members of each other."""
    one = posting(scim, "one", scim.groups, members=[{"type": "Group", "value": "bulkId:two"}])
    two = posting(scim, "two", scim.groups, members=[{"type": "Group", "value": "bulkId:one"}])
    answer = send(scim, one, two)
    if answer.status == 409:
        return
    for result in answer.expect(200).get("Operations") or []:
        expect_status(answer, result, "201", "409", "400")
        if pick(result, "status") == "201":
            text = scim.get(location_of(answer, result)).expect(200).text
            answer.holds("bulkId:" not in text, "a reference is stored as it was sent")


@check(
    "bulk.reference-unknown",
    "must",
    "7644 §3.7.2",
    "A bulkId that no operation has cannot be resolved: that operation fails",
    needs=(*NEEDS, "groups"),
)
def reference_unknown(scim: Scim) -> None:
    """Name a member that is not created."""
    answer = send(scim, posting(scim, "team", scim.groups, members=[{"value": "bulkId:nobody"}]))
    expect_status(answer, results(answer, 1)[0], "400", "404", "409")


@check(
    "bulk.reference-in-path",
    "should",
    "7644 §3.7.2",
    "A bulkId may stand in the path of a later operation",
    needs=(*NEEDS, "patch"),
)
def reference_in_path(scim: Scim) -> None:
    """Create a user and change it."""
    change = {"schemas": [PATCH_OP], "Operations": [{"op": "add", "path": "displayName", "value": "Anna"}]}
    answer = send(scim, posting(scim, "ann"), {"method": "PATCH", "path": f"{scim.users}/bulkId:ann", "data": change})
    user, changed = results(answer, 2)
    expect_status(answer, changed, "200", "204")
    scim.get(location_of(answer, user)).expect(200).equal("Anna", "displayName")


@check(
    "bulk.errors",
    "must",
    "7644 §3.7.3",
    "A failed operation has a status and MUST have the error as response",
    needs=NEEDS,
)
def errors(scim: Scim) -> None:
    """Let one operation in the middle fail: the others are done."""
    user = scim.user()
    duplicate = posting(scim, "two", userName=user.get("userName"))
    answer = send(scim, posting(scim, "one"), duplicate, posting(scim, "three"))
    first, second, third = results(answer, 3)
    for result, status in ((first, "201"), (second, "409"), (third, "201")):
        expect_status(answer, result, status)
    answer.holds(pick(second, "response.status") == "409", "response is no SCIM error with the status 409")
    answer.holds(pick(second, "response.scimType") == "uniqueness", "response does not say uniqueness")
    answer.holds(pick(second, "location") is None, "a failed POST has a location")


@check(
    "bulk.fail-on-errors",
    "must",
    HERE,
    "After failOnErrors errors the provider stops and returns what it did",
    needs=NEEDS,
)
def fail_on_errors(scim: Scim) -> None:
    """Let two operations fail, of which the first is too many."""
    bad = [{"method": "DELETE", "path": scim.at(scim.unique("nobody"))} for _ in range(2)]
    answer = send(scim, posting(scim, "one"), bad[0], posting(scim, "two"), bad[1], failOnErrors=1)
    first, second = results(answer, 2)
    expect_status(answer, first, "201")
    expect_status(answer, second, "404")


@check("bulk.fail-on-errors-two", "must", HERE, "failOnErrors counts errors, not operations", needs=NEEDS)
def fail_on_errors_two(scim: Scim) -> None:
    """Allow one error and see the rest done."""
    bad = [{"method": "DELETE", "path": scim.at(scim.unique("nobody"))} for _ in range(2)]
    answer = send(scim, bad[0], posting(scim, "one"), bad[1], posting(scim, "two"), failOnErrors=2)
    for result, status in zip(results(answer, 3), ("404", "201", "404"), strict=True):
        expect_status(answer, result, status)


@check(
    "bulk.version",
    "must",
    f"{HERE}, §3.14",
    "version is the resource's version: a stale one is a 412",
    needs=(*NEEDS, "etag"),
)
def version(scim: Scim) -> None:
    """Delete by a stale version, then by the present one."""
    user = scim.user(displayName="Ann")
    changed = scim.put(scim.at(user), {**user.body, "displayName": "Anna"}).expect(200)
    for version, status in ((user.get("meta.version"), "412"), (changed.get("meta.version"), "204")):
        answer = send(scim, {"method": "DELETE", "path": scim.at(user), "version": version})
        expect_status(answer, results(answer, 1)[0], status)


@check(
    "bulk.unknown",
    "must",
    HERE,
    "An operation on a resource or endpoint that does not exist is a 404 of its own",
    needs=NEEDS,
)
def unknown(scim: Scim) -> None:
    """Change nobody, and create a robot."""
    answer = send(
        scim,
        {"method": "DELETE", "path": scim.at(scim.unique("nobody"))},
        {"method": "POST", "path": "/Robots", "bulkId": "r2d2", "data": scim.user_body()},
    )
    for result, statuses in zip(results(answer, 2), (("404",), ("404", "400", "501")), strict=True):
        expect_status(answer, result, *statuses)


@check("bulk.bulk-id-required", "must", HERE, "bulkId is REQUIRED when method is POST", needs=NEEDS)
def bulk_id_required(scim: Scim) -> None:
    """Leave it out: the operation or the request is refused."""
    operation = posting(scim, "x")
    del operation["bulkId"]
    answer = send(scim, operation)
    if answer.status != 400:
        expect_status(answer, results(answer, 1)[0], "400")


@check(
    "bulk.invalid", "must", "7644 §3.7, §3.12", "A bulk request without Operations, or no JSON, is a 400", needs=NEEDS
)
def invalid(scim: Scim) -> None:
    """Send two requests that are none."""
    scim.post("/Bulk", {"schemas": [BULK_REQUEST]}).error(400)
    scim.post("/Bulk", b'{"schemas":').error(400, "invalidSyntax", named=False)


@check("bulk.get", "must", HERE, "method is one of POST, PUT, PATCH or DELETE", needs=NEEDS)
def get(scim: Scim) -> None:
    """Try to read by it."""
    answer = send(scim, {"method": "GET", "path": scim.at(scim.user())})
    if answer.status != 400:
        expect_status(answer, results(answer, 1)[0], "400", "405")


@check(
    "bulk.max-operations",
    "must",
    "7644 §3.7.4",
    "More than maxOperations is 413, which names the limit, and nothing is done",
    needs=NEEDS,
)
def max_operations(scim: Scim) -> None:
    """Send one operation too many."""
    limit = pick(scim.can.config, "bulk.maxOperations")
    operation = {"method": "DELETE", "path": f"{scim.users}/x"}
    answer = send(scim, *[operation] * (min(int(limit), 100_000) + 1)).error(413).equal("413", "status")
    answer.holds(str(limit) in str(answer.get("detail")), "the detail does not name the limit")


@check(
    "bulk.max-payload-size",
    "must",
    "7644 §3.7.4",
    "More than maxPayloadSize bytes is 413, which names the limit",
    needs=NEEDS,
)
def max_payload_size(scim: Scim) -> None:
    """Send one operation with too long a name."""
    limit = int(pick(scim.can.config, "bulk.maxPayloadSize"))
    operation = posting(scim, "one", displayName="x" * min(limit, 64 << 20))
    answer = send(scim, operation).error(413).equal("413", "status")
    answer.holds(str(limit) in str(answer.get("detail")), "the detail does not name the limit")
