"""What the tests of OAuth share: an organization, and a browser or program without a token."""

from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.directory import Organization, new_organization, site_of
from tests.statements import guarded


@pytest.fixture
def organization(app: Flask) -> Organization:
    """An organization of the test's own."""
    return new_organization(site_of(app).store)


@pytest.fixture
def http(app: Flask) -> FlaskClient:
    """A program that keeps no cookies of another test."""
    return app.test_client()


@pytest.fixture(autouse=True)
def every_statement_names_its_organization() -> Iterator[None]:
    """Hold the statements of each test to the rule of tenancy."""
    with guarded() as faults:
        yield
    if faults:
        pytest.fail("\n".join(faults))
