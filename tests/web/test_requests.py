"""The edges of HTTP: sizes, hostile bodies and paths, unknown methods, request ids, the log, and bugs."""

import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import orjson
import pytest
from flask import Flask
from sqlalchemy import Connection, Engine, event
from werkzeug.test import TestResponse

from scim_server.protocol.errors import ERROR_URN
from scim_server.web.requests import SCIM_MEDIA_TYPE
from tests.databases import Database, only_sqlite
from tests.directory import (
    NOBODY,
    SCIM_PREFIX,
    SECRET_KEY,
    Client,
    add_members,
    contents,
    group_body,
    new_client,
    patch_body,
    running_app,
    unique,
    user_body,
)
from tests.serving import Served, gunicorn


def _error(answer: TestResponse, status: int, scim_type: str | None = None) -> dict[str, Any]:
    """Return the body of an error that is one of SCIM, as it is for every error under /scim."""
    assert answer.status_code == status, (answer.status_code, answer.text)
    assert answer.content_type == SCIM_MEDIA_TYPE
    body: dict[str, Any] = answer.get_json()
    assert body["schemas"] == [ERROR_URN]
    assert body["status"] == str(status)
    assert body.get("scimType") == scim_type
    assert body["detail"]
    assert "<" not in answer.headers["Content-Type"]
    return body


def _exchange(url: str, *parts: bytes) -> bytes:
    """Send bytes to a server as they are, and return what it answers until it closes the connection."""
    host, port = url.removeprefix("http://").split(":")
    received = b""
    # A server that waits for what does not come is found out: it would wait for longer.
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        try:
            for part in parts:
                connection.sendall(part)
        except OSError:
            pass  # The server has had enough; what it says of it can still be read.
        try:
            while chunk := connection.recv(65_536):
                received += chunk
        except ConnectionResetError:
            pass
    return received


def _head(client: Client, *headers: str, method: str = "POST", path: str = "/Users") -> bytes:
    lines = [
        f"{method} {SCIM_PREFIX}{path} HTTP/1.1",
        "Host: localhost",
        f"Authorization: Bearer {client.token}",
        "Content-Type: application/scim+json",
        "Connection: close",
        *headers,
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def _status_and_body(answer: bytes) -> tuple[int, Any]:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"application/scim+json" in head, answer[:500]
    if b"chunked" in head:
        body = body.split(b"\r\n")[1]
    return int(head.split()[1]), orjson.loads(body)


@pytest.mark.parametrize("announced", [100_001, 10**9])
def test_a_body_whose_announced_length_is_too_large_is_refused_unread(
    client: Client, served: Served, announced: int
) -> None:
    """Content-Length above the limit is 413 at once: the server does not wait for the body."""
    status, body = _status_and_body(_exchange(served.url, _head(client, f"Content-Length: {announced}"), b"{"))
    assert (status, body["status"]) == (413, "413")
    assert "100000" in body["detail"]


def test_a_chunked_body_is_refused_where_it_gets_too_large(client: Client, served: Served) -> None:
    """A body of unknown length is read to the limit and no further, then it is 413."""
    user = orjson.dumps(user_body(unique("user")))
    whole = user + b" " * (50_000 - len(user))  # What comes within the limit would do for a user.
    first, next_one = (b"%x\r\n%b\r\n" % (50_000, part) for part in (whole, b" " * 50_000))
    for more in (next_one * 5, b"1\r\n \r\n0\r\n\r\n"):
        head = _head(client, "Transfer-Encoding: chunked")
        status, body = _status_and_body(_exchange(served.url, head, first + next_one + more))
        assert (status, body["status"]) == (413, "413")
    assert client.read("/Users")["totalResults"] == 0


def test_a_body_within_the_limit_is_read_whole(client: Client, served: Served) -> None:
    """A body of exactly the limit is served, sent whole or in chunks."""
    for chunked in (False, True):
        body = orjson.dumps(user_body(unique("user")))
        body += b" " * (100_000 - len(body))
        if chunked:
            sent = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (body[:7], body[7:])) + b"0\r\n\r\n"
            head = _head(client, "Transfer-Encoding: chunked")
        else:
            sent, head = body, _head(client, f"Content-Length: {len(body)}")
        status, answer = _status_and_body(_exchange(served.url, head, sent))
        assert status == 201, answer


