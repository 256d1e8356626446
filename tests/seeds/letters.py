"""What members are sent, and what they do with it: follow its link, choose a password, sign in."""

import threading
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Any
from urllib.parse import urlsplit

from scim_server.actions.sessions import sign_in
from scim_server.delivery.handlers import HANDLERS
from scim_server.delivery.worker import Desk, work
from scim_server.store.member_sessions import find_session
from scim_server.store.session import begin
from tests.directory import KEY
from tests.mail import LINK, Postbox
from tests.portals import Portal

PASSWORD = "correct horse battery staple"


@dataclass(frozen=True, slots=True)
class Letters:
    """The letters that a worker has sent."""

    desk: Desk
    box: Postbox

    def to(self, address: str) -> list[EmailMessage]:
        """Have the worker send what is due, and return the letters to an address."""
        work(self.desk, HANDLERS, threading.Event())
        return [each for each in self.box.messages if address in str(each["To"])]

    def path(self, address: str) -> str:
        """Return the path of the link in the last letter to an address."""
        (link,) = LINK.findall(self.to(address)[-1].get_content())
        return urlsplit(str(link)).path

    def link(self, address: str) -> str:
        """Return the last part of the link in the last letter to an address."""
        return self.path(address).rpartition("/")[2]


def address_of(on: Portal, member: str) -> str:
    """Return the e-mail address of a member."""
    return str(on.api.read(f"members/{member}")["attributes"]["emails"][0]["value"])


def accept(on: Portal, link: str, **more: Any) -> Any:
    """Accept an invitation, and return the answer."""
    return on.api.post("invitations/accept", {"link": link, "password": PASSWORD, **more})


def choose_password(on: Portal, link: str, password: str = PASSWORD) -> int:
    """Choose a password by a link, and return the status of the answer."""
    return on.api.post("password-resets/complete", {"link": link, "password": password}).status_code


def signed_in(on: Portal, name: str, password: str = PASSWORD) -> str:
    """Sign in by name or address, and return the secret of the session."""
    return sign_in(on.organization.store, on.organization.operator, KEY, name, password).secret


def is_signed_in(on: Portal, secret: str) -> bool:
    """Return whether a session is open, as a request of it finds."""
    with begin(on.organization.store, on.organization.operator, write=False) as tenant:
        return find_session(tenant, KEY, secret) is not None
