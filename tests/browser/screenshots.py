"""Take the screenshots of the README: `make screenshots`, on the organizations of the demo.

They lie in ``docs/screenshots``, each main page as on a desk and as on a phone.
"""

import tempfile
from pathlib import Path

import httpx
from playwright.sync_api import Page

from tests.browser.chromium import chromium
from tests.demo import demo, free_port
from tests.serving import ROOT

DIRECTORY = ROOT / "docs" / "screenshots"
SIZES = {"desktop": {"width": 1200, "height": 800}, "phone": {"width": 390, "height": 780}}
QUALITY = 45

PAGES = {
    "members": "/members",
    "new-member": "/members/new",
    "roles": "/roles",
    "teams": "/teams",
    "invitations": "/invitations",
    "import": "/imports",
    "identity-providers": "/connections",
    "connect": "/connections/new",
    "history": "/history",
    "settings": "/settings",
    "profile": "/profile",
}
"""The main pages; that of a member is reached from the first."""


def sign_in(page: Page, url: str, name: str, password: str) -> None:
    """Sign in to an organization of the demo."""
    page.goto(f"{url}/sign-in")
    page.fill("#name", name)
    page.fill("#password", password)
    page.click("main button")


def main() -> None:
    """Take them all."""
    DIRECTORY.mkdir(exist_ok=True)
    port = free_port()
    with tempfile.TemporaryDirectory() as directory, demo(Path(directory), "--port", str(port)) as (_, told):
        url, name = told[3].split()[1::2]
        password = told[8].split()[-1]
        httpx.HTTPTransport(retries=60).handle_request(httpx.Request("GET", f"http://127.0.0.1:{port}/healthz"))
        with chromium() as browser:
            for size, viewport in SIZES.items():
                with browser.new_context(locale="fr", viewport=viewport) as context:  # type: ignore[arg-type]
                    page = context.new_page()
                    sign_in(page, url, name, password)
                    for title, path in PAGES.items():
                        page.goto(f"{url}{path}")
                        page.screenshot(path=DIRECTORY / f"{title}-{size}.jpg", type="jpeg", quality=QUALITY)
                    page.goto(f"{url}/members")
                    page.get_by_role("link", name="Bernard").first.click()
                    page.screenshot(path=DIRECTORY / f"member-{size}.jpg", type="jpeg", quality=QUALITY)


if __name__ == "__main__":
    main()
