"""Mappings of what an identity provider says to roles and customer groups."""

import re
from typing import Any

import pytest
from flask import Flask

from tests.databases import only_postgresql
from tests.directory import Client, new_client, unique
from tests.portals import Portal, portal
from tests.web.console.pages import Pages, administrator, signed_in
from tests.web.console.test_settings import only_administrator

# What a page shows depends on no database; tests/web/console/test_every_page.py opens each on either.
pytestmark = only_postgresql

INVOICES = "invoice-management"


@pytest.fixture
def delegated(app: Flask) -> Portal:
    """An organization whose administrators are delegated."""
    return portal(app)


@pytest.fixture
def pages(delegated: Portal) -> Pages:
    """The pages of its administrator."""
    return administrator(delegated)


def provider(on: Portal) -> Client:
    """Return an identity provider of an organization."""
    return new_client(on.app, on.organization, connection=unique("entra"))


def of_group(entra: Client, value: str, target: str) -> dict[str, str]:
    """Return the form of a mapping of a group."""
    return {"connection": entra.connection.id, "source": "group", "value": value, "group": target}


def confirmed(page: str) -> dict[str, str]:
    """Return what the form of a dry run would send."""
    hidden = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page.split("What changes at once")[1])
    return dict(hidden)


def test_a_mapping_is_made_after_a_dry_run_alone(delegated: Portal, pages: Pages) -> None:
    """The dry run says person by person what changes, and changes nothing; the confirmation does it."""
    entra = provider(delegated)
    ada = entra.new_user("ada@example.com", displayName="Ada Lovelace")
    entra.new_group("Finance", [ada])
    form = of_group(entra, "Finance", delegated.roles()[INVOICES])
    assert "Finance" in pages.read(f"/mappings/new?connection={entra.connection.id}")
    dry = pages.post("/mappings/new", form)
    assert dry.status_code == 200
    assert "Ada Lovelace" in dry.text
    assert "See invoices" in dry.text
    assert not delegated.may(ada, "invoices:read")
    listed = pages.done("/mappings/new", confirmed(dry.text))
    assert "Members of the group Finance" in listed
    assert delegated.may(ada, "invoices:read")
    again = pages.post("/mappings/new", form)
    assert again.status_code == 409
    assert "is mapped to this already" in again.text
    assert 'value="Finance"' in again.text


def test_a_mapping_is_removed_after_a_dry_run(delegated: Portal, pages: Pages) -> None:
    """The page says who loses what; a value of roles is mapped like a group."""
    entra = provider(delegated)
    ada = entra.new_user("ada@example.com", roles=[{"value": "fin"}], displayName="Ada Lovelace")
    form = {**of_group(entra, "FIN", delegated.roles()[INVOICES]), "source": "role"}
    pages.done("/mappings/new", {**form, "confirmed": "yes"})
    assert delegated.may(ada, "invoices:read")
    (mapping,) = delegated.api.read("mappings")["items"]
    page = pages.read(f"/mappings/{mapping['id']}/remove")
    assert "Ada Lovelace" in page
    assert delegated.may(ada, "invoices:read")
    pages.done(f"/mappings/{mapping['id']}/remove")
    assert not delegated.may(ada, "invoices:read")
    assert pages.get(f"/mappings/{mapping['id']}/remove").status_code == 404


def test_nobody_gains_by_a_mapping_they_make(delegated: Portal) -> None:
    """An administrator who is in the group gets no business rights by it, neither dry nor confirmed."""
    entra = provider(delegated)
    admin = entra.new_user("admin@example.com")
    delegated.api.send("PUT", f"members/{admin}/roles", {"roles": ["delegated-administrator"]})
    entra.new_group("Finance", [admin])
    pages = signed_in(delegated, admin)
    form = of_group(entra, "Finance", delegated.roles()[INVOICES])
    for sent in (form, {**form, "confirmed": "yes"}):
        refused = pages.post("/mappings/new", sent)
        assert refused.status_code == 403
        assert "you would gain" in refused.text
    assert not delegated.may(admin, "invoices:read")
    assert not delegated.api.read("mappings")["items"]


def test_teams_and_limited_roles_are_mapped_by_nobody(delegated: Portal, pages: Pages, app: Flask) -> None:
    """Nor is what is none; the form comes again with the reason."""
    entra, team = provider(delegated), delegated.group("Sales")
    refused = pages.post("/mappings/new", of_group(entra, "Finance", team))
    assert refused.status_code == 409
    assert "add members to a team by hand" in refused.text
    for broken in ({"group": "none"}, {"source": "owner"}, {"connection": ""}, {"value": ""}):
        answer = pages.post("/mappings/new", {**of_group(entra, "F", delegated.roles()[INVOICES]), **broken})
        assert answer.status_code == 400, broken
    contacts = portal(app, "contacts")
    form = of_group(provider(contacts), "Admins", contacts.roles()["administrator"])
    assert only_administrator(contacts).post("/mappings/new", form).status_code == 409


def test_customer_groups_are_found_by_name_where_the_portal_has_them(app: Flask) -> None:
    """They are offered beside the roles, those that are looked for; others are not."""
    groups = portal(app, "customer-groups")
    paris, lyon = groups.group("Paris", "customerGroup"), groups.group("Lyon", "customerGroup")
    pages = administrator(groups)
    offered = pages.read("/mappings/new?q=pari")
    assert paris in offered
    assert lyon not in offered
    entra = provider(groups)
    ada = entra.new_user("ada@example.com", displayName="Ada Lovelace")
    entra.new_group("IDF", [ada])
    dry = pages.post("/mappings/new", of_group(entra, "IDF", paris))
    assert "Customer group Paris" in dry.text


def test_nothing_of_another_organization_is_mapped(delegated: Portal, pages: Pages, app: Flask) -> None:
    """Neither its connections nor its roles, and its mappings are not removed."""
    other = portal(app)
    theirs, ours = provider(other), provider(delegated)
    body: Any = of_group(theirs, "Finance", other.roles()[INVOICES])
    mapping = other.api.made("mappings", body)["id"]
    role = delegated.roles()[INVOICES]
    for form in (of_group(theirs, "F", role), of_group(ours, "F", other.roles()[INVOICES])):
        assert pages.post("/mappings/new", form).status_code == 404
        assert pages.post("/mappings/new", {**form, "confirmed": "yes"}).status_code == 404
    assert pages.get(f"/mappings/{mapping}/remove").status_code == 404
    assert pages.post(f"/mappings/{mapping}/remove", of="/mappings/new").status_code == 404
    assert other.api.read("mappings")["items"]
    assert not delegated.api.read("mappings")["items"]
