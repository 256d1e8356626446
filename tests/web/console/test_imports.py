"""Import and export in the console: a file is chosen, verified, and imported exactly as it was verified."""

import re
import tracemalloc
from collections.abc import Callable
from datetime import timedelta
from html import unescape
from io import BytesIO

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from scim_server.actions.imports import MAX_FILE_BYTES, import_some, in_the_name_of, verify_some
from scim_server.protocol.member_csv import COLUMNS
from scim_server.store.imports import ImportRecord, get_import
from scim_server.store.session import Credentials, Store, begin
from tests.directory import set_clock, site_of
from tests.portals import Portal, portal
from tests.web.console.pages import Pages, administrator, signed_in

pytestmark = pytest.mark.usefixtures("tenant_guard")

FILE = (
    "userName,email,givenName,familyName,phone,honorificPrefix,title,preferredLanguage\r\n"
    "grace,grace@example.com,Grace,Hopper,+33 1,Dr,Admiral,fr\r\n"
    "edith,edith@example.com,Édith,Clarke,+33 2,Ms,Engineer,fr\r\n"
)
MULTIPART = "multipart/form-data; boundary=part"


@pytest.fixture
def delegated(app: Flask) -> Portal:
    """An organization whose administrators are delegated."""
    return portal(app)


@pytest.fixture
def pages(delegated: Portal) -> Pages:
    """The pages of an administrator."""
    return administrator(delegated)


def sent(pages: Pages, content: str | bytes, name: str = "members.csv") -> TestResponse:
    """Upload a file by the form."""
    body = content.encode() if isinstance(content, str) else content
    return pages.post("/imports", {"file": (BytesIO(body), name)})


def uploaded(pages: Pages, content: str | bytes = FILE) -> str:
    """Upload a file that is taken; return the path of its page, below the organization's."""
    answer = sent(pages, content)
    assert answer.status_code == 303, answer.text
    return answer.headers["Location"].removeprefix(pages.base)


def worked(pages: Pages, path: str, step: Callable[[Store, Credentials, str], ImportRecord] = verify_some) -> str:
    """Let a worker verify or import a file; return its page."""
    organization, import_id = pages.portal.organization, path.rpartition("/")[2]
    with begin(organization.store, organization.operator, write=False) as tenant:
        found = get_import(tenant, import_id)
    step(organization.store, in_the_name_of(found, organization.id), import_id)
    return pages.read(path)


def test_a_file_is_verified_and_then_imported(pages: Pages) -> None:
    """Download the template, choose the file, Verify, look at what it would do, Import; the list has it afterwards."""
    overview = pages.read("/imports")
    assert "No file was uploaded yet" in overview
    assert pages.get("/imports/template.csv").data.decode("utf-8-sig") == ",".join(COLUMNS) + "\r\n"
    path = uploaded(pages)
    waiting = pages.read(path)
    assert "Waiting to be verified" in waiting
    assert "0 of 2 rows" in waiting
    assert 'data-refresh="3"' in waiting
    assert "<progress" in waiting
    assert 'value="import"' not in waiting
    verified = worked(pages, path)
    assert "Verified, ready to be imported" in verified
    assert "data-refresh" not in verified
    assert "grace" in verified
    assert pages.portal.api.read("members")["total"] == 1
    assert "Being imported" in pages.done(path, {"do": "import"})
    assert "Imported" in worked(pages, path, import_some)
    assert pages.portal.api.read("members")["total"] == 3
    assert path in pages.read("/imports")


def test_faults_are_named_by_row_and_column_with_what_is_accepted(pages: Pages) -> None:
    """In the language of the page; such a file is not imported, whatever is sent."""
    path = uploaded(pages, FILE + "joan,none,Joan,Clarke,+33 3,Ms,,fr\r\n")
    page = worked(pages, path)
    assert "Verified, with faults" in page
    assert "is 'none', no e-mail address such as name@example.com" in page
    assert 'data-label="Row">4<' in page
    assert 'value="import"' not in page
    refused = pages.post(path, {"do": "import"})
    assert refused.status_code == 409
    assert "1 rows have faults; mend them in the file, and upload it again" in unescape(refused.text)


def test_faults_are_paged(pages: Pages) -> None:
    """Fifty on a page, and a link to those behind them."""
    rows = "".join(f"no{number},none,N,N,1,Dr,T,fr\r\n" for number in range(60))
    page = worked(pages, uploaded(pages, FILE.partition("\r\n")[0] + "\r\n" + rows))
    assert page.count('data-label="What is wrong"') == 50
    assert "fault=50" in page


