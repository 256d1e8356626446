"""S3, Espace Client > Contacts: the table of contacts, walked as its help page says, in French."""

import re
from collections.abc import Callable

import pytest
from flask import Flask
from playwright.sync_api import Locator, expect

from tests.browser.chromium import Window
from tests.databases import only_postgresql
from tests.directory import unique
from tests.portals import Portal, as_operator, portal
from tests.seeds.letters import PASSWORD, Letters, address_of

pytestmark = only_postgresql

MEMBER_URN = "urn:scim-server:params:scim:schemas:extension:member:1.0:User"
LETTER = {"name": "accord.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.7 D'accord."}
Opener = Callable[..., Window]


@pytest.fixture
def contacts(app: Flask) -> Portal:
    """A company, whose first administrator its operator may name by hand."""
    return portal(app, "contacts", scope="operator")


@pytest.fixture
def anna(contacts: Portal) -> str:
    """Its administrator."""
    return contacts.member("anna", "administrator")


@pytest.fixture
def console(contacts: Portal, anna: str, open_console: Opener) -> Window:
    """The administrator's window, on the table of contacts."""
    window = open_console(contacts).sign_in(anna)
    assert window.page.url.endswith("/members")
    return window


def name_of(on: Portal, member: str) -> str:
    """Return what a contact is called."""
    name = on.api.read(f"members/{member}")["attributes"]["name"]
    return f"{name['givenName']} {name['familyName']}"


def row(window: Window, member: str) -> Locator:
    """Return the row of a contact."""
    return window.page.locator(f"#member-{member}")


def edit(window: Window, on: Portal, member: str) -> Locator:
    """Press the pencil of a row, and return the row, whose first field has the focus."""
    row(window, member).get_by_role("link", name=f"Modifier {name_of(on, member)}").click()
    opened = row(window, member)
    expect(opened.get_by_label("Fonction")).to_be_focused()
    return opened


def choose_password(window: Window, path: str) -> None:
    """Follow the link of a letter, and choose a password there."""
    page = window.page
    page.goto(f"{window.url}{path}")
    page.get_by_label("Mot de passe *").fill(PASSWORD)
    page.get_by_label("Le même mot de passe").fill(PASSWORD)
    page.get_by_role("button", name="Enregistrer le mot de passe").click()


def sign_in_with(window: Window, address: str) -> None:
    """Sign in by the address, with the password that was chosen."""
    page = window.go("/sign-in")
    page.get_by_label("Adresse e-mail").fill(address)
    page.get_by_label("Mot de passe").fill(PASSWORD)
    page.get_by_role("button", name="Se connecter").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Mon profil")


def test_a_row_is_edited_in_place(contacts: Portal, console: Window) -> None:
    """3.1, 3.2, 3.3, 3.14: The pencil makes fields of the row; OK or Enter saves, and the table shows it at once."""
    ben = contacts.member("ben", "consultation")
    page = console.go("/members")
    expect(page.get_by_role("table").locator("tbody tr")).to_have_count(2)
    opened = edit(console, contacts, ben)
    address = f"{unique('ben')}@example.com"
    opened.get_by_label("Adresse e-mail").fill(address)
    opened.get_by_label("Téléphone").fill("+33 6 12 34 56 78")
    opened.get_by_label("Fonction").fill("Acheteur")
    opened.get_by_label("Rôle").select_option(label="Acheteur")
    opened.get_by_role("checkbox", name="Contact factures").check()
    opened.get_by_role("checkbox", name="Contact commandes").check()
    ok = opened.get_by_role("button", name="OK")
    expect(ok).to_have_class(re.compile("btn-success"))
    ok.click()
    expect(page.get_by_role("status")).to_contain_text("Les modifications sont enregistrées.")
    for text in (address, "+33 6 12 34 56 78", "Acheteur", "Contact factures", "Contact commandes"):
        expect(row(console, ben)).to_contain_text(text)
    found = contacts.api.read(f"members/{ben}")["attributes"]
    assert found["emails"][0]["value"] == address
    assert set(found[MEMBER_URN]["contactRoles"]) == {"invoice-contact", "order-contact"}
    assert contacts.permissions(ben).keys() == {"orders:read", "orders:create", "invoices:read"}
    # By the keyboard alone: from the pencil into the first field, and out of it by Enter.
    row(console, ben).get_by_role("link", name="Modifier").press("Enter")
    function = row(console, ben).get_by_label("Fonction")
    expect(function).to_be_focused()
    page.keyboard.press("Control+A")
    page.keyboard.type("Comptable")
    page.keyboard.press("Enter")
    expect(row(console, ben).get_by_label("Fonction")).to_have_count(0)
    expect(row(console, ben)).to_contain_text("Comptable")


