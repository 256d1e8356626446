"""The command line, ``scim-server``: serve, migrate, and set up organizations, connections and tokens.

Exit codes: 0 done; 1 refused or failed, the reason on standard error; 2 wrong usage.
"""

import errno
import os
import socket
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from scim_server import load_catalog, load_portals
from scim_server.actions.authority import is_in_recovery
from scim_server.actions.organizations import (
    change_connection,
    change_organization,
    create_connection,
    create_organization,
    get_connection,
    operator_credentials,
    resume_organization,
    suspend_organization,
)
from scim_server.actions.portals import complete_roles, portal_of
from scim_server.actions.removal import delete_organization
from scim_server.cli_credentials import client, key, token
from scim_server.cli_delivery import mail, worker
from scim_server.cli_demo import prepare_demo, start_worker
from scim_server.cli_imports import member
from scim_server.cli_seat import member_review, org_deputy, org_hand_over, org_profile, org_seat
from scim_server.config import SettingError, read_database_url, read_directories, read_settings
from scim_server.protocol.portals import LANGUAGES
from scim_server.protocol.profiles import PROFILES
from scim_server.protocol.provisioning import ON_DELETE, ON_EXISTING, ON_INACTIVE, Provisioning
from scim_server.store.connections import list_connections
from scim_server.store.health import read_health
from scim_server.store.migrate import upgrade
from scim_server.store.organizations import Organization, list_organizations
from scim_server.store.session import Actor, Credentials, Store, begin, begin_platform, open_store
from scim_server.terminal import Commands as _Commands
from scim_server.terminal import actor_name as _actor
from scim_server.terminal import command as _command
from scim_server.terminal import opened as _opened
from scim_server.terminal import organization as _organization
from scim_server.terminal import show as _show
from scim_server.terminal import table as _table

_PACKAGED_GUNICORN = Path(__file__).with_name("_gunicorn.conf.py")
_SOURCE_GUNICORN = Path(__file__).parent.parent / "gunicorn.conf.py"
_DEFAULT_BIND = "127.0.0.1:8000"


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
        prepare_demo(environ, as_json=as_json)
    else:
        with _opened(read_settings(environ)):
            pass  # Refused here, a database that does not work is told in one line.
    configuration = _PACKAGED_GUNICORN if _PACKAGED_GUNICORN.exists() else _SOURCE_GUNICORN
    command = [sys.executable, "-m", "gunicorn", "--config", str(configuration), "scim_server:create_app()"]
    sys.stdout.flush()
    if demo:
        start_worker(environ)
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


@main.group()
def db() -> None:
    """The database."""


@db.command("upgrade")
@_command
def db_upgrade(as_json: bool) -> None:
    """Bring the database to the newest version, as its owner; organizations get the roles they lack."""
    url, (schemas_dir, portals_dir) = read_database_url(), read_directories()
    upgrade(url)
    store = open_store(url, load_catalog(schemas_dir), load_portals(portals_dir))
    try:
        completed, left = complete_roles(store, actor_id=_actor())
    finally:
        store.close()
    lines = ["The database is at the newest version."]
    lines += [f"The organization {each} has got the roles that it lacked." for each in completed]
    lines += [f"The organization {slug} lacks roles: {reason}" for slug, reason in left.items()]
    _show({"upgraded": True, "completed": completed, "left": left}, "\n".join(lines), as_json=as_json)


@main.group()
def org() -> None:
    """Organizations, the customers of the portal."""


_TIME_ZONE = click.option("--time-zone", help="A time zone of the IANA, such as Europe/Paris.")
_CONTACT = click.option("--contact-email", help="A mailbox that members are shown in place of the administrators'.")
_LANGUAGE = click.option("--language", type=click.Choice(LANGUAGES), help="The language of texts to its people.")


@org.command("create")
@click.argument("slug")
@click.option("--name", required=True, help="What people read.")
@click.option("--profile", "portal", help="Its portal profile, such as contacts; `delegated` without.")
@_TIME_ZONE
@_LANGUAGE
@_command
def org_create(slug: str, name: str, as_json: bool, **options: str | None) -> None:
    """Create an organization with the connection `default`."""
    given = {key: value for key, value in options.items() if value is not None}
    with _opened(read_settings()) as store, begin_platform(store, write=True) as platform:
        organization = create_organization(platform, store, slug, name, actor_id=_actor(), **given)
    _show(asdict(organization), f"Created the organization {slug} with the connection default.", as_json=as_json)


@org.command("change")
@click.argument("org")
@click.option("--name", help="What people read.")
@_TIME_ZONE
@_LANGUAGE
@_CONTACT
@_command
def org_change(org: str, as_json: bool, **options: str | None) -> None:
    """Change the organization ORG."""
    given = {key: value for key, value in options.items() if value is not None}
    with _organization(org, write=True) as (tenant, _):
        changed = change_organization(tenant, given)
    _show(asdict(changed), f"Changed the organization {changed.slug}.", as_json=as_json)


@org.command("suspend")
@click.argument("org")
@_command
def org_suspend(org: str, as_json: bool) -> None:
    """Refuse every token of the organization ORG; it holds on every worker within a second."""
    with _organization(org, write=True) as (tenant, _):
        changed = suspend_organization(tenant)
    _show(asdict(changed), f"The organization {changed.slug} is suspended.", as_json=as_json)


@org.command("resume")
@click.argument("org")
@_command
def org_resume(org: str, as_json: bool) -> None:
    """Take the tokens of the suspended organization ORG again."""
    with _organization(org, write=True) as (tenant, _):
        changed = resume_organization(tenant)
    _show(asdict(changed), f"The organization {changed.slug} is active.", as_json=as_json)


@org.command("delete")
@click.argument("org")
@click.option("--confirm", required=True, help="ORG again: everything in it is removed, for good.")
@_command
def org_delete(org: str, confirm: str, as_json: bool) -> None:
    """Delete the organization ORG with everything in it; run it again to go on after a crash."""
    if confirm != org:
        raise ValueError(f"--confirm must name the organization that is deleted for good: --confirm {org}")
    with _opened(read_settings()) as store:
        delete_organization(store, operator_credentials(store, org, actor_id=_actor()))
    _show({"deleted": org}, f"Deleted the organization {org} with everything in it.", as_json=as_json)


@org.command("list")
@click.option("--recovery", is_flag=True, help="Those alone that have lost their administrator.")
@_command
def org_list(recovery: bool, as_json: bool) -> None:
    """List the organizations."""
    with _opened(read_settings()) as store:
        with begin_platform(store, write=False) as platform:
            found = list_organizations(platform)
        rows = [asdict(each) for each in found if not recovery or _is_lost(store, each)]
    shown = ("slug", "name", "status", "portal", "time_zone", "language", "created_at")
    _show(rows, _table(rows, *shown), as_json=as_json)


def _is_lost(store: Store, organization: Organization) -> bool:
    if organization.status == "deleting" or organization.portal not in store.portals:
        return False
    with begin(store, Credentials(organization.id, Actor("operator", _actor())), write=False) as tenant:
        return is_in_recovery(tenant, portal_of(tenant, organization), organization)


for _each in (org_profile, org_deputy, org_seat, org_hand_over):
    org.add_command(_each)


member.add_command(member_review)


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


main.add_command(token)
main.add_command(client)
main.add_command(key)
main.add_command(member)
main.add_command(worker)
main.add_command(mail)