def test_what_would_change_is_shown_from_and_to(pages: Pages) -> None:
    """Column by column, of members that are changed; the others are listed apart."""
    member = pages.portal.member("ada", title="Countess")
    name = pages.portal.api.read(f"members/{member}")["attributes"]["userName"]
    path = uploaded(pages, f"userName,title\r\n{name},Analyst\r\n")
    page = worked(pages, path)
    assert "<code>title</code>" in page
    assert "Countess" in page
    assert "Analyst" in page
    assert "There is no such row in the file" in pages.read(f"{path}?rows=leave")


def test_a_file_is_discarded(pages: Pages) -> None:
    """It is gone with what was said of it, and nobody is changed."""
    path = uploaded(pages)
    worked(pages, path)
    assert "No file was uploaded yet" in pages.done(path, {"do": "discard"})
    assert pages.get(path).status_code == 404
    assert pages.get("/imports/nothing").status_code == 404
    assert pages.get("/imports/%00").status_code == 404


def test_a_form_without_a_file_says_so(pages: Pages) -> None:
    """The page is shown again."""
    answer = sent(pages, b"", "")
    assert answer.status_code == 400
    assert "Choose the file first" in answer.text


def test_a_page_says_that_no_worker_runs(pages: Pages) -> None:
    """Once nobody has begun with a file for a minute, with what to start."""
    path = uploaded(pages)
    assert "scim-server worker" not in pages.read(path)
    app, clock = pages.portal.app, site_of(pages.portal.app).store.clock
    try:
        set_clock(app, lambda: clock() + timedelta(seconds=61))
        assert "scim-server worker" in pages.read(path)
    finally:
        set_clock(app, clock)


def form(content: str, token: str = "none") -> bytes:
    """Return the form with a file as a browser sends it."""
    parts = (
        f'--part\r\nContent-Disposition: form-data; name="csrf_token"\r\n\r\n{token}\r\n',
        f'--part\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n{content}\r\n',
        "--part--\r\n",
    )
    return "".join(parts).encode()


def raw(http: FlaskClient, base: str, body: bytes, length: int | None = None) -> TestResponse:
    """Send a form, without the client of the tests holding it once more; its length may be said to be another."""
    said = {"CONTENT_LENGTH": str(length or len(body))}
    with BytesIO(body) as stream:
        return http.post(f"{base}/imports", content_type=MULTIPART, input_stream=stream, environ_overrides=said)


def test_a_large_file_is_never_held_whole(pages: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    """One of more bytes than any other body is taken, piece by piece; one of more than are taken is not."""
    monkeypatch.setitem(pages.portal.app.config, "MAX_CONTENT_LENGTH", 1_000_000)
    token = re.search(r'name="csrf_token" value="([^"]+)"', pages.get("/imports").text)
    assert token
    body = form("userName,title\r\n" + f"grace,{'x' * 9_000}\r\n" * 600, token[1])
    tracemalloc.start()
    try:
        answer = raw(pages.http, pages.base, body)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert answer.status_code == 303, answer.text
    assert peak < len(body) / 2
    answer = raw(pages.http, pages.base, form(""), MAX_FILE_BYTES * 2)
    assert answer.status_code == 413
    assert f"larger than {MAX_FILE_BYTES} bytes" in answer.text


def test_only_who_manages_members_sends_large_files(delegated: Portal) -> None:
    """Who is not signed in, or may only read, sends no more than any other form."""
    delegated.member("admin", "delegated-administrator")
    reader = signed_in(delegated, delegated.member("ada"))
    length = site_of(delegated.app).max_body_bytes + 1
    for http in (reader.http, delegated.app.test_client()):
        assert raw(http, reader.base, form(""), length).status_code == 413


def test_the_export_is_what_the_api_exports(pages: Pages) -> None:
    """As a download, with formulas neutralized."""
    pages.portal.member("ada", title="=1+1")
    answer = pages.get("/members/export.csv")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="members.csv"'
    assert answer.content_type == "text/csv; charset=utf-8"
    assert answer.data == pages.portal.api.get("members.csv").data
    assert b"'=1+1" in answer.data


def test_who_does_not_manage_members_imports_nothing(delegated: Portal) -> None:
    """Neither the page nor an upload is theirs; the names of administrators are shown instead."""
    pages = administrator(delegated)
    path = uploaded(pages)
    reader = signed_in(delegated, delegated.member("ada"))
    for place in ("/imports", path, "/imports/template.csv", "/members/export.csv"):
        assert reader.get(place).status_code == 403
    assert reader.post(path, {"do": "discard"}, of="/profile").status_code == 403


def test_a_file_of_another_organization_is_not_there(app: Flask, pages: Pages) -> None:
    """Neither seen nor imported nor discarded by its id."""
    path = uploaded(pages)
    other = administrator(portal(app))
    assert other.get(path).status_code == 404
    assert other.post(path, {"do": "discard"}, of="/imports").status_code == 404
    assert pages.get(path).status_code == 200
