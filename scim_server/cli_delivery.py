"""The commands for what goes out: ``worker`` and ``mail``."""

import signal
import threading
from dataclasses import asdict

import click

from scim_server.config import Settings, read_settings
from scim_server.delivery.handlers import HANDLERS
from scim_server.delivery.mail import list_kept, open_mailer
from scim_server.delivery.worker import Desk, run, work
from scim_server.logs import configure_logging
from scim_server.store.session import Store
from scim_server.store.tokens import DigestKey
from scim_server.terminal import command, opened, show, table


def desk_of(settings: Settings, store: Store) -> Desk:
    """Return what a worker has at hand under these settings."""
    return Desk(
        store=store,
        key=DigestKey.derive(settings.secret_key, settings.previous_secret_key),
        mailer=open_mailer(settings.smtp_url) if settings.smtp_url else None,
        mail_from=settings.mail_from or "",
        base_url=settings.base_url,
    )


@click.command()
@click.option("--once", is_flag=True, help="Do what is due now, and end.")
@command
def worker(once: bool, as_json: bool) -> None:
    """Send e-mail, and do what is due on a day; run one or several beside the server.

    On SIGTERM, it ends after what it is at.
    """
    settings = read_settings()
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stopped.set())
    configure_logging(settings.log_format)
    with opened(settings) as store:
        if once:
            done = work(desk_of(settings, store), HANDLERS, stopped)
            show({"done": done}, f"Done: {done}", as_json=as_json)
        else:
            run(desk_of(settings, store), HANDLERS, stopped)


@click.group()
def mail() -> None:
    """E-mail that is kept as files, in development."""


@mail.command("list")
@command
def mail_list(as_json: bool) -> None:
    """List the messages, the oldest first, with the link that each holds."""
    rows = [asdict(each) for each in list_kept(read_settings().smtp_url or "")]
    show(rows, table(rows, "sent_at", "to", "subject", "link"), as_json=as_json)
