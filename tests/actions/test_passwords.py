"""Passwords are prepared by OpaqueString (RFC 7643 §4.1.1, RFC 8265 §4.2), kept as digests, and never answered."""

from typing import Any

import pytest
from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError
from sqlalchemy import select

from scim_server.actions.resources import MAX_PASSWORDS
from scim_server.protocol.bulk import BULK_REQUEST_URN
from scim_server.protocol.comparison import prepared_password
from scim_server.store.session import begin
from scim_server.store.tables import passwords, resources, trail
from tests.directory import Client, user_body


def rows(client: Client, *columns: Any) -> list[tuple[Any, ...]]:
    """Return what the organization has in these columns of a table."""
    organization = client.organization
    with begin(organization.store, organization.operator, write=False) as tenant:
        found = select(*columns).where(columns[0].table.c.org_id == tenant.org_id)
        return [tuple(row) for row in tenant.db.execute(found)]


def is_password(client: Client, password: str) -> bool:
    """Return whether the one user of the organization has this password, in the form it is prepared to."""
    ((digest,),) = rows(client, passwords.c.digest)
    try:
        return PasswordHasher().verify(digest, password)
    except VerifyMismatchError:
        return False


@pytest.mark.parametrize(
    ("sent", "prepared"),
    [
        ("Correct Horse", "Correct Horse"),
        ("e\u0301te\u0301", "\u00e9t\u00e9"),  # Composed.
        ("a\u00a0b\u3000c", "a b c"),  # Every space is a space.
        ("\uff30\uff41\uff53\uff53", "\uff30\uff41\uff53\uff53"),  # Neither width nor case is mapped.
        ("\u2603\U0001f600", "\u2603\U0001f600"),
        ("bell\u0007", "bell\u0007"),  # Outside of the profile: taken as it is.
        ("\ufb01", "\ufb01"),
    ],
    ids=ascii,
)
def test_a_password_is_prepared(client: Client, sent: str, prepared: str) -> None:
    """On POST, PUT and PATCH alike, so that it is the same from every keyboard."""
    assert prepared_password(sent) == prepared
    user_id = client.new_user("ann", password=sent)
    assert is_password(client, prepared)
    assert client.patch(f"/Users/{user_id}", {"op": "replace", "path": "password", "value": "x"}).status_code == 200
    assert not is_password(client, prepared)
    assert client.patch(f"/Users/{user_id}", {"op": "add", "value": {"password": sent}}).status_code == 200
    assert is_password(client, prepared)
    assert client.put(f"/Users/{user_id}", user_body("ann", password=sent.upper() + "1")).status_code == 200
    assert is_password(client, prepared_password(sent.upper() + "1"))


def test_a_password_is_nowhere_in_the_clear(client: Client) -> None:
    """Not in the document, not in what is compared, not in the trail, and in no answer (RFC 7643 §7)."""
    secret = "a secret as none other"
    answers = [client.post("/Users", user_body("ann", password=secret)).text]
    user_id = client.read("/Users")["Resources"][0]["id"]
    answers += [
        client.put(f"/Users/{user_id}", user_body("ann", password=secret)).text,
        client.patch(f"/Users/{user_id}", {"op": "add", "path": "password", "value": secret}).text,
        *(client.get(f"/Users{path}?attributes=password").text for path in ("", f"/{user_id}")),
    ]
    kept = [rows(client, resources.c.document, resources.c.folded), rows(client, trail.c.changes)]
    for text in (*answers, str(kept)):
        assert secret not in text
        assert "argon2" not in text
    assert not any('"password"' in answer for answer in answers)


def test_a_put_without_a_password_keeps_it(client: Client) -> None:
    """What cannot be read back is not cleared by what was left out; null clears it."""
    user_id = client.new_user("ann", password="secret")
    assert client.put(f"/Users/{user_id}", user_body("ann")).status_code == 200
    assert is_password(client, "secret")
    assert client.put(f"/Users/{user_id}", user_body("ann", password=None)).status_code == 200
    assert rows(client, passwords.c.digest) == []


@pytest.mark.parametrize("password", ["", "x" * 1001, 1, ["secret"], {"value": "secret"}])
def test_what_is_no_password_is_refused(client: Client, password: Any) -> None:
    """400 invalidValue, without the password in the answer."""
    response = client.post("/Users", user_body("ann", password=password))
    assert (response.status_code, response.get_json()["scimType"]) == (400, "invalidValue")
    assert "secret" not in response.text
    assert client.read("/Users")["totalResults"] == 0


def test_one_request_sets_few_passwords(client: Client) -> None:
    """Each takes some 30 ms of a processor: what is more is refused, in a PATCH as a whole, in a bulk one by one."""
    user_id = client.new_user("ann", password="first")
    refused = client.patch(
        f"/Users/{user_id}", *({"op": "replace", "path": "password", "value": str(n)} for n in range(MAX_PASSWORDS + 1))
    )
    assert (refused.status_code, refused.get_json()["scimType"]) == (400, "invalidValue")
    assert is_password(client, "first")
    operations = [
        {"method": "POST", "path": "/Users", "bulkId": str(n), "data": user_body(f"user-{n}", password="x")}
        for n in range(MAX_PASSWORDS + 2)
    ]
    answers = client.post("/Bulk", {"schemas": [BULK_REQUEST_URN], "Operations": operations}).get_json()["Operations"]
    assert [int(each["status"]) for each in answers] == [201] * MAX_PASSWORDS + [400] * 2
