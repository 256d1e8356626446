"""An organization under a portal profile, and what its members may do, through the API."""

from dataclasses import dataclass, replace
from typing import Any

from flask import Flask
from werkzeug.test import TestResponse

from scim_server.actions.organizations import create_organization
from scim_server.store.session import Actor, Credentials, begin_platform
from tests.api import ApiClient, api_client
from tests.directory import Organization, site_of, unique


@dataclass(frozen=True, slots=True)
class Portal:
    """An organization of a test's own under a profile; ``api`` is the portal's back end, with ``org:admin``."""

    app: Flask
    api: ApiClient

    @property
    def organization(self) -> Organization:
        """The organization."""
        return self.api.organization

    def member(self, name: str | None = None, *roles: str, access: str = "grant", **attributes: Any) -> str:
        """Create a member with these roles and return their id."""
        name = unique(name or "ada")
        whole = {
            "userName": name,
            "name": {"givenName": name.title(), "familyName": "Lovelace", "honorificPrefix": "Dr"},
            "emails": [{"value": f"{name}@example.com", "primary": True}],
            "phoneNumbers": [{"value": "+33 1 23 45 67 89"}],
            "title": "Engineer",
            "preferredLanguage": "fr",
            **attributes,
        }
        made = self.api.made("members", {"attributes": whole, "roles": list(roles), "access": access})
        return str(made["id"])

    def group(self, name: str, kind: str = "team", **more: Any) -> str:
        """Create a group and return its id."""
        return str(self.api.made("groups", {"attributes": {"displayName": name}, "kind": kind, **more})["id"])

    def add(self, group: str, *members: str) -> None:
        """Add members to a group."""
        answer = self.api.post(f"groups/{group}/members", {"members": list(members)})
        assert answer.status_code == 204, answer.text

    def permissions(self, member: str) -> dict[str, str]:
        """Return what a member may do, and how far each permission reaches."""
        return {each["permission"]: each["scope"] for each in self.rights(member)["permissions"]}

    def rights(self, member: str) -> Any:
        """Return what a member may do, and through what."""
        return self.api.read(f"members/{member}/permissions")

    def may(self, member: str, permission: str, named: str | None = None) -> bool:
        """Return whether a member may do something, to an object where one is named."""
        more = f"&object={named}" if named else ""
        return bool(self.api.read(f"members/{member}/check?permission={permission}{more}")["allowed"])

    def roles(self) -> dict[str, str]:
        """Return the ids of the roles by their keys, or by their names where they have none."""
        return {each["key"] or each["display"]: each["id"] for each in self.api.read("roles")["items"]}

    def acting(self, member: str) -> "ActingClient":
        """Return the portal's back end as it acts for a member."""
        return ActingClient(self.api.http, self.api.organization, self.api.token, member)

    def state(self, member: str) -> str:
        """Return the state of a member."""
        return str(self.api.read(f"members/{member}")["state"])


@dataclass(frozen=True, slots=True)
class ActingClient(ApiClient):
    """A client that acts for a member."""

    member: str

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> TestResponse:
        """Send a request on behalf of the member."""
        return ApiClient.send(self, method, path, body, **{"On_Behalf_Of": self.member, **headers})


def portal(app: Flask, profile: str = "delegated", scope: str = "org:admin") -> Portal:
    """Make an organization under a portal profile."""
    store = site_of(app).store
    with begin_platform(store, write=True) as platform:
        slug = unique("portal")
        made = create_organization(platform, store, slug, slug, actor_id="the tests", portal=profile)
    organization = Organization(store, made.id, slug, Credentials(made.id, Actor("operator", "the tests")))
    return Portal(app, api_client(app, scope, organization=organization))


def as_operator(on: Portal) -> ApiClient:
    """Return the operator's client, at hand of the organization."""
    return replace(api_client(on.app, "operator"), organization=on.organization)
