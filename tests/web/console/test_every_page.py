"""Every page of the console opens, on either database, in an organization that has something to see on it."""

from flask import Flask

from scim_server.demo import COMPANIES
from tests.browser.demonstration import addresses, administrator_of, demo_portal
from tests.web.console.pages import signed_in


def test_every_page_opens(app: Flask) -> None:
    """For its administrator; what the profile does not have is refused, and opens under another."""
    opened, refused = set[str](), set[str]()
    for profile in COMPANIES:
        portal = demo_portal(app, profile)
        pages = signed_in(portal, administrator_of(portal))
        for endpoint, path in addresses(app, portal).items():
            status = pages.get(path).status_code
            assert status in (200, 303, 403, 404, 409), (profile, endpoint, status)
            (opened if status in (200, 303) else refused).add(endpoint)
    assert refused - opened == set()
