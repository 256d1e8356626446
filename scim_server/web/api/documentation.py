"""OpenAPI 3.1 and a page for people, both made of the operations as they are declared.

``schemas/openapi.json`` holds the same; ``make openapi`` writes it.
"""

import base64
import hashlib
import re
from functools import cache
from typing import Any

import orjson
from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from flask import Response, render_template

from scim_server.web.api import schemas
from scim_server.web.api.operations import (
    CSV_MEDIA_TYPE,
    MEDIA_TYPE,
    ON_BEHALF_OF,
    OPERATIONS,
    Operation,
    blueprint,
)
from scim_server.web.problems import API_PREFIX, PROBLEM_MEDIA_TYPE

PUBLIC_PATHS = frozenset({f"{API_PREFIX}/openapi.json", f"{API_PREFIX}/docs"})
"""What is answered without a token: it says nothing of any organization."""

_ARGUMENT = re.compile(r"<(\w+)>")
_ARGUMENTS = {
    "organization": "The slug of the organization, or its id.",
    "connection": "The id of the connection.",
    "token": "The id of the token, not the token itself.",
    "client": "The id of the OAuth client.",
    "hand_over": "The id of the hand-over.",
    "mapping": "The id of the mapping.",
    "tombstone": "The id of the member who was deleted.",
    "group": "The id of the group.",
    "import_id": "The id of the import.",
    "member": "The id of the member.",
    "session": "The id of the session.",
}
_INTRODUCTION = f"""The organizations of a scim-server, for a portal's back end and for automation.

Send a token as `Authorization: Bearer`. Its scopes say what it may do: `operator` everything; `org:admin` everything in
its own organization but to create, suspend or delete it; `members:read` and `members:write` its members and groups.
Another organization is answered as one that does not exist.

Bodies are `{MEDIA_TYPE}`. Errors are problem details (RFC 9457), with a JSON Pointer for each bad field. A list names
its next page in `next_cursor` and in the Link header. An ETag, sent back as If-Match, lets a change fail where somebody
else was first. A POST with an Idempotency-Key that is sent again within 24 hours is answered as the first time, and not
done again.

A token acts for its organization. With the header `{ON_BEHALF_OF}`, which names a member by id, it acts as they may
themselves: nobody gives what they may not, changes their own rights, or leaves the organization without an
administrator."""


@blueprint.get("/openapi.json")
def openapi() -> Response:
    """Answer the description of the API in OpenAPI 3.1."""
    return Response(openapi_json(), content_type=MEDIA_TYPE)


