"""One browser, and one gunicorn on each database, for the tests in this directory."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack

import pytest
from flask import Flask
from playwright.sync_api import Browser
from sqlalchemy import delete

from scim_server.delivery.mail import open_mailer
from scim_server.delivery.worker import Desk
from scim_server.store.access_tables import deliveries
from scim_server.store.session import begin_platform
from tests.browser.chromium import Window, chromium, window
from tests.databases import Database
from tests.directory import KEY, SECRET_KEY, site_of
from tests.mail import MAIL_FROM, Postbox, postbox
from tests.portals import Portal
from tests.seeds.letters import Letters
from tests.serving import Served, gunicorn

Opener = Callable[..., Window]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The browser."""
    with chromium() as running:
        yield running


@pytest.fixture(scope="session")
def console_server(database: Database) -> Iterator[Served]:
    """The server whose console is opened."""
    # A browser opens connections before it needs them, and gunicorn keeps a thread for each until a request comes.
    threads = {"SCIM_SERVER_THREADS": "16"}
    with gunicorn(database.app_url, workers=1, env={"SCIM_SERVER_SECRET_KEY": SECRET_KEY, **threads}) as server:
        yield server


@pytest.fixture
def open_console(browser: Browser, console_server: Served) -> Iterator[Opener]:
    """Open a window on the console of an organization, closed when the test ends."""
    with ExitStack() as windows:

        def opened(portal: Portal, **options: object) -> Window:
            entered: AbstractContextManager[Window] = window(browser, console_server, portal, **options)  # type: ignore[arg-type]
            return windows.enter_context(entered)

        yield opened


@pytest.fixture(scope="session")
def _running_postbox() -> Iterator[Postbox]:
    with postbox() as box:
        yield box


@pytest.fixture
def letters(app: Flask, console_server: Served, _running_postbox: Postbox) -> Letters:
    """The letters that the test has sent, by a worker in this process; their links lead to the server."""
    _running_postbox.messages.clear()
    store = site_of(app).store
    with begin_platform(store, write=True) as platform:
        # What other tests have left is nobody's to read.
        platform.db.execute(delete(deliveries))
    return Letters(Desk(store, KEY, open_mailer(_running_postbox.url), MAIL_FROM, console_server.url), _running_postbox)
