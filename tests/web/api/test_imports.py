"""Members go out and come in as CSV by the API: downloaded, uploaded, verified, and then imported."""

import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from scim_server.actions.imports import MAX_FILE_BYTES, import_some, in_the_name_of, upload, verify_some
from scim_server.actions.member_export import export_members
from scim_server.actions.organizations import change_organization
from scim_server.protocol.member_csv import COLUMNS
from scim_server.store.imports import ImportRecord, get_import
from scim_server.store.session import Credentials, Store, begin
from scim_server.web.problems import API_PREFIX
from tests.api import ApiClient, api_client, errors_of, problem_of
from tests.directory import NOBODY, new_client

FILE = (
    "userName;email;givenName;familyName;title;active\r\n"
    "ada;ada@example.com;Ada;Lovelace;=1+1;oui\r\n"
    "éva;eva@example.com;Éva;Durand;;\r\n"
)


@pytest.fixture
def client(app: Flask) -> ApiClient:
    """A client that may read and change the members of an organization of its own."""
    return api_client(app, "members:read", "members:write")


def sent(client: ApiClient, content: bytes | str, content_type: str = "text/csv; charset=utf-8") -> TestResponse:
    """Upload a file."""
    body = content.encode() if isinstance(content, str) else content
    return client.send("POST", "imports", body, Content_Type=content_type)


def uploaded(client: ApiClient, content: bytes | str) -> Any:
    """Upload a file that is taken, and return what the API says of it."""
    answer = sent(client, content)
    assert answer.status_code == 201, answer.text
    return answer.get_json()


def worked(client: ApiClient, import_id: str, step: Callable[[Store, Credentials, str], ImportRecord]) -> Any:
    """Let a worker verify or import, and return what the API says of it."""
    store, org_id = client.organization.store, client.organization.id
    with begin(store, client.organization.operator, write=False) as tenant:
        found = get_import(tenant, import_id)
    step(store, in_the_name_of(found, org_id), import_id)
    return client.read(f"imports/{import_id}")


def test_a_file_is_uploaded_verified_and_imported(client: ApiClient) -> None:
    """Each step by its own operation; the members are there when it is imported, and not before."""
    answer = sent(client, FILE)
    file = answer.get_json()
    assert answer.headers["Location"].endswith(f"/imports/{file['id']}")
    assert (file["status"], file["rows_total"]) == ("uploaded", 2)
    place = f"imports/{file['id']}"
    problem_of(client.post(f"{place}/import"), 409)
    verified = worked(client, file["id"], verify_some)
    assert (verified["status"], verified["created"], verified["rows_done"]) == ("verified", 2, 2)
    assert client.read("members")["total"] == 0
    rows = client.walk(f"{place}/changes")
    assert [(row["row"], row["verdict"], row["member"], row["changes"]) for row in rows] == [
        (2, "create", "ada", None),
        (3, "create", "éva", None),
    ]
    assert client.walk(f"{place}/changes?verdict=change") == []
    started = client.post(f"{place}/import")
    assert (started.status_code, started.get_json()["status"]) == (202, "importing")
    imported = worked(client, file["id"], import_some)
    assert (imported["status"], imported["created"]) == ("imported", 2)
    assert imported["digest"] == file["digest"]
    assert client.read("members")["total"] == 2
    assert [each["id"] for each in client.walk("imports")] == [file["id"]]
    assert client.delete(place).status_code == 204
    problem_of(client.get(place), 404)


def test_faults_are_listed_by_row_and_column(client: ApiClient) -> None:
    """Page by page, with what is accepted; such a file is not imported."""
    file = uploaded(client, FILE + "ada;none;;;;perhaps\r\n")
    found = worked(client, file["id"], verify_some)
    assert (found["status"], found["faulty"]) == ("faulty", 1)
    faults = client.walk(f"imports/{file['id']}/faults")
    assert len(faults) == found["faults"]
    assert {"row": 4, "column": "email", "detail": "is 'none', no e-mail address such as name@example.com"} in faults
    problem_of(client.post(f"imports/{file['id']}/import"), 409)


def test_the_template_is_the_names_of_the_columns(client: ApiClient) -> None:
    """As spreadsheets in the language of the organization read them: with semicolons in French."""
    answer = client.get("members-template.csv")
    assert answer.content_type == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="members-template.csv"'
    assert answer.data.decode("utf-8-sig") == ",".join(COLUMNS) + "\r\n"
    with begin(client.organization.store, client.organization.operator, write=True) as tenant:
        change_organization(tenant, {"language": "fr"})
    assert client.get("members-template.csv").data.decode("utf-8-sig") == ";".join(COLUMNS) + "\r\n"


