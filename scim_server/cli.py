"""The command line, ``scim-server``: serve, migrate, and set up organizations, connections and tokens.

Exit codes: 0 done; 1 refused or failed, the reason on standard error; 2 wrong usage.
"""

import errno
import getpass
import os
import secrets
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime, timedelta
from functools import wraps
from pathlib import Path
from typing import Any, NoReturn

import click
import orjson
from rich.console import Console
from rich.table import Table
from scim2_models import SCIMException, UnauthorizedException

from scim_server import open_settings_store
from scim_server.actions.organizations import (
    DEFAULT_CONNECTION,
    SCOPES,
    UnknownError,
    change_connection,
    create_connection,
    create_organization,
    get_connection,
    issue_token,
    operator_credentials,
    revoke,
)
from scim_server.config import SettingError, Settings, read_database_url, read_settings
from scim_server.protocol.catalog import CatalogError
from scim_server.protocol.profiles import PROFILES
from scim_server.protocol.provisioning import ON_DELETE, ON_EXISTING, ON_INACTIVE, Provisioning
from scim_server.store.connections import list_connections
from scim_server.store.failures import failure_reason
from scim_server.store.health import read_health
from scim_server.store.migrate import upgrade
from scim_server.store.organizations import find_organization, list_organizations
from scim_server.store.revision import is_current
from scim_server.store.session import Actor, Credentials, Store, Tenant, begin, begin_platform
from scim_server.store.tokens import DigestKey, authenticate, find_token, list_tokens

_PACKAGED_GUNICORN = Path(__file__).with_name("_gunicorn.conf.py")
_SOURCE_GUNICORN = Path(__file__).parent.parent / "gunicorn.conf.py"
_DEMO = Path(".demo")
_DEMO_SLUG = "demo"
_DEFAULT_BIND = "127.0.0.1:8000"
_UNFOLDED = 1_000


def _actor() -> str:
    """Return who runs the command, as the trail records it."""
    try:
        return f"cli:{getpass.getuser()}"
    except (KeyError, OSError):
        return "cli"


class _Commands(click.Group):
    """Says in JSON, where ``--json`` asks for it, that a command is used wrongly."""

    def main(self, args: Sequence[str] | None = None, *positional: Any, **options: Any) -> Any:
        arguments = sys.argv[1:] if args is None else list(args)
        if "--json" not in arguments:
            return super().main(args, *positional, **options)
        try:
            sys.exit(super().main(args, *positional, **{**options, "standalone_mode": False}))
        except click.ClickException as exc:
            click.echo(orjson.dumps({"error": exc.format_message()}).decode(), err=True)
            sys.exit(exc.exit_code)
        except click.Abort:
            sys.exit(1)


def _fail(message: str, *, as_json: bool) -> NoReturn:
    click.echo(orjson.dumps({"error": message}).decode() if as_json else f"scim-server: {message}", err=True)
    sys.exit(1)


