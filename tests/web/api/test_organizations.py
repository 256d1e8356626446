"""Organizations are made, changed, suspended and deleted by operators; others see their own."""

import pytest
from flask import Flask

from scim_server.actions import removal
from scim_server.web.api import organizations
from tests.api import ApiClient, api_client, errors_of, problem_of
from tests.directory import a_second_later, new_client, site_of, unique


def test_an_organization_is_made_with_what_is_left_out_by_default(operator: ApiClient) -> None:
    """It is where Location says, with a connection `default`, and its ETag."""
    slug = unique("made")
    answer = operator.post("/organizations", {"slug": slug, "name": " Acme "})
    assert answer.status_code == 201
    assert answer.get_json() == {
        "slug": slug,
        "name": "Acme",
        "status": "active",
        "time_zone": "UTC",
        "language": "en",
        "portal": "delegated",
        "deputy_id": None,
        "contact_email": None,
        **{name: answer.get_json()[name] for name in ("id", "created_at")},
    }
    place = answer.headers["Location"].partition("/api/v1")[2]
    assert place == f"/organizations/{slug}"
    read = operator.get(place)
    assert (read.get_json(), read.headers["ETag"]) == (answer.get_json(), answer.headers["ETag"])
    assert [each["name"] for each in operator.read(f"{place}/connections")["items"]] == ["default"]
    assert operator.read(f"/organizations/{answer.get_json()['id']}") == answer.get_json()


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"slug": "Not A Slug"}, "/slug"),
        ({"slug": "019a9c4e-1b2c-7d3e-8f90-123456789abc"}, "/slug"),
        ({"slug": "good\n"}, "/slug"),
        ({"slug": None}, "/slug"),
        ({"name": " "}, "/name"),
        ({"name": "\u00a0"}, "/name"),
        ({"name": "a\u0007"}, "/name"),
        ({"name": 7}, "/name"),
        ({"time_zone": "Mars/Olympus"}, "/time_zone"),
        ({"language": "de"}, "/language"),
        ({"portal": "mars"}, "/portal"),
        ({"colour/~": "red"}, "/colour~1~0"),
    ],
)
def test_each_bad_field_is_pointed_at(operator: ApiClient, body: dict[str, object], pointer: str) -> None:
    """The errors name what is wrong with it, and nothing is made."""
    slug = unique("refused")
    answer = operator.post("/organizations", {"slug": slug, "name": "Acme", **body})
    assert list(errors_of(answer)) == [pointer]
    assert operator.get(f"/organizations/{slug}").status_code == 404


def test_all_bad_fields_are_told_at_once(operator: ApiClient) -> None:
    """One answer names every one of them, the missing ones too."""
    assert set(errors_of(operator.post("/organizations", {"language": 1, "more": 1}))) == {
        "/slug",
        "/name",
        "/language",
        "/more",
    }


def test_a_slug_is_taken_once(operator: ApiClient) -> None:
    """The second gets a conflict that points at it."""
    body = {"slug": unique("twice"), "name": "Acme"}
    operator.made("/organizations", body)
    assert list(errors_of(operator.post("/organizations", body), 409)) == ["/slug"]


def test_an_organization_is_changed_by_its_administrator(admin: ApiClient) -> None:
    """What is left out stays; a change that changes nothing keeps the version; the trail has each."""
    first = admin.get("")
    changed = admin.patch("", {"language": "fr", "time_zone": "Europe/Paris"})
    assert changed.get_json() == {**first.get_json(), "language": "fr", "time_zone": "Europe/Paris"}
    assert changed.headers["ETag"] != first.headers["ETag"]
    assert admin.patch("", {"language": "fr"}).headers["ETag"] == changed.headers["ETag"]
    (entry,) = admin.read("trail?action=organization.change")["items"]
    assert entry["changes"] == {
        "language": {"from": "en", "to": "fr"},
        "time_zone": {"from": "UTC", "to": "Europe/Paris"},
    }


def test_a_change_for_another_version_fails(admin: ApiClient) -> None:
    """412 where the ETag is not that of the organization, which stays as it is."""
    first = admin.get("")
    admin.patch("", {"name": "second"}, If_Match=first.headers["ETag"])
    problem_of(admin.patch("", {"name": "third"}, If_Match=first.headers["ETag"]), 412)
    assert admin.read("")["name"] == "second"
    assert admin.patch("", {"name": "fourth"}, If_Match="*").status_code == 200


