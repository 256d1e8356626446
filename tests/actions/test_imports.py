"""A file of members does exactly what its verification said, whatever comes between."""

import hashlib
import itertools
import random
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from scim2_models import ConflictException, NotFoundException, PayloadTooLargeException
from sqlalchemy import func, select

from scim_server.actions import imports
from scim_server.actions.erasure import erase_member
from scim_server.actions.groups import create_group
from scim_server.actions.imports import (
    BATCH,
    KEPT_IMPORTS,
    LEASE,
    MAX_FAULTS,
    MAX_FILE_BYTES,
    MAX_ROWS,
    import_some,
    in_the_name_of,
    remove_import,
    start_import,
    upload,
    verify_some,
)
from scim_server.actions.member_export import export_members
from scim_server.actions.members import move
from scim_server.actions.portal_changes import change_portal
from scim_server.protocol.csv_records import plain, read_records
from scim_server.protocol.member_csv import COLUMNS
from scim_server.store.import_tables import import_chunks
from scim_server.store.imports import (
    CHUNK_BYTES,
    ImportFault,
    ImportRecord,
    ImportRow,
    get_import,
    list_faults,
    list_imports,
    list_rows,
    read_chunks,
)
from scim_server.store.member_rows import list_rows_after
from scim_server.store.roles import list_roles
from scim_server.store.session import Store, begin
from scim_server.store.tables import trail
from tests.databases import only_postgresql
from tests.directory import Organization, contents, new_client, new_organization, site_of

COUNTS = ("created", "changed", "unchanged", "faulty")


@pytest.fixture
def store(app: Flask) -> Store:
    """The store of the app."""
    return site_of(app).store


@pytest.fixture
def organization(store: Store) -> Organization:
    """An organization with roles, teams and customer groups, and nobody in them; its portal requires nothing."""
    profile = store.portals["delegated"]
    free = replace(profile, name="free", policy=replace(profile.policy, required=()))
    made = replace(new_organization(store), store=replace(store, portals={**store.portals, "free": free}))
    store = made.store
    with begin(store, made.operator, write=True) as tenant:
        change_portal(tenant, "free")
    with begin(store, made.operator, write=True) as tenant:
        north = create_group(tenant, {"displayName": "North"}, "team")
        create_group(tenant, {"displayName": "Sales"}, "team", north.id)
        south = create_group(tenant, {"displayName": "South"}, "team")
        create_group(tenant, {"displayName": "Sales"}, "team", south.id)
        create_group(tenant, {"displayName": "Support"}, "team", south.id)
        create_group(tenant, {"displayName": "ACME; Inc."}, "customerGroup")
    return made


def csv_of(
    *rows: str, header: str = "userName,externalId,email,givenName,familyName,title,active,roles,teams"
) -> bytes:
    """Return a file."""
    return "\r\n".join((header, *rows, "")).encode()


def verified(organization: Organization, content: bytes) -> ImportRecord:
    """Upload a file and verify it."""
    uploaded = upload(organization.store, organization.operator, [content])
    assert uploaded.status == "uploaded"
    return verify_some(organization.store, organization.operator, uploaded.id)


def imported(organization: Organization, content: bytes) -> ImportRecord:
    """Import a file that has no faults."""
    found = verified(organization, content)
    assert found.status == "verified", faults_of(organization, found)
    return run(organization, found)


def run(organization: Organization, found: ImportRecord) -> ImportRecord:
    """Import a file that is verified."""
    start(organization, found)
    return import_some(organization.store, organization.operator, found.id)


def start(organization: Organization, found: ImportRecord) -> ImportRecord:
    """Ask for the import of a file."""
    with begin(organization.store, organization.operator, write=True) as tenant:
        return start_import(tenant, found.id)


