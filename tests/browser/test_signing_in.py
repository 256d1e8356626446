"""The ways into the console, in a browser."""

from collections.abc import Callable

import pytest
from flask import Flask

from tests.browser.chromium import PHONE, Window, violations
from tests.databases import only_postgresql
from tests.portals import portal

# What a browser draws depends on no database.
pytestmark = only_postgresql


def test_who_signs_in_signs_out_again(app: Flask, open_console: Callable[..., Window]) -> None:
    """The page that was open asks for a sign-in afterwards."""
    delegated = portal(app)
    window = open_console(delegated).sign_in(delegated.member("ada", "delegated-administrator"))
    window.page.click("details.menu summary")
    window.page.get_by_role("button", name="Se déconnecter").click()
    window.page.goto(f"{window.base}/members")
    assert window.page.url.startswith(f"{window.base}/sign-in")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", ["/sign-in", "/password"])
def test_the_pages_of_everybody_are_accessible(
    app: Flask, open_console: Callable[..., Window], path: str, scheme: str
) -> None:
    """The axe rules for WCAG 2.2 AA find nothing, in light and dark, on a phone."""
    window = open_console(portal(app), color_scheme=scheme, viewport=PHONE)
    assert violations(window.go(path)) == []
