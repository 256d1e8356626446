"""The API is described as it is: in OpenAPI for programs, on a page for people, both without a token."""

import base64
import hashlib
import re

import orjson
import pytest
from flask import Flask

from scim_server import load_catalog
from scim_server.web.api import documentation
from scim_server.web.api.documentation import openapi_json
from scim_server.web.api.operations import OPERATIONS
from scim_server.web.problems import API_PREFIX
from tests.serving import ROOT


@pytest.fixture
def document(app: Flask) -> dict[str, object]:
    """The OpenAPI document, as it is served."""
    answer = app.test_client().get(f"{API_PREFIX}/openapi.json")
    assert (answer.status_code, answer.content_type) == (200, "application/json")
    served: dict[str, object] = orjson.loads(answer.data)
    return served


def test_the_file_is_what_is_served(document: dict[str, object]) -> None:
    """`make openapi` writes schemas/openapi.json anew."""
    file = ROOT / "schemas" / "openapi.json"
    assert file.read_bytes() == openapi_json(), "schemas/openapi.json is out of date: run `make openapi`"
    assert document == orjson.loads(file.read_bytes())
    assert document["openapi"] == "3.1.0"


def test_the_file_is_no_schema_of_scim() -> None:
    """It lies beside those, and the catalog leaves it out."""
    assert len(load_catalog().schemas) == 5


def test_every_route_is_described(app: Flask, document: dict[str, object]) -> None:
    """And nothing is described that is no route, but for the description itself."""
    paths = document["paths"]
    assert isinstance(paths, dict)
    described = {(method.upper(), path) for path, operations in paths.items() for method in operations}
    served = {
        (method, re.sub(r"<(\w+)>", r"{\1}", rule.rule.removeprefix(API_PREFIX)))
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith(API_PREFIX)
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert served - described == {("GET", "/openapi.json"), ("GET", "/docs")}
    assert described <= served
    assert len(described) == len(OPERATIONS)


def test_the_page_shows_every_operation_and_every_schema(app: Flask, document: dict[str, object]) -> None:
    """With an anchor for each that is linked to."""
    page = app.test_client().get(f"{API_PREFIX}/docs").text
    for each in OPERATIONS:
        assert f'id="{each.name}"' in page
    targets = set(re.findall(r'href="#(\w+)"', page))
    assert targets <= set(re.findall(r' id="(\w+)"', page))
    assert {"Member", "Problem", "create_a_member"} <= targets


def test_the_page_loads_nothing(app: Flask) -> None:
    """No script, no asset from here or elsewhere; its policy allows its own style alone."""
    answer = app.test_client().get(f"{API_PREFIX}/docs")
    assert not re.findall(r"<script|<link|<img|<iframe|src=|@import|url\(|https?://|style=", answer.text)
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; ")
    (digest,) = re.findall(r"style-src 'sha256-([\w+/=]+)'", policy)
    (style,) = re.findall(r"<style>(.*?)</style>", answer.text, re.DOTALL)
    assert base64.b64decode(digest) == hashlib.sha256(style.encode()).digest()


def test_the_page_is_made_once(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks for it again, without a token, costs no rendering."""
    first = app.test_client().get(f"{API_PREFIX}/docs")
    monkeypatch.setattr(documentation, "render_template", None)
    assert app.test_client().get(f"{API_PREFIX}/docs").data == first.data
