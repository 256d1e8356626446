"""The command line sets up what a customer needs, and tells every mistake in one line."""

import csv
import os
import re
import signal
import socket
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from click.testing import CliRunner, Result
from flask import Flask
from sqlalchemy import create_engine, text

from scim_server import create_app
from scim_server.cli import main
from scim_server.config import read_settings
from scim_server.protocol.tokens import is_well_formed
from scim_server.store.migrate import driver_url, upgrade
from tests.databases import Database, only_postgresql, only_sqlite
from tests.demo import demo, free_port
from tests.directory import SECRET_KEY, environment, new_client, running_app, site_of, unique
from tests.portals import Portal, portal
from tests.web.oauth.clients import jwks, new_key

START_TIMEOUT_S = 60
STOP_TIMEOUT_S = 60
NEVER_WAITS = "connect_timeout=1"


@dataclass(frozen=True, slots=True)
class Operator:
    """Someone at a terminal whose environment names a database."""

    environment: Mapping[str, str]

    def run(self, *arguments: str, **variables: str) -> Result:
        """Run a command; a bug in it fails the test with its traceback."""
        result = CliRunner().invoke(main, arguments, env={**self.environment, **variables})
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    def answer(self, *arguments: str) -> Any:
        """Run a command that works, and return its JSON."""
        result = self.run(*arguments, "--json")
        assert result.exit_code == 0, result.output
        assert result.stderr == ""
        return orjson.loads(result.stdout)

    def refusal(self, *arguments: str, **variables: str) -> str:
        """Run a command that is refused, and return its message: one line, and nothing on standard output."""
        told = self.run(*arguments, **variables)
        assert (told.exit_code, told.stdout) == (1, ""), told.output
        assert told.stderr.startswith("scim-server: "), told.stderr
        assert told.stderr.count("\n") == 1, told.stderr
        return told.stderr.removeprefix("scim-server: ").rstrip("\n")


@pytest.fixture
def operator(database: Database) -> Operator:
    """An operator of the database of the session, as the application's role."""
    return Operator(environment(database))


@pytest.fixture
def slug(operator: Operator) -> str:
    """The slug of an organization of the test's own."""
    slug = unique("cli")
    assert operator.answer("org", "create", slug, "--name", "A customer")["slug"] == slug
    return slug


@pytest.fixture(scope="module")
def customer(database: Database) -> str:
    """The slug of an organization that no test changes."""
    slug = unique("customer")
    Operator(environment(database)).answer("org", "create", slug, "--name", "A customer")
    return slug


def test_an_organization_gets_a_lenient_connection(operator: Operator, slug: str) -> None:
    """`org create` is all that has to come before a token."""
    assert slug in [each["slug"] for each in operator.answer("org", "list")]
    connections = operator.answer("connection", "list", slug)
    assert [(each["name"], each["profile"]) for each in connections] == [("default", "lenient")]


def test_a_connection_has_the_profile_of_its_client(operator: Operator, slug: str) -> None:
    """`--client` chooses the tolerances; without, they are the lenient ones."""
    assert operator.answer("connection", "create", slug, "Entra ID", "--client", "entra")["profile"] == "entra"
    assert operator.answer("connection", "create", slug, "HR")["profile"] == "lenient"
    assert {each["name"] for each in operator.answer("connection", "list", slug)} == {"default", "Entra ID", "HR"}


def test_a_token_is_shown_once(operator: Operator, slug: str) -> None:
    """Alone on its line for a shell, in `token` for a program, and in no list after."""
    plain = operator.run("token", "issue", slug)
    assert plain.exit_code == 0
    assert is_well_formed(plain.stdout.removesuffix("\n"))
    issued = operator.answer("token", "issue", slug, "--scope", "scim:read", "--expires-in-days", "30")
    assert is_well_formed(issued["token"])
    assert issued["scope"] == "scim:read"
    listed = operator.run("token", "list", slug, "--json").stdout
    assert issued["id"] in listed
    assert issued["token"] not in listed
    assert plain.stdout.strip() not in listed


