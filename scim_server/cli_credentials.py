"""The commands for credentials: ``token``, ``client`` and ``key``."""

from dataclasses import asdict
from datetime import timedelta
from typing import Any

import click
import orjson

from scim_server.actions.clients import (
    AUTH_METHODS,
    GRANT_TYPES,
    Registration,
    create_client,
    disable_client,
    rotate_secret,
)
from scim_server.actions.organizations import DEFAULT_CONNECTION, UnknownError
from scim_server.actions.tokens import (
    cancel_rotation,
    complete_rotation,
    issue_operator_token,
    issue_token,
    list_issued,
    revoke,
    start_rotation,
)
from scim_server.config import Settings, read_settings
from scim_server.protocol.scopes import ACCEPTED, OPERATOR
from scim_server.store.clients import OAuthClient, list_clients
from scim_server.store.connections import list_connections
from scim_server.store.session import Actor, Credentials, Tenant, begin, begin_platform
from scim_server.store.tokens import DigestKey, count_by_key, find_token, revoke_token
from scim_server.terminal import actor_name, command, opened, organization, show, table


def _key(settings: Settings) -> DigestKey:
    return DigestKey.derive(settings.secret_key, settings.previous_secret_key)


def _days(number: int | None) -> timedelta | None:
    return None if number is None else timedelta(days=number)


def _names(tenant: Tenant) -> dict[str | None, str]:
    return {each.id: each.name for each in list_connections(tenant)}


_lifetime = click.option(
    "--expires-in-days", type=click.IntRange(1, 3650), help="How long it lives; without, until revoked."
)


@click.group()
def token() -> None:
    """Bearer tokens of connections, of the portal's back end, and of operators."""


@token.command("issue")
@click.argument("org", required=False)
@click.option("--connection", "name", help=f"The connection it is for.  [default: {DEFAULT_CONNECTION}]")
@click.option("--no-connection", is_flag=True, help="For the portal's back end, which calls the API and no SCIM.")
@click.option("--operator", is_flag=True, help="For an operator, who acts in every organization by the API.")
@click.option("--scope", help=f"One or several of: {', '.join(ACCEPTED)}.  [default: scim]")
@click.option("--user", help="The userName of the person it stands for; such a token reaches /Me alone.")
@_lifetime
@command
def token_issue(
    org: str | None,
    name: str | None,
    no_connection: bool,
    operator: bool,
    scope: str | None,
    user: str | None,
    expires_in_days: int | None,
    as_json: bool,
) -> None:
    """Issue a token for the organization ORG, or for an operator, and print it, this once."""
    lifetime = _days(expires_in_days)
    if operator:
        if org or name or no_connection or user or scope not in (None, OPERATOR):
            raise click.UsageError("--operator takes no organization, connection, user or other scope")
        settings = read_settings()
        with opened(settings) as store, begin_platform(store, write=True) as platform:
            record, value = issue_operator_token(platform, _key(settings), lifetime)
    else:
        if org is None:
            raise click.UsageError("Missing argument 'ORG'.")
        if no_connection and (name or user or scope is None):
            raise click.UsageError("--no-connection needs --scope, and takes no --connection and no --user")
        connection_name = None if no_connection else name or DEFAULT_CONNECTION
        with organization(org, write=True) as (tenant, settings):
            given = "scim" if scope is None else scope
            record, value = issue_token(tenant, _key(settings), connection_name, given, lifetime, user)
    show({"token": value, **asdict(record)}, value, as_json=as_json)


@token.command("list")
@click.argument("org", required=False)
@click.option("--operator", is_flag=True, help="Those of operators.")
@command
def token_list(org: str | None, operator: bool, as_json: bool) -> None:
    """List the tokens of the organization ORG, or of operators; the tokens themselves are kept nowhere."""
    if (org is None) != operator:
        raise click.UsageError("name an organization, or --operator")
    names: dict[str | None, str] = {}
    if org is None:
        with opened(read_settings()) as store, begin_platform(store, write=False) as platform:
            listed = list_issued(platform)
    else:
        with organization(org, write=False) as (tenant, _):
            names, listed = _names(tenant), list_issued(tenant)
    rows = [
        {
            **asdict(each.token),
            "connection": names.get(each.token.connection_id),
            "expires_in_days": each.expires_in_days,
            "warning": each.warning and f"expires within {each.warning} days",
        }
        for each in listed
    ]
    columns = ("id", "connection", "scope", "created_at", "expires_at", "last_used_at", "revoked_at", "warning")
    show(rows, table(rows, *columns), as_json=as_json)