@blueprint.get("/docs")
def docs() -> Response:
    """Answer the description of the API for people, in one page that loads nothing else."""
    page, policy = _page_and_policy()
    headers = {"Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}
    return Response(page, headers=headers, content_type="text/html; charset=utf-8")


@cache
def _page_and_policy() -> tuple[str, str]:
    """Return the page, made once since anybody may ask for it, and the policy that allows its own style alone."""
    page = render_template("api.html", document=document(), prefix=API_PREFIX)
    style = page.partition("<style>")[2].partition("</style>")[0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return page, (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


@cache
def openapi_json() -> bytes:
    """Return the description of the API as it is served."""
    return orjson.dumps(document(), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


@cache
def document() -> dict[str, Any]:
    """Return the description of the API."""
    declared_operations = sorted(OPERATIONS, key=lambda each: each.path)
    spec = APISpec(
        title="scim-server",
        version="1",
        openapi_version="3.1.0",
        plugins=[MarshmallowPlugin()],
        info={"description": _INTRODUCTION},
        servers=[{"url": API_PREFIX}],
        security=[{"bearer": []}],
        tags=[{"name": name} for name in dict.fromkeys(_tag(each) for each in declared_operations)],
    )
    spec.components.security_scheme("bearer", {"type": "http", "scheme": "bearer"})
    for declared in declared_operations:
        path = _ARGUMENT.sub(r"{\1}", declared.path)
        spec.path(path=path, operations={declared.method.lower(): _described(declared)})
    return spec.to_dict()


def _tag(declared: Operation) -> str:
    words = [word for word in declared.path.split("/") if word and not word.startswith("<")]
    tag = words[1] if len(words) > 1 and words[1] not in ("suspend", "resume") else words[0]
    return "imports" if tag.endswith(".csv") else tag


def _described(declared: Operation) -> dict[str, Any]:
    summary, _, rest = declared.text.partition(". ")
    described: dict[str, Any] = {
        "operationId": declared.name,
        "tags": [_tag(declared)],
        "summary": summary.rstrip("."),
        "description": f"{rest}\n\nNeeds the scope `{declared.scope}`.".strip(),
        "parameters": _parameters(declared),
        "responses": _responses(declared),
    }
    if declared.body is not None:
        described["requestBody"] = {"required": True, "content": {MEDIA_TYPE: {"schema": declared.body}}}
    if declared.takes_csv:
        described["requestBody"] = {"required": True, "content": {CSV_MEDIA_TYPE: {"schema": _CSV}}}
    return described


def _parameters(declared: Operation) -> list[dict[str, Any]]:
    parameters = [
        {"in": "path", "name": name, "required": True, "description": _ARGUMENTS[name], "schema": {"type": "string"}}
        for name in _ARGUMENT.findall(declared.path)
    ]
    if declared.query.fields:
        parameters.append({"in": "query", "schema": declared.query})
    if declared.versioned and not (declared.method == "GET" or declared.name.startswith("create")):
        parameters.append(_header("If-Match", "The ETag that the change is made for; another answers 412."))
    if declared.versioned and declared.method == "GET":
        parameters.append(_header("If-None-Match", "An ETag; the same answers 304."))
    if declared.permission is not None:
        needed = f"needs `{declared.permission}`" if declared.permission else "any who has access may"
        parameters.append(_header(ON_BEHALF_OF, f"The id of the member who asks; {needed}."))
    if declared.method == "POST" and not declared.takes_csv:
        key = _header("Idempotency-Key", "A key of the client's own for this one request.")
        key["schema"] |= {"minLength": 1, "maxLength": 255, "pattern": "^[\\x21-\\x7e]+$"}
        parameters.append(key)
    return parameters


def _header(name: str, description: str) -> dict[str, Any]:
    return {"in": "header", "name": name, "description": description, "schema": {"type": "string"}}


def _responses(declared: Operation) -> dict[str, Any]:
    """Return what is answered: the operation's own status, and problem details for every other."""
    done: dict[str, Any] = {"description": "Done."}
    headers: dict[str, Any] = {}
    if declared.answer is not None:
        done["content"] = {MEDIA_TYPE: {"schema": declared.answer}}
    if declared.gives_csv:
        done["content"] = {CSV_MEDIA_TYPE: {"schema": _CSV}}
        headers["Content-Disposition"] = _text("A name for the file.")
    if declared.versioned and not (declared.status == 204 and declared.method == "DELETE"):
        headers["ETag"] = _text("The version of what is answered.")
    if declared.status == 201:
        headers["Location"] = _text("Where it is.")
    if "limit" in declared.query.fields:
        headers["Link"] = _text('The next page, `rel="next"`, where there is one.')
    if headers:
        done["headers"] = headers
    responses = {str(declared.status): done, "default": _PROBLEM}
    if declared.deleting and declared.method == "DELETE":
        responses = {"204": {"description": "Nothing is left."}, "202": {**done, "description": "Send it again."}} | {
            "default": _PROBLEM
        }
    if declared.versioned and declared.method == "GET":
        responses["304"] = {"description": "It is the version that the request names."}
    return responses


def _text(description: str) -> dict[str, Any]:
    return {"description": description, "schema": {"type": "string"}}


_CSV = {"type": "string"}
_PROBLEM = {"description": "An error.", "content": {PROBLEM_MEDIA_TYPE: {"schema": schemas.Problem()}}}
