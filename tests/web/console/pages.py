"""The console as a member sees it, without a browser: pages are read, and forms sent as they were made."""

import re
from dataclasses import dataclass
from functools import cache
from html import unescape
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from scim_server.actions.passwords import digest_chosen
from scim_server.store.passwords import set_password
from scim_server.store.session import begin
from tests.portals import Portal

PASSWORD = "a password of nobody else"

_TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')


@dataclass(frozen=True, slots=True)
class Pages:
    """The pages of an organization in one browser."""

    http: FlaskClient
    portal: Portal

    @property
    def base(self) -> str:
        """The path of the first page."""
        return f"/console/{self.portal.organization.slug}"

    def get(self, path: str = "", **headers: str) -> TestResponse:
        """Return the answer to a page below the organization's."""
        return self.http.get(f"{self.base}{path}", headers=headers)

    def read(self, path: str = "") -> str:
        """Return the text of a page, which must answer 200, with its entities resolved."""
        answer = self.get(path)
        assert answer.status_code == 200, (path, answer.status_code, answer.text[:2_000])
        return unescape(answer.text)

    def post(self, path: str, form: dict[str, Any] | None = None, *, of: str | None = None) -> TestResponse:
        """Send a form below the organization's, with the token of the page ``of``, which shows it."""
        page = self.get(path if of is None else of)
        found = _TOKEN.search(page.text)
        assert found, (path, page.status_code, "there is no form")
        return self.http.post(f"{self.base}{path}", data={"csrf_token": found[1], **(form or {})})

    def done(self, path: str, form: dict[str, Any] | None = None, *, of: str | None = None) -> str:
        """Send a form that must be taken, and return the page that it leads to."""
        answer = self.post(path, form, of=of)
        assert answer.status_code == 303, (path, answer.status_code, answer.text[:3_000])
        return unescape(self.http.get(answer.headers["Location"], follow_redirects=True).text)


def visitor(portal: Portal) -> Pages:
    """Return the pages of somebody who is not signed in."""
    return Pages(portal.app.test_client(), portal)


def give_password(portal: Portal, member: str) -> None:
    """Give a member the password of the tests."""
    with begin(portal.organization.store, portal.organization.operator, write=True) as tenant:
        set_password(tenant, member, _digest())


@cache
def _digest() -> str:
    return digest_chosen(PASSWORD)


def signed_in(portal: Portal, member: str, language: str = "en") -> Pages:
    """Return the pages of a member, who has signed in and agreed to what is asked."""
    give_password(portal, member)
    pages = visitor(portal)
    pages.get(f"/sign-in?language={language}")
    name = portal.api.read(f"members/{member}")["attributes"]["userName"]
    answer = pages.post("/sign-in", {"name": name, "password": PASSWORD})
    assert answer.status_code == 303, answer.text
    consents = pages.get("/consents").text
    asked = dict(re.findall(r'name="(consent\.[^"]+)" value="([^"]+)"', consents))
    if asked:
        assert pages.post("/consents", asked).status_code == 303
    return pages


def administrator(portal: Portal) -> Pages:
    """Return the pages of a new administrator of an organization."""
    return signed_in(portal, portal.member("admin", administrator_role(portal)))


def administrator_role(portal: Portal) -> str:
    """Return the key of the role with the administrator's seat."""
    profile = portal.organization.store.portals[portal.api.read("")["portal"]]
    return next(key for key, role in profile.roles.items() if role.administrator)