def test_a_body_that_never_comes_stops_no_worker(client: Client, served: Served) -> None:
    """A request that ends before its body does is 400 or dropped, and the server serves on."""
    for _ in range(3):
        host, port = served.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=5) as connection:
            connection.sendall(_head(client, "Content-Length: 500") + b'{"userName":')
    status, body = _status_and_body(_exchange(served.url, _head(client, method="GET", path="/Users?count=0")))
    assert (status, body["totalResults"]) == (200, 0)


_HOSTILE = {
    "empty": b"",
    "blank": b" \r\n\t",
    "cut off": b'{"userName": "x"',
    "array": b"[]",
    "string": b'"userName"',
    "number": b"1",
    "null": b"null",
    "deep array": b'{"userName":"x","emails":' + b"[" * 5_000 + b"]" * 5_000 + b"}",
    "deep object": b'{"a":' * 5_000 + b"1" + b"}" * 5_000,
    "unbalanced": b"[" * 100_000,
    "member twice": b'{"userName":"x","userName":"y"}',
    "member twice in other case": b'{"userName":"x","USERNAME":"y"}',
    "NUL": b'{"userName":"x\\u0000y"}',
    "NUL in a name": b'{"userName":"x","a\\u0000":1}',
    "raw NUL": b'{"userName":"x\x00y"}',
    "lone surrogate": b'{"userName":"\\ud800"}',
    "not UTF-8": b'{"userName":"\xff\xfe"}',
    "UTF-16": '{"userName":"x"}'.encode("utf-16"),
    "NaN": b'{"userName":"x","count":NaN}',
    "infinite": b'{"userName":"x","count":1e999}',
    "huge integer": b'{"userName":"x","count":' + b"9" * 5_000 + b"}",
    "comment": b'{"userName":"x" /* c */}',
    "trailing": b'{"userName":"x"} {}',
    "single quotes": b"{'userName':'x'}",
    "form": b"userName=x",
    "userName is an object": b'{"userName":{"$gt":""}}',
    "userName is an array": b'{"userName":["x"]}',
    "userName is null": b'{"userName":null}',
    "userName is empty": b'{"userName":""}',
    "schemas is an object": b'{"schemas":{},"userName":"x"}',
    "name is a number": b'{"userName":"x","name":5}',
    "emails hold emails": b'{"userName":"x","emails":[[{"value":"a"}]]}',
    "long name": b'{"userName":"' + b"x" * 5_000 + b'"}',
    "long externalId": b'{"userName":"x","externalId":"' + b"x" * 5_000 + b'"}',
}


@pytest.mark.parametrize("name", _HOSTILE)
def test_a_hostile_body_is_400(client: Client, name: str) -> None:
    """What is no JSON object of the resource is 400 wherever it is sent, and nothing of it is kept."""
    user, group = client.new_user(), client.new_group()
    before = contents(client)
    body = _HOSTILE[name]
    assert client.post("/Users", body).status_code == 400
    assert client.put(f"/Users/{user}", body).status_code == 400
    assert client.send("PATCH", f"/Users/{user}", body).status_code == 400
    assert client.send("PATCH", f"/Groups/{group}", body).status_code == 400
    _error(client.post("/Users", body), 400, client.post("/Users", body).get_json().get("scimType"))
    assert contents(client) == before


_OPERATIONS: tuple[Any, ...] = (
    {},
    {"op": "move", "path": "title", "value": "x"},
    {"op": "add"},
    {"op": "add", "path": "nothing", "value": "x"},
    {"op": "add", "path": "title[", "value": "x"},
    {"op": "add", "path": "emails[type eq", "value": "x"},
    {"op": "add", "path": "(" * 1_000, "value": "x"},
    {"op": "add", "path": 'emails[type eq "' + "x" * 10_000 + '"', "value": "x"},
    {"op": "add", "path": 5, "value": "x"},
    {"op": "add", "path": "id", "value": NOBODY},
    {"op": "replace", "path": "meta.version", "value": "x"},
    {"op": "remove"},
    {"op": "remove", "path": "userName"},
    {"op": "add", "path": "emails", "value": [{"value": {"value": {"value": "x"}}}]},
    {"op": "add", "path": "\x00", "value": "x"},
    5,
    None,
    [],
)


