"""E-mail, by SMTP (RFC 5321), or in development as files that are listed."""

import os
import re
import secrets
import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid, parseaddr
from pathlib import Path
from typing import Protocol
from urllib.parse import SplitResult, unquote, urlsplit

TIMEOUT_S = 20.0
"""How long one step of the conversation with a mail server may take."""

_PORTS = {"smtp": 25, "smtps": 465}
_MAX_ADDRESS_LENGTH = 254
_MAX_REASON_LENGTH = 500
# What a mail server takes; whether somebody reads it only it knows.
_ADDRESS = re.compile(r"[^\s\x00-\x1f\x7f<>()\[\]\\,;:\"@]+@[^\s\x00-\x1f\x7f<>()\[\]\\,;:\"@]+")
_LINK = re.compile(r"^https?://\S+", re.MULTILINE)


class DeliveryError(Exception):
    """Something could not be delivered; ``final`` where trying again is of no use."""

    def __init__(self, reason: str, *, final: bool = False) -> None:
        super().__init__(" ".join(reason.split())[:_MAX_REASON_LENGTH])
        self.final = final


class Mailer(Protocol):
    """Sends messages."""

    def send(self, message: EmailMessage) -> None:
        """Hand a message over.

        :raises DeliveryError: When it is not taken.
        """


def open_mailer(url: str) -> Mailer:
    """Return what sends messages to a URL, as ``SCIM_SERVER_SMTP_URL`` has it; nothing connects until it is used."""
    address = urlsplit(url)
    return FileMailer(Path(unquote(address.path))) if address.scheme == "file" else SmtpMailer(address)


def is_address(text: str) -> bool:
    """Return whether a text is an e-mail address that a message can be sent to."""
    return len(text) <= _MAX_ADDRESS_LENGTH and _ADDRESS.fullmatch(text) is not None


def compose(mail_from: str, address: str, name: str, subject: str, text: str, now: datetime) -> EmailMessage:
    """Return a message in plain text; a name or subject of several lines becomes one, and no header of its own.

    :raises DeliveryError: When the address is none.
    """
    if not is_address(address):
        raise DeliveryError("the e-mail address of the member is none; correct it, then send again", final=True)
    user, _, domain = address.rpartition("@")
    message = EmailMessage(policy=policy.SMTP)
    sender_name, sender = parseaddr(mail_from)
    message["From"] = Address(sender_name, addr_spec=sender)
    message["To"] = Address(" ".join(name.split()), user, domain)
    message["Subject"] = " ".join(subject.split())
    message["Date"] = format_datetime(now)
    # Anew each time: what is sent again has another link, and must not pass for what came before.
    message["Message-ID"] = make_msgid(domain=sender.rpartition("@")[2])
    # RFC 3834: no answering machine answers.
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text)
    return message


@dataclass(frozen=True, slots=True)
class SmtpMailer:
    """Hands each message to a mail server: by TLS whose certificate is verified where the server offers it."""

    server: SplitResult = field(repr=False)

    def send(self, message: EmailMessage) -> None:
        """Hand a message to the mail server; see :class:`Mailer`."""
        try:
            with self._connected(message) as smtp:
                smtp.send_message(message)
        except smtplib.SMTPRecipientsRefused as exc:
            code, said = next(iter(exc.recipients.values()))
            raise DeliveryError(f"the mail server refuses the address: {_said(code, said)}", final=code >= 500) from exc
        except smtplib.SMTPResponseException as exc:
            said_so = _said(exc.smtp_code, exc.smtp_error)
            raise DeliveryError(f"the mail server refuses the message: {said_so}") from exc
        except (smtplib.SMTPException, OSError) as exc:
            raise DeliveryError(f"the mail server does not work: {exc}") from exc

    @contextmanager
    def _connected(self, message: EmailMessage) -> Iterator[smtplib.SMTP]:
        context = ssl.create_default_context()
        host, port = self.server.hostname or "", self.server.port or _PORTS[self.server.scheme]
        name = parseaddr(str(message["From"]))[1].rpartition("@")[2]
        smtp = (
            smtplib.SMTP_SSL(host, port, name, timeout=TIMEOUT_S, context=context)
            if self.server.scheme == "smtps"
            else smtplib.SMTP(host, port, name, timeout=TIMEOUT_S)
        )
        try:
            self._introduce(smtp, context)
            yield smtp
            # What was taken is sent, whatever the server says on leaving.
            with suppress(smtplib.SMTPException, OSError):
                smtp.quit()
        finally:
            smtp.close()

    def _introduce(self, smtp: smtplib.SMTP, context: ssl.SSLContext) -> None:
        smtp.ehlo_or_helo_if_needed()
        is_private = self.server.scheme == "smtps"
        if not is_private and smtp.has_extn("starttls"):
            smtp.starttls(context=context)
            smtp.ehlo()
            is_private = True
        if self.server.username:
            if not is_private:
                raise DeliveryError("the mail server offers no TLS, without which the password would be readable")
            smtp.login(unquote(self.server.username), unquote(self.server.password or ""))


def _said(code: int, text: bytes | str) -> str:
    return f"{code} {text.decode(errors='replace') if isinstance(text, bytes) else text}"


@dataclass(frozen=True, slots=True)
class FileMailer:
    """Keeps each message as a file of its owner's, since it holds a link that opens an account."""

    directory: Path

    def send(self, message: EmailMessage) -> None:
        """Write a message to a file of its own; see :class:`Mailer`."""
        name = f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}-{secrets.token_hex(4)}"
        part, whole = self.directory / f"{name}.part", self.directory / f"{name}.eml"
        try:
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(message.as_bytes())
            part.rename(whole)
        except OSError as exc:
            raise DeliveryError(f"the message cannot be kept as a file: {exc}") from exc


@dataclass(frozen=True, slots=True)
class KeptMessage:
    """A message that was kept as a file; ``link`` is what it leads to."""

    file: str
    sent_at: str
    to: str
    subject: str
    link: str | None
    text: str


def list_kept(url: str) -> list[KeptMessage]:
    """Return the messages kept as files, the oldest first.

    :raises ValueError: When the URL is none of a directory.
    """
    address = urlsplit(url)
    if address.scheme != "file":
        raise ValueError("messages are kept where SCIM_SERVER_SMTP_URL is file:///DIRECTORY; others were sent")
    return [_read_kept(path) for path in sorted(Path(unquote(address.path)).glob("*.eml"))]


def _read_kept(path: Path) -> KeptMessage:
    message = message_from_bytes(path.read_bytes(), policy=policy.default)
    body = message.get_body()
    text = body.get_content() if body is not None else ""
    link = _LINK.search(text)
    sent_at, to, subject = (str(message[name]) for name in ("Date", "To", "Subject"))
    return KeptMessage(str(path), sent_at, to, subject, link[0] if link else None, text)
