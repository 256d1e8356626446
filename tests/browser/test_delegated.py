"""S1, my.daikin.be: the Admin Console, walked as its help page says, in French."""

from collections.abc import Callable

import pytest
from flask import Flask
from playwright.sync_api import Page, expect

from tests.browser.chromium import Window
from tests.databases import only_postgresql
from tests.directory import unique
from tests.portals import Portal, portal
from tests.seeds.letters import PASSWORD, Letters

pytestmark = only_postgresql

ADMINISTRATOR = "delegated-administrator"
BASIC = {"documentation:read", "software:use", "support:create"}
ORDERS = {"quotations:read", "orders:read"}
FUNCTIONS = {
    "Administrateur délégué": "Accès de base avec possibilité de modifier les droits des employés",
    "Account Balance": "Tous les accès sauf l'Admin Console",
    "Invoice Management": "Accès aux factures, commandes et devis",
    "Order Management": "Accès aux commandes et aux devis",
    "Quotation Management": "Accès aux devis",
}
Opener = Callable[..., Window]


@pytest.fixture
def delegated(app: Flask) -> Portal:
    """An organization whose administrators are delegated."""
    return portal(app, "delegated")


@pytest.fixture
def console(delegated: Portal, open_console: Opener) -> Window:
    """The window of one of them."""
    return open_console(delegated).sign_in(delegated.member("admin", ADMINISTRATOR))


def employee(on: Portal, first: str, *roles: str) -> tuple[str, str]:
    """Make an employee; return their id, and what they are called."""
    member = on.member(first.lower(), *roles)
    name = on.api.read(f"members/{member}")["attributes"]["name"]
    return member, f"{name['givenName']} {name['familyName']}"