def test_a_row_is_left_as_it_was(contacts: Portal, console: Window) -> None:
    """3.5: By the red cross, by Escape; and OK puts nothing over what somebody else has saved meanwhile."""
    ben = contacts.member("ben", "buyer")
    before = contacts.api.read(f"members/{ben}")
    console.go("/members")
    for way in ("cross", "Escape"):
        opened = edit(console, contacts, ben)
        opened.get_by_label("Fonction").fill("Directeur")
        opened.get_by_role("checkbox", name="Contact factures").check()
        if way == "cross":
            cross = opened.get_by_role("link", name="Annuler")
            expect(cross).to_contain_text("✕")
            expect(cross).to_have_css("color", "rgb(220, 53, 69)")
            cross.click()
        else:
            opened.get_by_label("Fonction").press("Escape")
        expect(row(console, ben).get_by_label("Fonction")).to_have_count(0)
        expect(row(console, ben)).to_contain_text("Engineer")
        assert contacts.api.read(f"members/{ben}") == before
    opened = edit(console, contacts, ben)
    changed = contacts.api.patch(f"members/{ben}", {"attributes": {"title": "Comptable"}})
    assert changed.status_code == 200
    opened.get_by_label("Fonction").fill("Directeur")
    opened.get_by_role("button", name="OK").click()
    expect(console.page.get_by_role("alert")).to_contain_text("Quelqu’un d’autre a modifié")
    assert contacts.api.read(f"members/{ben}")["attributes"]["title"] == "Comptable"


def test_a_name_is_frozen_and_the_contact_made_anew(contacts: Portal, console: Window) -> None:
    """3.4, 3.10: No form has a field for it; who is binned, which asks first, is out of the table for good."""
    ben = contacts.member("ben", "buyer")
    name = name_of(contacts, ben)
    page = console.go("/members")
    opened = edit(console, contacts, ben)
    expect(opened).to_contain_text("supprimez le contact, puis créez-en un autre")
    expect(opened.get_by_label("Nom", exact=False)).to_have_count(0)
    expect(opened.get_by_label("Prénom")).to_have_count(0)
    opened.get_by_role("link", name="Annuler").click()
    row(console, ben).get_by_role("link", name=name, exact=True).click()
    page.get_by_role("link", name="Modifier l’identité").click()
    expect(page.get_by_label("Prénom")).to_have_count(0)
    page.get_by_role("link", name="Annuler").click()
    page.get_by_role("link", name="Supprimer…").click()
    page.get_by_role("link", name="Annuler").click()
    assert contacts.state(ben) == "active"
    page.get_by_role("link", name="Supprimer…").click()
    page.get_by_role("button", name="Supprimer définitivement").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Membres")
    expect(row(console, ben)).to_have_count(0)
    assert contacts.api.get(f"members/{ben}").status_code == 404
    assert contacts.api.read("tombstones")["items"] == []


def test_a_contact_is_added_with_access(
    contacts: Portal, console: Window, open_console: Opener, letters: Letters
) -> None:
    """3.8, 3.9: What has an asterisk must be filled in; access comes by itself, and the profile by a choice."""
    page = console.go("/members")
    page.get_by_role("link", name="Ajouter un membre").click()
    save = page.get_by_role("button", name="Enregistrer")
    address = f"{unique('eve')}@example.com"
    whole = {"Prénom": "Eve", "Nom de famille": "Durand", "Adresse e-mail": address}
    marked = page.locator("label", has=page.locator(".text-danger-emphasis"))
    expect(marked).to_have_text([re.compile(label) for label in whole])
    for label, text in whole.items():
        save.click()
        field = page.get_by_label(label)
        expect(field).to_be_focused()
        field.fill(text)
    assert contacts.api.read("members")["total"] == 1
    expect(page.get_by_role("radio", name="Accès immédiat")).to_be_checked()
    page.get_by_role("combobox", name="Langue").select_option(label="français")
    page.get_by_role("radio", name="Consultation").check()
    page.get_by_role("checkbox", name="Contact livraisons").check()
    save.click()
    expect(page.locator("main .badge")).to_have_text("Actif")
    theirs = open_console(contacts)
    choose_password(theirs, letters.path(address))
    sign_in_with(theirs, address)
    (eve,) = contacts.api.read(f'members?filter=userName eq "{address}"')["items"]
    assert contacts.permissions(eve["id"]).keys() == {"orders:read", "invoices:read"}
    assert eve["attributes"][MEMBER_URN]["contactRoles"] == ["delivery-contact"]


def test_access_is_given_and_a_lost_password_replaced(
    contacts: Portal, console: Window, open_console: Opener, letters: Letters
) -> None:
    """3.6, 3.7: Who has no access is given it, and later a new link, which alone of the two works; each goes at once."""
    ben = contacts.member("ben", "consultation", access="none")
    address = address_of(contacts, ben)
    page = console.go("/members")
    expect(row(console, ben)).to_contain_text("Contact")
    row(console, ben).get_by_role("link", name=name_of(contacts, ben), exact=True).click()
    page.get_by_role("button", name="Ouvrir l’accès").click()
    expect(page.locator("main .badge")).to_have_text("Actif")
    expect(page.get_by_role("button", name="Ouvrir l’accès")).to_have_count(0)
    first = letters.path(address)
    page.get_by_role("button", name="Envoyer un lien de mot de passe").click()
    expect(page.get_by_role("status")).to_contain_text("lien")
    second = letters.path(address)
    theirs = open_console(contacts)
    answer = theirs.page.goto(f"{theirs.url}{first}")
    assert answer is not None
    assert answer.status == 404
    choose_password(theirs, second)
    sign_in_with(theirs, address)


