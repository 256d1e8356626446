"""Clients of the admin API with the scopes there are."""

import pytest
from flask import Flask

from tests.api import ApiClient, api_client


@pytest.fixture
def operator(app: Flask) -> ApiClient:
    """A client that reaches every organization, and has one at hand."""
    return api_client(app, "operator")


@pytest.fixture
def admin(app: Flask) -> ApiClient:
    """A client with ``org:admin`` in an organization of its own."""
    return api_client(app, "org:admin")