@pytest.mark.parametrize("named_by", ["id", "token"])
def test_a_token_is_revoked_by_its_id_or_by_itself(operator: Operator, slug: str, named_by: str) -> None:
    """Whoever finds a leaked token can revoke it without knowing its id; a second time changes nothing."""
    issued = operator.answer("token", "issue", slug)
    assert operator.answer("token", "revoke", issued[named_by]) == {"id": issued["id"], "revoked": True}
    assert operator.answer("token", "revoke", issued[named_by]) == {"id": issued["id"], "revoked": False}
    assert operator.answer("token", "list", slug)[0]["revoked_at"] is not None


def test_a_token_is_rotated_in_steps(operator: Operator, slug: str) -> None:
    """Start prints the new token; complete revokes the old one, cancel the new one."""
    old = operator.answer("token", "issue", slug, "--expires-in-days", "20")
    new = operator.answer("token", "rotate", "start", slug, old["id"], "--old-ends-in-days", "7")
    assert is_well_formed(new["token"])
    listed = operator.answer("token", "list", slug)
    assert [(each["expires_in_days"], each["warning"]) for each in listed] == [
        (6, "expires within 15 days"),
        (None, None),
    ]
    assert operator.answer("token", "rotate", "cancel", slug, old["id"])["id"] == new["id"]
    third = operator.answer("token", "rotate", "start", slug, old["id"])
    assert operator.answer("token", "rotate", "complete", slug, third["id"])["replaces_id"] == old["id"]
    live = [each["id"] for each in operator.answer("token", "list", slug) if each["revoked_at"] is None]
    assert live == [third["id"]]
    assert operator.refusal("token", "rotate", "complete", slug, old["id"]).startswith("no rotation of the token")


def test_a_third_token_of_a_connection_is_refused(operator: Operator, slug: str) -> None:
    """The message names the two there are, and the command that makes room."""
    first, second = (operator.answer("token", "issue", slug)["id"] for _ in range(2))
    message = operator.refusal("token", "issue", slug)
    assert message.startswith("the connection 'default' has 2 live tokens")
    assert message.endswith(f"revoke one of them first: {first} and {second}")


def test_a_token_may_belong_to_no_connection(operator: Operator, slug: str) -> None:
    """One for the portal's back end, and one for an operator, who is listed apart."""
    portal = operator.answer("token", "issue", slug, "--no-connection", "--scope", "org:admin members:read")
    assert (portal["connection_id"], portal["scope"]) == (None, "org:admin members:read")
    own = operator.answer("token", "issue", "--operator", "--expires-in-days", "1")
    assert own["scope"] == "operator"
    assert own["id"] in [each["id"] for each in operator.answer("token", "list", "--operator")]
    assert [each["id"] for each in operator.answer("token", "list", slug)] == [portal["id"]]
    assert operator.answer("token", "revoke", own["token"]) == {"id": own["id"], "revoked": True}
    assert operator.answer("token", "revoke", own["id"]) == {"id": own["id"], "revoked": False}


def test_an_oauth_client_is_registered_and_disabled(operator: Operator, slug: str, tmp_path: Path) -> None:
    """Its secret is shown once, as is each one it is rotated to; no list holds one."""
    client = operator.answer("client", "create", slug, "Entra ID")
    assert (client["auth_method"], client["grant_types"]) == ("client_secret", "client_credentials")
    rotated = operator.answer("client", "rotate-secret", slug, client["client_id"])
    assert rotated["client_secret"] != client["client_secret"]
    keys = tmp_path / "keys.json"
    keys.write_bytes(orjson.dumps(jwks(new_key())))
    named = ("--issuer", "https://idp.example", "--subject", unique("subject"), "--audience", "api://portal")
    federated = operator.answer(
        "client", "create", slug, "Workload", "--auth", "federated", "--jwks", str(keys), *named
    )
    assert "client_secret" not in federated
    listed = operator.run("client", "list", slug, "--json").stdout
    assert not any(secret in listed for secret in (client["client_secret"], rotated["client_secret"], "digest"))
    assert operator.answer("client", "disable", slug, client["client_id"])["disabled"] is True
    assert operator.answer("client", "disable", slug, client["client_id"])["disabled"] is False
    assert operator.refusal("client", "rotate-secret", slug, client["client_id"]) == "this client is disabled"
    plain = operator.run("client", "create", slug, "HR").stdout.splitlines()
    assert [line.split()[0] for line in plain] == ["client_id", "client_secret"]