def test_an_export_is_neutral_and_changes_nothing(app: Flask, client: ApiClient) -> None:
    """No cell begins a formula, in whichever language the spreadsheet is; imported, it leaves everybody as they are."""
    scim = new_client(app, client.organization)
    for name in ("=cmd|' /C calc'!A0", "@sum(1)", "+33", "-1", "a;=1", "'=1", "\ttab"):
        scim.new_user(name, title=name, name={"givenName": name, "familyName": f'"{name}"\r\n'})
    answer = client.get("members.csv")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="members.csv"'
    for separator in ",;\t":
        for line in answer.data.decode("utf-8-sig").split("\r\n"):
            for cell in line.split(separator):
                assert not cell.lstrip('"').startswith(("=", "+", "-", "@", "\t")), cell
    file = uploaded(client, answer.data)
    found = worked(client, file["id"], verify_some)
    assert (found["status"], found["unchanged"], found["faulty"]) == ("verified", 7, 0)


def test_an_export_goes_out_in_pieces(app: Flask, client: ApiClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each member once, whatever the size of a piece, and in the trail that it was asked for."""
    scim = new_client(app, client.organization)
    names = [scim.new_user(f"user{number}") and f"user{number}" for number in range(7)]
    for size in (1, 3, 7, 500):
        monkeypatch.setattr("scim_server.actions.member_export.MEMBERS_AT_ONCE", size)
        lines = client.get("members.csv").data.decode("utf-8-sig").splitlines()
        assert [line.split(",")[0] for line in lines[1:]] == names
    admin = api_client(app, "org:admin", organization=client.organization)
    assert len(admin.read("trail?action=member.export")["items"]) == 4


def test_only_a_csv_file_is_taken(client: ApiClient) -> None:
    """And no Idempotency-Key, which stands for a body that was held."""
    problem_of(sent(client, FILE, "application/json"), 415)
    problem_of(sent(client, FILE, "multipart/form-data"), 415)
    refused = client.send("POST", "imports", FILE.encode(), Content_Type="text/csv", Idempotency_Key="one")
    assert set(errors_of(refused)) == {"Idempotency-Key"}
    assert client.read("imports")["items"] == []


def test_a_file_may_be_larger_than_another_body(client: ApiClient) -> None:
    """Its own limit stands beside that of the server, whether its length is told or not."""
    header, line = FILE.encode().split(b"\r\n")[:2]
    large = header + b"\r\n" * (11 * 1024 * 1024 // 2)
    too_many = sent(client, large)
    assert "200000 rows" in problem_of(too_many, 413)["detail"]
    over = client.http.post(
        f"{API_PREFIX}{client.whole('imports')}",
        headers={"Authorization": f"Bearer {client.token}", "Content-Type": "text/csv"},
        environ_overrides={"CONTENT_LENGTH": str(MAX_FILE_BYTES + 1)},
    )
    assert f"larger than {MAX_FILE_BYTES} bytes" in problem_of(over, 413)["detail"]
    assert client.read("imports")["items"] == []
    wide = b"\r\n".join([header, *[line.replace(b"Lovelace", b"x" * 9_000)] * 1_300])
    assert len(wide) > 10 * 1024 * 1024
    assert sent(client, wide).status_code == 201


def test_a_scope_is_needed(app: Flask, client: ApiClient) -> None:
    """To read, to write; and an id that nothing has is a 404."""
    reader = api_client(app, "members:read", organization=client.organization)
    problem_of(sent(reader, FILE), 403)
    writer = api_client(app, "members:write", organization=client.organization)
    problem_of(writer.get("members.csv"), 403)
    for method, path in (("GET", ""), ("GET", "/faults"), ("GET", "/changes"), ("POST", "/import"), ("DELETE", "")):
        problem_of(client.send(method, f"imports/{NOBODY}{path}"), 404)


def test_a_large_file_is_never_held(client: ApiClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """Several megabytes are uploaded, verified and exported, and what is held at once is what a few batches have."""
    monkeypatch.setattr("scim_server.actions.imports.BATCH", 50)
    store, credentials, rows = client.organization.store, client.organization.operator, 1_500

    def content(rows: int) -> Iterator[bytes]:
        yield b"userName,email,givenName,familyName,title\r\n"
        for number in range(rows):
            yield b"u%d,u%d@example.com,G,F,%s\r\n" % (number % 100, number % 100, b"x" * 4_000)

    file = upload(store, credentials, content(100))
    verify_some(store, credentials, file.id)
    assert client.post(f"imports/{file.id}/import").status_code == 202
    assert import_some(store, credentials, file.id).created == 100
    tracemalloc.start()
    try:
        file = upload(store, credentials, content(rows))
        found = verify_some(store, credentials, file.id)
        held = [tracemalloc.get_traced_memory()[1]]
        tracemalloc.reset_peak()
        assert sum(map(len, export_members(store, credentials))) > 100 * 4_000
        held.append(tracemalloc.get_traced_memory()[1])
    finally:
        tracemalloc.stop()
    assert (found.rows_total, found.unchanged, found.faulty) == (rows, 100, rows - 100)
    assert file.size_bytes > 6_000_000
    assert max(held) < 5_500_000, held