@token.command("revoke")
@click.argument("token_or_id")
@command
def token_revoke(token_or_id: str, as_json: bool) -> None:
    """Revoke a token, named by itself or by its id; it holds on every worker within a second."""
    settings = read_settings()
    with opened(settings) as store:
        with begin_platform(store, write=False) as platform:
            found = find_token(platform, _key(settings), token_or_id)
        if found is None:
            raise UnknownError("there is no such token; `scim-server token list ORG` shows the ids there are")
        org_id, record = found
        if org_id:
            with begin(store, Credentials(org_id, Actor("operator", actor_name())), write=True) as tenant:
                revoked = revoke(tenant, record.id)
        else:
            with begin_platform(store, write=True) as platform:
                revoked = revoke_token(platform, record.id)
    text = "Revoked." if revoked else "It was revoked already."
    show({"id": record.id, "revoked": revoked}, text, as_json=as_json)


@token.group("rotate")
def rotate() -> None:
    """Put a new token in the place of an old one, in steps."""


@rotate.command("start")
@click.argument("org")
@click.argument("token_id")
@click.option("--old-ends-in-days", type=click.IntRange(1, 365), help="Without, the old one stays until completed.")
@_lifetime
@command
def rotate_start(
    org: str, token_id: str, old_ends_in_days: int | None, expires_in_days: int | None, as_json: bool
) -> None:
    """Issue the token that takes the place of TOKEN_ID and print it, this once; both are taken from now on."""
    with organization(org, write=True) as (tenant, settings):
        lifetimes = (_days(expires_in_days), _days(old_ends_in_days))
        record, value = start_rotation(tenant, _key(settings), token_id, *lifetimes)
    show({"token": value, **asdict(record)}, value, as_json=as_json)


@rotate.command("complete")
@click.argument("org")
@click.argument("token_id")
@command
def rotate_complete(org: str, token_id: str, as_json: bool) -> None:
    """Revoke the old token of a rotation; TOKEN_ID is either of the two."""
    with organization(org, write=True) as (tenant, _):
        record = complete_rotation(tenant, token_id)
    show(asdict(record), f"Revoked {record.replaces_id}; {record.id} is in its place.", as_json=as_json)


@rotate.command("cancel")
@click.argument("org")
@click.argument("token_id")
@command
def rotate_cancel(org: str, token_id: str, as_json: bool) -> None:
    """Revoke the new token of a rotation; TOKEN_ID is either of the two."""
    with organization(org, write=True) as (tenant, _):
        record = cancel_rotation(tenant, token_id)
    show(asdict(record), f"Revoked {record.id}; {record.replaces_id} stays.", as_json=as_json)


@click.group()
def client() -> None:
    """OAuth clients: what asks for its tokens at /oauth/token."""


