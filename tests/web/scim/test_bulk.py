"""Bulk requests (RFC 7644 §3.7): references in any order, versions, limits, and failures that undo themselves alone."""

import tracemalloc
from typing import Any

import orjson
import pytest
from flask import Flask

from scim_server.protocol.bulk import BULK_REQUEST_URN, BULK_RESPONSE_URN, MAX_OPERATIONS
from tests.databases import Database, only_sqlite
from tests.directory import (
    NOBODY,
    Client,
    add_members,
    group_body,
    new_client,
    patch_body,
    remove_member,
    running_app,
    user_body,
)

Operation = dict[str, Any]

MAX_BULK_BYTES = 16 * 1024 * 1024
"""How much memory a request of ``MAX_OPERATIONS`` may take at its peak."""


def creation(path: str, bulk_id: str | None, data: Any) -> Operation:
    """Return the operation that creates a resource."""
    named = {} if bulk_id is None else {"bulkId": bulk_id}
    return {"method": "POST", "path": path, **named, "data": data}


def user(bulk_id: str, **attributes: Any) -> Operation:
    """Return the operation that creates a user whose userName is its bulkId."""
    return creation("/Users", bulk_id, user_body(bulk_id, **attributes))


def group(bulk_id: str, *members: str) -> Operation:
    """Return the operation that creates a group, its members given by their bulkIds."""
    return creation("/Groups", bulk_id, group_body(bulk_id, [f"bulkId:{each}" for each in members]))


def body(*operations: Operation, **members: Any) -> dict[str, Any]:
    """Return a BulkRequest message."""
    return {"schemas": [BULK_REQUEST_URN], "Operations": list(operations), **members}


def run(client: Client, *operations: Operation, **members: Any) -> list[dict[str, Any]]:
    """Send a bulk request and return what it says of its operations."""
    response = client.post("/Bulk", body(*operations, **members))
    assert response.status_code == 200, response.text
    answer = response.get_json()
    assert answer.keys() == {"schemas", "Operations"}
    assert answer["schemas"] == [BULK_RESPONSE_URN]
    results: list[dict[str, Any]] = answer["Operations"]
    return results


def statuses(results: list[dict[str, Any]]) -> list[str]:
    return [each["status"] for each in results]


def ids(results: list[dict[str, Any]]) -> dict[str, str]:
    """Return the ids of what was created, by bulkId."""
    return {each["bulkId"]: each["location"].rpartition("/")[2] for each in results if each["status"] == "201"}


def totals(client: Client) -> tuple[int, int]:
    """Return how many users and groups there are."""
    return client.read("/Users?count=0")["totalResults"], client.read("/Groups?count=0")["totalResults"]


def refusal(response: Any) -> tuple[int, str | None]:
    return response.status_code, response.get_json().get("scimType")


def test_each_operation_is_answered_in_its_place(client: Client) -> None:
    """Method, bulkId, version, location and status are those of the operation (RFC 7644 §3.7.3)."""
    ann = client.new_user("ann")
    results = run(
        client,
        user("bea"),
        {"method": "PUT", "path": f"/Users/{ann}", "data": user_body("ann", title="Dr")},
        {
            "method": "PATCH",
            "path": f"/Users/{ann}",
            "bulkId": "of a PATCH",
            "data": patch_body({"op": "remove", "path": "title"}),
        },
        {"method": "DELETE", "path": f"/Users/{ann}"},
    )
    place = client.read("/Users")["Resources"][0]["meta"]["location"]
    base = place.rpartition("/")[0]
    assert results == [
        {"method": "POST", "bulkId": "bea", "status": "201", "location": place, "version": 'W/"1"'},
        {"method": "PUT", "status": "200", "location": f"{base}/{ann}", "version": 'W/"2"'},
        {"method": "PATCH", "bulkId": "of a PATCH", "status": "200", "location": f"{base}/{ann}", "version": 'W/"3"'},
        {"method": "DELETE", "status": "204", "location": f"{base}/{ann}"},
    ]
    assert client.get(f"/Users/{ann}").status_code == 404


def test_a_reference_backwards_is_resolved(client: Client) -> None:
    """A group has the user created before it as its member, by value and in a filter of a path."""
    results = run(
        client,
        user("ann"),
        user("bea"),
        group("team", "ann", "bea"),
        {"method": "PATCH", "path": "/Groups/bulkId:team", "data": patch_body(remove_member("bulkId:bea"))},
    )
    assert statuses(results) == ["201", "201", "201", "200"]
    created = ids(results)
    assert client.members(created["team"]) == {created["ann"]}
    assert client.groups(created["ann"]) == {created["team"]: "direct"}


