"""What the README tells is true: its commands run as written, and its tables list what there is."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import orjson
import psycopg
import pytest
from click.testing import CliRunner
from flask import Flask

from scim_server.cli import main
from scim_server.config import read_settings
from scim_server.protocol.member_csv import COLUMNS
from scim_server.protocol.profiles import PROFILES
from scim_server.store.migrate import upgrade
from tests.databases import Database, only_postgresql
from tests.demo import demo, free_port
from tests.directory import SECRET_KEY, new_client, running_app
from tests.serving import ROOT

CURL = "curl --silent --fail --retry 60 --retry-delay 1 --retry-connrefused"
"""Quiet, and patient with a server that is about to listen."""

README = (ROOT / "README.md").read_text()


def blocks(heading: str, language: str) -> list[str]:
    """Return the code blocks below a heading."""
    section = README.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    found = re.findall(rf"```{language}\n(.*?)```", section, re.DOTALL)
    assert found, f"the README has no {language} under {heading!r}"
    return found


def table(*headings: str) -> list[list[str]]:
    """Return the rows of the table with these first headings, back-ticks removed."""
    lines = iter(README.splitlines())
    start = "| " + " | ".join(headings)
    assert any(line.replace("`", "").startswith(start) for line in lines), start
    next(lines)
    rows = []
    for line in lines:
        if not line.startswith("|"):
            break
        rows.append([cell.strip().replace("`", "") for cell in line.strip("|").split("|")])
    return rows


def answers(script: str, directory: Path, port: int) -> Iterator[dict[str, Any]]:
    """Run a block as written, but for the port, and return the JSON that each curl prints."""
    if shutil.which("curl") is None:
        pytest.skip("the README uses curl, which is not installed")
    script = script.replace("127.0.0.1:8000", f"127.0.0.1:{port}").replace("curl ", f"{CURL} ")
    run = subprocess.run(
        ["bash", "-euc", script],
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return map(orjson.loads, run.stdout.replace("}{", "}\n{").splitlines())


def test_the_five_minutes_and_the_extension_run_as_written(tmp_path: Path) -> None:
    """A user is created and found; then one with an attribute of the reader's own."""
    port = free_port()
    (run,) = (block for block in blocks("Five minutes", "sh") if "curl" not in block)
    assert run == "make run\n"
    with demo(tmp_path, "--port", str(port)):
        created, found = answers(blocks("Five minutes", "sh")[1], tmp_path, port)
    assert found["totalResults"] == 1
    assert found["Resources"] == [created]

    schema, run, use = blocks("Add an extension schema", "sh")
    subprocess.run(["bash", "-euc", schema], cwd=tmp_path, check=True, timeout=60)
    setting, _, command = run.partition(" ")
    assert command == "make run\n"
    name, _, value = setting.partition("=")
    with demo(tmp_path, "--port", str(port), **{name: value}):
        created, found, announced = answers(use, tmp_path, port)
    assert found["Resources"] == [created]
    assert announced["name"] == "Badge"


def test_the_walk_through_the_api_runs_as_written(tmp_path: Path) -> None:
    """An organization, a connection, its credentials and a user are made; the list and the trail show the user."""
    port = free_port()
    with demo(tmp_path, "--port", str(port)):
        environment = {
            "SCIM_SERVER_DATABASE_URL": f"sqlite:///{tmp_path}/.demo/scim-server.db",
            "SCIM_SERVER_SECRET_KEY": (tmp_path / ".demo" / "secret-key").read_text(),
        }
        issue, *walk = blocks("The API", "sh")
        command = issue.removeprefix("OPERATOR=$(scim-server ").removesuffix(")\n")
        operator = CliRunner().invoke(main, command.split(), env=environment).stdout
        script = f"OPERATOR={operator}" + "".join(walk)
        organization, connection, token, client, user, users, trail = answers(script, tmp_path, port)
    assert (organization["slug"], organization["language"], connection["on_existing"]) == ("acme", "fr", "adopt")
    assert token["connection_id"] == client["connection_id"] == connection["id"]
    assert token["token"]
    assert client["client_secret"]
    assert users["items"] == [user]
    assert [(each["action"], each["resource_id"]) for each in trail["items"]] == [("user.create", user["id"])]


def test_make_run_serves_the_demo_on_the_port_told() -> None:
    """What the tests run is what `make run` does, once it has installed."""
    for arguments, port in (((), "8000"), (("PORT=8001",), "8001")):
        told = subprocess.run(
            ["make", "--dry-run", "run", *arguments],
            cwd=ROOT,
            # Run by `make test`, this make would be a part of that one.
            env={name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))},
            capture_output=True,
            text=True,
            check=True,
        )
        assert told.stdout.splitlines()[-1] == f"exec .venv/bin/scim-server serve --demo --port {port}"


