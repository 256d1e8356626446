"""`/Me` (RFC 7644 §3.11): a person reads themselves and changes their password, and nothing else."""

from collections.abc import Mapping
from typing import Any

import pytest
from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError
from flask import Flask
from sqlalchemy import select

from scim_server.actions.tokens import issue_token
from scim_server.protocol.bulk import BULK_REQUEST_URN
from scim_server.store.session import begin
from scim_server.store.tables import passwords
from tests.directory import KEY, Client, patch_body, user_body

PASSWORD = {"op": "replace", "path": "password", "value": "a new password"}


def person(app: Flask, client: Client, user_name: str) -> Client:
    """Return a client whose token stands for a user of the organization."""
    organization = client.organization
    with begin(organization.store, organization.operator, write=True) as tenant:
        _, token = issue_token(tenant, KEY, "default", "scim", None, user_name)
    return Client(app.test_client(), organization, organization.prove(token), token)


@pytest.fixture
def ann(client: Client) -> str:
    """The id of a user who has a password."""
    return client.new_user("ann", displayName="Ann", password="the old password")


@pytest.fixture
def me(app: Flask, client: Client, ann: str) -> Client:
    """A client that speaks for that user."""
    return person(app, client, "ANN")


def has_password(client: Client, user_id: str, password: str) -> bool:
    """Return whether a user has this password."""
    organization = client.organization
    with begin(organization.store, organization.operator, write=False) as tenant:
        digest = tenant.db.scalar(
            select(passwords.c.digest).where(passwords.c.org_id == tenant.org_id, passwords.c.user_id == user_id)
        )
    try:
        return digest is not None and PasswordHasher().verify(digest, password)
    except VerifyMismatchError:
        return False


def test_a_person_reads_themselves(client: Client, me: Client, ann: str) -> None:
    """The answer is the resource, with its own place and version, projected and not repeated as elsewhere."""
    group_id = client.new_group(members=[ann])
    response = me.get("/Me")
    assert response.status_code == 200
    assert response.get_json() == client.read(f"/Users/{ann}")
    assert response.get_json()["groups"][0]["value"] == group_id
    # RFC 7644 §3.11: Location is the permanent place of the resource.
    assert response.headers["Location"] == response.get_json()["meta"]["location"]
    assert response.headers["Location"].endswith(f"/scim/v2/Users/{ann}")
    assert me.get("/Me", If_None_Match=response.headers["ETag"]).status_code == 304
    assert me.read("/Me?attributes=displayName").keys() == {"schemas", "id", "displayName"}
    assert "password" not in me.read("/Me?attributes=password")


@pytest.mark.parametrize("operation", [PASSWORD, {"op": "add", "value": {"password": "a new password"}}])
def test_a_person_changes_their_password(client: Client, me: Client, ann: str, operation: Mapping[str, Any]) -> None:
    """By PATCH, with a path or without; the answer has a new version and no password."""
    before = me.get("/Me").headers["ETag"]
    response = me.patch("/Me", operation)
    assert response.status_code == 200
    assert "password" not in response.get_json()
    assert response.headers["Location"] == response.get_json()["meta"]["location"]
    assert response.headers["ETag"] != before
    assert has_password(client, ann, "a new password")
    assert not has_password(client, ann, "the old password")
    assert me.patch("/Me", operation, If_Match=before).status_code == 412


@pytest.mark.parametrize(
    "operations",
    [
        [{"op": "replace", "path": "displayName", "value": "Queen Ann"}],
        [PASSWORD, {"op": "replace", "path": "active", "value": True}],
        [PASSWORD, {"op": "add", "value": {"title": "Dr"}}],
        [{"op": "add", "value": {"password": "a new password", "roles": [{"value": "admin"}]}}],
        [{"op": "remove", "path": "externalId"}],
        [{"op": "replace", "path": "userName", "value": "root"}],
    ],
)
def test_a_person_changes_nothing_else(client: Client, me: Client, ann: str, operations: list[Any]) -> None:
    """Any other attribute is 403, and the password that came with it is not changed either."""
    before = client.read(f"/Users/{ann}")
    assert me.patch("/Me", *operations).status_code == 403
    assert client.read(f"/Users/{ann}") == before
    assert has_password(client, ann, "the old password")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_a_person_does_nothing_else_to_themselves(client: Client, me: Client, ann: str, method: str) -> None:
    """Creation, replacement and deletion are 403."""
    assert me.send(method, "/Me", user_body("ann")).status_code == 403
    assert client.get(f"/Users/{ann}").status_code == 200


def test_a_person_reaches_nothing_else(client: Client, me: Client, ann: str) -> None:
    """No other path answers their token, be it their own resource."""
    group_id = client.new_group()
    bulk = {"schemas": [BULK_REQUEST_URN], "Operations": [{"method": "DELETE", "path": f"/Users/{ann}"}]}
    requests: list[tuple[str, str, Any]] = [
        ("GET", "", None),
        ("GET", "/Users", None),
        ("GET", f"/Users/{ann}", None),
        ("GET", "/Groups", None),
        ("GET", "/ServiceProviderConfig", None),
        ("GET", "/Schemas", None),
        ("GET", f"/Me/{ann}", None),
        ("POST", "/Users", user_body("bea")),
        ("POST", "/.search", {}),
        ("POST", "/Bulk", bulk),
        ("PATCH", f"/Users/{ann}", patch_body(PASSWORD)),
        ("PATCH", f"/Groups/{group_id}", patch_body({"op": "remove", "path": "members"})),
        ("DELETE", f"/Users/{ann}", None),
    ]
    for method, path, body in requests:
        assert me.send(method, path, body).status_code == 403, (method, path)
    assert has_password(client, ann, "the old password")


def test_access_ends_with_active(client: Client, me: Client, ann: str) -> None:
    """`active` is access: false ends the token at once, for good; who gets access again is given another."""
    assert me.get("/Me").status_code == 200
    inactive, active = ({"op": "replace", "path": "active", "value": value} for value in (False, True))
    assert client.patch(f"/Users/{ann}", inactive).status_code == 200
    assert me.get("/Me").status_code == 401
    assert me.patch("/Me", PASSWORD).status_code == 401
    assert client.patch(f"/Users/{ann}", active).status_code == 200
    assert me.get("/Me").status_code == 401
    assert has_password(client, ann, "the old password")


def test_access_ends_with_the_user(client: Client, me: Client, ann: str) -> None:
    """The token of who was deleted proves nothing, and does not serve another of that name."""
    assert me.get("/Me").status_code == 200
    assert client.delete(f"/Users/{ann}").status_code == 204
    assert me.get("/Me").status_code == 401
    client.new_user("ann")
    assert me.get("/Me").status_code == 401


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
def test_a_connection_is_nobody(client: Client, method: str) -> None:
    """RFC 7644 §3.11: what is authenticated is no resource, so /Me is not implemented for it: 501."""
    body = patch_body(PASSWORD) if method == "PATCH" else user_body("ann")
    assert client.send(method, "/Me", None if method == "GET" else body).status_code == 501