def read(organization: Organization, function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """Return what is read in an organization."""
    with begin(organization.store, organization.operator, write=False) as tenant:
        return function(tenant, *arguments, **options)


def faults_of(organization: Organization, found: ImportRecord) -> list[tuple[int, str | None, str]]:
    """Return the faults of a file."""
    faults: list[ImportFault] = read(organization, list_faults, found.id)
    return [(each.row_number, each.column_name, each.detail) for each in faults]


def told(organization: Organization, content: bytes) -> dict[tuple[int, str | None], str]:
    """Return what is wrong in a file, by row and column."""
    found = verified(organization, content)
    assert (found.status == "faulty") == (found.faults > 0)
    return {(row, column): detail for row, column, detail in faults_of(organization, found)}


def exported(organization: Organization) -> bytes:
    """Return the members as a file."""
    return b"".join(export_members(organization.store, organization.operator))


def members(organization: Organization) -> dict[str, dict[str, str]]:
    """Return the members as an export has them, by userName."""
    rows = [list(map(plain, record.cells)) for record in read_records([exported(organization)], ",")]
    assert rows[0] == list(COLUMNS)
    return {row[0]: dict(zip(COLUMNS, row, strict=True)) for row in rows[1:]}


def directory(organization: Organization) -> dict[str, set[str]]:
    """Return every row of an organization but those of imports and of the trail."""
    client = new_client_of(organization)
    return {name: rows for name, rows in contents(client).items() if not name.startswith(("import", "trail"))}


def new_client_of(organization: Organization) -> Any:
    """Return what :func:`contents` asks for."""
    return type("Client", (), {"organization": organization})()


FIRST = csv_of(
    "ada@example.com,1,ada@example.com,Ada,Lovelace,Engineer,true,,North;South/Sales",
    "bob@example.com,2,bob@example.com,Bob,,,no,,Support",
    "",
    "éva@example.com,,,Éva,,=1+1,,,",
)


def test_a_file_creates_members(organization: Organization) -> None:
    """With their groups; those without access in it are contacts, and nobody is invited."""
    found = imported(organization, FIRST)
    assert [getattr(found, name) for name in COUNTS] == [3, 0, 0, 0]
    assert (found.rows_done, found.rows_total) == (4, 4)
    there = members(organization)
    assert there["ada@example.com"] == {
        **dict.fromkeys(COLUMNS, ""),
        "userName": "ada@example.com",
        "externalId": "1",
        "email": "ada@example.com",
        "givenName": "Ada",
        "familyName": "Lovelace",
        "title": "Engineer",
        "active": "true",
        "teams": "North;South/Sales",
    }
    assert there["bob@example.com"]["teams"] == "South/Support"
    assert [there[name]["active"] for name in sorted(there)] == ["true", "false", "false"]
    assert there["éva@example.com"]["title"] == "=1+1"


def test_an_export_imported_changes_nothing(organization: Organization) -> None:
    """Not a row of the directory, and the verification says so."""
    imported(organization, FIRST)
    before = directory(organization)
    found = imported(organization, exported(organization))
    assert [getattr(found, name) for name in COUNTS] == [0, 0, 3, 0]
    assert directory(organization) == before


def test_members_may_have_one_external_id(app: Flask, organization: Organization) -> None:
    """As SCIM lets them; only who looks for it has to say whom it is about."""
    for name in ("ada", "bob"):
        new_client(app, organization).new_user(name, externalId="1")
    found = imported(organization, exported(organization))
    assert found.unchanged == 2
    assert told(organization, csv_of("1", header="externalId")) == {
        (2, "externalId"): "is that of 2 members; give the userName of one of them"
    }


def test_a_file_changes_its_columns_alone(organization: Organization) -> None:
    """An empty cell clears, a column that is missing leaves what is there, and nobody is deleted."""
    imported(organization, FIRST)
    found = verified(organization, csv_of("ADA@example.com;;Countess;South", header="username;email;title;teams"))
    rows: list[ImportRow] = read(organization, list_rows, found.id)
    assert [(row.number, row.verdict, row.display) for row in rows] == [(2, "change", "ADA@example.com")]
    assert rows[0].changes == {
        "email": {"from": "ada@example.com", "to": ""},
        "teams": {"from": "North;South/Sales", "to": "South"},
        "title": {"from": "Engineer", "to": "Countess"},
        "userName": {"from": "ada@example.com", "to": "ADA@example.com"},
    }
    run(organization, found)
    there = members(organization)
    assert len(there) == 3
    changed = there["ADA@example.com"]
    assert [changed[column] for column in ("email", "title", "teams", "externalId", "givenName", "active")] == [
        *("", "Countess", "South", "1", "Ada", "true")
    ]


def test_a_member_is_found_by_user_name_or_else_external_id(organization: Organization) -> None:
    """So a row can give another userName."""
    imported(organization, FIRST)
    header = "externalId,userName"
    found = imported(organization, csv_of("1,countess@example.com", "9,BOB@example.com", header=header))
    assert [getattr(found, name) for name in COUNTS] == [0, 2, 0, 0]
    there = members(organization)
    assert there["countess@example.com"]["givenName"] == "Ada"
    assert there["BOB@example.com"]["externalId"] == "9"
    again = imported(organization, csv_of("9,x", header="externalId,title"))
    assert again.changed == 1


def test_a_verification_stores_nothing_but_what_it_says(organization: Organization) -> None:
    """Not in the directory, not of a file that would create, change and leave."""
    imported(organization, FIRST)
    before = directory(organization)
    found = verified(
        organization, csv_of("ada@example.com,1,new@example.com", "new@example.com", header="userName,externalId,email")
    )
    assert [getattr(found, name) for name in COUNTS] == [1, 1, 0, 0]
    assert directory(organization) == before


def test_faults_are_told_by_row_and_column(organization: Organization) -> None:
    """With what is accepted; a row may have several."""
    imported(organization, FIRST)
    found = told(
        organization,
        csv_of(
            "carol@example.com,,carol,,,,perhaps,Emperor,Sales",
            ",77,,,,,,,",
            "ada@example.com,,,,,,,,East",
            "dan@example.com,5,,,,,,,",
            "DAN@example.com,,,,,,,,",
            "erin@example.com,5,,,,,,,",
            "countess@example.com,1,,,,,,,",
            'x"y,,,"z"z,,,,',
            ",,,,,,,,,,",
            f"{'x' * 1_001},,,,,,,,",
        ),
    )
    assert found.pop((2, "email")) == "is 'carol', no e-mail address such as name@example.com"
    assert found.pop((2, "active")).startswith("is 'perhaps'; accepted: true, false, yes")
    assert found.pop((2, "roles")).startswith("names 'Emperor', which is none of the organization; accepted: ")
    assert found.pop((2, "teams")) == "names 'Sales', of which there are several; accepted: North/Sales, South/Sales"
    assert found.pop((3, "userName")) == "is empty, and no member has that externalId; each member needs a userName"
    assert found.pop((4, "teams")).startswith("names 'East', which is none of the organization; accepted: North, ")
    assert found.pop((6, "userName")) == "is about the same member as row 5; keep one of them"
    assert found.pop((7, "externalId")) == "is about the same member as row 5; keep one of them"
    assert found.pop((8, None)) == "is about the same member as row 4; keep one of them"
    assert found.pop((9, None)).startswith("has text behind a closing quote")
    assert found.pop((11, "userName")) == "is longer than 1000 bytes"
    assert found == {}


@pytest.mark.parametrize(
    ("content", "column", "detail"),
    [
        (b"", None, "the file is empty; download the template, and fill it"),
        ("userName\r\nada".encode("utf-16"), None, "the file is in UTF-16; save the file as CSV UTF-8"),
        (b"userName,mail\r\nada,x", "mail", "is no column; accepted: userName, externalId, email, "),
        (b'userName,"email\r\nada,x', None, "has a quote that is not closed before the end of the file"),
        (b"," * 1_000_000, None, "is longer than 131072 bytes"),
    ],
)
def test_a_file_whose_header_is_none_is_faulty(
    organization: Organization, content: bytes, column: str | None, detail: str
) -> None:
    """In its first row."""
    ((place, found),) = told(organization, content).items()
    assert place == (1, column)
    assert found.startswith(detail)


def test_bytes_that_are_no_text_are_faults_of_their_cells(organization: Organization) -> None:
    """A file in the encoding of Windows, and one with a NUL."""
    content = csv_of("ada,Éric", "bob,x", header="userName,givenName").replace("É".encode(), b"\xc9")
    assert told(organization, content)[2, "givenName"].startswith("is not in UTF-8; save the file as CSV UTF-8")
    content = csv_of("ada,a\x00b", header="userName,title")
    assert told(organization, content)[2, "title"].startswith("holds the character U+0000")


def test_a_file_with_faults_is_not_imported(organization: Organization) -> None:
    """Neither is one that is not verified yet, or imported already; one that is deleted is not there."""
    faulty = verified(organization, csv_of("ada,,no address", "bob"))
    with pytest.raises(ConflictException, match="1 rows have faults; mend them in the file"):
        start(organization, faulty)
    unverified = upload(organization.store, organization.operator, [FIRST])
    with pytest.raises(ConflictException, match="not verified yet"):
        start(organization, unverified)
    done = imported(organization, FIRST)
    with pytest.raises(ConflictException, match="imported already"):
        start(organization, done)
    with begin(organization.store, organization.operator, write=True) as tenant:
        remove_import(tenant, done.id)
    with pytest.raises(NotFoundException):
        start(organization, done)


def random_rows(randomness: random.Random) -> Iterator[str]:
    """Yield rows about a few people, many of them the same, some of them wrong."""
    for _ in range(randomness.randint(1, 25)):
        name = f"user{randomness.randint(1, 12)}"
        yield ",".join(
            (
                randomness.choice([name, name, name.upper(), ""]),
                randomness.choice(["", str(randomness.randint(1, 12))]),
                randomness.choice(["", f"{name}@example.com", "none"] if randomness.random() < 0.3 else [""]),
                randomness.choice(["", "Ada", "Bob"]),
                randomness.choice(["", "King"]),
                randomness.choice(["", "=x", "Chief"]),
                randomness.choice(["", "true", "false"]),
                "",
                randomness.choice(
                    ["", "North", "South", "North;Support", "Sales"] if randomness.random() < 0.5 else [""]
                ),
            )
        )


@pytest.mark.parametrize("batch", [3, BATCH])
def test_the_import_does_what_the_verification_said(
    organization: Organization, batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same counts of random files, without a fault that was not told; afterwards, nothing is left to change."""
    monkeypatch.setattr(imports, "BATCH", batch)
    randomness = random.Random(batch)
    done = 0
    for _ in range(6):
        rows = list(random_rows(randomness))
        found = verified(organization, csv_of(*rows))
        wrong = {row for row, _, _ in faults_of(organization, found)}
        assert found.faulty == len(wrong)
        before = directory(organization)
        kept = csv_of(*(row for number, row in enumerate(rows, 2) if number not in wrong))
        found = verified(organization, kept)
        assert directory(organization) == before
        assert found.status == "verified", faults_of(organization, found)
        after = run(organization, found)
        assert [getattr(after, name) for name in COUNTS] == [getattr(found, name) for name in COUNTS]
        again = verified(organization, kept)
        assert (again.created, again.faulty) == (0, 0)
        done += found.created + found.changed
    assert done > 5


def test_a_row_that_would_do_something_else_by_now_is_left_out(organization: Organization) -> None:
    """What is imported is what was verified: who was changed since is told, and all others are done."""
    imported(organization, FIRST)
    found = verified(
        organization,
        csv_of(
            "ada@example.com,A",
            "bob@example.com,B",
            "éva@example.com,=1+1",
            "zoe@example.com,Z",
            header="userName,title",
        ),
    )
    imported(organization, csv_of("ada@example.com,Countess", "zoe@example.com,", header="userName,title"))
    imported(organization, csv_of("éva@example.com,new", header="userName,title"))
    after = run(organization, found)
    assert after.status == "imported"
    assert [getattr(after, name) for name in COUNTS] == [0, 1, 0, 3]
    assert [(row, column) for row, column, _ in faults_of(organization, after)] == [(2, None), (4, None), (5, None)]
    there = members(organization)
    assert [there[name]["title"] for name in sorted(there)] == ["Countess", "B", "", "new"]


def test_what_an_identity_provider_manages_is_changed_there(app: Flask, organization: Organization) -> None:
    """Who they are is the connection's to say; their teams are the organization's."""
    client = new_client(app, organization)
    client.new_user("ada@example.com", title="Engineer", externalId="1")
    pushed = client.new_group("Pushed")
    assert told(organization, csv_of("ada@example.com,Countess", header="userName,title")) == {
        (2, "title"): "is 'Engineer': managed by the connection 'default'; change it there"
    }
    assert told(organization, csv_of("ada@example.com,Pushed", header="userName,teams")) == {
        (2, "teams"): "names 'Pushed', which the connection 'default' fills; change it there"
    }
    client.patch(
        f"/Groups/{pushed}",
        {"op": "add", "path": "members", "value": [{"value": client.read("/Users")["Resources"][0]["id"]}]},
    )
    imported(organization, csv_of("ada@example.com,Engineer,North", header="userName,title,teams"))
    assert members(organization)["ada@example.com"]["teams"] == "North"
    assert len(client.members(pushed)) == 1


def test_the_rules_of_the_portal_hold(organization: Organization) -> None:
    """One role each, as many holders as can have one, and a name that is frozen; told by the verification."""
    with begin(organization.store, organization.operator, write=True) as tenant:
        change_portal(tenant, "contacts")
        profile = tenant.portals["contacts"]
        known = {role.display: profile.roles.get(role.template or "") for role in list_roles(tenant)}
    single = next(name for name, role in known.items() if role is not None and role.max_holders == 1)
    others = [name for name, role in known.items() if role is not None and name != single]
    header = "userName,honorificPrefix,givenName,familyName,email,phone,title,roles"
    whole = "Mme,Ada,King,a@example.com,1,Chief"
    imported(organization, csv_of(f"ada,{whole},{others[0]}", header=header))
    found = told(organization, csv_of(f"ada,{whole.replace('King', 'Lovelace')},{others[0]}", header=header))
    assert found[2, "familyName"].startswith("is frozen in the portal profile contacts")
    found = told(organization, csv_of("bob,Mme,Ada,,,,,", header=header))
    assert {column for _, column in found} == {"familyName", "email"}
    assert found[2, "email"] == "is required by the portal profile contacts"
    found = told(organization, csv_of(f"bob,{whole},{single}", f"eve,{whole},{single}", header=header))
    assert [column for (row, column) in found if row == 3] == ["roles"]
    assert "at most 1 can have the role" in found[3, "roles"]
    if profile.policy.roles_per_member == "one":
        found = told(organization, csv_of(f"ada,{whole},{others[0]};{others[1]}", header=header))
        assert "a member has one role" in found[2, "roles"]


class Clock:
    """A clock that a test moves on."""

    def __init__(self, store: Store) -> None:
        self._clock, self.ahead = store.clock, timedelta()

    def __call__(self) -> datetime:
        return self._clock() + self.ahead


class Crash(Exception):
    """The process dies."""


def crashing(monkeypatch: pytest.MonkeyPatch, batches: int) -> None:
    """Let the work die in a transaction after so many batches."""
    original, count = imports._advanced, itertools.count(1)

    def advanced(*arguments: Any) -> ImportRecord:
        done = original(*arguments)
        if next(count) > batches:
            raise Crash
        return done

    monkeypatch.setattr(imports, "_advanced", advanced)


def many(count: int, start: int = 0) -> bytes:
    """Return a file of many members."""
    rows = (f"user{each}@example.com,{each},,G{each},F{each},,true,,North" for each in range(start, start + count))
    return csv_of(*rows)


def test_what_broke_off_goes_on_where_it_stopped(organization: Organization, monkeypatch: pytest.MonkeyPatch) -> None:
    """No row twice and none left out, when the process dies in a batch; another worker waits for the lease."""
    monkeypatch.setattr(imports, "BATCH", 10)
    clock = Clock(organization.store)
    store = replace(organization.store, clock=clock)
    uploaded = upload(store, organization.operator, [many(35)])
    for step, status in ((verify_some, "verified"), (import_some, "imported")):
        for _ in range(2):
            with monkeypatch.context() as patched:
                crashing(patched, 1)
                with pytest.raises(Crash):
                    step(store, organization.operator, uploaded.id)
            with pytest.raises(ConflictException, match="a worker is at this import"):
                step(store, organization.operator, uploaded.id)
            clock.ahead += LEASE
        found = step(store, organization.operator, uploaded.id)
        assert (found.status, found.rows_done, found.created, found.faults) == (status, 35, 35, 0)
        if step is verify_some:
            start(organization, found)
    assert len(members(organization)) == 35
    created = select(func.count()).where(trail.c.org_id == organization.id, trail.c.action == "user.create")
    with begin(store, organization.operator, write=False) as tenant:
        assert tenant.db.scalar(created) == 35


def test_work_stops_when_its_time_is_over(organization: Organization, monkeypatch: pytest.MonkeyPatch) -> None:
    """And says how far it has come; the next call goes on, without waiting for the lease."""
    monkeypatch.setattr(imports, "BATCH", 10)
    uploaded = upload(organization.store, organization.operator, [many(25)])
    done = [verify_some(organization.store, organization.operator, uploaded.id, 0) for _ in range(2)]
    assert [(each.status, each.rows_done) for each in done] == [("verifying", 10), ("verifying", 20)]
    found = verify_some(organization.store, organization.operator, uploaded.id, 0)
    assert (found.status, found.rows_done, found.rows_total) == ("verified", 25, 25)


def test_two_workers_do_it_once(organization: Organization, monkeypatch: pytest.MonkeyPatch) -> None:
    """One works, the other is told; who lost the lease writes nothing any more."""
    monkeypatch.setattr(imports, "BATCH", 5)
    found = verified(organization, many(60))
    start(organization, found)
    outcomes: list[str] = []
    barrier = threading.Barrier(4)

    def work() -> None:
        barrier.wait()
        try:
            outcomes.append(import_some(organization.store, organization.operator, found.id).status)
        except ConflictException:
            outcomes.append("busy")

    workers = [threading.Thread(target=work) for _ in range(4)]
    for each in workers:
        each.start()
    for each in workers:
        each.join()
    assert outcomes.count("imported") >= 1
    assert set(outcomes) <= {"imported", "busy"}
    assert len(members(organization)) == 60
    assert read(organization, get_import, found.id).created == 60


# SQLite has one writer: nobody is within the transaction of another.
@only_postgresql
def test_who_lost_the_lease_writes_nothing(organization: Organization, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that slept through its lease finds that another one has gone on."""
    monkeypatch.setattr(imports, "BATCH", 10)
    clock = Clock(organization.store)
    store = replace(organization.store, clock=clock)
    found = verified(organization, many(30))
    start(organization, found)
    original = imports._do_batch
    done: list[bool] = []

    def slow(*arguments: Any) -> ImportRecord:
        if not done:
            done.append(True)
            clock.ahead += LEASE
            assert import_some(store, organization.operator, found.id).status == "imported"
        return original(*arguments)

    monkeypatch.setattr(imports, "_do_batch", slow)
    with pytest.raises(ConflictException, match="a worker is at this import"):
        import_some(store, organization.operator, found.id)
    assert len(members(organization)) == 30


def test_faults_beyond_the_first_thousand_are_counted(organization: Organization) -> None:
    """And the file is read to its end."""
    found = verified(organization, csv_of(*(f"user{each},,none" for each in range(MAX_FAULTS + 300))))
    assert (found.status, found.faults, found.faulty) == ("faulty", MAX_FAULTS + 300, MAX_FAULTS + 300)
    assert len(faults_of(organization, found)) == MAX_FAULTS


def test_a_file_that_is_too_large_is_refused(organization: Organization) -> None:
    """By its bytes or by its rows, and nothing of it is kept."""
    chunk = b"x" * CHUNK_BYTES
    endless = itertools.chain([b"userName\r\n"], itertools.repeat(chunk))
    with pytest.raises(PayloadTooLargeException, match=f"larger than {MAX_FILE_BYTES} bytes"):
        upload(organization.store, organization.operator, endless)
    rows = itertools.chain([b"userName\r\n"], itertools.repeat(b"\r\n" * 1_000, MAX_ROWS // 1_000), [b"a"])
    with pytest.raises(PayloadTooLargeException, match=f"more than {MAX_ROWS} rows"):
        upload(organization.store, organization.operator, rows)
    assert read(organization, list_imports) == []


def test_an_upload_that_breaks_off_leaves_nothing(organization: Organization) -> None:
    """Whatever the reason."""

    def broken() -> Iterator[bytes]:
        yield FIRST * 10_000
        raise Crash

    with pytest.raises(Crash):
        upload(organization.store, organization.operator, broken())
    assert read(organization, list_imports) == []
    count = select(func.count()).where(import_chunks.c.org_id == organization.id)
    with begin(organization.store, organization.operator, write=False) as tenant:
        assert tenant.db.scalar(count) == 0


def test_the_latest_imports_are_kept(organization: Organization) -> None:
    """With another upload, the oldest goes; a file that is imported goes at once, and what it did is still told."""
    done = imported(organization, FIRST)
    chunks = select(func.count()).where(import_chunks.c.org_id == organization.id)
    with begin(organization.store, organization.operator, write=False) as tenant:
        assert tenant.db.scalar(chunks) == 0
        assert [row.verdict for row in list_rows(tenant, done.id)] == ["create"] * 3
    for _ in range(KEPT_IMPORTS):
        upload(organization.store, organization.operator, [FIRST])
    kept = read(organization, list_imports)
    assert len(kept) == KEPT_IMPORTS
    assert done.id not in {each.id for each in kept}


def test_who_is_erased_is_in_no_file(organization: Organization) -> None:
    """All files go that are not at work: whom they name anywhere is not known to the server."""
    imported(organization, FIRST)
    verified(organization, FIRST)
    under_way = verified(organization, csv_of("zoe"))
    start(organization, under_way)
    imported(organization, csv_of("ada@example.com,false", header="userName,active"))
    with begin(organization.store, organization.operator, write=True) as tenant:
        ada = list_rows_after(tenant, "", 1)[0]
        assert ada.document["userName"] == "ada@example.com"
        move(tenant, ada.id, "archive")
        erase_member(tenant, ada.id)
    assert [each.id for each in read(organization, list_imports)] == [under_way.id]


def test_what_is_stored_is_what_was_sent(organization: Organization) -> None:
    """Byte for byte, over several chunks, and the digest is that of the file."""
    content = many(8_000)
    assert len(content) > CHUNK_BYTES
    pieces = (content[first : first + 70_001] for first in range(0, len(content), 70_001))
    uploaded = upload(organization.store, organization.operator, pieces)
    assert uploaded.digest == hashlib.sha256(content).hexdigest()
    assert (uploaded.size_bytes, uploaded.rows_total) == (len(content), 8_000)
    for position in (0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, len(content) - 1, len(content)):
        with begin(organization.store, organization.operator, write=False) as tenant:
            assert b"".join(read_chunks(tenant, uploaded.id, position)) == content[position:]


def test_the_trail_tells_who_did_it(organization: Organization) -> None:
    """The steps of the import, and each member that it created, in the name of who asked."""
    found = imported(organization, FIRST)
    actions = select(trail.c.action).where(trail.c.org_id == organization.id, trail.c.resource_id == found.id)
    with begin(organization.store, organization.operator, write=False) as tenant:
        told = tenant.db.scalars(actions.order_by(trail.c.id)).all()
        record = get_import(tenant, found.id)
    assert told == ["import.upload", "import.verify", "import.start", "import.finish"]
    assert in_the_name_of(record, organization.id).actor.id == organization.operator.actor.id
