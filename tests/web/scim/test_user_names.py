"""A userName is compared by its PRECIS form (RFC 7644 §5, RFC 8265) and answered as it was sent."""

from typing import Any
from urllib.parse import quote

import pytest

from scim_server.protocol.comparison import comparison_key, user_name_key
from tests.directory import Client, user_body

SAME: dict[str, tuple[str, str]] = {
    "case": ("JÖRG", "jörg"),
    "ASCII case": ("Ann", "aNN"),
    "fullwidth": ("\uff21\uff4e\uff4e", "ann"),  # Ａｎｎ
    "fullwidth signs": ("ann\uff20example\uff0ecom", "ann@example.com"),
    "halfwidth": ("\uff76\uff9e", "\u30ac"),  # ｶﾞ, ガ
    "composed": ("e\u0301ve", "\u00e9ve"),
    "Kelvin": ("\u212a1", "k1"),  # A letter that is K, outside of the profile; its lower case is k.
}
"""Spellings of one name."""

DIFFERENT: dict[str, tuple[str, str]] = {
    "sharp s": ("straße", "strasse"),
    "accent": ("eve", "\u00e9ve"),
    "dotless": ("\u0131da", "ida"),
    "script": ("\u0430nn", "ann"),  # A Cyrillic letter.
}
"""Names that look alike."""

OUTSIDE = (
    "Ann \u00d6berg",
    "snow\u2603Man",
    "\U0001f600 Ann",
    "\u00bd\u00d6",
    "a\u200db",
    "\u05d0\u0661b",
    "\u2126hm",
    "\ufb01sh",
    "\u00a0\u00c4",
)
"""Names with what UsernameCaseMapped forbids: spaces, symbols, emoji, joiners, mixed directions, ligatures."""


def conflict(response: Any) -> bool:
    return (response.status_code, response.get_json().get("scimType")) == (409, "uniqueness")


def found(client: Client, expression: str) -> list[str]:
    """Return the userNames that a filter finds."""
    return [each["userName"] for each in client.read(f"/Users?filter={quote(expression)}")["Resources"]]


@pytest.mark.parametrize("name", SAME)
def test_spellings_of_one_name_are_one_user(client: Client, name: str) -> None:
    """Each finds the user and conflicts with the other; the answer has it as it was sent."""
    sent, other = SAME[name]
    user_id, second = client.new_user(sent), client.new_user("second")
    assert client.read(f"/Users/{user_id}")["userName"] == sent
    for spelling in (sent, other, other.upper()):
        assert found(client, f'userName eq "{spelling}"') == [sent]
        assert sent not in found(client, f'userName ne "{spelling}"')
        assert found(client, f'id eq "{user_id}" and userName sw "{spelling}"') == [sent]
        assert conflict(client.post("/Users", user_body(spelling)))
        assert conflict(client.put(f"/Users/{second}", user_body(spelling)))
        operation = {"op": "replace", "path": "userName", "value": spelling}
        assert conflict(client.patch(f"/Users/{second}", operation))


@pytest.mark.parametrize("name", SAME)
def test_a_user_may_be_spelled_anew(client: Client, name: str) -> None:
    """Another spelling of one's own name is no conflict, and is answered from then on."""
    sent, other = SAME[name]
    user_id = client.new_user(sent)
    assert client.put(f"/Users/{user_id}", user_body(other)).get_json()["userName"] == other
    assert client.read(f"/Users/{user_id}")["userName"] == other
    assert found(client, f'userName eq "{sent}"') == [other]


@pytest.mark.parametrize("name", DIFFERENT)
def test_names_that_look_alike_are_two_users(client: Client, name: str) -> None:
    """The profile maps width, case and composition, nothing else."""
    one, other = DIFFERENT[name]
    client.new_user(one)
    client.new_user(other)
    assert found(client, f'userName eq "{one}"') == [one]


@pytest.mark.parametrize("name", OUTSIDE, ids=ascii)
def test_a_name_outside_the_profile_is_taken_as_it_is(client: Client, name: str) -> None:
    """It is never refused, is compared as any other string, and is answered as it was sent."""
    user_id = client.new_user(name)
    assert client.read(f"/Users/{user_id}")["userName"] == name
    assert user_name_key(name) == comparison_key(name, case_exact=False)
    assert found(client, f'userName eq "{name.lower()}"') == [name]
    assert found(client, f'userName sw "{name[:2]}"') == [name]
    assert conflict(client.post("/Users", user_body(name.lower())))


def test_only_the_user_name_is_prepared(client: Client) -> None:
    """Other attributes keep the width of their letters: they are compared as RFC 7643 §2.3.1 has it."""
    client.new_user("ann", displayName="\uff21nn", title="x")
    assert found(client, 'displayName eq "ann"') == []
    assert found(client, 'displayName eq "\uff41NN"') == ["ann"]


def test_names_are_sorted_by_their_keys(client: Client) -> None:
    """The order is that of what is compared."""
    names = ["\uff22ob", "ann", "Cleo", "\uff41\uff42"]
    for each in names:
        client.new_user(each)
    answer = client.read("/Users?sortBy=userName")["Resources"]
    assert [each["userName"] for each in answer] == ["\uff41\uff42", "ann", "\uff22ob", "Cleo"]


def test_a_bulk_compares_names_the_same_way(client: Client) -> None:
    """Two spellings in one request are one user."""
    operations = [
        {"method": "POST", "path": "/Users", "bulkId": str(at), "data": user_body(name)}
        for at, name in enumerate(["ann", "\uff21nn", "bea"])
    ]
    message = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": operations}
    results = client.post("/Bulk", message).get_json()["Operations"]
    assert [each["status"] for each in results] == ["201", "409", "201"]