def test_a_version_that_is_known_is_not_sent_again(admin: ApiClient) -> None:
    """304 for a GET with If-None-Match."""
    answer = admin.get("", If_None_Match=admin.get("").headers["ETag"])
    assert (answer.status_code, answer.data) == (304, b"")


def test_an_operator_walks_all_organizations(operator: ApiClient, admin: ApiClient) -> None:
    """Page by page in the order of the slugs; others see their own."""
    slugs = [each["slug"] for each in operator.walk("/organizations", limit=7)]
    assert slugs == sorted(slugs)
    assert {operator.organization.slug, admin.organization.slug} <= set(slugs)
    assert [each["slug"] for each in admin.walk("/organizations")] == [admin.organization.slug]


def test_suspending_holds_for_every_token(app: Flask, operator: ApiClient, admin: ApiClient) -> None:
    """From the next look-up on, SCIM and API are refused; resumed, both are taken again."""
    scim = new_client(app, admin.organization)
    place = f"/organizations/{admin.organization.slug}"
    for _ in range(2):
        assert operator.post(f"{place}/suspend").get_json()["status"] == "suspended"
    a_second_later(site_of(app).store)
    assert (scim.get("/Users").status_code, admin.get("").status_code) == (401, 401)
    assert operator.read(place)["status"] == "suspended"
    assert operator.post(f"{place}/resume").get_json()["status"] == "active"
    a_second_later(site_of(app).store)
    assert (scim.get("/Users").status_code, admin.get("").status_code) == (200, 200)
    actions = [each["action"] for each in operator.read(f"{place}/trail")["items"]]
    assert actions.count("organization.suspend") == actions.count("organization.resume") == 1


@pytest.mark.parametrize("body", [None, {}, {"confirm": "another"}, {"confirm": True}])
def test_a_deletion_names_the_organization(operator: ApiClient, body: object) -> None:
    """Without the slug in its body, nothing happens."""
    assert operator.delete("", body).status_code in (400, 415)
    assert operator.read("")["status"] == "active"


def test_a_deletion_leaves_nothing(app: Flask, operator: ApiClient, admin: ApiClient) -> None:
    """204, and the organization is as one that never was, whose slug is free again; others stay."""
    scim = new_client(app, admin.organization)
    scim.new_group(members=[scim.new_user(password="secret word")])
    slug = admin.organization.slug
    place = f"/organizations/{slug}"
    assert operator.delete(place, {"confirm": slug}).status_code == 204
    assert operator.get(place).status_code == operator.delete(place, {"confirm": slug}).status_code == 404
    a_second_later(site_of(app).store)
    assert scim.get("/Users").status_code == 401
    operator.made("/organizations", {"slug": slug, "name": "again"})
    assert operator.read(f"{place}/members")["total"] == 0
    assert operator.read("")["status"] == "active"


def test_a_large_deletion_goes_on_where_it_stopped(
    app: Flask, operator: ApiClient, admin: ApiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """202 while there is more; meanwhile the organization refuses everything but to go on."""
    scim = new_client(app, admin.organization)
    for _ in range(5):
        scim.new_user()
    monkeypatch.setattr(removal, "BATCH", 3)
    monkeypatch.setattr(organizations, "DELETION_S", 0.0)
    slug = admin.organization.slug
    place = f"/organizations/{slug}"
    answers = [operator.delete(place, {"confirm": slug})]
    assert answers[0].get_json()["status"] == operator.read(place)["status"] == "deleting"
    a_second_later(site_of(app).store)
    assert (scim.get("/Users").status_code, admin.get("").status_code) == (401, 401)
    problem_of(operator.get(f"{place}/members"), 409)
    problem_of(operator.post(f"{place}/resume"), 409)
    problem_of(operator.patch(place, {"name": "saved"}), 409)
    while answers[-1].status_code == 202:
        answers.append(operator.delete(place, {"confirm": slug}))
    assert answers[-1].status_code == 204
    assert len(answers) > 3


def test_only_operators_make_and_end_organizations(app: Flask, admin: ApiClient) -> None:
    """403 for every other scope, and nothing has changed."""
    slug = admin.organization.slug
    for client in (admin, api_client(app, "members:read", "members:write", organization=admin.organization)):
        assert client.post("/organizations", {"slug": unique("own"), "name": "Own"}).status_code == 403
        assert client.delete("", {"confirm": slug}).status_code == 403
        assert client.post("suspend").status_code == client.post("resume").status_code == 403
    assert admin.read("")["status"] == "active"