def open_details(window: Window, name: str) -> Page:
    """Find an employee in the list of members, and open the details."""
    page = window.page
    page.get_by_role("link", name="Membres", exact=True).click()
    page.get_by_role("searchbox", name="Rechercher").fill(name)
    page.get_by_role("button", name="Afficher").click()
    expect(page.locator("tbody tr")).to_have_count(1)
    page.get_by_role("link", name=name, exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(name)
    return page


def test_a_role_is_ticked_and_confirmed(delegated: Portal, console: Window) -> None:
    """1.5, 1.7, 1.15, 1.16: From the initials to the list to the details; nothing applies before Confirm."""
    ada, name = employee(delegated, "Ada", "order-management")
    employee(delegated, "Grace")
    page = console.go("/profile")
    circle = page.locator("details.menu summary")
    expect(circle.locator(".initials")).to_have_text("AL")
    circle.click()
    page.get_by_role("link", name="Organisation").click()
    expect(page.get_by_role("heading", level=1, name="Membres")).to_be_visible()
    open_details(console, name)
    for confirms in (False, True):
        page.get_by_role("link", name="Modifier les rôles").click()
        expect(page.get_by_role("checkbox", name="Order Management")).to_be_checked()
        invoices = page.get_by_role("checkbox", name="Invoice Management")
        expect(invoices).not_to_be_checked()
        invoices.check()
        assert "invoices:read" not in delegated.permissions(ada)
        page.locator("form").get_by_text("Confirmer" if confirms else "Annuler", exact=True).click()
        expect(page.get_by_role("heading", level=1)).to_have_text(name)
        assert ("invoices:read" in delegated.permissions(ada)) == confirms
    expect(page.get_by_role("region", name="Permissions")).to_contain_text("Consulter les factures")


def test_the_roles_are_those_of_the_help_page(delegated: Portal, console: Window) -> None:
    """1.8, 1.9, 1.10, 1.11, 1.12, 1.13: Five, each with what it gives; with none ticked, basic access is left."""
    ada, name = employee(delegated, "Ada", "account-balance")
    page = open_details(console, name)
    page.get_by_role("link", name="Modifier les rôles").click()
    boxes = page.get_by_role("checkbox")
    expect(boxes).to_have_count(len(FUNCTIONS))
    for role, text in FUNCTIONS.items():
        expect(page.get_by_role("checkbox", name=role, exact=True)).to_have_accessible_description(text)
    page.get_by_role("checkbox", name="Account Balance").uncheck()
    page.get_by_role("button", name="Confirmer").click()
    expect(page.get_by_role("region", name="Rôles")).to_contain_text("Aucun rôle.")
    assert delegated.permissions(ada).keys() == BASIC


def test_an_administrator_is_designated_and_at_work_at_once(
    delegated: Portal, console: Window, open_console: Opener
) -> None:
    """1.2, 1.6, 1.7: The pages of administrators open at the next click, and close so when the role is taken."""
    ada, name = employee(delegated, "Ada")
    theirs = open_console(delegated).sign_in(ada).go("/profile")
    expect(theirs.get_by_role("link", name="Membres")).to_have_count(0)
    for is_given in (True, False):
        page = open_details(console, name)
        page.get_by_role("link", name="Modifier les rôles").click()
        page.get_by_role("checkbox", name="Administrateur délégué").set_checked(is_given)
        page.get_by_role("button", name="Confirmer").click()
        expect(page.get_by_role("heading", level=1)).to_have_text(name)
        theirs.get_by_role("link", name=delegated.organization.slug).click()
        expected = "Membres" if is_given else "Mon profil"
        expect(theirs.get_by_role("heading", level=1)).to_have_text(expected)
        expect(theirs.get_by_role("link", name="Ajouter un membre")).to_have_count(int(is_given))


def test_others_are_told_whom_to_ask(delegated: Portal, open_console: Opener) -> None:
    """1.7, 1.14, 1.21, 1.22: They see what opens for them, and of the Admin Console only who has it."""
    admin, admin_name = employee(delegated, "Anna", ADMINISTRATOR)
    ada, _ = employee(delegated, "Ada", "account-balance")
    window = open_console(delegated).sign_in(ada)
    page = window.page
    circle = page.locator("details.menu summary")
    circle.click()
    expect(page.get_by_role("link", name="Mes sessions").first).to_be_visible()
    expect(page.get_by_role("link", name="Organisation", exact=True)).to_have_count(0)
    expect(page.get_by_role("navigation", name="Pages").get_by_role("link")).to_have_count(0)
    apps = page.get_by_role("region", name="Ce que vous pouvez faire")
    for app in ("Business Portal", "Logiciels de sélection", "Stand By Me", "E-shop"):
        expect(apps).to_contain_text(f"{app} : s’ouvre")
    expect(apps).to_contain_text("Générateur de rapports : pas encore disponible")
    for path in ("/members", "/members/new", f"/members/{admin}", f"/members/{ada}/roles", f"/members/{admin}/delete"):
        answer = page.goto(f"{window.base}{path}")
        assert answer is not None
        assert answer.status == 403, path
        expect(page.get_by_role("region", name="Vos administrateurs")).to_contain_text(admin_name)


def test_a_member_is_invited(delegated: Portal, console: Window, open_console: Opener, letters: Letters) -> None:
    """1.3, 1.17, 1.18: By e-mail alone, in the language chosen, once all that is mandatory is filled in."""
    page = console.go("/members")
    page.get_by_role("link", name="Ajouter un membre").click()
    expect(page.get_by_role("radio", name="Inviter par e-mail")).to_be_checked()
    assert "SMS" not in console.text()
    address, save = f"{unique('ada')}@example.com", page.get_by_role("button", name="Enregistrer")
    for label, text in (("Prénom", "Ada"), ("Nom de famille", "Lovelace"), ("Adresse e-mail", address)):
        save.click()
        field = page.get_by_label(label)
        # The browser says what is missing, and sends nothing.
        expect(field).to_be_focused()
        field.fill(text)
    assert delegated.api.read("members")["total"] == 1
    page.get_by_role("combobox", name="Langue").select_option(label="anglais")
    page.get_by_role("checkbox", name="Order Management").check()
    save.click()
    expect(page.get_by_role("status")).to_contain_text("une invitation lui est envoyée")
    expect(page.locator("main")).to_contain_text("Invité")
    (letter,) = letters.to(address)
    assert "invites you" in letter["Subject"]
    theirs = open_console(delegated, language="en")
    theirs.page.goto(f"{theirs.url}{letters.path(address)}")
    theirs.page.get_by_label("Password", exact=False).first.fill(PASSWORD)
    theirs.page.get_by_label("The same password again").fill(PASSWORD)
    theirs.page.get_by_role("button", name="Accept the invitation").click()
    theirs.page.get_by_label("E-mail address or user name").fill(address)
    theirs.page.get_by_label("Password").fill(PASSWORD)
    theirs.page.get_by_role("button", name="Sign in").click()
    expect(theirs.page.get_by_role("heading", level=1)).to_have_text("My profile")
    (made,) = delegated.api.read(f'members?filter=userName eq "{address}"')["items"]
    assert delegated.permissions(made["id"]).keys() == BASIC | ORDERS


def test_the_details_of_an_employee_are_updated(delegated: Portal, console: Window) -> None:
    """1.4: The name and the e-mail address, and the list shows them at once."""
    ada, name = employee(delegated, "Ada")
    page = open_details(console, name)
    page.get_by_role("link", name="Modifier l’identité").click()
    family, address = unique("King"), f"{unique('augusta')}@example.com"
    page.get_by_label("Prénom").fill("Augusta")
    page.get_by_label("Nom de famille").fill(family)
    page.get_by_label("Adresse e-mail").fill(address)
    page.get_by_role("button", name="Enregistrer").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Augusta {family}")
    open_details(console, f"Augusta {family}")
    expect(page.get_by_role("region", name="Identité")).to_contain_text(address)
    assert delegated.api.read(f"members/{ada}")["attributes"]["emails"][0]["value"] == address


def test_an_employee_is_switched_off_and_on(delegated: Portal, console: Window, open_console: Opener) -> None:
    """1.6, 1.20: Off, what they had open asks for a sign-in, and refuses it; on, they sign in again, as they were."""
    ada, name = employee(delegated, "Ada", "order-management")
    before = delegated.api.read(f"members/{ada}")["attributes"]
    window = open_console(delegated).sign_in(ada)
    page = open_details(console, name)
    page.get_by_role("button", name="Suspendre").click()
    expect(page.locator("main .badge")).to_have_text("Suspendu")
    window.page.reload()
    assert "/sign-in" in window.page.url
    page.get_by_role("button", name="Rétablir l’accès").click()
    expect(page.locator("main .badge")).to_have_text("Actif")
    window.page.reload()
    assert "/sign-in" in window.page.url
    window.sign_in(ada)
    assert delegated.permissions(ada).keys() == BASIC | ORDERS
    assert delegated.api.read(f"members/{ada}")["attributes"] == before


def test_a_member_is_removed(delegated: Portal, console: Window, open_console: Opener) -> None:
    """1.19: The icon asks first, and Cancel keeps them; confirmed, they are out of the list and signed out."""
    ada, name = employee(delegated, "Ada", "order-management")
    window = open_console(delegated).sign_in(ada)
    page = open_details(console, name)
    page.get_by_role("link", name="Retirer de l’organisation…").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Retirer {name} de l’organisation")
    page.get_by_role("link", name="Annuler").click()
    assert delegated.state(ada) == "active"
    page.get_by_role("link", name="Retirer de l’organisation…").click()
    page.get_by_role("button", name="Supprimer définitivement").click()
    expect(page.get_by_role("status")).to_contain_text("Supprimé")
    expect(page.get_by_role("link", name=name)).to_have_count(0)
    window.page.reload()
    assert "/sign-in" in window.page.url
    assert delegated.api.get(f"members/{ada}").status_code == 404
