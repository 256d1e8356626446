"""S4, a professional customer's team, in a browser: installers, their roles and orders, the end of access."""

from collections.abc import Callable

import pytest
from flask import Flask
from playwright.sync_api import Page

from tests.browser.chromium import Window, follow, press
from tests.browser.links import accept, choose_password, refused, sign_in, type_password
from tests.databases import only_postgresql
from tests.directory import unique
from tests.portals import Portal, portal
from tests.seeds.letters import Letters, address_of

pytestmark = only_postgresql

Opener = Callable[..., Window]
ORDERS = {"orders:read": "assigned"}
DEAD_LINK = "Ce lien n’ouvre rien : il a déjà servi, a été retiré ou remplacé"


@pytest.fixture
def team(app: Flask) -> Portal:
    """A professional customer."""
    return portal(app, "assigned-orders")


@pytest.fixture
def boss(team: Portal, open_console: Opener) -> Window:
    """The window of who manages the team."""
    return open_console(team).sign_in(team.member("boss", "administrator"))


def fill_in(page: Page, address: str) -> None:
    """Fill in who a new member is."""
    fields = {"Nom de famille": "Durand", "Prénom": "Jean", "Adresse e-mail": address, "Téléphone": "+33 6 12 34 56 78"}
    for label, text in fields.items():
        page.get_by_label(label).fill(text)


def act(page: Page, button: str, done: str) -> None:
    """Press a button, and wait for what the page says then."""
    press(page, button)
    page.get_by_text(done).wait_for()


def added(on: Portal, address: str) -> str:
    """Return the id of the one member who has an address."""
    (member,) = on.api.read(f'members?filter=userName eq "{address}"')["items"]
    return str(member["id"])


def test_a_member_is_added_with_a_role_made_on_the_way(
    team: Portal, boss: Window, open_console: Opener, letters: Letters
) -> None:
    """4.1, 4.2, 4.3, 4.4, 4.5: One form takes who they are and a new role; the letter leads to a password."""
    page, address = boss.go("/members"), f"{unique('jean')}@example.com"
    page.get_by_role("link", name="Ajouter un membre").click()
    page.get_by_role("radio", name="Le nouveau rôle ci-dessous").check()
    page.get_by_text("Créer un rôle pour cette personne").click()
    page.get_by_role("checkbox", name="Suivre les commandes").check()
    page.get_by_label("Suivre les commandes : son étendue").select_option("assigned")
    page.get_by_role("checkbox", name="Voir les prix").check()
    page.get_by_label("Voir les prix : son étendue").select_option("organization")
    save = page.get_by_role("button", name="Enregistrer")
    save.click()
    assert team.api.read("members")["total"] == 1
    fill_in(page, address)
    save.click()
    page.get_by_text("Renseignez : Nom du rôle").wait_for()
    assert team.roles().keys() == {"administrator", "poseur", "commercial"}
    page.get_by_label("Nom du rôle").fill("Technicien")
    save.click()
    page.get_by_text("une invitation lui est envoyée").wait_for()
    jean = added(team, address)
    assert team.permissions(jean) == {}
    visitor = open_console(team)
    accept(visitor, letters.link(address))
    sign_in(visitor, address)
    assert team.permissions(jean) == {**ORDERS, "prices:read": "organization"}
    follow(page, "Membres")
    assert "Technicien" in page.get_by_role("row", name="Durand").inner_text()


def test_a_role_that_is_there_is_chosen_and_addresses_are_advised(team: Portal, boss: Window) -> None:
    """4.4, 4.16: Each role says what it is for; one is ticked. An address of elsewhere is taken, with a warning."""
    page, address = boss.go("/members/new"), f"{unique('jean')}@post.example"
    advice = "Préférez une adresse de l’entreprise (example.com)"
    assert advice in boss.text()
    assert "Suit uniquement les commandes qui lui sont assignées" in page.get_by_role("group", name="Rôle").inner_text()
    fill_in(page, address)
    save = page.get_by_role("button", name="Enregistrer")
    save.click()
    assert team.api.read("members")["total"] == 1
    page.get_by_role("radio", name="Poseur").check()
    save.click()
    page.get_by_role("status").get_by_text(advice).wait_for()
    jean = added(team, address)
    assert [each["key"] for each in team.api.read(f"members/{jean}/roles")["roles"]] == ["poseur"]
    page.reload()
    assert "l’adresse n’est pas celle de l’entreprise (example.com)" in boss.text()