@client.command("create")
@click.argument("org")
@click.argument("name")
@click.option("--connection", "connection_name", help="The connection its tokens are for.  [default: default]")
@click.option("--no-connection", is_flag=True, help="For the portal's back end, which calls the API and no SCIM.")
@click.option(
    "--auth",
    "auth_method",
    type=click.Choice(AUTH_METHODS),
    default="client_secret",
    show_default=True,
    help="How it proves itself; federated is by another issuer, as Entra's workload identity.",
)
@click.option("--scope", default="scim", show_default=True, help=f"One or several of: {', '.join(ACCEPTED)}.")
@click.option(
    "--grant", "grant_types", multiple=True, type=click.Choice(GRANT_TYPES), help="[default: client_credentials]"
)
@click.option("--redirect-uri", "redirect_uris", multiple=True, help="Where /oauth/authorize leads back to.")
@click.option("--jwks", type=click.File("rb"), help="A file with its public keys, as a JWK Set.")
@click.option("--jwks-uri", help="Where its public keys are published.")
@click.option("--issuer", help="iss of a federated assertion.")
@click.option("--subject", help="sub of a federated assertion.")
@click.option("--audience", help="aud of a federated assertion.")
@command
def client_create(
    org: str, connection_name: str | None, no_connection: bool, jwks: Any, as_json: bool, **asked: Any
) -> None:
    """Register a client NAME of the organization ORG; print its id, and its secret this once."""
    if no_connection and connection_name:
        raise click.UsageError("either --connection or --no-connection")
    registration = Registration(
        **{**asked, "grant_types": asked["grant_types"] or ("client_credentials",)},
        connection_name=None if no_connection else connection_name or DEFAULT_CONNECTION,
        jwks=None if jwks is None else _json(jwks.read()),
    )
    with organization(org, write=True) as (tenant, settings):
        created, secret = create_client(tenant, _key(settings), registration)
    shown = {"client_id": created.id, **({} if secret is None else {"client_secret": secret})}
    text = "\n".join(f"{name}  {value}" for name, value in shown.items())
    show({**shown, **client_reply(created)}, text, as_json=as_json)


def _json(content: bytes) -> Any:
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError as exc:
        raise ValueError(f"the JWK Set is no JSON: {exc}") from exc


def client_reply(record: OAuthClient) -> dict[str, Any]:
    """Return a client as it is shown: without the digests of its secrets."""
    return {name: value for name, value in asdict(record).items() if not name.endswith(("_digest", "_key_id"))}


@client.command("list")
@click.argument("org")
@command
def client_list(org: str, as_json: bool) -> None:
    """List the OAuth clients of the organization ORG."""
    with organization(org, write=False) as (tenant, _):
        names = _names(tenant)
        rows = [{**client_reply(each), "connection": names.get(each.connection_id)} for each in list_clients(tenant)]
    columns = ("id", "name", "connection", "auth_method", "grant_types", "scope", "created_at", "disabled_at")
    show(rows, table(rows, *columns), as_json=as_json)


@client.command("rotate-secret")
@click.argument("org")
@click.argument("client_id")
@click.option(
    "--keep-days",
    type=click.IntRange(0, 365),
    default=7,
    show_default=True,
    help="How long the secret it had is taken beside the new one; 0 ends it at once.",
)
@command
def client_rotate_secret(org: str, client_id: str, keep_days: int, as_json: bool) -> None:
    """Give a client of the organization ORG a new secret and print it, this once."""
    with organization(org, write=True) as (tenant, settings):
        changed, secret = rotate_secret(tenant, _key(settings), client_id, timedelta(days=keep_days))
    show({"client_id": changed.id, "client_secret": secret, **client_reply(changed)}, secret, as_json=as_json)


@client.command("disable")
@click.argument("org")
@click.argument("client_id")
@command
def client_disable(org: str, client_id: str, as_json: bool) -> None:
    """Disable a client of the organization ORG and end its tokens, on every worker within a second."""
    with organization(org, write=True) as (tenant, _):
        disabled = disable_client(tenant, client_id)
    text = "Disabled." if disabled else "It was disabled already."
    show({"id": client_id, "disabled": disabled}, text, as_json=as_json)


@click.group()
def key() -> None:
    """The secret key of the server, and the one before it."""


@key.command("status")
@command
def key_status(as_json: bool) -> None:
    """Tell how many live tokens and client secrets depend on each key; what is used moves to the current one."""
    settings = read_settings()
    current = _key(settings)
    names = {current.id: "current"}
    if current.previous is not None:
        names[current.previous.id] = "previous"
    with opened(settings) as store, begin_platform(store, write=False) as platform:
        counts = count_by_key(platform)
    known = [{"key": name, "key_id": key_id, "uses": counts.get(key_id, 0)} for key_id, name in names.items()]
    lost = [{"key": "unknown", "key_id": each, "uses": counts[each]} for each in sorted(counts) if each not in names]
    rows = [*known, *lost]
    show(rows, table(rows, "key", "key_id", "uses"), as_json=as_json)
