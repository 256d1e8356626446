"""Members as a test invites them, and the worker that writes to them."""

import threading
from dataclasses import dataclass
from typing import Any

from flask import Flask

from scim_server.actions.portal_changes import change_portal
from scim_server.delivery.handlers import HANDLERS
from scim_server.delivery.worker import Desk, work
from scim_server.store.members import get_member
from scim_server.store.session import begin
from tests.api import ApiClient, api_client
from tests.directory import Organization, unique

PASSWORD = "correct horse battery staple"
NAME = {"honorificPrefix": "Ms", "givenName": "Ada", "familyName": "Lovelace"}
AGREED = {"privacy": "1", "terms": "1"}
"""What the profile customer-groups has people agree to."""


@dataclass(frozen=True, slots=True)
class Portal:
    """A portal of an organization's own: its back end, and the worker beside it."""

    api: ApiClient
    desk: Desk

    @property
    def organization(self) -> Organization:
        return self.api.organization

    def new_member(self, address: str | None = None, **attributes: Any) -> str:
        """Create a contact and return their id."""
        address = unique("ada") + "@example.com" if address is None else address
        whole = {"userName": address or unique("ada"), **attributes}
        if address:
            whole.setdefault("emails", [{"value": address}])
        whole.setdefault("name", NAME)
        made = self.api.made("members", {"attributes": whole, "access": "none"})
        return str(made["id"])

    def state_of(self, member_id: str) -> str:
        """Return the state of a member."""
        with begin(self.organization.store, self.organization.operator, write=False) as tenant:
            return get_member(tenant, member_id).state

    def post(self, path: str, body: Any = None, status: int = 200) -> Any:
        """Send a POST, which has to be answered with this status, and return its JSON."""
        answer = self.api.post(path, body)
        assert answer.status_code == status, answer.text
        return answer.get_json() if answer.data else None

    def work(self) -> int:
        """Have the worker do what is due."""
        return work(self.desk, HANDLERS, threading.Event())

    def invitation(self, member_id: str) -> Any:
        """Return what has become of an invitation."""
        return self.api.read(f"members/{member_id}/invitation")


def new_portal(app: Flask, desk: Desk, profile: str = "customer-groups") -> Portal:
    """Return the portal of a new organization."""
    api = api_client(app, "org:admin")
    with begin(api.organization.store, api.organization.operator, write=True) as tenant:
        change_portal(tenant, profile)
    return Portal(api, desk)


def secret_of(link: str) -> str:
    """Return the last part of a link."""
    return link.rpartition("/")[2]