def test_a_role_that_gives_everything_is_advised_against(team: Portal, boss: Window) -> None:
    """4.15: Before it is made, the page says so, and Cancel makes none; confirmed, it is made, warned of."""
    page, warning = boss.go("/roles"), "Ce rôle a toutes les permissions du portail"

    def ask() -> None:
        follow(page, "Nouveau rôle")
        page.get_by_label("Nom", exact=False).fill("Tout")
        for box in page.get_by_role("checkbox").all():
            box.check()
        page.get_by_role("button", name="Créer le rôle").click()
        page.get_by_text(warning).wait_for()

    ask()
    page.get_by_role("link", name="Annuler").click()
    page.get_by_role("heading", name="Ce que permet chaque rôle").wait_for()
    assert "Tout" not in team.roles()
    ask()
    act(page, "Confirmer", "Le rôle est créé.")
    assert "Tout" in team.roles()
    assert warning in boss.text()


def test_an_invitation_sent_again_ends_the_link_before(
    team: Portal, boss: Window, open_console: Opener, letters: Letters
) -> None:
    """4.5, 4.10: The old link opens nothing and says what to do; the new one opens once."""
    jean = team.member("jean", "poseur", access="invite")
    address = address_of(team, jean)
    old = letters.link(address)
    page = boss.go(f"/members/{jean}")
    act(page, "Renvoyer l’invitation", "L’invitation est en route. Un lien envoyé auparavant n’ouvre plus rien.")
    new, visitor = letters.link(address), open_console(team)
    assert refused(visitor, f"/invitation/{old}").startswith("404")
    assert DEAD_LINK in visitor.text()
    accept(visitor, new)
    assert DEAD_LINK in refused(visitor, f"/invitation/{new}")
    assert team.state(jean) == "active"


def test_details_and_role_are_changed_where_access_is_looked_through(
    team: Portal, boss: Window, open_console: Opener
) -> None:
    """4.2, 4.6, 4.18: The list tells who has which role and last signed in when; both change in the row, at once."""
    jean, paul = team.member("jean", "poseur"), team.member("paul", "commercial")
    open_console(team).sign_in(jean)
    page = boss.go("/members")
    rows = {each: page.locator(f"#member-{each}") for each in (jean, paul)}
    assert "Jamais" not in rows[jean].inner_text()
    assert "Jamais" in rows[paul].inner_text()
    assert "Commercial" in rows[paul].inner_text()
    page.get_by_label("Rôle", exact=True).select_option("Commercial")
    press(page, "Afficher")
    assert rows[jean].count() == 0
    rows[paul].get_by_role("link", name="Modifier").click()
    rows[paul].get_by_label("Nom de famille").fill("Petit")
    rows[paul].get_by_label("Téléphone").fill("+33 6 00 00 00 00")
    rows[paul].get_by_label("Rôle").select_option("Poseur")
    act(page, "OK", "Les modifications sont enregistrées.")
    attributes = team.api.read(f"members/{paul}")["attributes"]
    assert attributes["name"]["familyName"] == "Petit"
    assert attributes["phoneNumbers"][0]["value"] == "+33 6 00 00 00 00"
    assert team.permissions(paul) == ORDERS
    boss.go(f"/roles/{team.roles()['poseur']}")
    holders = page.get_by_role("table", name="Les membres qui ont le rôle")
    assert holders.get_by_role("rowheader").count() == 2


