"""Messages reach a real mail server as they are meant, and nobody's name or address writes a header."""

import shutil
import ssl
import stat
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path

import pytest

from scim_server.delivery.mail import DeliveryError, compose, is_address, list_kept, open_mailer
from tests.demo import free_port
from tests.mail import MAIL_FROM, Postbox, postbox

TEXT = "Voilà, Ædá :\n\nhttps://portal.example/console/acme/invitation/secret\n"


def letter(address: str = "ada@example.com", name: str = "Ada", subject: str = "Bienvenue à l’équipe") -> EmailMessage:
    """Return a message."""
    return compose(MAIL_FROM, address, name, subject, TEXT, datetime(2026, 1, 31, 8, tzinfo=UTC))


@pytest.fixture(scope="module")
def box() -> Iterator[Postbox]:
    """A mail server that offers no TLS."""
    with postbox() as box:
        yield box


def test_a_message_arrives_as_it_was_written(box: Postbox) -> None:
    """With its text, its headers, and a Message-ID of its own each time."""
    for _ in range(2):
        open_mailer(box.url).send(letter())
    first, second = box.messages[-2:]
    assert box.recipients[-1] == "ada@example.com"
    assert first.get_content().replace("\r\n", "\n") == TEXT
    assert (first["From"], first["To"]) == (MAIL_FROM, "Ada <ada@example.com>")
    assert first["Subject"] == "Bienvenue à l’équipe"
    assert first["Date"] == "Sat, 31 Jan 2026 08:00:00 +0000"
    assert first["Auto-Submitted"] == "auto-generated"
    assert first["Message-ID"] != second["Message-ID"]


@pytest.mark.parametrize("text", ["Ada\r\nBcc: everyone@example.com", "Ada\nX: y", "Ada\x0b\x0cX: y", '"Ada" <x@y.z>,'])
def test_no_name_writes_a_header(box: Postbox, text: str) -> None:
    """A name or subject of several lines becomes one line, and stays what it is: a name."""
    open_mailer(box.url).send(letter(name=text, subject=text))
    arrived = box.messages[-1]
    assert box.recipients[-1] == "ada@example.com"
    assert arrived["Bcc"] is None
    assert arrived["X"] is None
    assert [each.addr_spec for each in arrived["To"].addresses] == ["ada@example.com"]
    assert arrived["Subject"] == " ".join(text.split())


@pytest.mark.parametrize(
    "address",
    [
        "",
        "ada",
        "@example.com",
        "ada@",
        "a@b@c",
        "ada@example.com\nBcc: x@example.com",
        "ada@example.com\r\nRCPT TO:<x@y>",
        "ada@example.com, grace@example.com",
        "<ada@example.com>",
        "ada example@example.com",
        f"{'a' * 250}@example.com",
    ],
)
def test_what_is_no_address_is_sent_nothing(address: str) -> None:
    """It is told at once, and is no matter of trying again."""
    assert not is_address(address)
    with pytest.raises(DeliveryError, match="the e-mail address of the member is none") as refused:
        letter(address)
    assert refused.value.final


@pytest.mark.parametrize(("said", "final"), [("550 no such user", True), ("450 mailbox is busy", False)])
def test_an_address_that_is_refused_is_told(box: Postbox, said: str, final: bool) -> None:
    """With what the server said; only a refusal for good is final."""
    box.refusals.append(said)
    with pytest.raises(DeliveryError, match=f"refuses the address: {said}") as refused:
        open_mailer(box.url).send(letter())
    assert refused.value.final is final


def test_a_server_that_is_not_there_is_tried_again() -> None:
    """The reason says what failed."""
    with pytest.raises(DeliveryError, match=r"the mail server does not work: .*refused") as refused:
        open_mailer(f"smtp://127.0.0.1:{free_port()}").send(letter())
    assert not refused.value.final


def test_no_password_is_sent_where_it_could_be_read(box: Postbox) -> None:
    """A server that offers no TLS gets none, and the reason holds none."""
    with pytest.raises(DeliveryError, match="offers no TLS") as refused:
        open_mailer(f"smtp://portal:secret@127.0.0.1:{box.port}").send(letter())
    assert "secret" not in str(refused.value)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 and its key, in one file."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    file = tmp_path_factory.mktemp("tls") / "both.pem"
    request = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=mail -addext subjectAltName=IP:127.0.0.1"
    made = subprocess.run(
        ["openssl", *request.split(), "-keyout", file.with_name("key"), "-out", file], capture_output=True, check=False
    )
    assert made.returncode == 0, made.stderr
    file.write_text(file.read_text() + file.with_name("key").read_text())
    return file


def test_tls_is_used_where_it_is_offered_and_verified(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The login goes through it; a certificate that nobody vouches for ends the conversation."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    with postbox(context) as box:
        mailer = open_mailer(f"smtp://portal:p%40ss@127.0.0.1:{box.port}")
        with pytest.raises(DeliveryError, match="certificate verify failed"):
            mailer.send(letter())
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        mailer.send(letter())
    assert (len(box.messages), box.private, box.logins) == (1, [True], [(b"portal", b"p@ss")])


def test_in_development_messages_are_files_that_are_listed(tmp_path: Path) -> None:
    """Nobody but their owner reads them, since a link in them opens an account."""
    url = f"file://{tmp_path}/mail box".replace(" ", "%20")
    assert list_kept(url) == []
    for name in ("Ada", "Zoë"):
        open_mailer(url).send(letter(name=name))
    kept = list_kept(url)
    assert [each.to for each in kept] == ["Ada <ada@example.com>", "Zoë <ada@example.com>"]
    assert {(each.subject, each.text.replace("\r\n", "\n"), each.link) for each in kept} == {
        ("Bienvenue à l’équipe", TEXT, "https://portal.example/console/acme/invitation/secret")
    }
    directory = tmp_path / "mail box"
    assert [stat.S_IMODE(path.stat().st_mode) for path in (directory, *directory.iterdir())] == [0o700, 0o600, 0o600]
    with pytest.raises(ValueError, match="SCIM_SERVER_SMTP_URL is file:///DIRECTORY"):
        list_kept("smtp://mail.example")
