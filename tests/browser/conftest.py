"""One browser, and one gunicorn on each database, for the tests in this directory."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack

import pytest
from playwright.sync_api import Browser

from tests.browser.chromium import Window, chromium, window
from tests.databases import Database
from tests.directory import SECRET_KEY
from tests.portals import Portal
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
    with gunicorn(database.app_url, workers=1, env={"SCIM_SERVER_SECRET_KEY": SECRET_KEY}) as server:
        yield server


@pytest.fixture
def open_console(browser: Browser, console_server: Served) -> Iterator[Opener]:
    """Open a window on the console of an organization, closed when the test ends."""
    with ExitStack() as windows:

        def opened(portal: Portal, **options: object) -> Window:
            entered: AbstractContextManager[Window] = window(browser, console_server, portal, **options)  # type: ignore[arg-type]
            return windows.enter_context(entered)

        yield opened