def test_the_status_of_keys_tells_what_depends_on_them(empty_database: Database) -> None:
    """What was used moves to the current key; the previous one can go when nothing depends on it."""
    upgrade(empty_database.owner_url)
    before = Operator(environment(empty_database, database_url=empty_database.owner_url))
    before.answer("org", "create", "acme", "--name", "Acme")
    token = before.answer("token", "issue", "acme")["token"]
    assert [(each["key"], each["uses"]) for each in before.answer("key", "status")] == [("current", 1)]
    after = Operator(
        {
            **before.environment,
            "SCIM_SERVER_SECRET_KEY": "the next secret key, which is long enough",
            "SCIM_SERVER_PREVIOUS_SECRET_KEY": SECRET_KEY,
        }
    )
    assert [(each["key"], each["uses"]) for each in after.answer("key", "status")] == [("current", 0), ("previous", 1)]
    lost = Operator({**after.environment, "SCIM_SERVER_PREVIOUS_SECRET_KEY": ""})
    assert [(each["key"], each["uses"]) for each in lost.answer("key", "status")] == [("current", 0), ("unknown", 1)]
    app = create_app(read_settings(after.environment))
    answer = app.test_client().get("/scim/v2/Users", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 200
    site_of(app).store.close()
    assert [(each["key"], each["uses"]) for each in after.answer("key", "status")] == [("current", 1), ("previous", 0)]


def test_lists_for_another_program_are_not_folded(operator: Operator, slug: str) -> None:
    """Without a terminal, one row is one line, so that grep and awk find it."""
    issued = operator.answer("token", "issue", slug)
    lines = operator.run("token", "list", slug).stdout.splitlines()
    assert len(lines) == 2
    assert lines[0].split()[:3] == ["id", "connection", "scope"]
    assert lines[1].split()[:3] == [issued["id"], "default", "scim"]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("org", "create", "SLUG", "--name", "x"), "the slug 'SLUG' is taken"),
        (("org", "create", "Not A Slug", "--name", "x"), "'Not A Slug' is not a slug: 1 to 63 lower-case letters"),
        (("org", "create", "new", "--name", " "), "the name must have 1 to 200 characters"),
        (("connection", "create", "SLUG", "default"), "there is a connection 'default' already"),
        (("connection", "create", "SLUG", " "), "the name of a connection must have 1 to 200 characters"),
        (("connection", "create", "nowhere", "idp"), "there is no organization 'nowhere'; `scim-server org list`"),
        (("connection", "list", "nowhere"), "there is no organization 'nowhere'"),
        (("token", "issue", "nowhere"), "there is no organization 'nowhere'"),
        (("token", "issue", "SLUG", "--connection", "x"), "there is no connection 'x'; the organization has: default"),
        (("token", "issue", "SLUG", "--scope", "all"), "'all' is not a scope; accepted: scim, scim:read"),
        (("token", "issue", "SLUG", "--scope", ""), "'' is not a scope"),
        (("token", "issue", "SLUG", "--scope", "operator"), "the scope operator belongs to no organization"),
        (("token", "issue", "SLUG", "--no-connection", "--scope", "scim"), "a token without a connection has no scope"),
        (("token", "rotate", "start", "SLUG", "x"), "there is no live token 'x'; `scim-server token list ORG`"),
        (("client", "create", "SLUG", "x", "--auth", "federated"), "private_key_jwt and federated need either jwks"),
        (("client", "disable", "SLUG", "x"), "there is no client 'x'; `scim-server client list ORG`"),
        (("token", "list", "nowhere"), "there is no organization 'nowhere'"),
        (("token", "revoke", "unknown"), "there is no such token; `scim-server token list ORG`"),
    ],
)
def test_a_refusal_is_one_line_and_exit_code_1(
    operator: Operator, customer: str, arguments: tuple[str, ...], complaint: str
) -> None:
    """The line says what was wrong and what is accepted."""
    message = operator.refusal(*(each.replace("SLUG", customer) for each in arguments))
    assert message.startswith(complaint.replace("SLUG", customer))


