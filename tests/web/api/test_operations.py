"""Every error under /api is problem details; what a request holds is read strictly."""

import httpx
import pytest
from flask import Flask

from scim_server.web.problems import API_PREFIX, PROBLEM_MEDIA_TYPE
from tests.api import ApiClient, problem_of
from tests.directory import NOBODY
from tests.serving import Served


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("GET", "/organizations/no-such-one", 404),
        ("GET", "/organizations/%00", 404),
        ("GET", f"members/{NOBODY}", 404),
        ("GET", "members/%00", 404),
        ("PUT", "members", 405),
        ("GET", "//organizations", 404),
        ("POST", "members", 415),
    ],
)
def test_every_error_is_a_problem(admin: ApiClient, method: str, path: str, status: int) -> None:
    """Those of the router too, with a sentence of what was wrong."""
    answer = admin.send(method, path)
    problem_of(answer, status)
    if status == 405:
        assert set(answer.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS", "POST"}


@pytest.mark.parametrize("path", ["/organizations", "/nothing", ""])
def test_nothing_is_told_without_a_token(app: Flask, path: str) -> None:
    """Not even which paths there are; the challenge says what is wanted."""
    answer = app.test_client().get(f"{API_PREFIX}{path}")
    problem_of(answer, 401)
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'"text"', b'{"name": "a", "name": "b"}', b'{"name": "\xff"}', b"{" * 10_000]
)
def test_a_body_is_a_json_object(admin: ApiClient, body: bytes) -> None:
    """Anything else is refused, and so is a member that is named twice."""
    problem_of(admin.patch("", body, Content_Type="application/json"), 400)


@pytest.mark.parametrize("media_type", ["text/plain", "application/scim+json", "application/x-www-form-urlencoded"])
def test_a_body_is_sent_as_json(admin: ApiClient, media_type: str) -> None:
    """Another media type is refused."""
    problem_of(admin.patch("", {"name": "new"}, Content_Type=media_type), 415)
    assert admin.patch("", {"name": "new"}, Content_Type="application/json; charset=utf-8").status_code == 200


def test_a_bug_tells_nothing_but_the_id_of_its_request(admin: ApiClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a problem; the log has the rest."""

    def fail(*_: object) -> None:
        raise RuntimeError("a secret")

    monkeypatch.setattr("scim_server.web.api.trail.list_activity", fail)
    answer = admin.get("statistics", X_Request_ID="the-id")
    assert "the-id" in problem_of(answer, 500)["detail"]
    assert "secret" not in answer.text


def test_a_body_is_bounded(served: Served, admin: ApiClient) -> None:
    """A larger one is refused under gunicorn, as it is and in chunks."""
    headers = {"Authorization": f"Bearer {admin.token}", "Content-Type": "application/json"}
    url = f"{served.url}{API_PREFIX}/organizations/{admin.organization.slug}"
    large = b'{"name": "' + b"x" * 200_000 + b'"}'
    for content in (large, iter([large])):
        answer = httpx.patch(url, content=content, headers=headers)
        assert (answer.status_code, answer.headers["Content-Type"]) == (413, PROBLEM_MEDIA_TYPE)