@pytest.mark.parametrize("number", range(len(_OPERATIONS)))
def test_a_hostile_operation_is_400(client: Client, number: int) -> None:
    """A PATCH one operation of which is none is 400, and those before it are undone."""
    user = client.new_user()
    before = contents(client)
    good = {"op": "add", "path": "title", "value": "x"}
    answer = client.patch(f"/Users/{user}", good, _OPERATIONS[number])
    assert answer.status_code == 400, answer.text
    assert answer.content_type == SCIM_MEDIA_TYPE
    assert contents(client) == before


@pytest.mark.parametrize(
    "value",
    [
        "\x00",
        "a\x00b",
        "\ud800",
        "'",
        "\\",
        '\\"',
        "%",
        "_",
        "\u0130",
        "\U0001f600",
        "; DROP TABLE resources --",
        "x" * 3_000,
    ],
    ids=ascii,
)
def test_no_value_in_a_filter_breaks_the_server(client: Client, value: str) -> None:
    """Whatever a filter compares with, the answer is a list or a 400, on both databases."""
    client.new_user()
    literal = orjson.dumps(value).decode() if value != "\ud800" else '"\\ud800"'
    for text in (
        f"userName eq {literal}",
        f"displayName co {literal}",
        f"emails[value sw {literal}]",
        f"id eq {literal}",
        f"meta.created gt {literal}",
        f"groups.value eq {literal}",
        f"{value} eq 1",
    ):
        try:
            answers = [client.post("/Users/.search", {"filter": text})]
        except TypeError:  # A lone surrogate is no JSON, so it comes escaped.
            escaped = text.replace("\ud800", "\\ud800").replace("\\", "\\\\").replace('"', '\\"')
            answers = [client.post("/Users/.search", b'{"filter":"%b"}' % escaped.encode())]
        for answer in answers:
            assert answer.status_code in (200, 400), (text, answer.text)
            if answer.status_code == 200:
                assert answer.get_json()["totalResults"] <= 1


def test_the_query_string_breaks_nothing(client: Client) -> None:
    """Parameters that are no text, no number, or far too many are 400 or ignored."""
    for query in (
        "filter=userName%20eq%20%22%00%22",
        "filter=%ff%fe",
        "filter=%ED%A0%80",
        "filter=" + "%28" * 500,
        "filter=" + "not%20(" * 300 + "userName%20pr" + ")" * 300,
        "filter=" + "%20and%20".join(["userName%20pr"] * 400),
        "sortBy=%00",
        "sortBy=userName&sortOrder=%00",
        "attributes=%00,%ff," + "a," * 1_000,
        "startIndex=" + "9" * 300,
        "startIndex=-5&count=-5",
        "count=1e3",
        "count=%D9%A3",
        "count=abc",
        "cursor=%00",
        "cursor=abc",
        "&&&===%",
        "filter=userName%20eq%20%22a%22&filter=x",
    ):
        answer = client.get(f"/Users?{query}")
        assert answer.status_code in (200, 400), (query, answer.text)
        assert answer.content_type == SCIM_MEDIA_TYPE


@pytest.mark.parametrize(
    "resource_id",
    [
        "x",
        "1",
        "1" * 300,
        "x" * 5_000,
        "%2e%2e",
        "..%2f..%2fetc%2fpasswd",
        "%00",
        f"{NOBODY}%00",
        f"{NOBODY}%0a",
        f"%20{NOBODY}",
        NOBODY.upper().replace("0", "A"),
        NOBODY.replace("-", ""),
        f"{{{NOBODY}}}",
        "%ff%fe",
        "%F0%9F%98%80",
        "\u00e9",
        "null",
        "*",
        "'%20OR%201=1--",
        NOBODY,
    ],
)
def test_an_id_of_any_form_is_404(client: Client, resource_id: str) -> None:
    """An id that nothing has is 404, whatever it looks like and whatever is asked of it."""
    client.new_user()
    for endpoint in ("Users", "Groups"):
        for method, body in (
            ("GET", None),
            ("PUT", user_body("x") if endpoint == "Users" else group_body("x")),
            ("PATCH", patch_body({"op": "add", "path": "externalId", "value": "x"})),
            ("DELETE", None),
        ):
            _error(client.send(method, f"/{endpoint}/{resource_id}", body), 404)
    _error(client.get(f"/Schemas/{resource_id}"), 404)


