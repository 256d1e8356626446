"""Schemathesis, which makes requests of the OpenAPI document and judges each answer by it, finds nothing."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, settings
from schemathesis.config import SchemathesisConfig
from schemathesis.generation.case import Case
from schemathesis.specs.openapi.checks import negative_data_rejection

from scim_server.web.api.documentation import document
from tests.api import ApiClient, api_client
from tests.databases import only_postgresql
from tests.directory import NOBODY, new_client
from tests.member_files import filled_import
from tests.web.oauth.clients import register

# On SQLite it takes as long again, and finds the same.
pytestmark = only_postgresql

CONFIG = SchemathesisConfig.from_dict(
    {
        "generation": {
            "deterministic": True,
            "with-security-parameters": False,
            "database": "none",
        },
        # The phase of boundary values takes four times as long; run by hand, it found nothing more.
        "phases": {"stateful": {"enabled": False}, "coverage": {"enabled": False}},
        "checks": {
            # What a schema cannot say is refused too: a time zone of Mars, a userName that is taken, a bad filter.
            "positive_data_acceptance": {"enabled": False},
            # It sends each request twice more; tests/web/api/test_isolation.py sends one of each without a token.
            "ignored_auth": {"enabled": False},
        },
    }
)


@dataclass(frozen=True, slots=True)
class Target:
    """An organization with something of each kind, and an operator of the server."""

    operator: ApiClient
    names: dict[str, str]


@pytest.fixture
def target(app: Flask) -> Target:
    """What the paths name; without it, every answer would be a 404."""
    admin = api_client(app, "org:admin")
    scim = new_client(app, admin.organization)
    user = scim.new_user()
    group = admin.made("groups", {"attributes": {"displayName": "North"}, "kind": "customerGroup"})["id"]
    mapping = {"connection": "default", "source": "role", "value": "buyer", "group": group}
    names = {
        "organization": admin.organization.slug,
        "connection": scim.connection.id,
        "user": user,
        "group": scim.new_group(members=[user]),
        "member": user,
        "session": NOBODY,
        "token": scim.credentials.actor.id,
        "client": register(admin.organization).id,
        "mapping": admin.made("mappings", mapping)["id"],
        "hand_over": admin.made("hand-overs", {"to_member": user, "reason": "She leaves."})["id"],
        "tombstone": NOBODY,
        "import_id": filled_import(admin.organization),
    }
    return Target(api_client(app, "operator"), names)


class Served:
    """The app of the test that runs, as a WSGI application that is there when the tests are collected."""

    app: Flask

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        return self.app(environ, start_response)


SERVED = Served()
# As it is served: tests/web/api/test_documentation.py compares both.
DESCRIBED = schemathesis.openapi.from_dict(document(), config=CONFIG)
DESCRIBED.app = SERVED


@DESCRIBED.parametrize()
# NB: a profile of Hypothesis, as tests/conftest.py loads one, goes before the number of examples in CONFIG.
@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_schemathesis_finds_nothing(case: Case[Any], app: Flask, target: Target) -> None:
    """Whatever is sent: no failure of the server, no answer that the document does not describe, nothing bad taken."""
    SERVED.app = app
    case.path_parameters.update({name: target.names[name] for name in case.path_parameters})
    answer = case.call(headers={"Authorization": f"Bearer {target.operator.token}"})
    if answer.status_code == 503:
        # The database did not answer in time, as on a busy machine: no finding, if it says when to retry.
        assert "retry-after" in answer.headers
    else:
        # An upload is text, whatever is in it: only its verification says what is wrong.
        is_file = case.media_type == "text/csv"
        case.validate_response(answer, excluded_checks=[negative_data_rejection] if is_file else [])