def test_the_commands_for_a_customer_are_there() -> None:
    """The commands under 'Connect an identity provider' have the options that they name."""
    for line in blocks("Connect an identity provider", "sh")[0].splitlines():
        words = line.split()
        told = CliRunner().invoke(main, [*words[1:3], "--help"])
        assert told.exit_code == 0, line
        assert all(word in told.output for word in words if word.startswith("--")), line


def test_the_commands_for_files_are_there() -> None:
    """The commands under 'Import and export' have the options that they name, and the table has every column."""
    for line in blocks("Import and export", "sh")[0].splitlines():
        words = line.split()
        told = CliRunner().invoke(main, [*words[1:3], "--help"])
        assert told.exit_code == 0, line
        assert all(word in told.output for word in words if word.startswith("--")), line
    listed = [name for row in table("Column", "What it is") for name in row[0].split(", ")]
    assert sorted(listed) == sorted(COLUMNS)


@only_postgresql
def test_the_grants_are_enough_and_no_more(database: Database) -> None:
    """With the roles as written, the owner migrates, and the application serves but cannot migrate."""
    host = database.owner_url.partition("?host=")[2]
    script = blocks("Deploy", "sql")[0].replace("scim", "readme")
    first, second = script.split("\\connect readme\n")
    for name, statements in (("postgres", first), ("readme", second)):
        with psycopg.connect(host=host, user="postgres", dbname=name, autocommit=True) as superuser:
            for statement in statements.split(";\n")[:-1]:
                superuser.execute(statement.encode())
    url = "postgresql+psycopg://{role}:" + quote("change me") + "@/readme?host=" + host
    upgrade(url.format(role="readme_owner"))
    ready = Database("postgresql", url.format(role="readme_owner"), url.format(role="readme_app"))
    with running_app(ready) as app:
        assert app.test_client().get("/readyz").status_code == 200
        client = new_client(app)
        user = client.new_user()
        group = client.new_group(members=[user])
        assert client.delete(f"/Users/{user}").status_code == 204
        assert client.members(group) == set()
    with psycopg.connect(host=host, user="readme_app", dbname="readme") as application:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            application.execute("ALTER TABLE tokens ADD COLUMN stolen text")
        application.rollback()
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            application.execute("CREATE TABLE stolen (token text)")


def test_the_table_of_settings_is_complete() -> None:
    """It names every variable that the sources read, and no other."""
    sources = [*(ROOT / "scim_server").rglob("*.py"), ROOT / "gunicorn.conf.py"]
    read = {name for path in sources for name in re.findall(r"SCIM_SERVER_[A-Z_]*[A-Z]", path.read_text())}
    assert sorted(row[0] for row in table("Variable", "Default")) == sorted(read)


def test_the_table_of_settings_has_the_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each default in it is that of the settings, or of gunicorn's configuration."""
    settings = read_settings({"SCIM_SERVER_SECRET_KEY": SECRET_KEY})
    configuration: dict[str, object] = {}
    monkeypatch.setenv("SCIM_SERVER_SECRET_KEY", SECRET_KEY)
    for name in ("BIND", "FORWARDED_ALLOW_IPS"):
        monkeypatch.delenv(f"SCIM_SERVER_{name}", raising=False)
    exec((ROOT / "gunicorn.conf.py").read_text(), configuration)
    told = {row[0].removeprefix("SCIM_SERVER_").lower(): row[1] for row in table("Variable", "Default")}
    for name in (
        "database_url",
        "max_body_bytes",
        "busy_timeout_ms",
        "statement_timeout_ms",
        "threads",
        "log_format",
        "rate_limit_per_s",
    ):
        assert told[name] == str(getattr(settings, name)), name
    for name in ("bind", "forwarded_allow_ips"):
        assert told[name] == configuration[name], name
    assert (told["pool_size"], settings.pool_size) == ("SCIM_SERVER_THREADS", settings.threads)
    assert (settings.base_url, settings.schemas_dir, settings.portals_dir) == (None, None, None)


def test_the_tables_of_profiles_and_tolerances_are_complete() -> None:
    """They name every profile, and every tolerance that is counted."""
    assert sorted(row[0] for row in table("--client")) == sorted(PROFILES)
    sources = (path.read_text() for path in (ROOT / "scim_server").rglob("*.py"))
    counted = {name for source in sources for name in re.findall(r'leniences\.count\("(\w+)"\)', source)}
    assert [row[0] for row in table("Name", "What a client sent")] == sorted(counted)


def test_every_link_leads_somewhere() -> None:
    """A file that is named is there."""
    for path in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")):
        for target in re.findall(r"\]\((?!https?://)([^)#]+)", path.read_text()):
            assert (path.parent / target).exists(), f"{path.name} links to {target}"


def test_the_proxy_passes_every_route_on(app: Flask) -> None:
    """But those that are for who watches over the server."""
    (nginx,) = blocks("Deploy", "nginx")
    (location,) = re.findall(r"location ~ (\S+) \{", nginx)
    kept = {rule.rule for rule in app.url_map.iter_rules() if not re.match(location, rule.rule)}
    assert kept == {"/healthz", "/readyz"}