def test_suspending_keeps_and_deleting_is_typed(team: Portal, boss: Window, open_console: Opener) -> None:
    """4.7, 4.8, 4.17: Deleting proposes suspending instead, which can be undone; it takes the name, typed exactly."""
    jean = team.member("jean", "poseur")
    name = team.api.read(f"members/{jean}")["attributes"]["userName"]
    team.api.post("assignments", {"object": "order:1", "assignees": [jean]})
    own, page = open_console(team).sign_in(jean), boss.go(f"/members/{jean}")
    follow(page, "Supprimer…")
    assert "Suspendre suffit pour mettre fin à l’accès ; la fiche et son historique sont conservés" in boss.text()
    act(page, "Suspendre plutôt", "Accès suspendu")
    assert team.state(jean) == "suspended"
    own.page.reload()
    assert "/sign-in" in own.page.url
    act(page, "Rétablir l’accès", "Le membre est rétabli.")
    assert team.may(jean, "orders:read", "order:1")
    page.get_by_role("link", name="Supprimer…").click()
    delete, confirmation = page.get_by_role("button", name="Supprimer définitivement"), page.get_by_label(name)
    delete.click()
    confirmation.fill("somebody")
    delete.click()
    page.get_by_role("alert").get_by_text("nom d’utilisateur de la personne supprimée").wait_for()
    assert team.state(jean) == "active"
    page.get_by_label(name).fill(name)
    act(page, "Supprimer définitivement", "Supprimé. Il ne reste rien de la fiche.")
    assert team.api.get(f"members/{jean}").status_code == 404
    assert page.locator(f"#member-{jean}").count() == 0


def test_a_new_link_to_choose_a_password(team: Portal, boss: Window, open_console: Opener, letters: Letters) -> None:
    """4.9: Who manages the team has it sent; it works once, and the password before is none any more."""
    jean = team.member("jean", "poseur")
    address = address_of(team, jean)
    own = open_console(team)
    choose_password(own, letters.link(address))
    sign_in(own, address)
    act(boss.go(f"/members/{jean}"), "Envoyer un lien de mot de passe", "est en route")
    link, other = letters.link(address), open_console(team)
    choose_password(other, link, "another pass phrase")
    assert DEAD_LINK in refused(other, f"/password/{link}")
    own.page.reload()
    assert "/sign-in" in own.page.url
    sign_in(own, address, "another pass phrase")


def test_an_installer_sees_the_orders_assigned_to_them(team: Portal, open_console: Opener, letters: Letters) -> None:
    """4.11, 4.12, 4.13: A letter tells them; they find it in their own space, and neither other orders nor the team."""
    boss, jean, paul = (
        team.member("boss", "administrator"),
        team.member("jean", "poseur"),
        team.member("paul", "poseur"),
    )
    for order, assignee in (("4711", jean), ("4712", paul)):
        body = {"object": f"order:{order}", "assignees": [assignee]}
        assert team.acting(boss).post("assignments", body).status_code == 204
    assert "order 4711 vous est attribué" in [each["Subject"] for each in letters.to(address_of(team, jean))]
    window = open_console(team).sign_in(jean)
    own = window.page.get_by_role("region", name="Ce qui m’est assigné")
    assert "order 4711" in own.inner_text()
    assert "4712" not in window.text()
    assert "Suivre les commandes" in window.page.get_by_role("region", name="Ce que vous pouvez faire").inner_text()
    for path in ("/members", f"/members/{paul}", "/roles"):
        assert refused(window, path).startswith("403 Cette page est réservée aux administrateurs")
    team.api.post("assignments/close", {"object": "order:4711"})
    window.go("/profile")
    assert "Rien n’est assigné." in own.inner_text()


def test_an_installer_changes_their_own_details_and_password(team: Portal, open_console: Opener) -> None:
    """4.14: On their own page; the new password takes the present one, and signs in from then on."""
    jean = team.member("jean", "poseur")
    window = open_console(team).sign_in(jean)
    page = window.page
    page.get_by_label("Nom de famille").fill("Petit")
    page.get_by_label("Téléphone").fill("+33 6 00 00 00 00")
    act(page, "Enregistrer", "Enregistré.")
    attributes = team.api.read(f"members/{jean}")["attributes"]
    assert attributes["name"]["familyName"] == "Petit"
    assert attributes["phoneNumbers"][0]["value"] == "+33 6 00 00 00 00"
    page.get_by_role("link", name="Changer mon mot de passe").click()
    for present, told in (("not this one", "le mot de passe actuel"), ("a password of nobody else", "est enregistré")):
        page.get_by_label("Mot de passe actuel").fill(present)
        type_password(window, "another pass phrase")
        page.get_by_role("button", name="Enregistrer le mot de passe").click()
        page.get_by_text(told).first.wait_for()
    sign_in(open_console(team), address_of(team, jean), "another pass phrase")
