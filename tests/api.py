"""A client of the admin API, in-process, beside the one of SCIM in :mod:`tests.directory`."""

from dataclasses import dataclass
from typing import Any

import orjson
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from scim_server.actions.tokens import issue_operator_token, issue_token
from scim_server.protocol.scopes import OPERATOR
from scim_server.store.session import begin, begin_platform
from scim_server.web.problems import API_PREFIX, PROBLEM_MEDIA_TYPE
from tests.directory import KEY, Organization, new_organization, site_of


@dataclass(frozen=True, slots=True)
class ApiClient:
    """Sends JSON with a token; a path that does not begin with a slash lies in the client's organization."""

    http: FlaskClient
    organization: Organization
    token: str

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> TestResponse:
        """Send a request; an underscore in the name of a header is a hyphen."""
        sent = {"Authorization": f"Bearer {self.token}"}
        if body is not None:
            sent["Content-Type"] = "application/json"
        sent.update((name.replace("_", "-"), value) for name, value in headers.items())
        data = body if isinstance(body, bytes) or body is None else orjson.dumps(body)
        return self.http.open(f"{API_PREFIX}{self.whole(path)}", method=method, data=data, headers=sent)

    def whole(self, path: str) -> str:
        """Return a path below ``/api/v1``."""
        return path if path.startswith("/") else f"/organizations/{self.organization.slug}/{path}".rstrip("/")

    def get(self, path: str, **headers: str) -> TestResponse:
        return self.send("GET", path, **headers)

    def post(self, path: str, body: Any = None, **headers: str) -> TestResponse:
        return self.send("POST", path, body, **headers)

    def patch(self, path: str, body: Any, **headers: str) -> TestResponse:
        return self.send("PATCH", path, body, **headers)

    def delete(self, path: str, body: Any = None, **headers: str) -> TestResponse:
        return self.send("DELETE", path, body, **headers)

    def read(self, path: str) -> Any:
        """Return the JSON of what is there."""
        answer = self.get(path)
        assert answer.status_code == 200, answer.text
        return answer.json

    def made(self, path: str, body: Any) -> Any:
        """Create something and return it."""
        answer = self.post(path, body)
        assert answer.status_code == 201, answer.text
        return answer.json

    def walk(self, path: str, limit: int = 1) -> list[Any]:
        """Return the items of all pages of a list, by their Link headers, which say what the bodies say."""
        items: list[Any] = []
        following = f"{API_PREFIX}{self.whole(path)}{'&' if '?' in path else '?'}limit={limit}"
        while following:
            answer = self.http.get(following, headers={"Authorization": f"Bearer {self.token}"})
            assert answer.status_code == 200, answer.text
            body = answer.get_json()
            assert len(body["items"]) <= limit
            items += body["items"]
            link = answer.headers.get("Link", "")
            assert bool(link) == (body["next_cursor"] is not None)
            following = link.removeprefix("<").removesuffix('>; rel="next"')
        return items


def api_client(app: Flask, *scopes: str, organization: Organization | None = None) -> ApiClient:
    """Return a client whose token has these scopes; without an organization, it gets one of its own."""
    organization = organization or new_organization(site_of(app).store)
    return ApiClient(app.test_client(), organization, _token(organization, " ".join(scopes)))


def _token(organization: Organization, scope: str) -> str:
    store = organization.store
    if scope == OPERATOR:
        with begin_platform(store, write=True) as platform:
            return issue_operator_token(platform, KEY, None)[1]
    with begin(store, organization.operator, write=True) as tenant:
        return issue_token(tenant, KEY, "default" if "scim" in scope else None, scope, None)[1]


def errors_of(answer: TestResponse, status: int = 400) -> dict[str, str]:
    """Return the errors of a problem: for each field, by its pointer, parameter or header, what is wrong with it."""
    problem = problem_of(answer, status)
    return {
        each.get("pointer", each.get("parameter", each.get("header"))): each["detail"]
        for each in problem.get("errors", ())
    }


def problem_of(answer: TestResponse, status: int) -> Any:
    """Return a problem as RFC 9457 has it."""
    assert answer.status_code == status, answer.text
    assert answer.content_type == PROBLEM_MEDIA_TYPE
    problem = answer.get_json()
    assert problem["type"] == "about:blank"
    assert problem["status"] == status
    assert problem["title"]
    assert problem["detail"]
    return problem