def test_a_refusal_is_json_where_that_was_asked_for(operator: Operator, customer: str) -> None:
    """On standard error, so that standard output holds a result or nothing."""
    arguments = ("org", "create", customer, "--name", "x")
    result = operator.run(*arguments, "--json")
    assert (result.exit_code, result.stdout) == (1, "")
    assert orjson.loads(result.stderr) == {"error": operator.refusal(*arguments)}


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("org", "create", "--name", "x"), "Missing argument 'SLUG'"),
        (("org", "create", "x"), "Missing option '--name'"),
        (("connection", "create", "x", "y", "--client", "adfs"), "'adfs' is not one of 'entra', 'lenient', 'okta'"),
        (("token", "issue", "x", "--expires-in-days", "0"), "0 is not in the range"),
        (("token", "issue"), "Missing argument 'ORG'"),
        (("token", "issue", "x", "--no-connection"), "--no-connection needs --scope"),
        (("token", "issue", "x", "--operator"), "--operator takes no organization"),
        (("token", "list"), "name an organization, or --operator"),
        (("client", "create", "x", "y", "--connection", "z", "--no-connection"), "either --connection or"),
        (("serve", "--port", "99999"), "99999 is not in the range"),
        (("org", "drop"), "No such command 'drop'"),
    ],
)
def test_wrong_usage_is_exit_code_2(arguments: tuple[str, ...], complaint: str) -> None:
    """A program that asked for JSON reads that too."""
    told = CliRunner().invoke(main, arguments)
    assert (told.exit_code, told.stdout) == (2, "")
    assert complaint in told.stderr
    as_json = CliRunner().invoke(main, [*arguments, "--json"])
    assert (as_json.exit_code, as_json.stdout) == (2, "")
    assert complaint in orjson.loads(as_json.stderr)["error"]


def test_help_is_no_mistake() -> None:
    """`--help` wins over `--json`."""
    assert CliRunner().invoke(main, ["org", "create", "--json", "--help"]).exit_code == 0


@pytest.mark.parametrize(
    "command", [("org", "list"), ("token", "issue", "x"), ("serve",), ("serve", "--port", "18309")]
)
def test_a_missing_or_short_secret_key_is_refused(operator: Operator, command: tuple[str, ...]) -> None:
    """Before the database is asked anything."""
    assert operator.refusal(*command, SCIM_SERVER_SECRET_KEY="short").startswith("SCIM_SERVER_SECRET_KEY must have")


def test_migrating_needs_no_secret_key(operator: Operator, empty_database: Database) -> None:
    """The job that migrates knows the owner's database URL and nothing else."""
    owner = Operator({"SCIM_SERVER_DATABASE_URL": empty_database.owner_url, "SCIM_SERVER_SECRET_KEY": ""})
    for _ in range(2):
        assert owner.answer("db", "upgrade") == {"upgraded": True, "completed": [], "left": {}}


@pytest.mark.parametrize("command", [("org", "list"), ("serve",)])
def test_a_database_that_is_not_migrated_is_refused(empty_database: Database, command: tuple[str, ...]) -> None:
    """The message names the command that helps."""
    message = Operator(environment(empty_database)).refusal(*command)
    assert message == "the database is not at the newest version; run `scim-server db upgrade`"


def test_a_database_of_a_newer_release_is_refused(empty_database: Database) -> None:
    """After a rollback of the release, the migration of the newer one is still there."""
    upgrade(empty_database.owner_url)
    owner = Operator(environment(empty_database, database_url=empty_database.owner_url))
    _execute(empty_database, "UPDATE alembic_version SET version_num = '9999'")
    assert owner.refusal("db", "upgrade").startswith("the database is not one this release knows, a newer one may")