def test_a_reference_forwards_is_resolved(client: Client) -> None:
    """What is referred to before it is created is created first; the answer keeps the order of the request."""
    results = run(
        client,
        {"method": "PATCH", "path": "/Groups/bulkId:team", "data": patch_body(add_members("bulkId:bea"))},
        group("team", "ann"),
        user(
            "ann",
            **{"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"manager": {"value": "bulkId:bea"}}},
        ),
        user("bea"),
    )
    assert statuses(results) == ["200", "201", "201", "201"]
    assert [each["method"] for each in results] == ["PATCH", "POST", "POST", "POST"]
    created = ids(results)
    assert client.members(created["team"]) == {created["ann"], created["bea"]}
    ann = client.read(f"/Users/{created['ann']}")
    manager = ann["urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"]["manager"]
    assert manager["value"] == created["bea"]


def test_a_long_chain_of_references_is_resolved(client: Client) -> None:
    """Each group has the next as its member, forwards through the whole request."""
    length = 150
    chain = [group(f"g{number}", f"g{number + 1}") for number in range(length - 1)]
    results = run(client, *chain, group(f"g{length - 1}"))
    assert set(statuses(results)) == {"201"}
    created = ids(results)
    assert client.members(created["g0"]) == {created["g1"]}
    assert client.members(created[f"g{length - 1}"]) == set()


@pytest.mark.parametrize("length", [1, 2, 5])
def test_a_circle_of_references_is_resolved(client: Client, length: int) -> None:
    """Groups that have each other as members are all created (RFC 7644 §3.7.1: MUST try to resolve)."""
    names = [f"g{number}" for number in range(length)]
    results = run(client, user("ann"), *(group(name, names[(at + 1) % length], "ann") for at, name in enumerate(names)))
    assert set(statuses(results)) == {"201"}
    created = ids(results)
    for at, name in enumerate(names):
        assert client.members(created[name]) == {created[names[(at + 1) % length]], created["ann"]}
        answered = next(each for each in results if each["bulkId"] == name)
        assert answered["version"] == client.read(f"/Groups/{created[name]}")["meta"]["version"]


def test_a_circle_that_fails_leaves_nothing(client: Client) -> None:
    """When one of them cannot be created, none is; what came before and after stands."""
    client.new_group("taken")
    before = totals(client)
    results = run(
        client,
        user("ann"),
        group("first", "second"),
        group("second", "third", "ann"),
        creation("/Groups", "third", group_body("TAKEN", ["bulkId:first"])),
        user("bea"),
        group("after", "first"),
    )
    assert statuses(results) == ["201", "409", "409", "409", "201", "409"]
    assert "taken" in results[3]["response"]["detail"].lower()
    assert "circle" in results[1]["response"]["detail"]
    assert totals(client) == (before[0] + 2, before[1])
    assert client.read("/Groups")["Resources"][0]["displayName"] == "taken"


def test_a_circle_with_one_that_cannot_be_read_leaves_nothing(client: Client) -> None:
    """The one has its own error; the others failed with it."""
    before = totals(client)
    nameless = creation("/Groups", "second", group_body("", ["bulkId:first"]))
    results = run(client, group("first", "second", "first"), nameless)
    assert statuses(results) == ["409", "400"]
    assert "circle" in results[0]["response"]["detail"]
    assert "displayName" in results[1]["response"]["detail"]
    assert totals(client) == before


def test_a_failure_undoes_itself_alone(client: Client) -> None:
    """An operation that fails halfway leaves no trace; those around it stand, in the same transaction."""
    ann, team = client.new_user("ann"), client.new_group("team")
    before = client.read(f"/Groups/{team}")
    results = run(
        client,
        user("bea"),
        {
            "method": "PATCH",
            "path": f"/Groups/{team}",
            "data": patch_body(
                {"op": "replace", "path": "displayName", "value": "changed"}, add_members(ann), add_members(NOBODY)
            ),
        },
        creation("/Groups", "half", group_body("half", [ann, NOBODY])),
        user("ann"),
        {"method": "DELETE", "path": f"/Users/{NOBODY}"},
        user("cleo"),
    )
    assert statuses(results) == ["201", "400", "400", "409", "404", "201"]
    assert [each["response"].get("scimType") for each in results if "response" in each] == [
        "invalidValue",
        "invalidValue",
        "uniqueness",
        None,
    ]
    assert client.read(f"/Groups/{team}") == before
    assert totals(client) == (3, 1)


def test_a_failed_operation_says_why(client: Client) -> None:
    """Its response is the error a request of its own has; a failed POST has no location (RFC 7644 §3.7.3)."""
    client.new_user("ann")
    failed = run(client, user("ANN"), {"method": "DELETE", "path": f"/Users/{NOBODY}"})
    alone = client.post("/Users", user_body("ANN")).get_json()
    assert failed[0] == {"method": "POST", "bulkId": "ANN", "status": "409", "response": alone}
    assert failed[1]["location"].endswith(f"/Users/{NOBODY}")
    assert failed[1]["response"]["status"] == "404"


@pytest.mark.parametrize(("limit", "answered"), [(None, 6), (1, 2), (2, 4), (3, 6), (9, 6)])
def test_processing_stops_after_so_many_errors(client: Client, limit: int | None, answered: int) -> None:
    """`failOnErrors` errors end it, what was done before them stays; without, every operation runs."""
    missing = {"method": "DELETE", "path": f"/Users/{NOBODY}"}
    operations = [user("u0"), missing, user("u2"), missing, user("u4"), missing]
    members = {} if limit is None else {"failOnErrors": limit}
    results = run(client, *operations, **members)
    assert statuses(results) == ["201", "404", "201", "404", "201", "404"][:answered]
    assert totals(client)[0] == (answered + 1) // 2


def test_a_version_guards_an_operation(client: Client) -> None:
    """`version` is the If-Match of an operation: another one is 412 and changes nothing."""
    ann = client.new_user("ann")
    changed = user_body("ann", title="Dr")
    results = run(
        client,
        {"method": "PUT", "path": f"/Users/{ann}", "version": 'W/"9"', "data": changed},
        {"method": "PUT", "path": f"/Users/{ann}", "version": 'W/"1"', "data": changed},
        {
            "method": "PATCH",
            "path": f"/Users/{ann}",
            "version": 'W/"1"',
            "data": patch_body({"op": "remove", "path": "title"}),
        },
        {"method": "DELETE", "path": f"/Users/{ann}", "version": 'W/"1"'},
    )
    assert statuses(results) == ["412", "200", "412", "412"]
    read = client.get(f"/Users/{ann}")
    assert read.get_json()["title"] == "Dr"
    assert results[1]["version"] == read.headers["ETag"]
    assert statuses(run(client, {"method": "DELETE", "path": f"/Users/{ann}", "version": results[1]["version"]})) == [
        "204"
    ]


@pytest.mark.parametrize("name", ["unknown", "failed", "failed forwards", "failed through another", "path"])
def test_a_reference_to_what_is_not_created_is_409(client: Client, name: str) -> None:
    """An unknown bulkId, or that of a POST that failed, fails what refers to it, and what refers to that."""
    client.new_user("taken")
    taken = creation("/Users", "lost", user_body("taken"))
    operations = {
        "unknown": [group("team", "nobody")],
        "failed": [taken, group("team", "lost")],
        "failed forwards": [group("team", "lost"), taken],
        "failed through another": [taken, group("inner", "lost"), group("team", "inner")],
        "path": [
            taken,
            {"method": "PATCH", "path": "/Users/bulkId:lost", "data": patch_body({"op": "remove", "path": "title"})},
        ],
    }[name]
    results = run(client, *operations)
    assert set(statuses(results)) == {"409"}
    assert "bulkId" in orjson.dumps([each["response"]["detail"] for each in results]).decode()
    assert totals(client) == (1, 0)


def test_two_creations_of_one_bulk_id_are_refused(client: Client) -> None:
    """A reference to it could mean either, so nothing is done."""
    response = client.post("/Bulk", body(user("ann"), creation("/Users", "ann", user_body("bea"))))
    assert refusal(response) == (400, "invalidSyntax")
    assert totals(client) == (0, 0)


@pytest.mark.parametrize(
    "payload",
    [
        {"schemas": [BULK_REQUEST_URN]},
        body(),
        {**body(), "Operations": {}},
        body({"path": "/Users", "bulkId": "a", "data": {}}),
        body({"method": "GET", "path": "/Users/1"}),
        body({"method": "POST", "bulkId": "a", "data": {}}),
        body({"method": "POST", "path": "/a/b/c", "bulkId": "a", "data": {}}),
        body({"method": "POST", "path": "https://other.example/Users", "bulkId": "a", "data": {}}),
        body({"method": "POST", "path": "/Users", "bulkId": 1, "data": {}}),
        body({"method": "DELETE", "path": f"/Users/{NOBODY}", "version": 1}),
        body(user("ann"), failOnErrors=0),
        body(user("ann"), failOnErrors="1"),
        body(user("ann"), failOnErrors=True),
        [],
    ],
)
def test_what_is_no_bulk_request_is_refused(client: Client, payload: Any) -> None:
    """The whole message is 400 invalidSyntax, and nothing of it is done."""
    assert refusal(client.post("/Bulk", payload)) == (400, "invalidSyntax")
    assert totals(client) == (0, 0)


def test_what_no_endpoint_answers_fails_alone(client: Client) -> None:
    """An unknown endpoint, a method that does not fit its path, missing data: each has its own error."""
    results = run(
        client,
        creation("/Cars", "car", {}),
        creation(f"/Users/{NOBODY}", "id", user_body("ann")),
        {"method": "DELETE", "path": "/Users"},
        creation("/Users", "empty", None),
        {"method": "PATCH", "path": f"/Users/{NOBODY}", "data": {}},
        user("bea"),
    )
    assert statuses(results) == ["404", "405", "405", "400", "400", "201"]


def test_a_strict_connection_asks_for_a_bulk_id(app: Flask) -> None:
    """RFC 7644 §3.7: bulkId is required for a POST; a lenient connection does without."""
    operation = creation("/Users", None, user_body("ann"))
    strict = new_client(app, connection="strict", profile="rfc")
    assert refusal(strict.post("/Bulk", body(operation))) == (400, "invalidSyntax")
    assert statuses(run(new_client(app), operation)) == ["201"]


def test_a_token_that_only_reads_cannot_send_a_bulk(app: Flask) -> None:
    """A bulk request is a change, whatever is in it."""
    reader = new_client(app, scope="scim:read")
    assert reader.post("/Bulk", body(user("ann"))).status_code == 403


def test_too_many_operations_are_413(client: Client) -> None:
    """One more than announced is refused as a whole; the answer names the limit (RFC 7644 §3.7.4)."""
    announced = client.read("/ServiceProviderConfig")["bulk"]
    assert announced["supported"] is True
    assert announced["maxOperations"] == MAX_OPERATIONS
    missing = {"method": "DELETE", "path": f"/Users/{NOBODY}"}
    response = client.post("/Bulk", body(*([missing] * (MAX_OPERATIONS + 1))))
    assert response.status_code == 413
    assert str(MAX_OPERATIONS) in response.get_json()["detail"]
    assert len(run(client, *([missing] * MAX_OPERATIONS), failOnErrors=MAX_OPERATIONS + 1)) == MAX_OPERATIONS


def test_too_large_a_payload_is_413(database: Database) -> None:
    """A body above the announced size is refused, and says what the limit is."""
    with running_app(database, max_body_bytes="5000") as app:
        client = new_client(app)
        limit = client.read("/ServiceProviderConfig")["bulk"]["maxPayloadSize"]
        assert limit == 5000
        response = client.post("/Bulk", body(user("ann", title="x" * limit)))
        assert response.status_code == 413
        assert str(limit) in response.get_json()["detail"]
        assert totals(client) == (0, 0)
        padding = limit - len(orjson.dumps(body(user("ann", title=""))))
        assert statuses(run(client, user("ann", title="x" * padding))) == ["201"]


@only_sqlite  # What is held does not depend on the database, and tracing it takes long.
def test_a_thousand_operations_stay_within_bounds(client: Client) -> None:
    """The most operations of one request are held in bounded memory, with the members of a group among them."""
    people = [f"u{number}" for number in range(MAX_OPERATIONS - 1)]
    enterprise = {
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"department": "Sales", "costCenter": "42"}
    }
    sent = orjson.dumps(
        body(
            *(user(each, displayName=each, emails=[{"value": f"{each}@example.com"}], **enterprise) for each in people),
            group("all", *people),
        )
    )
    tracemalloc.start()
    try:
        response = client.post("/Bulk", sent)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert response.status_code == 200
    results = response.get_json()["Operations"]
    assert set(statuses(results)) == {"201"}
    assert totals(client) == (MAX_OPERATIONS - 1, 1)
    assert peak < MAX_BULK_BYTES
