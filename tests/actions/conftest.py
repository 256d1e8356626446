"""Every statement of every test here names its organization."""

import pytest


@pytest.fixture(autouse=True)
def every_statement_names_its_organization(request: pytest.FixtureRequest) -> None:
    """Hold the statements of each test to the rule of tenancy; a test of both paths does so on one of them."""
    if "both_paths" not in request.fixturenames:
        request.getfixturevalue("tenant_guard")