@pytest.mark.parametrize(
    "path", ["", "/", "/scim", "/v2/Nothing", "/v1/Users", "/v2/users", "/v2/Users/x/y", "/v2/%00"]
)
def test_a_path_that_does_not_exist_is_a_scim_404(client: Client, path: str) -> None:
    """Every unknown path under /scim is 404 as SCIM has it."""
    url = f"/scim{path}" if path != "/scim" else "/scim/v2/scim/v2/Users"
    _error(client.http.get(url, headers={"Authorization": f"Bearer {client.token}"}), 404)


def test_a_path_may_have_slashes_too_many(client: Client) -> None:
    """Doubled slashes, and one at the end, are as none."""
    user = client.new_user()
    for path in ("//Users", "/Users/", "//Users//", f"//Users/{user}/", f"/Users//{user}"):
        assert client.get(path).status_code == 200, path


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/Users", {"GET", "POST"}),
        ("PATCH", "/Users", {"GET", "POST"}),
        ("DELETE", "/Groups", {"GET", "POST"}),
        ("POST", f"/Users/{NOBODY}", {"GET", "PUT", "PATCH", "DELETE"}),
        ("BREW", f"/Users/{NOBODY}", {"GET", "PUT", "PATCH", "DELETE"}),
        ("TRACE", "/Users", {"GET", "POST"}),
        ("POST", "/Schemas", {"GET"}),
        ("DELETE", "/ServiceProviderConfig", {"GET"}),
        ("PUT", "/ResourceTypes/User", {"GET"}),
        ("GET", "/Bulk", {"POST"}),
        ("GET", "/.search", {"POST"}),
        ("DELETE", "/.search", {"POST"}),
        ("GET", "/Users/.search", {"POST"}),
        ("PATCH", "/Groups/.search", {"POST"}),
    ],
)
def test_a_method_that_is_not_answered_is_405(client: Client, method: str, path: str, allowed: set[str]) -> None:
    """A method an endpoint does not answer is 405, and Allow says which it does."""
    answer = client.send(method, path, b"{}")
    _error(answer, 405)
    allow = {each.strip() for each in answer.headers["Allow"].split(",")}
    assert allow - {"HEAD", "OPTIONS"} == allowed


@pytest.mark.parametrize(
    "media_type",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/xml",
        "text/json",
    ],
)
def test_a_body_of_another_media_type_is_415(client: Client, media_type: str) -> None:
    """A body that says it is no JSON is 415, and is not guessed at."""
    user = client.new_user()
    for method, path in (
        ("POST", "/Users"),
        ("PUT", f"/Users/{user}"),
        ("PATCH", f"/Users/{user}"),
        ("POST", "/.search"),
    ):
        answer = client.send(method, path, user_body(unique("user")), Content_Type=media_type)
        _error(answer, 415)


@pytest.mark.parametrize(
    "media_type",
    ["application/scim+json", "application/json", "application/json; charset=utf-8", "APPLICATION/SCIM+JSON", ""],
)
def test_a_body_is_json_of_either_name(client: Client, media_type: str) -> None:
    """JSON may be named application/json, have a charset, or no name at all."""
    assert client.post("/Users", user_body(unique("user")), Content_Type=media_type).status_code == 201


def test_an_answer_without_a_body_says_nothing_of_its_type(client: Client) -> None:
    """A 204 is not announced as HTML, or as anything."""
    answer = client.delete(f"/Users/{client.new_user()}")
    assert (answer.status_code, answer.data) == (204, b"")
    assert "Content-Type" not in answer.headers


@pytest.mark.parametrize("sent", ["a", "A-b_c.9", "f" * 64, "550e8400-e29b-41d4-a716-446655440000"])
def test_a_request_id_is_echoed(client: Client, sent: str) -> None:
    """A well formed X-Request-ID is that of the answer."""
    assert client.get("/Users", X_Request_ID=sent).headers["X-Request-ID"] == sent


@pytest.mark.parametrize(
    "sent", ["", "f" * 65, "a b", "a,b", "a;b", '"a"', "<a>", "\u00e9", "a/b", "a\tb", "../a", "${a}"]
)
def test_a_request_id_of_another_form_is_replaced(client: Client, sent: str) -> None:
    """An X-Request-ID that could mean something elsewhere is not repeated."""
    answered = client.get("/Users", X_Request_ID=sent).headers["X-Request-ID"]
    assert re.fullmatch("[0-9a-f]{32}", answered)


