"""A database of its own for what workers do: they take what is due of every organization in it."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import delete

from scim_server.delivery.mail import open_mailer
from scim_server.delivery.worker import Desk
from scim_server.store.access_tables import deliveries
from scim_server.store.session import begin_platform, utc_now
from tests.databases import Database, DatabaseServer
from tests.directory import KEY, running_app, set_clock, site_of
from tests.mail import MAIL_FROM, Postbox, postbox

BASE_URL = "https://portal.example"


class Clock:
    """The present moment, or one that is as much later as a test has it."""

    def __init__(self) -> None:
        self.later = timedelta()

    def __call__(self) -> datetime:
        return utc_now() + self.later


@pytest.fixture(scope="module")
def database(database_server: DatabaseServer, migrated_template: Database) -> Iterator[Database]:
    """A migrated database of the module's own."""
    database = database_server.create(migrated_template)
    yield database
    database_server.drop(database)


@pytest.fixture(scope="module")
def app(database: Database) -> Iterator[Flask]:
    """The app on it."""
    with running_app(database, base_url=BASE_URL) as running:
        yield running


@pytest.fixture
def clock(app: Flask) -> Iterator[Clock]:
    """The clock of the app and of its worker."""
    clock = Clock()
    set_clock(app, clock)
    yield clock
    set_clock(app, utc_now)


@pytest.fixture(scope="module")
def _running_postbox() -> Iterator[Postbox]:
    with postbox() as box:
        yield box


@pytest.fixture
def box(_running_postbox: Postbox) -> Postbox:
    """A mail server that has been sent nothing yet."""
    for kept in (_running_postbox.messages, _running_postbox.recipients, _running_postbox.refusals):
        kept.clear()
    return _running_postbox


@pytest.fixture
def desk(app: Flask, clock: Clock, box: Postbox) -> Desk:
    """What a worker has at hand, with nothing that is due yet."""
    store = site_of(app).store
    with begin_platform(store, write=True) as platform:
        platform.db.execute(delete(deliveries))
    return Desk(store, KEY, open_mailer(box.url), MAIL_FROM, BASE_URL)


def without_mail(desk: Desk) -> Desk:
    """Return what a worker has at hand that is told of no mail server."""
    return replace(desk, mailer=None)
