"""A database of its own for each seed, whose worker sends what is due at once; see :mod:`tests.delivery.conftest`."""

import pytest

from scim_server.delivery.worker import Desk
from tests.delivery.conftest import _running_postbox as _running_postbox
from tests.delivery.conftest import app as app
from tests.delivery.conftest import box as box
from tests.delivery.conftest import clock as clock
from tests.delivery.conftest import database as database
from tests.delivery.conftest import desk as desk
from tests.mail import Postbox
from tests.seeds.letters import Letters


@pytest.fixture
def letters(desk: Desk, box: Postbox) -> Letters:
    """The letters of the portal, sent when they are looked for."""
    return Letters(desk, box)
