"""The rows of e-mail addresses are what the documents say, and a filter by them is that of any other."""

from typing import Any

import orjson
import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from scim_server.actions.organizations import change_connection
from scim_server.protocol.comparison import fold_document
from scim_server.store.columns import MAX_KEY_BYTES
from scim_server.store.emails import email_keys
from scim_server.store.session import begin
from scim_server.store.tables import emails, resources
from tests.directory import Client, a_second_later, new_client, patch_body, user_body
from tests.statements import recorded

LONG = "x" * (MAX_KEY_BYTES - 1)
ADDRESSES = ("ada@example.com", "ADA@example.com", "e\u0301@x", "É@x", "İ", LONG + "y", LONG + "yy", "")
BULK = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"]}
SEARCH = "urn:ietf:params:scim:api:messages:2.0:SearchRequest"

_address = st.fixed_dictionaries(
    {"value": st.sampled_from(ADDRESSES)}, optional={"type": st.sampled_from(["work", "WORK", "home"])}
)
_addresses = st.lists(_address, max_size=3)
_person = st.integers(0, 3)
_change = st.one_of(
    st.tuples(st.just("POST"), _person, _addresses),
    st.tuples(st.just("PUT"), _person, _addresses),
    st.tuples(st.just("PATCH"), _person, st.tuples(st.just("add"), st.just("emails"), _addresses)),
    st.tuples(st.just("PATCH"), _person, st.tuples(st.just("replace"), st.just("emails"), _addresses)),
    st.tuples(st.just("PATCH"), _person, st.tuples(st.just("remove"), st.just('emails[type eq "work"]'), st.none())),
    st.tuples(st.just("PATCH"), _person, st.tuples(st.just("replace"), st.just("title"), st.sampled_from("ab"))),
    st.tuples(st.just("DELETE"), _person, st.none()),
)
_steps = st.lists(st.one_of(st.lists(_change, min_size=1, max_size=6), _change), max_size=8)


def _operation(ids: dict[int, str], change: Any) -> dict[str, Any] | None:
    """Return a change as an operation of a bulk, None where there is nobody to change."""
    method, person, asked = change
    if method == "POST":
        return {"method": "POST", "path": "/Users", "data": user_body(f"person-{person}", emails=asked)}
    if person not in ids:
        return None
    data = None
    if method == "PUT":
        data = user_body(f"person-{person}", emails=asked)
    elif method == "PATCH":
        operation = {"op": asked[0], "path": asked[1]}
        data = patch_body(operation if asked[2] is None else {**operation, "value": asked[2]})
    return {"method": method, "path": f"/Users/{ids[person]}", **({"data": data} if data else {})}


def _run(client: Client, step: Any) -> None:
    """Send a change by itself, or several as a bulk."""
    listed = client.read("/Users?count=100")["Resources"]
    ids = {int(each["userName"].partition("-")[2]): each["id"] for each in listed}
    if isinstance(step, tuple):
        operation = _operation(ids, step)
        if operation:
            answer = client.send(operation["method"], operation["path"], operation.get("data"))
            assert answer.status_code in (200, 201, 204, 400, 409), answer.text
        return
    operations: list[dict[str, Any]] = []
    for number, change in enumerate(step):
        operation = _operation(ids, change)
        if operation is not None:
            operations.append({**operation, "bulkId": f"b{number}"})
            if operation["method"] == "POST":
                ids.setdefault(change[1], f"bulkId:b{number}")
    answer = client.post("/Bulk", {**BULK, "Operations": operations})
    assert answer.status_code == (200 if operations else answer.status_code), answer.text


