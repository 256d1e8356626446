"""S2, Digital Service Manager, in a browser: inviting administrators and technicians, and sharing customer groups."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from playwright.sync_api import Page, expect
from sqlalchemy import update

from scim_server.store.access_tables import links
from scim_server.store.session import begin, utc_now
from tests.browser.chromium import Window, follow, press
from tests.browser.links import accept, refused, sign_in, type_password
from tests.databases import only_postgresql
from tests.directory import unique
from tests.portals import Portal, portal
from tests.seeds.letters import Letters, address_of

pytestmark = only_postgresql

Opener = Callable[..., Window]
TO_DEVICES = ("devices:read", "alarms:read")


@pytest.fixture
def service(app: Flask) -> Portal:
    """A company of administrators and technicians."""
    return portal(app, "customer-groups")


@pytest.fixture
def admin(service: Portal, open_console: Opener) -> Window:
    """The window of its administrator."""
    return open_console(service).sign_in(service.member("admin", "administrator"))


def invited(on: Portal, role: str) -> tuple[str, str]:
    """Invite a colleague, and return their id and address."""
    address = f"{unique('ada')}@example.com"
    name = {"honorificPrefix": "Mme", "givenName": "Ada", "familyName": "Byron"}
    attributes = {"userName": address, "displayName": "Ada Byron", "name": name, "preferredLanguage": "fr"}
    whole = {**attributes, "emails": [{"value": address}]}
    member = on.api.made("members", {"attributes": whole, "roles": [role], "access": "invite"})
    return str(member["id"]), address


def test_an_administrator_invites_a_technician(service: Portal, admin: Window, letters: Letters) -> None:
    """2.3, 2.4, 2.5: Nothing is sent without salutation and role, of which one is ticked; the list shows who it is."""
    page, address = admin.go("/members"), f"{unique('ada')}@example.com"
    follow(page, "Ajouter un membre")
    technician = page.get_by_role("radio", name="Technicien")
    administrator = page.get_by_role("radio", name="Administrateur")
    roles = page.get_by_role("group", name="Rôle")
    assert roles.get_by_role("radio").count() == 2
    assert not technician.is_checked()
    assert not administrator.is_checked()
    assert "Accède aux appareils et reçoit les alarmes des groupes de clients" in roles.inner_text()
    save = page.get_by_role("button", name="Enregistrer")
    page.get_by_label("Prénom").fill("Ada")
    page.get_by_label("Nom de famille").fill("Byron")
    page.get_by_label("Adresse e-mail").fill(address)
    administrator.check()
    technician.check()
    assert not administrator.is_checked()
    save.click()
    assert service.api.read("members")["total"] == 1
    page.get_by_label("Civilité").fill("Mme")
    save.click()
    page.get_by_text("une invitation lui est envoyée").wait_for()
    follow(page, "Membres")
    row = page.get_by_role("row", name="Ada Byron").inner_text()
    assert "Technicien" in row
    assert "Invité" in row
    assert len(letters.to(address)) == 1


def test_the_form_leads_to_the_overview_of_roles(admin: Window) -> None:
    """2.5: Beside the choice, a link tells what each of the two may do, and how far."""
    page = admin.go("/members/new")
    follow(page, "Ce que permet chaque rôle")
    assert "/roles" in page.url
    matrix = page.get_by_role("table")
    names = [each.inner_text() for each in matrix.get_by_role("rowheader").all()]
    assert names[:-1] == ["Administrateur", "Technicien"]
    row = matrix.get_by_role("row", name="Technicien").inner_text()
    assert row.count("Ses groupes de clients") == len(TO_DEVICES)


def test_a_technician_is_sent_to_an_administrator(service: Portal, admin: Window, open_console: Opener) -> None:
    """2.2: No list and no button for them; the page of the form names who invites, with the address to write to."""
    member = service.acting(service.member("second", "administrator")).member
    window = open_console(service).sign_in(service.member("tom", "technician"))
    navigation = window.page.get_by_role("navigation", name="Pages")
    assert navigation.get_by_role("link", name="Membres").count() == 0
    assert refused(window, "/members/new").startswith("403")
    assert window.page.get_by_role("heading", name="Cette page est réservée aux administrateurs").is_visible()
    assert window.page.get_by_role("link", name=address_of(service, member)).is_visible()
    assert window.page.get_by_role("button", name="Enregistrer").count() == 0
    assert admin.go("/members").get_by_role("link", name="Ajouter un membre").is_visible()


def test_the_link_leads_into_the_company(service: Portal, open_console: Opener, letters: Letters) -> None:
    """2.1, 2.7, 2.8, 2.9, 2.10: Names can change, the address cannot; it takes password, consent and terms."""
    member, address = invited(service, "technician")
    window = open_console(service)
    page = window.go(f"/invitation/{letters.link(address)}")
    assert page.get_by_label("Prénom").input_value() == "Ada"
    assert page.get_by_label("Adresse e-mail").input_value() == address
    assert not page.get_by_label("Adresse e-mail").is_editable()
    page.get_by_label("Nom de famille").fill("Lovelace")
    button = page.get_by_role("button", name="Accepter l’invitation")
    consent = page.get_by_role("checkbox", name="J’accepte : Déclaration de consentement")
    terms = page.get_by_role("checkbox", name="J’accepte : Conditions d'utilisation")
    consent.check()
    terms.check()
    button.click()
    assert service.state(member) == "invited"
    type_password(window)
    for box in (consent, terms):
        box.uncheck()
        button.click()
        assert service.state(member) == "invited"
        box.check()
    button.click()
    page.get_by_text("Bienvenue. Connectez-vous pour continuer.").wait_for()
    assert service.state(member) == "active"
    sign_in(window, address)
    told = page.get_by_role("region", name="Ce que vous avez accepté").inner_text()
    assert "Déclaration de consentement, version 1" in told
    assert "Conditions d'utilisation, version 1" in told
    attributes = service.api.read(f"members/{member}")["attributes"]
    assert attributes["name"]["familyName"] == "Lovelace"
    assert attributes["emails"][0]["value"] == address


def test_an_invitation_expires_and_is_sent_again(
    service: Portal, admin: Window, open_console: Opener, letters: Letters
) -> None:
    """2.6: The page says 30 days; a link that is over says whom to ask, and another that is sent opens."""
    member, address = invited(service, "technician")
    old = letters.link(address)
    page = admin.go("/invitations")
    assert "30 jours" in admin.text()
    row = page.get_by_role("row", name="Ada Byron")
    expect(row).to_be_visible()
    with begin(service.organization.store, service.organization.operator, write=True) as tenant:
        over = update(links).where(links.c.user_id == member).values(expires_at=utc_now() - timedelta(minutes=1))
        tenant.db.execute(over)
    visitor = open_console(service)
    told = refused(visitor, f"/invitation/{old}")
    assert told.startswith("410")
    assert "demandez à un administrateur de l’organisation de renvoyer l’invitation" in told
    row.get_by_role("button", name="Renvoyer").click()
    page.get_by_text("L’invitation est de nouveau en route.").wait_for()
    accept(visitor, letters.link(address))
    assert service.state(member) == "active"


def test_an_invited_administrator_needs_nothing_more(service: Portal, open_console: Opener, letters: Letters) -> None:
    """2.11: They reach all devices, nothing of theirs is incomplete, and they can invite at once."""
    member, address = invited(service, "administrator")
    window = open_console(service)
    accept(window, letters.link(address))
    sign_in(window, address)
    page = window.page
    page.get_by_role("link", name="Ajouter un membre").wait_for()
    assert all(service.may(member, each, "device:77") for each in TO_DEVICES)
    follow(page, "Groupes de clients")
    assert page.get_by_role("heading", name="Accès incomplets").count() == 0
    window.go(f"/members/{member}")
    assert "Incomplet" not in window.text()


def test_a_technician_is_given_customer_groups(service: Portal, admin: Window, open_console: Opener) -> None:
    """2.12, 2.13, 2.14, 2.15: Incomplete until groups are shared, from their row; taken again, nothing is left."""
    tom = service.member("tom", "technician")
    hotels, bakeries = (service.group(name, "customerGroup") for name in ("Hôtels", "Boulangeries"))
    for device, group in (("1", hotels), ("2", bakeries)):
        service.api.post("assignments", {"object": f"device:{device}", "assignees": [group]})

    def reached() -> list[str]:
        found = [each for each in ("device:1", "device:2") if service.may(tom, "devices:read", each)]
        assert found == [each for each in ("device:1", "device:2") if service.may(tom, "alarms:read", each)]
        return found

    technician, page = open_console(service).sign_in(tom), admin.go("/customer-groups")
    page.get_by_role("region", name="Accès incomplets").get_by_role("link").click()
    expect(page.locator("main")).to_contain_text("Incomplet : une partie porte sur des groupes de clients")
    technician.go("/profile")
    assert "Incomplet" in technician.text()

    def share(*ticked: str, decide: Callable[[Page, str], None] = press, button: str = "Confirmer") -> None:
        page.get_by_role("link", name="Membres").click()
        page.get_by_role("row", name="Tom").get_by_role("link", name="Groupes partagés").click()
        for name in ("Hôtels", "Boulangeries"):
            page.get_by_role("checkbox", name=name).set_checked(name in ticked)
        decide(page, button)

    share("Hôtels", decide=follow, button="Annuler")
    assert reached() == []
    share("Hôtels")
    page.get_by_text("avec effet immédiat").wait_for()
    assert reached() == ["device:1"]
    technician.page.reload()
    assert "Incomplet" not in technician.text()
    share("Boulangeries")
    page.get_by_text("avec effet immédiat").wait_for()
    assert reached() == ["device:2"]
    share()
    page.get_by_text("avec effet immédiat").wait_for()
    assert reached() == []
    follow(page, "Groupes de clients")
    assert page.get_by_role("heading", name="Accès incomplets").is_visible()