@pytest.mark.parametrize("command", [("org", "list"), ("db", "upgrade"), ("serve",)])
@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("sqlite:////nowhere/scim.db", "does not work: unable to open database file"),
        (f"postgresql://u:secret@127.0.0.1:1/d?{NEVER_WAITS}", "does not work: connection failed: "),
        ("mysql://u:secret@h/d", "must be sqlite:///FILE"),
        ("postgresql://u:secret@127.0.0.1:1/d?nonsense=1", "does not work: "),
    ],
)
def test_a_database_that_cannot_be_reached_is_told(command: tuple[str, ...], url: str, complaint: str) -> None:
    """With the reason of the driver, and without the password."""
    operator = Operator({"SCIM_SERVER_DATABASE_URL": url, "SCIM_SERVER_SECRET_KEY": SECRET_KEY})
    message = operator.refusal(*command)
    assert complaint in message
    assert "SCIM_SERVER_DATABASE_URL" in message
    assert "secret" not in message


@only_postgresql
def test_the_application_may_not_migrate(empty_database: Database) -> None:
    """Its role owns no table; the message says that it is the role."""
    message = Operator(environment(empty_database)).refusal("db", "upgrade")
    assert message.startswith("the role in SCIM_SERVER_DATABASE_URL may not do this: permission denied")


@only_sqlite
def test_a_file_that_is_no_database_is_told(tmp_path: Path, database: Database) -> None:
    """A wrong path is a mistake like any other."""
    (tmp_path / "notes.txt").write_text("not a database, but long enough to look for its header")
    operator = Operator(environment(database, database_url=f"sqlite:///{tmp_path / 'notes.txt'}"))
    assert operator.refusal("org", "list").endswith("file is not a database")


def _execute(database: Database, statement: str) -> None:
    """Run a statement as the owner of a database."""
    engine = create_engine(driver_url(database.owner_url))
    with engine.begin() as db:
        db.exec_driver_sql(statement)
    engine.dispose()


def _answers(url: str, token: str) -> bool:
    transport = httpx.HTTPTransport(retries=START_TIMEOUT_S)
    with httpx.Client(transport=transport, trust_env=False, timeout=START_TIMEOUT_S) as client:
        return client.get(f"{url}/Users", headers={"Authorization": f"Bearer {token}"}).status_code == 200


def _signs_in(url: str, name: str, password: str) -> bool:
    with httpx.Client(trust_env=False, timeout=START_TIMEOUT_S) as client:
        page = client.get(f"{url}/sign-in").text
        found = re.search(r'name="csrf_token" value="([^"]+)"', page)
        assert found
        form = {"csrf_token": found[1], "name": name, "password": password}
        answer = client.post(f"{url}/sign-in", data=form)
        return bool(url.endswith(answer.headers.get("Location", "nowhere")))


def test_the_demo_serves_and_keeps_its_tokens_while_they_work(tmp_path: Path) -> None:
    """It prints a base URL and tokens that work, is stopped by Ctrl-C, and prints the same the next time."""
    port = free_port()
    tokens = set()
    for _ in range(2):
        with demo(tmp_path, "--port", str(port)) as (process, told):
            url, token = (line.split()[-1] for line in told[:2])
            assert url == f"http://127.0.0.1:{port}/scim/v2"
            assert told[2].split()[0] == "Try"
            assert _answers(url, token)
            password = told[8].split()[-1]
            for each in told[3:8]:
                _, console, _, name = each.split()
                assert _signs_in(console, name, password)
            tokens.add(token)
            os.killpg(process.pid, signal.SIGINT)  # Ctrl-C reaches all processes of a terminal.
            assert process.wait(STOP_TIMEOUT_S) == 0
            assert process.stdout is not None
            rest = process.stdout.read()
            assert " GET /scim/v2/<endpoint> 200 " in rest
            assert "Traceback" not in rest
            requests = re.findall(r" (?:GET|POST) (\S+) \d", rest)
            assert set(requests) == {"/scim/v2/<endpoint>", "/console/<organization>/sign-in"}
            assert len(requests) == len(rest.splitlines()), "a demo is quiet"
    assert len(tokens) == 1
    # As when the database was deleted.
    for name in ("token", "operator-token"):
        (tmp_path / ".demo" / name).write_text("scimsrv_lost")
    with demo(tmp_path, "--port", str(port), "--json", until="}") as (_, told):
        shown = orjson.loads("\n".join([*told, "}"]))
        assert _answers(shown["scim_base_url"], shown["token"])
    assert shown["operator_token"] not in {*tokens, "scimsrv_lost"}
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / ".demo").iterdir()}
    assert {modes[name] for name in ("token", "secret-key", "password", "operator-token")} == {0o600}
    assert stat.S_IMODE((tmp_path / ".demo").stat().st_mode) == 0o700