def _check(client: Client) -> None:
    """Compare the rows with the documents, and filters by them with those that use none."""
    organization = client.organization
    with begin(organization.store, client.credentials, write=False) as tenant:
        definition = tenant.catalog.by_name("User")
        documents = {
            row.id: fold_document(orjson.loads(row.document), definition)
            for row in tenant.db.execute(
                select(resources.c.id, resources.c.document).where(
                    resources.c.org_id == tenant.org_id, resources.c.resource_type == "User"
                )
            )
        }
        kept = select(emails.c.resource_id, emails.c.value).where(emails.c.org_id == tenant.org_id)
        rows = {(row.resource_id, row.value) for row in tenant.db.execute(kept)}
    assert rows == {(each, key) for each, folded in documents.items() for key in email_keys(folded)}
    for value in ADDRESSES:
        for text in (
            f'emails eq "{value}"',
            f'emails[type eq "work"].value eq "{value}"',
            f'title pr and emails[value eq "{value}"]',
        ):
            found = [each["id"] for each in _found(client, text)]
            assert found == [each["id"] for each in _found(client, f"not (not ({text}))")], text


def _found(client: Client, text: str) -> list[dict[str, Any]]:
    answer = client.post("/Users/.search", {"schemas": [SEARCH], "filter": text, "count": 100})
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.get_json(force=True)["Resources"]
    return found


@pytest.mark.usefixtures("both_paths")
@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(_steps)
def test_the_rows_are_what_the_documents_say(app: Flask, steps: list[Any]) -> None:
    """Whatever was created, replaced, patched and deleted, one by one or in a bulk, filters find what there is."""
    client = new_client(app)
    for step in steps:
        _run(client, step)
    _check(client)


def test_who_is_adopted_or_reactivated_is_found_by_the_new_address(app: Flask, client: Client) -> None:
    """Where a POST takes over a user, the addresses it sends replace the former ones."""
    organization = client.organization
    user = client.new_user("ada", emails=[{"value": "old@example.com"}])
    other = new_client(app, organization, connection="other")
    with begin(organization.store, organization.operator, write=True) as tenant:
        change_connection(tenant, "other", {"on_existing": "adopt", "on_inactive": "reactivate"})
    a_second_later(organization.store)
    for address in ("between@example.com", "new@example.com"):
        taken = other.post("/Users", user_body("ada", emails=[{"value": address}]))
        assert (taken.status_code, taken.get_json()["id"]) == (201, user), taken.text
        other.patch(f"/Users/{user}", {"op": "replace", "path": "active", "value": False})
    assert [each["id"] for each in _found(client, 'emails eq "new@example.com"')] == [user]
    assert _found(client, 'emails eq "old@example.com"') == []
    _check(client)


def test_a_change_of_something_else_writes_no_address(client: Client) -> None:
    """A PATCH or PUT that leaves the addresses alone does not touch their rows."""
    user = client.new_user("ada", emails=[{"value": "ada@example.com"}])
    with recorded() as statements:
        client.patch(f"/Users/{user}", {"op": "replace", "path": "title", "value": "x"})
        client.put(f"/Users/{user}", user_body("ada", title="y", emails=[{"value": "ada@example.com"}]))
    assert [each.sql for each in statements if "emails" in each.sql] == []


def test_who_comes_and_goes_in_one_bulk_leaves_no_address(client: Client) -> None:
    """A bulk that creates a user, changes the addresses and deletes the user again is carried out as a whole."""
    stays = client.new_user("stays", emails=[{"value": "a@example.com"}])
    replaced = patch_body({"op": "replace", "path": "emails", "value": [{"value": "b@example.com"}]})
    operations = [
        {
            "method": "POST",
            "path": "/Users",
            "bulkId": "new",
            "data": user_body("new", emails=[{"value": "a@example.com"}]),
        },
        {"method": "PATCH", "path": "/Users/bulkId:new", "data": replaced},
        {"method": "PATCH", "path": f"/Users/{stays}", "data": replaced},
        {"method": "DELETE", "path": "/Users/bulkId:new"},
    ]
    answer = client.post("/Bulk", {**BULK, "Operations": operations})
    assert [each["status"] for each in answer.get_json()["Operations"]] == ["201", "200", "200", "204"], answer.text
    assert [each["id"] for each in _found(client, 'emails eq "b@example.com"')] == [stays]
    assert _found(client, 'emails eq "a@example.com"') == []
    _check(client)
