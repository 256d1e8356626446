"""Every page of the console holds WCAG 2.2 AA as far as axe-core can tell: in light and dark, on a desk and a phone."""

from collections.abc import Callable

from flask import Flask

from scim_server.demo import COMPANIES
from tests.browser.chromium import DESKTOP, PHONE, Window, violations
from tests.browser.demonstration import addresses, administrator_of, demo_portal
from tests.databases import only_postgresql

NO_PAGES = {"home", "sign_in_page", "consents_page"}
"""What leads elsewhere for who is signed in."""


# What browsers draw depends on no database, and looking at all of it takes a while.
@only_postgresql
def test_axe_finds_nothing_on_any_page(app: Flask, open_console: Callable[..., Window]) -> None:
    """With people, teams and traffic in it, each page once, where there is one; on a phone, none is wider than it."""
    seen: set[str] = set()
    found: list[str] = []
    for profile in COMPANIES:
        portal = demo_portal(app, profile)
        window = open_console(portal).sign_in(administrator_of(portal))
        for endpoint, path in addresses(app, portal).items():
            if endpoint not in seen and endpoint not in NO_PAGES and not path.endswith(".csv"):
                answer = window.page.goto(f"{window.base}{path}")
                assert answer is not None
                # What the profile does not have is refused, on a page that is looked at once.
                assert answer.status in (200, 403, 404, 409), (endpoint, answer.status)
                shown = endpoint if answer.status == 200 else str(answer.status)
                if shown not in seen:
                    seen.add(shown)
                    found += faults(window, endpoint)
    assert found == []
    endpoints = {rule.endpoint.removeprefix("console.") for rule in app.url_map.iter_rules()}
    assert {"members_page", "member_page", "roles_page", "history_page", "customer_group_page"} <= seen & endpoints


def faults(window: Window, endpoint: str) -> list[str]:
    """Return what is wrong with the page that is open."""
    found = []
    for size, scheme in ((DESKTOP, "light"), (PHONE, "dark")):
        window.page.set_viewport_size(size)  # type: ignore[arg-type]
        window.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        # What the other scheme changes is colours.
        told = violations(window.page, colours_alone=scheme == "light")
        found += [f"{endpoint} {scheme}: {each}" for each in told]
    width = window.page.evaluate("document.documentElement.scrollWidth")
    if width > PHONE["width"]:
        found.append(f"{endpoint} is {width} pixels wide on a phone")
    return found