def test_the_seat_is_handed_over_with_evidence(
    contacts: Portal, console: Window, anna: str, open_console: Opener
) -> None:
    """3.11, 3.12, 3.17: No form gives it; it is asked for with a signed letter, and moves when the operator approves."""
    ben = contacts.member("ben", "buyer")
    page = console.go("/members")
    opened = edit(console, contacts, ben)
    expect(opened.get_by_label("Rôle").get_by_role("option")).to_have_text(["Aucun", "Acheteur", "Consultation"])
    page.get_by_role("link", name="Rôles", exact=True).click()
    page.get_by_role("link", name="Administrateur", exact=True).last.click()
    page.get_by_role("link", name="Transmettre le siège").click()
    page.get_by_label("à qui revient le siège").fill(address_of(contacts, ben))
    expect(page.get_by_role("combobox", name="Qui le cède")).to_have_value(anna)
    page.get_by_label("Motif").fill("Je quitte la société.")
    page.get_by_role("button", name="Demander la passation").click()
    expect(page.get_by_role("status")).to_contain_text("quand l’opérateur du portail l’aura approuvée")
    expect(page.locator("main")).to_contain_text("Aucun pour l’instant")
    page.get_by_label("Justificatif").set_input_files([LETTER])  # type: ignore[list-item]
    page.get_by_role("button", name="Joindre le justificatif").click()
    expect(page.locator("main")).to_contain_text("accord.pdf")
    theirs = open_console(contacts).sign_in(ben)
    assert not contacts.may(ben, "members:manage")

    operator = open_console(contacts).page
    operator.goto(f"{console.url}/console/operator/sign-in?next=/console/operator/organizations/")
    operator.get_by_label("Jeton").fill(as_operator(contacts).token)
    operator.get_by_role("button", name="Se connecter").click()
    operator.goto(f"{console.url}/console/operator/organizations/{contacts.organization.slug}")
    operator.get_by_role("link", name="Décider").click()
    with operator.expect_download() as download:
        operator.get_by_role("link", name="accord.pdf").click()
    assert download.value.path().read_bytes() == LETTER["buffer"]
    operator.get_by_role("button", name="Approuver").click()
    expect(operator.get_by_role("status")).to_contain_text("La passation est approuvée.")

    theirs.go()
    expect(theirs.page.get_by_role("heading", level=1)).to_have_text("Membres")
    console.go()
    expect(page.get_by_role("region", name="Vos administrateurs")).to_contain_text(name_of(contacts, ben))
    assert not contacts.may(anna, "members:manage")
    assert [each["key"] for each in contacts.rights(ben)["roles"]] == ["administrator"]


def test_the_administrator_keeps_their_own_details(contacts: Portal, console: Window, anna: str) -> None:
    """3.13, 3.14: In the panel "Vous", whose pencil opens them and whose green button saves, at once in the table."""
    page = console.go("/members")
    panel = page.get_by_role("region", name="Vous", exact=True)
    expect(panel).to_contain_text(address_of(contacts, anna))
    panel.get_by_role("link", name="Mes coordonnées").click()
    address = f"{unique('anna')}@example.com"
    form = page.get_by_role("region", name="Ce que vous pouvez modifier")
    expect(form.get_by_label("Prénom")).to_have_count(0)
    form.get_by_label("Adresse e-mail").fill(address)
    save = form.get_by_role("button", name="Enregistrer")
    expect(save).to_have_class(re.compile("btn-success"))
    save.click()
    expect(page.get_by_role("status")).to_contain_text("Enregistré")
    page.get_by_role("link", name="Membres", exact=True).click()
    expect(panel).to_contain_text(address)
    expect(row(console, anna)).to_contain_text(address)
    assert address_of(contacts, anna) == address


def test_others_change_nothing_and_see_whom_to_ask(contacts: Portal, anna: str, open_console: Opener) -> None:
    """3.15, 3.16, 3.17: Without an administrator they read that there is none; with one, whose details they see."""
    company = portal(contacts.app, "contacts", scope="operator")
    for on, asked in ((company, None), (contacts, anna)):
        window = open_console(on).sign_in(on.member("ben", "buyer"))
        page = window.page
        expect(page.get_by_role("heading", level=1)).to_have_text("Mon profil")
        expect(page.locator("main form")).to_have_count(0)
        expect(page.locator("main")).to_contain_text("Vos coordonnées sont modifiées par un administrateur")
        answer = page.goto(f"{window.base}/members")
        assert answer is not None
        assert answer.status == 403
        card = page.get_by_role("region", name="Vos administrateurs")
        expect(page.get_by_role("table")).to_have_count(0)
        if asked is None:
            expect(card).to_contain_text("Aucun n’a accès en ce moment.")
        else:
            expect(card).to_contain_text(name_of(on, asked))
            mail = card.get_by_role("link", name=address_of(on, asked))
            expect(mail).to_have_attribute("href", f"mailto:{address_of(on, asked)}")
