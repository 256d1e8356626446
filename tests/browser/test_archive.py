"""Several roles each, access as an act of its own, and nobody is ever deleted, as the pages show it: the rows 5.x."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import expect

from tests.browser.chromium import Window, follow, press
from tests.databases import only_postgresql
from tests.directory import trail_of
from tests.mail import LINK
from tests.portals import Portal, portal
from tests.seeds.letters import PASSWORD, Letters

pytestmark = only_postgresql
Opener = Callable[..., Window]

ROLES = {
    "Administration": "Distribuer les rôles au sein de son organisation",
    "Comptabilité": "Accéder à toutes les factures et commandes de son organisation",
    "Gestion de la flotte": "Gérer la flotte des appareils de son organisation",
    "Informatique": "Créer et accéder à tous les tickets d'assistance au sein de son organisation",
}
BASE = {"support:create": "organization", "team:contact": "organization"}


@pytest.fixture
def coop(app: Flask) -> Portal:
    """An organization that manages its users and the roles they have."""
    return portal(app, "archive")


@pytest.fixture
def manager(coop: Portal, open_console: Opener) -> Window:
    """The window of somebody who distributes roles."""
    return open_console(coop).sign_in(coop.member("manager", "administration"))


def accounting_of(coop: Portal) -> str:
    """Return the name of the role of accounting, as files have it."""
    return str(next(each["display"] for each in coop.api.read("roles")["items"] if each["key"] == "comptabilite"))


def link_in(letters: Letters, address: str) -> str:
    """Return the link in the last letter to an address."""
    return str(LINK.findall(letters.to(address)[-1].get_content())[0])


def test_a_user_is_created_with_as_many_roles_as_needed(coop: Portal, manager: Window) -> None:
    """5.1, 5.2: Create, fill in, tick no role, one or several; everybody may contact the team."""
    page = manager.page
    for number, roles in enumerate(([], ["Comptabilité"], ["Comptabilité", "Informatique"])):
        manager.go("/members")
        follow(page, "Ajouter un membre")
        page.get_by_label("Prénom").fill("Grace")
        page.get_by_label("Nom de famille").fill("Hopper")
        page.get_by_label("Adresse e-mail").fill(f"grace{number}@coop.example")
        for role, text in ROLES.items():
            expect(page.get_by_role("checkbox", name=role)).to_have_accessible_description(re.compile(re.escape(text)))
        for role in roles:
            page.get_by_role("checkbox", name=role).check()
        expect(page.get_by_label("Pas d’accès pour l’instant")).to_be_checked()
        press(page, "Enregistrer")
        assert "Le membre est ajouté, sans accès pour l’instant." in manager.text()
        shown = page.get_by_role("region", name="Rôles").get_by_role("link").all_inner_texts()
        assert shown == [*roles, "Modifier les rôles"]
        rights = page.get_by_role("region", name="Permissions, et pourquoi").inner_text()
        assert "Il n’y a pas d’accès pour le moment." in rights
        assert "Contacter l'équipe" in rights
        assert "Ouvrir une demande d'assistance" in rights
        assert ("Accéder à toutes les factures" in rights) == bool(roles)
        member = page.url.rpartition("/")[2]
        assert (coop.state(member), coop.permissions(member)) == ("contact", {})


def test_access_is_authorised_and_revoked(
    coop: Portal, manager: Window, open_console: Opener, letters: Letters
) -> None:
    """5.3, 5.4: One button sends the mail to choose a password; another ends access and all sessions at once."""
    ada = coop.member("ada", "informatique", access="none")
    address = coop.api.read(f"members/{ada}")["attributes"]["emails"][0]["value"]
    assert letters.to(address) == []
    page = manager.go(f"/members/{ada}")
    press(page, "Ouvrir l’accès")
    assert "L’accès est ouvert." in manager.text()

    theirs = open_console(coop)
    theirs.page.goto(link_in(letters, address))
    for box in theirs.page.get_by_label("mot de passe").all():
        box.fill(PASSWORD)
    press(theirs.page, "Enregistrer le mot de passe")
    theirs.page.get_by_label("Adresse e-mail ou nom d’utilisateur").fill(address)
    theirs.page.get_by_label("Mot de passe").fill(PASSWORD)
    press(theirs.page, "Se connecter")
    assert "/sign-in" not in theirs.page.url, theirs.text()
    assert coop.permissions(ada) == BASE | {"support:read": "organization"}

    manager.page.reload()
    press(page, "Suspendre")
    assert "toutes les sessions sont terminées" in manager.text()
    theirs.page.goto(f"{theirs.base}/profile")
    assert "/sign-in" in theirs.page.url
    press(page, "Rétablir l’accès")
    assert "Informatique" in page.get_by_role("region", name="Rôles").inner_text()
    assert coop.permissions(ada) == BASE | {"support:read": "organization"}
    theirs.page.goto(f"{theirs.base}/profile")
    assert "/sign-in" in theirs.page.url


def test_roles_are_distributed_within_the_organization(
    app: Flask, coop: Portal, manager: Window, open_console: Opener
) -> None:
    """5.5, 5.6, 5.7, 5.8: Each role says what it is for; who distributes them gives any, in their own organization."""
    ada = coop.member("ada")
    page = manager.go("/roles")
    for role, text in ROLES.items():
        assert role in manager.text()
        assert text in manager.text()
    manager.go(f"/members/{ada}")
    follow(page, "Modifier les rôles")
    for role in ROLES:
        page.get_by_role("checkbox", name=role).check()
    follow(page, "Annuler")
    assert coop.permissions(ada) == BASE
    follow(page, "Modifier les rôles")
    for role in ("Comptabilité", "Gestion de la flotte"):
        page.get_by_role("checkbox", name=role).check()
    assert coop.permissions(ada) == BASE
    press(page, "Confirmer")
    given = {"invoices:read", "orders:read", "orders:create", "contracts:terminate", "devices:assign"}
    assert coop.permissions(ada) == BASE | dict.fromkeys(given, "organization")
    rights = page.get_by_role("region", name="Permissions, et pourquoi").inner_text()
    assert "Par le rôle Comptabilité, attribué depuis le" in rights
    assert "Par le rôle Gestion de la flotte, attribué depuis le" in rights

    hers = open_console(coop).sign_in(ada)
    assert hers.page.get_by_role("navigation", name="Pages", exact=True).get_by_text("Membres").count() == 0
    for path in (f"/members/{ada}/roles", "/members"):
        refused = hers.page.goto(f"{hers.base}{path}")
        assert refused is not None
        assert refused.status == 403
    elsewhere = portal(app, "archive").member("bob", "comptabilite")
    answer = page.goto(f"{manager.base}/members/{elsewhere}/roles")
    assert answer is not None
    assert answer.status == 404


def test_a_trusted_person_stands_in(coop: Portal, manager: Window) -> None:
    """5.9: With one administrator the pages advise a second: a deputy is named, or the same role is given."""
    advice = "Au moins deux administrateurs sont conseillés"
    trusted = coop.member("trusted")
    name = coop.api.read(f"members/{trusted}")["attributes"]["userName"]
    page = manager.go("/settings")
    assert advice in manager.text()
    follow(page, "Le rôle Administration")
    assert advice in manager.text()
    page.get_by_label("Adresse e-mail ou nom d’utilisateur du suppléant").fill(name)
    press(page, "Désigner comme suppléant")
    assert "Le suppléant est désigné." in manager.text()
    assert coop.permissions(trusted) == BASE
    press(page, "N’avoir aucun suppléant")
    assert "Il n’y a pas de suppléant." in manager.text()

    manager.go(f"/members/{trusted}/roles")
    page.get_by_role("checkbox", name="Administration").check()
    press(page, "Confirmer")
    assert coop.may(trusted, "members:manage")
    manager.go("/settings")
    assert advice not in manager.text()


def test_who_leaves_is_archived_and_never_deleted(coop: Portal, manager: Window) -> None:
    """5.10, 5.11: One act revokes access and then archives; what they had goes to somebody, and nothing is deleted."""
    ada, heir = coop.member("ada", "gestion-flotte"), coop.member("heir")
    names = {each: coop.api.read(f"members/{each}")["attributes"]["userName"] for each in (ada, heir)}
    assert coop.api.post("assignments", {"object": "device:7", "assignees": [ada]}).status_code == 204
    page = manager.go(f"/members/{ada}")
    assert page.get_by_text("Supprimer…").count() == 0
    refused = page.goto(f"{manager.base}/members/{ada}/delete")
    assert refused is not None
    assert refused.status == 403
    manager.go(f"/members/{ada}")
    follow(page, "Archiver…")
    assert "L’accès prend fin immédiatement, et toutes les sessions sont terminées." in manager.text()
    assert "1 assignation ouverte passe à la personne que vous indiquez" in manager.text()
    follow(page, "Annuler")
    assert coop.state(ada) == "active"
    follow(page, "Archiver…")
    page.get_by_label("Qui prend la suite").fill(names[heir])
    press(page, "Archiver")
    assert "Membre archivé : l’accès est terminé et la fiche est conservée." in manager.text()
    steps = [each.changes["state"] for each in trail_of(coop.organization) if each.changes.get("state")]
    assert steps[-2:] == [{"from": "active", "to": "suspended"}, {"from": "suspended", "to": "archived"}]
    assert [each["object_id"] for each in coop.api.read(f"members/{heir}/assignments")["items"]] == ["7"]

    manager.go("/members")
    page.get_by_role("navigation", name="Membres par état").get_by_role("link", name="Archivé").click()
    expect(page.locator("tbody tr")).to_have_count(1)
    page.get_by_role("row").get_by_role("link").first.click()
    press(page, "Sortir de l’archive")
    assert coop.state(ada) == "suspended"


def test_the_list_of_users_is_exported(coop: Portal, manager: Window, tmp_path: Path) -> None:
    """5.12: Everybody in one file, with their roles and teams."""
    ada = coop.member("ada", "comptabilite")
    coop.add(coop.group("Paris"), ada)
    page = manager.go("/imports")
    with page.expect_download() as download:
        page.get_by_role("link", name="Télécharger les membres").click()
    download.value.save_as(tmp_path / "members.csv")
    header, *rows = (tmp_path / "members.csv").read_text("utf-8-sig").splitlines()
    assert header.startswith("userName,externalId,email,givenName,familyName,")
    assert len(rows) == 2
    (row,) = [each for each in rows if "Paris" in each]
    assert {accounting_of(coop), "true"} <= set(row.split(","))


def test_an_import_is_verified_before_it_is_done(
    coop: Portal, manager: Window, letters: Letters, tmp_path: Path
) -> None:
    """5.13: Template, filled in, chosen, verified, imported; a fault is told by row, and nobody is there before."""
    page = manager.go("/imports")
    with page.expect_download() as download:
        page.get_by_role("link", name="members-template.csv").click()
    download.value.save_as(tmp_path / "members.csv")
    columns = (tmp_path / "members.csv").read_text("utf-8-sig").strip().split(",")

    def filled(*people: dict[str, str]) -> Path:
        lines = [columns, *([each.get(column, "") for column in columns] for each in people)]
        (tmp_path / "filled.csv").write_text("".join(";".join(line) + "\r\n" for line in lines), "utf-8-sig")
        return tmp_path / "filled.csv"

    def chosen(file: Path) -> None:
        page.get_by_label("Fichier CSV").set_input_files(file)
        press(page, "Vérifier")
        letters.to("nobody")
        page.reload()

    ada = {"userName": "ada", "email": "ada@coop.example", "givenName": "Ada", "familyName": "Lovelace"}
    ada |= {"roles": accounting_of(coop), "active": "true"}
    grace = {"userName": "grace", "email": "none", "givenName": "Grace", "familyName": "Hopper", "active": "false"}
    chosen(filled(ada, grace))
    assert "Vérifié, avec erreurs" in manager.text()
    assert page.get_by_role("row").nth(1).get_by_role("cell").first.inner_text() == "email"
    assert page.get_by_role("button", name="Importer", exact=True).count() == 0
    follow(page, "Envoyer le fichier corrigé")

    chosen(filled(ada, {**grace, "email": "grace@coop.example"}))
    assert "Vérifié, prêt à être importé" in manager.text()
    assert "Ce qui serait importé" in manager.text()
    assert coop.api.read("members")["total"] == 1
    press(page, "Importer")
    letters.to("nobody")
    page.reload()
    assert "Ce qui a été importé" in manager.text()
    manager.go("/members?search=ada")
    follow(page, "Ada Lovelace")
    assert "Comptabilité" in page.get_by_role("region", name="Rôles").inner_text()
    people = {each["attributes"]["userName"]: each["state"] for each in coop.api.read("members")["items"]}
    assert (people["ada"], people["grace"]) == ("active", "contact")


def test_teams_have_users_and_sub_teams(coop: Portal, manager: Window) -> None:
    """5.14, 5.15: A team is made, then one in it, with a user; the tree shows both, and none is in itself."""
    ada = coop.member("ada")
    name = coop.api.read(f"members/{ada}")["attributes"]["userName"]
    page = manager.go("/teams")
    page.get_by_role("link", name="Nouvelle équipe").first.click()
    page.get_by_label("Nom").fill("Paris")
    press(page, "Nouvelle équipe")
    assert "L’équipe est créée." in manager.text()
    paris = page.url.rpartition("/")[2]
    follow(page, "Nouvelle sous-équipe")
    expect(page.get_by_label("Fait partie de")).to_have_value(paris)
    page.get_by_label("Nom").fill("Comptes")
    press(page, "Nouvelle équipe")
    accounts = page.url.rpartition("/")[2]
    page.get_by_label("Adresses e-mail ou noms d’utilisateur").fill(name)
    press(page, "Ajouter des membres")
    assert "1 membre est ajouté." in manager.text()
    assert {each["id"] for each in coop.api.read(f"members?group={paris}")["items"]} == {ada}

    manager.go("/teams")
    tree = page.locator("main li", has_text="Paris").first
    assert tree.locator("li").inner_text() == "Comptes"
    follow(page, "Paris")
    follow(page, "Modifier l’équipe")
    page.get_by_label("Fait partie de").select_option("Comptes")
    press(page, "Enregistrer")
    assert "Une équipe ne peut faire partie d’elle-même, ni d’une équipe en dessous d’elle." in manager.text()
    manager.go(f"/members/{ada}")
    assert "Comptes" in page.get_by_role("region", name="Équipes et groupes de clients").inner_text()
    assert page.get_by_role("region", name="Permissions, et pourquoi").count() == 1
    manager.go(f"/teams/{accounts}")
    page.get_by_role("button", name="Supprimer").click()
    expect(page.locator("main")).to_contain_text("Il n’y a encore personne dans cette équipe.")
