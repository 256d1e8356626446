"""A mail server on the loopback that keeps what it is sent, and refuses what a test has it refuse."""

import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

from tests.demo import free_port

LINK = re.compile(r"https?://\S+")
MAIL_FROM = "The portal <no-reply@portal.example>"


@dataclass
class Postbox:
    """What a mail server was sent, in order; ``refusals`` is what it says to the next messages instead."""

    port: int = 0
    messages: list[EmailMessage] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    private: list[bool] = field(default_factory=list)
    logins: list[tuple[bytes, bytes]] = field(default_factory=list)

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any) -> str:
        if self.refusals:
            return self.refusals.pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, session: Any, envelope: Any) -> str:
        message = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(message, EmailMessage)
        self.messages.append(message)
        self.recipients += envelope.rcpt_tos
        self.private.append(session.ssl is not None)
        return "250 OK"

    def authenticate(self, _server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
        """Take any password."""
        assert isinstance(data, LoginPassword)
        self.logins.append((data.login, data.password))
        return AuthResult(success=True)

    @property
    def url(self) -> str:
        """The setting that leads here."""
        return f"smtp://127.0.0.1:{self.port}"

    def texts(self) -> list[str]:
        """Return the texts of the messages."""
        return [str(each.get_content()) for each in self.messages]

    def links(self) -> list[str]:
        """Return the links in the messages."""
        return [link for text in self.texts() for link in LINK.findall(text)]


@contextmanager
def postbox(tls: ssl.SSLContext | None = None, **options: Any) -> Iterator[Postbox]:
    """Have a mail server on a port of its own; with ``tls``, it offers STARTTLS and takes logins."""
    box = Postbox()
    if tls is not None:
        options |= {"tls_context": tls, "authenticator": box.authenticate, "auth_required": True}
    box.port = free_port()
    controller = Controller(box, hostname="127.0.0.1", port=box.port, **options)
    controller.start()
    try:
        yield box
    finally:
        controller.stop()