def test_a_port_in_use_is_told_at_once(operator: Operator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the demo and by a server alike, before anything is made."""
    monkeypatch.chdir(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
        for arguments in (("serve", "--port", port), ("serve", "--demo", "--port", port)):
            assert operator.refusal(*arguments).startswith(f"port {port} is in use; choose another")
        assert operator.refusal("serve", SCIM_SERVER_BIND=f"127.0.0.1:{port}").startswith(f"port {port} is in use")
    assert list(tmp_path.iterdir()) == []
    assert operator.refusal("serve", SCIM_SERVER_BIND="192.0.2.1:18300").startswith("cannot listen on 192.0.2.1:18300")


def test_a_demo_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """The message names the file and the reason."""
    (tmp_path / ".demo").write_text("in the way")
    with demo(tmp_path, "--port", str(free_port())) as (process, told):
        assert told == ["scim-server: .demo: File exists"]
        assert process.wait(STOP_TIMEOUT_S) == 1


def test_an_organization_has_a_time_zone_and_a_language(operator: Operator, slug: str) -> None:
    """Both can be given at once or changed later; what is not named stays."""
    assert operator.answer("org", "change", slug, "--time-zone", "Europe/Paris")["time_zone"] == "Europe/Paris"
    changed = operator.answer("org", "change", slug, "--language", "fr", "--name", " Le client ")
    assert (changed["time_zone"], changed["language"], changed["name"]) == ("Europe/Paris", "fr", "Le client")
    refusal = operator.refusal("org", "change", slug, "--time-zone", "Mars/Olympus")
    assert refusal == "'Mars/Olympus' is no time zone of the IANA, such as Europe/Paris or UTC"


def test_an_organization_is_suspended_and_resumed(operator: Operator, slug: str) -> None:
    """The list shows it."""
    for command, status in (("suspend", "suspended"), ("resume", "active")):
        assert operator.answer("org", command, slug)["status"] == status
        assert next(each["status"] for each in operator.answer("org", "list") if each["slug"] == slug) == status


def test_an_organization_is_deleted_by_whoever_names_it_twice(operator: Operator, slug: str) -> None:
    """Without the confirmation nothing happens; with it, nothing is left."""
    operator.answer("token", "issue", slug)
    assert operator.refusal("org", "delete", slug, "--confirm", "another").startswith("--confirm must name")
    assert slug in [each["slug"] for each in operator.answer("org", "list")]
    assert operator.answer("org", "delete", slug, "--confirm", slug) == {"deleted": slug}
    assert slug not in [each["slug"] for each in operator.answer("org", "list")]
    assert operator.refusal("token", "list", slug).startswith(f"there is no organization '{slug}'")


@pytest.fixture
def people(app: Flask) -> Portal:
    """An organization under the profile `delegated`, for what commands do with its members."""
    return portal(app)


def test_upgrading_gives_organizations_the_roles_they_lack(operator: Operator, database: Database) -> None:
    """Those from before there were roles, or a role; once, and again nothing."""
    slug = unique("older")
    operator.answer("org", "create", slug, "--name", "Older")
    before = operator.answer("org", "seat", slug)
    engine = create_engine(driver_url(database.owner_url))
    with engine.begin() as db:
        org_id = db.execute(text("SELECT id FROM organizations WHERE slug = :slug"), {"slug": slug}).scalar_one()
        if db.dialect.name == "postgresql":
            db.execute(text("SELECT set_config('app.org', :org_id, true)"), {"org_id": org_id})
        gone = "org_id = :org_id AND template IN ('delegated-administrator', 'invoice-management')"
        db.execute(text(f"DELETE FROM roles WHERE {gone}"), {"org_id": org_id})
    engine.dispose()
    owner = Operator({"SCIM_SERVER_DATABASE_URL": database.owner_url, "SCIM_SERVER_SECRET_KEY": ""})
    assert slug in owner.answer("db", "upgrade")["completed"]
    assert owner.answer("db", "upgrade")["completed"] == []
    assert operator.answer("org", "seat", slug) == before


def test_an_organization_is_moved_to_another_profile(operator: Operator, people: Portal) -> None:
    """A dry run says what would hold no longer; the administrators keep their seat."""
    slug = people.organization.slug
    admin = people.member("admin", "delegated-administrator")
    dry = operator.answer("org", "profile", slug, "contacts", "--dry-run")
    assert not dry["changed"]
    assert any("becomes administrator" in each["what"] for each in dry["differences"])
    assert "Nothing was changed" in operator.run("org", "profile", slug, "contacts", "--dry-run").stdout
    assert people.api.read("")["portal"] == "delegated"
    assert operator.answer("org", "profile", slug, "contacts")["changed"]
    assert people.api.read("")["portal"] == "contacts"
    assert [each["id"] for each in operator.answer("org", "seat", slug)["administrators"]] == [admin]
    assert "accepted: " in operator.refusal("org", "profile", slug, "nothing")
    made = unique("cli")
    assert operator.answer("org", "create", made, "--name", "x", "--profile", "archive")["portal"] == "archive"


def test_a_deputy_is_named_and_shown(operator: Operator, people: Portal) -> None:
    """By userName or id, and taken back by --none."""
    slug, ada = people.organization.slug, people.member("ada")
    name = people.api.read(f"members/{ada}")["attributes"]["userName"]
    people.member("admin", "delegated-administrator")
    for named in (name.upper(), ada):
        assert operator.answer("org", "deputy", slug, named)["deputy_id"] == ada
    shown = operator.run("org", "seat", slug).stdout
    assert f"deputy: {name} {name}@example.com" in shown.replace("Ada", "ada") or "deputy: " in shown
    assert operator.answer("org", "deputy", slug, "--none")["deputy_id"] is None
    assert "no member 'nobody'" in operator.refusal("org", "deputy", slug, "nobody")
    assert operator.run("org", "deputy", slug).exit_code == 2


def test_a_lost_seat_is_given_with_evidence(fresh_database: Database, tmp_path: Path) -> None:
    """The organization is listed as in recovery until then."""
    with running_app(fresh_database) as app:
        _give_lost_seat(Operator(environment(fresh_database)), portal(app), tmp_path)


def _give_lost_seat(operator: Operator, people: Portal, tmp_path: Path) -> None:
    slug = people.organization.slug
    admin, ada = people.member("admin", "delegated-administrator"), people.member("ada")
    new_client(people.app, organization=people.organization).delete(f"/Users/{admin}")
    assert slug in [each["slug"] for each in operator.answer("org", "list", "--recovery")]
    letter = tmp_path / "letter.pdf"
    letter.write_bytes(b"signed")
    command = ("org", "hand-over", slug, "--to", ada, "--evidence", str(letter), "--reason", "Her successor")
    approved = operator.answer(*command)
    assert (approved["kind"], approved["status"]) == ("recovery", "approved")
    assert approved["evidence_type"] == "application/pdf"
    assert slug not in [each["slug"] for each in operator.answer("org", "list", "--recovery")]
    assert "has the role" in operator.refusal(*command)
    assert operator.run(*command[:5], "--reason", "x").exit_code == 2


def test_the_review_is_csv(operator: Operator, people: Portal) -> None:
    """One row for each role and customer group of each member, that no spreadsheet runs."""
    slug = people.organization.slug
    ada = people.member("=cmd()", "invoice-management")
    team = people.group("Accounts")
    people.add(team, ada)
    people.add(people.roles()["order-management"], team)
    rows = list(csv.DictReader(StringIO(operator.run("member", "review", slug).stdout)))
    assert {(each["id"], each["key"], each["through"]) for each in rows} == {
        (ada, "invoice-management", ""),
        (ada, "order-management", "Accounts"),
    }
    assert all(each["userName"].startswith("'=cmd()") and each["since"] for each in rows)
    assert {each["through"] for each in operator.answer("member", "review", slug)} == {"", "Accounts"}
