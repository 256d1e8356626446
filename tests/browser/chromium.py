"""A real Chromium, Debian's own, in front of a real gunicorn."""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

from tests.portals import Portal
from tests.serving import Served
from tests.web.console.pages import PASSWORD, give_password

PHONE = {"width": 390, "height": 844}
DESKTOP = {"width": 1280, "height": 900}

# What axe calls best practice goes beyond WCAG, and is held too.
_ALL = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# What passes need not be told node by node, which takes as long again.
_AXE = {"runOnly": _ALL, "resultTypes": ["violations"]}
_COLOURS = {"runOnly": {"type": "rule", "values": ["color-contrast"]}, "resultTypes": ["violations"]}


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run Chromium until the block ends."""
    program = shutil.which("chromium")
    if program is None:
        pytest.fail("chromium is missing: install it first (on Debian and Ubuntu, apt install chromium)")
    with sync_playwright() as playwright:
        # A container lends no name space for the sandbox; what is visited is the server of the test.
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


@dataclass(frozen=True, slots=True)
class Window:
    """A window of the browser on the console of an organization."""

    page: Page
    portal: Portal
    url: str

    @property
    def base(self) -> str:
        """The address of the organization's first page."""
        return f"{self.url}/console/{self.portal.organization.slug}"

    def go(self, path: str = "") -> Page:
        """Open a page below the organization's; it must be one."""
        answer = self.page.goto(f"{self.base}{path}")
        assert answer is not None
        assert answer.status < 400, (path, answer.status, self.page.inner_text("main"))
        return self.page

    def sign_in(self, member: str) -> "Window":
        """Sign in as a member, who is given a password, and agree to what is asked."""
        give_password(self.portal, member)
        self.go("/sign-in")
        self.page.fill("#name", self.portal.api.read(f"members/{member}")["attributes"]["userName"])
        self.page.fill("#password", PASSWORD)
        self.page.click("main button")
        # A page that a form leads to through others is waited for by its address.
        self.page.wait_for_url(lambda url: "/sign-in" not in url)
        if self.page.url.endswith("/consents"):
            for box in self.page.locator("main input[type=checkbox]").all():
                box.check()
            self.page.click("main button >> nth=0")
            self.page.wait_for_url(lambda url: "/consents" not in url)
        return self

    def text(self) -> str:
        """Return what the page says, as it is read."""
        return re.sub(r"\s+", " ", self.page.inner_text("main"))


def press(page: Page, name: str) -> None:
    """Press the button of this name, and wait for the page that it leads to."""
    with page.expect_navigation(wait_until="domcontentloaded"):
        page.get_by_role("button", name=name, exact=True).click()


def follow(page: Page, name: str) -> None:
    """Follow the link of this name, and wait for its page."""
    with page.expect_navigation(wait_until="domcontentloaded"):
        page.get_by_role("link", name=name, exact=True).click()


@contextmanager
def window(
    browser: Browser, server: Served, portal: Portal, *, language: str = "fr", scripts: bool = True, **options: Any
) -> Iterator[Window]:
    """Open a window in a language, with nothing kept from another; ``scripts`` says whether JavaScript runs.

    What fails in the page fails the test.
    """
    with browser.new_context(
        locale=language,
        java_script_enabled=scripts,
        reduced_motion="reduce",
        viewport=options.pop("viewport", DESKTOP),
        **options,
    ) as context:
        page = context.new_page()
        page.set_default_timeout(30_000)
        faults: list[str] = []
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
        yield Window(page, portal, server.url)
        # A refusal that the test asks for is told as an error of the network.
        assert not [each for each in faults if "Failed to load resource" not in each]


def violations(page: Page, *, colours_alone: bool = False) -> list[str]:
    """Return what axe finds against WCAG 2.2 AA on a page, with where."""
    found = Axe().run(page, options=_COLOURS if colours_alone else _AXE).response["violations"]
    return [
        f"{each['id']}: {node['html'][:200]} ({node['failureSummary']})" for each in found for node in each["nodes"]
    ]