@pytest.mark.parametrize("injected", [b"a\r\nSet-Cookie: x=y", b"a\nSet-Cookie: x=y", b"a\rSet-Cookie: x=y", b"a\x00b"])
def test_a_request_id_injects_no_header(client: Client, served: Served, injected: bytes) -> None:
    """A request id with a line break in it, raw, adds no header to the answer."""
    head = _head(client, method="GET").replace(b"Connection: close", b"Connection: close\r\nX-Request-ID: " + injected)
    answer = _exchange(served.url, head).partition(b"\r\n\r\n")[0]
    assert answer.startswith(b"HTTP/1.1 ")
    assert b"set-cookie" not in answer.lower()


@contextmanager
def _planted_bug(message: str) -> Iterator[None]:
    """Let every statement on resources fail with an error the server does not know."""

    def fail(_db: Connection, _cursor: Any, sql: str, _parameters: Any, _context: Any, _many: bool) -> None:
        if "tokens" not in sql:
            local_variable_of_the_bug = f"local {message}"
            raise RuntimeError(len(local_variable_of_the_bug))

    event.listen(Engine, "before_cursor_execute", fail)
    try:
        yield
    finally:
        event.remove(Engine, "before_cursor_execute", fail)


def test_a_bug_shows_nothing_but_the_request_id(client: Client) -> None:
    """A failure of our own is 500 with the request id: no message, no name of a file, no statement."""
    with _planted_bug("marked"):
        for answer in (client.get("/Users", X_Request_ID="bug-1"), client.post("/Users", user_body("marked"))):
            detail = _error(answer, 500)["detail"]
            assert answer.headers["X-Request-ID"] in detail
            assert "marked" not in answer.text
            assert not any(
                word in answer.text for word in ("Runtime", "Traceback", ".py", "SELECT", "resources", "line")
            )
    assert client.get("/Users").status_code == 200


@pytest.fixture(scope="module")
def logged(app: Flask, served: Served) -> tuple[list[dict[str, Any]], str]:
    """The lines a server writes about requests that are full of marked values, and the whole log as text."""
    client = new_client(app)
    marks = "Marked7"
    token = client.organization.token()
    before = served.log.stat().st_size

    def send(method: str, path: str, body: Any = None, authorization: str | None = None, request_id: str = "") -> None:
        data = b"" if body is None else orjson.dumps(body)
        head = _head(client, f"Content-Length: {len(data)}", f"X-Request-ID: {request_id}", method=method, path=path)
        if authorization is not None:
            head = head.replace(f"Bearer {client.token}".encode(), authorization.encode())
        assert _exchange(served.url, head, data).startswith(b"HTTP/1.1 ")

    body = user_body(
        f"{marks}-user",
        password=f"{marks}-password",
        externalId=f"{marks}-external",
        displayName=f"{marks} display",
        name={"familyName": marks, "formatted": marks},
        emails=[{"value": f"{marks}@mail.example"}],
    )
    send("POST", "/Users", body, request_id="created-1")
    send("POST", "/Users", body)  # 409
    send("GET", f"/Users?filter=userName%20eq%20%22{marks}-user%22")
    send("GET", f"/Users?filter={marks}%20eq%20%22{marks}%22")  # 400
    send("GET", f"/Users/{marks}")  # 404
    send("GET", f"/{marks}")  # 404
    send("PATCH", f"/Users/{NOBODY}", patch_body({"op": "add", "path": marks, "value": marks}))
    send("PATCH", f"/Users/{NOBODY}", patch_body({"op": "add", "path": "password", "value": f"{marks}-password"}))
    send("POST", "/Users", {**body, "unknown": marks})
    send("PUT", f"/Users/{NOBODY}", body)
    send("POST", "/Groups", group_body(f"{marks} group", [marks]))  # 400
    send("GET", "/Users", authorization=f"Bearer {marks}-token")  # 401
    send("GET", "/Users", authorization=f"Bearer {token}x")  # 401
    send("GET", "/Users", authorization=f"Basic {marks}")  # 401
    send("POST", "/.search", {"filter": f'emails.value co "{marks}@mail.example"'})
    log = served.log.read_bytes()[before:].decode()
    lines = [orjson.loads(line) for line in log.splitlines() if line.startswith("{")]
    return lines, log


