"""What people do in a browser with the links that they are sent."""

import re

from tests.browser.chromium import Window
from tests.seeds.letters import PASSWORD


def type_password(window: Window, password: str = PASSWORD) -> None:
    """Type a password, twice."""
    window.page.get_by_label(re.compile("^Mot de passe(?! actuel)")).fill(password)
    window.page.get_by_label("Le même mot de passe, encore une fois").fill(password)


def accept(window: Window, link: str) -> None:
    """Accept an invitation as it stands."""
    page = window.go(f"/invitation/{link}")
    type_password(window)
    for box in page.get_by_role("checkbox").all():
        box.check()
    page.get_by_role("button", name="Accepter l’invitation").click()
    page.get_by_text("Bienvenue. Connectez-vous pour continuer.").wait_for()


def choose_password(window: Window, link: str, password: str = PASSWORD) -> None:
    """Choose a password by a link."""
    page = window.go(f"/password/{link}")
    type_password(window, password)
    page.get_by_role("button", name="Enregistrer le mot de passe").click()
    page.get_by_text("Le nouveau mot de passe est enregistré. Connectez-vous avec lui.").wait_for()


def sign_in(window: Window, name: str, password: str = PASSWORD) -> None:
    """Sign in with a password that was chosen by a link."""
    page = window.go("/sign-in")
    page.get_by_label("Adresse e-mail ou nom d’utilisateur").fill(name)
    page.get_by_label("Mot de passe").fill(password)
    page.get_by_role("button", name="Se connecter").click()
    page.wait_for_url(lambda url: "/sign-in" not in url)


def refused(window: Window, path: str) -> str:
    """Open a page that is refused, and return what it says, after the status."""
    answer = window.page.goto(f"{window.base}{path}")
    assert answer is not None
    return f"{answer.status} {window.text()}"