def _command(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command ``--json``, and its refusals one line and exit code 1."""

    @click.option("--json", "as_json", is_flag=True, help="Answer in JSON, errors included.")
    @wraps(function)
    def run(as_json: bool, **arguments: Any) -> None:
        try:
            function(as_json=as_json, **arguments)
        except (SettingError, CatalogError, UnknownError, ValueError) as exc:
            _fail(str(exc), as_json=as_json)
        except OSError as exc:
            _fail(f"{exc.filename}: {exc.strerror}" if exc.filename else str(exc), as_json=as_json)
        except Exception as exc:
            reason = failure_reason(exc) or (exc.detail if isinstance(exc, SCIMException) else None)
            if reason is None:
                raise
            _fail(reason, as_json=as_json)

    return run


def _show(value: Any, text: str | Table, *, as_json: bool) -> None:
    if as_json:
        click.echo(orjson.dumps(value, default=str, option=orjson.OPT_INDENT_2).decode())
    elif isinstance(text, Table):
        # Another program gets whole lines: there is no terminal to fold them for.
        Console(width=None if sys.stdout.isatty() else _UNFOLDED).print(text)
    else:
        click.echo(text)


def _table(rows: list[dict[str, Any]], *columns: str) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(_cell(row[column]) for column in columns))
    return table


def _cell(value: Any) -> str:
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%SZ")
    return "" if value is None else str(value)


@contextmanager
def _opened(settings: Settings) -> Iterator[Store]:
    """Open the database, which must be at the newest version, and close it after."""
    store = open_settings_store(settings)
    try:
        if not is_current(store):
            raise SettingError("the database is not at the newest version; run `scim-server db upgrade`")
        yield store
    finally:
        store.close()


@contextmanager
def _organization(slug: str, *, write: bool) -> Iterator[tuple[Tenant, Settings]]:
    settings = read_settings()
    with _opened(settings) as store:
        credentials = operator_credentials(store, slug, actor_id=_actor())
        with begin(store, credentials, write=write) as tenant:
            yield tenant, settings


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="scim-server")
def main() -> None:
    """A SCIM 2.0 identity provisioning server; settings are environment variables SCIM_SERVER_*."""


@main.command()
@click.option("--demo", is_flag=True, help="Serve a demo organization kept in .demo/, made if need be.")
@click.option("--port", type=click.IntRange(1, 65535), help="Listen on this port of 127.0.0.1.")
@_command
def serve(demo: bool, port: int | None, as_json: bool) -> None:
    """Serve by gunicorn, as gunicorn.conf.py and the SCIM_SERVER_* variables say."""
    environ = dict(os.environ)
    if port:
        environ["SCIM_SERVER_BIND"] = f"127.0.0.1:{port}"
    elif demo:
        environ["SCIM_SERVER_BIND"] = _DEFAULT_BIND
    _check_port(environ.get("SCIM_SERVER_BIND") or _DEFAULT_BIND)
    if demo:
        _prepare_demo(environ, as_json=as_json)
    else:
        with _opened(read_settings(environ)):
            pass  # Refused here, a database that does not work is told in one line.
    configuration = _PACKAGED_GUNICORN if _PACKAGED_GUNICORN.exists() else _SOURCE_GUNICORN
    command = [sys.executable, "-m", "gunicorn", "--config", str(configuration), "scim_server:create_app()"]
    sys.stdout.flush()
    os.execve(sys.executable, command, environ)  # noqa: S606  # our own interpreter, no shell


def _check_port(bind: str) -> None:
    """Refuse a port that is in use, for which gunicorn would try and wait; what is no HOST:PORT is left to it."""
    host, _, port = bind.rpartition(":")
    if not port.isdigit() or host in ("unix", "fd"):
        return
    with socket.socket(socket.AF_INET6 if host.startswith("[") else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host.strip("[]"), int(port)))
        except (OSError, OverflowError) as exc:
            if getattr(exc, "errno", None) == errno.EADDRINUSE:
                raise SettingError(
                    f"port {port} is in use; choose another: scim-server serve --port 8001, make run PORT=8001"
                ) from None
            raise SettingError(f"cannot listen on {bind}: {exc}") from None


def _prepare_demo(environ: dict[str, str], *, as_json: bool) -> None:
    """Make the demo's database, organization and token where they are missing, and print them."""
    _DEMO.mkdir(mode=0o700, exist_ok=True)
    environ["SCIM_SERVER_DATABASE_URL"] = f"sqlite:///{(_DEMO / 'scim-server.db').absolute()}"
    environ["SCIM_SERVER_SECRET_KEY"] = _kept(_DEMO / "secret-key", lambda: secrets.token_urlsafe(48))
    environ.setdefault("SCIM_SERVER_LOG_FORMAT", "text")
    environ.setdefault("SCIM_SERVER_WORKERS", "2")
    settings = read_settings(environ)
    upgrade(settings.database_url)
    key = DigestKey.derive(settings.secret_key)
    with _opened(settings) as store:
        with begin_platform(store, write=True) as platform:
            if find_organization(platform, _DEMO_SLUG) is None:
                create_organization(platform, store, _DEMO_SLUG, "Demo organization", actor_id=_actor())
        token = _kept(_DEMO / "token", lambda: _demo_token(store, key))
        try:
            authenticate(store, key, token, "")
        except UnauthorizedException:
            (_DEMO / "token").unlink()
            token = _kept(_DEMO / "token", lambda: _demo_token(store, key))
    base_url = f"http://{environ['SCIM_SERVER_BIND']}/scim/v2"
    _show(
        {"scim_base_url": base_url, "token": token},
        f"SCIM base URL  {base_url}\n"
        f"Bearer token   {token}\n"
        f'Try            curl -H "Authorization: Bearer {token}" {base_url}/Users\n',
        as_json=as_json,
    )


def _demo_token(store: Store, key: DigestKey) -> str:
    credentials = operator_credentials(store, _DEMO_SLUG, actor_id=_actor())
    with begin(store, credentials, write=True) as tenant:
        return issue_token(tenant, key, DEFAULT_CONNECTION, "scim", None)[1]


def _kept(path: Path, make: Callable[[], str]) -> str:
    """Return the secret a file keeps, made and written the first time for its owner's eyes only."""
    if not path.exists():
        value = make()
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(value)
    return path.read_text().strip()


@main.group()
def db() -> None:
    """The database."""


@db.command("upgrade")
@_command
def db_upgrade(as_json: bool) -> None:
    """Bring the database to the newest version, as its owner."""
    upgrade(read_database_url())
    _show({"upgraded": True}, "The database is at the newest version.", as_json=as_json)


@main.group()
def org() -> None:
    """Organizations, the customers of the portal."""


@org.command("create")
@click.argument("slug")
@click.option("--name", required=True, help="What people read.")
@_command
def org_create(slug: str, name: str, as_json: bool) -> None:
    """Create an organization with the connection `default`."""
    with _opened(read_settings()) as store, begin_platform(store, write=True) as platform:
        organization = create_organization(platform, store, slug, name, actor_id=_actor())
    _show(asdict(organization), f"Created the organization {slug} with the connection default.", as_json=as_json)


@org.command("list")
@_command
def org_list(as_json: bool) -> None:
    """List the organizations."""
    with _opened(read_settings()) as store, begin_platform(store, write=False) as platform:
        rows = [asdict(each) for each in list_organizations(platform)]
    _show(rows, _table(rows, "slug", "name", "status", "created_at"), as_json=as_json)


@main.group()
def connection() -> None:
    """Connections: the identity providers and HR systems of an organization."""


def _rules(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the rules of a connection for what is provisioned again."""
    options = (
        click.option("--on-inactive", type=click.Choice(ON_INACTIVE), help="A POST of an inactive user's userName."),
        click.option("--on-existing", type=click.Choice(ON_EXISTING), help="A POST of a userName from elsewhere."),
        click.option("--on-delete", type=click.Choice(ON_DELETE), help="A DELETE: for good, or with a tombstone."),
    )
    for option in reversed(options):
        function = option(function)
    return function


@connection.command("create")
@click.argument("org")
@click.argument("name")
@click.option(
    "--client",
    type=click.Choice(sorted(PROFILES)),
    default="lenient",
    show_default=True,
    help="The client profile: how far requests may depart from the RFCs.",
)
@_rules
@_command
def connection_create(org: str, name: str, client: str, as_json: bool, **rules: Any) -> None:
    """Create a connection of the organization ORG."""
    provisioning = Provisioning(**{key: value for key, value in rules.items() if value})
    with _organization(org, write=True) as (tenant, _):
        created = create_connection(tenant, name, client, provisioning)
    _show(asdict(created), f"Created the connection {created.name} ({client}).", as_json=as_json)


@connection.command("change")
@click.argument("org")
@click.argument("name")
@click.option("--client", type=click.Choice(sorted(PROFILES)), help="The client profile.")
@click.option("--enable/--disable", "enabled", default=None, help="Whether its tokens are taken.")
@_rules
@_command
def connection_change(org: str, name: str, client: str | None, as_json: bool, **changes: Any) -> None:
    """Change a connection of the organization ORG; it holds on every worker within a second."""
    given = {key: value for key, value in {"profile": client, **changes}.items() if value is not None}
    with _organization(org, write=True) as (tenant, _):
        changed = change_connection(tenant, name, given)
    _show(asdict(changed), f"Changed the connection {changed.name}.", as_json=as_json)


@connection.command("list")
@click.argument("org")
@_command
def connection_list(org: str, as_json: bool) -> None:
    """List the connections of the organization ORG."""
    with _organization(org, write=False) as (tenant, _):
        rows = [asdict(each) for each in list_connections(tenant)]
    _show(rows, _table(rows, "name", "profile", "enabled", "created_at"), as_json=as_json)


@connection.command("show")
@click.argument("org")
@click.argument("name")
@_command
def connection_show(org: str, name: str, as_json: bool) -> None:
    """Show a connection of the organization ORG: its rules, its last request and error, and the last 24 hours."""
    with _organization(org, write=False) as (tenant, _):
        found = get_connection(tenant, name)
        health = read_health(tenant, found.id)
    hours = [asdict(each) for each in health.hours]
    facts = {**asdict(found), **{key: value for key, value in asdict(health).items() if key != "hours"}}
    if as_json:
        _show({**facts, "hours": hours}, "", as_json=True)
    else:
        _show(None, _table([{"what": key, "is": value} for key, value in facts.items()], "what", "is"), as_json=False)
        _show(None, _table(hours[:24], "hour", "requests", "errors"), as_json=False)


@main.group()
def token() -> None:
    """Bearer tokens of connections."""


@token.command("issue")
@click.argument("org")
@click.option("--connection", "name", default=DEFAULT_CONNECTION, show_default=True, help="The connection it is for.")
@click.option("--scope", default="scim", show_default=True, help=f"One or several of: {', '.join(SCOPES)}.")
@click.option("--user", help="The userName of the person it stands for; such a token reaches /Me alone.")
@click.option("--expires-in-days", type=click.IntRange(1, 3650), help="How long it lives; without, until revoked.")
@_command
def token_issue(org: str, name: str, scope: str, user: str | None, expires_in_days: int | None, as_json: bool) -> None:
    """Issue a token for the organization ORG and print it, this once."""
    lifetime = timedelta(days=expires_in_days) if expires_in_days else None
    with _organization(org, write=True) as (tenant, settings):
        key = DigestKey.derive(settings.secret_key)
        record, value = issue_token(tenant, key, name, scope, lifetime, user)
    _show({"token": value, **asdict(record)}, value, as_json=as_json)


@token.command("list")
@click.argument("org")
@_command
def token_list(org: str, as_json: bool) -> None:
    """List the tokens of the organization ORG; the tokens themselves are kept nowhere."""
    with _organization(org, write=False) as (tenant, _):
        names = {each.id: each.name for each in list_connections(tenant)}
        rows = [{**asdict(each), "connection": names.get(each.connection_id)} for each in list_tokens(tenant)]
    columns = ("id", "connection", "scope", "created_at", "expires_at", "last_used_at", "revoked_at")
    _show(rows, _table(rows, *columns), as_json=as_json)


@token.command("revoke")
@click.argument("token_or_id")
@_command
def token_revoke(token_or_id: str, as_json: bool) -> None:
    """Revoke a token, named by itself or by its id; it holds on every worker within a second."""
    settings = read_settings()
    with _opened(settings) as store:
        with begin_platform(store, write=False) as platform:
            found = find_token(platform, DigestKey.derive(settings.secret_key), token_or_id)
        if found is None:
            raise UnknownError("there is no such token; `scim-server token list ORG` shows the ids there are")
        org_id, record = found
        with begin(store, Credentials(org_id, Actor("operator", _actor())), write=True) as tenant:
            revoked = revoke(tenant, record.id)
    text = "Revoked." if revoked else "It was revoked already."
    _show({"id": record.id, "revoked": revoked}, text, as_json=as_json)