def test_the_log_has_a_line_for_each_request(logged: tuple[list[dict[str, Any]], str]) -> None:
    """A request's line has its id, route, status, duration, organization and connection, and little else."""
    lines = [line for line in logged[0] if line["event"] == "request" and line["route"] != "/healthz"]
    assert len(lines) == 15
    first = lines[0]
    assert first["request_id"] == "created-1"
    assert (first["method"], first["status"]) == ("POST", 201)
    assert first["duration_ms"] > 0
    assert {line["status"] for line in lines} == {200, 201, 400, 401, 404, 409}
    assert all(("organization" in line) == (line["status"] != 401) == ("connection" in line) for line in lines)
    known = {
        "event", "level", "timestamp", "request_id", "method", "route", "status", "duration_ms", "organization",
        "connection", "leniences",
    }  # fmt: skip
    assert set().union(*lines) == known


def test_the_log_holds_nothing_of_a_person_and_no_secret(logged: tuple[list[dict[str, Any]], str]) -> None:
    """No name, address, password, token or digest of a request is in the log, whatever became of the request."""
    text = logged[1].lower()
    assert text
    for mark in ("marked7", "mail.example", "scimsrv_", "argon2", SECRET_KEY, "authorization", "%20eq"):
        assert mark.lower() not in text


_BUGGY = """
from sqlalchemy import Engine, event
from scim_server import create_app

app = create_app()

@event.listens_for(Engine, "before_cursor_execute")
def fail(_db, _cursor, sql, parameters, _context, _many):
    if "FROM resources" in sql:
        secret_of_the_frame = f"local {parameters} planted-local"
        raise RuntimeError(len(secret_of_the_frame))
"""


@only_sqlite
def test_a_bug_is_in_the_log_without_local_variables(
    app: Flask, database: Database, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The log has the error and where it was raised, under the request id, and no value of a variable."""
    client = new_client(app)
    directory = tmp_path_factory.mktemp("buggy")
    (directory / "wsgi.py").write_text(_BUGGY)
    env = {"SCIM_SERVER_SECRET_KEY": SECRET_KEY, "GUNICORN_CMD_ARGS": f"--chdir {directory}"}
    with gunicorn(database.app_url, workers=1, env=env) as served:
        head = _head(
            client, "X-Request-ID: bug-2", method="GET", path="/Users?filter=userName%20eq%20%22planted-name%22"
        )
        status, body = _status_and_body(_exchange(served.url, head))
        log = served.log.read_text()
    assert status == 500
    assert "bug-2" in body["detail"]
    assert "planted" not in str(body)
    (line,) = [orjson.loads(each) for each in log.splitlines() if '"event":"bug"' in each]
    assert (line["request_id"], line["level"]) == ("bug-2", "error")
    assert line["exception"][-1]["exc_type"] == "RuntimeError"
    assert "search.py" in str(line["exception"])
    assert not any(word in log for word in ("planted-local", "planted-name", client.token, "locals"))


def test_a_member_added_by_a_long_list_is_no_problem(client: Client) -> None:
    """A thousand members in one operation, each of them twice, are a thousand members."""
    users = [client.new_user() for _ in range(20)]
    group = client.new_group()
    assert client.patch(f"/Groups/{group}", add_members(*(users * 100))).status_code == 200
    assert client.members(group) == set(users)


def test_health_answers_without_a_token(app: Flask) -> None:
    """/healthz and /readyz need no token, and say nothing of the server."""
    http = app.test_client()
    assert (http.get("/healthz").status_code, http.get("/healthz").text) == (200, "ok\n")
    assert (http.get("/readyz").status_code, http.get("/readyz").text) == (200, "ready\n")
    assert http.post("/healthz").status_code == 405


def test_a_small_limit_holds_in_process_too(database: Database) -> None:
    """The limit of bodies is the setting, and the detail names it."""
    with running_app(database, max_body_bytes="2000") as app:
        client = new_client(app)
        answer = client.post("/Users", user_body("x", displayName="y" * 2_000))
        assert "2000" in _error(answer, 413)["detail"]
        assert client.post("/Users", user_body("x", displayName="y" * 1_000)).status_code == 201


@pytest.mark.parametrize("host", ["[", "]:80", "a b", "scim.example:port"])
def test_a_host_that_is_none_is_refused(client: Client, host: str) -> None:
    """RFC 9112 §3.2: an invalid Host is 400 before anything is stored, for the answer's URLs are made of it."""
    _error(client.post("/Users", user_body(unique("user")), Host=host), 400)
    assert client.read("/Users")["totalResults"] == 0
