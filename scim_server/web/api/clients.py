"""The OAuth clients of an organization: registered, their secrets rotated, disabled."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from scim_server.actions.clients import (
    Registration,
    check_registration,
    create_client,
    disable_client,
    get_client,
    rotate_secret,
)
from scim_server.actions.organizations import get_connection
from scim_server.store.clients import OAuthClient, list_clients
from scim_server.store.session import Tenant
from scim_server.web.api import credential_schemas as schemas
from scim_server.web.api.access import check_id
from scim_server.web.api.operations import Call, Reply, named_in, operation
from scim_server.web.api.paging import page
from scim_server.web.api.schemas import PageQuery
from scim_server.web.api.tokens import check_scope_sent
from scim_server.web.problems import BadFieldsException
from scim_server.web.site import current_site

_CLIENTS = "/organizations/<organization>/clients"
_CLIENT = f"{_CLIENTS}/<client>"
_ANSWER, _WITH_SECRET = schemas.Client(), schemas.ClientWithSecret()


@operation("GET", _CLIENTS, scope="org:admin", query=PageQuery(), answer=schemas.Clients())
def list_all_clients(call: Call) -> Reply:
    """List the OAuth clients, oldest first."""

    def read(after: str | None, limit: int) -> list[OAuthClient]:
        return call.read(lambda tenant: list_clients(tenant, after=after or "", limit=limit))

    return page(call, read, lambda each: each.id)


@operation("POST", _CLIENTS, scope="org:admin", body=schemas.NewClient(), answer=_WITH_SECRET, status=201)
def create_a_client(call: Call) -> Reply:
    """Register an OAuth client of a connection or of the portal's back end. This answer alone has its secret."""
    asked = _registration(call)

    def action(tenant: Tenant) -> Reply:
        assert call.organization is not None
        with named_in("/connection"):
            name = asked.connection_name and get_connection(tenant, asked.connection_name).id
        registration = replace(asked, connection_name=name)
        client, secret = create_client(tenant, current_site().digest_key, registration)
        return _with_secret(client, secret, location=f"/organizations/{call.organization.slug}/clients/{client.id}")

    return call.write(action)


def _registration(call: Call) -> Registration:
    """Return what is to be registered, when nothing of it is missing or too much."""
    sent: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in call.body.items()
    }
    asked = Registration(connection_name=sent.pop("connection", None), **sent)
    check_scope_sent(asked.scope, asked.connection_name)
    try:
        check_registration(asked)
    except ValueError as exc:
        raise BadFieldsException([{"pointer": "", "detail": str(exc)}]) from exc
    return asked


@operation("GET", _CLIENT, scope="org:admin", answer=_ANSWER)
def get_a_client(call: Call, client: str) -> Reply:
    """Read an OAuth client."""
    check_id("client", client)
    return Reply(call.read(lambda tenant: get_client(tenant, client)))


@operation("POST", f"{_CLIENT}/rotate-secret", scope="org:admin", body=schemas.NewSecret(), answer=_WITH_SECRET)
def rotate_the_secret(call: Call, client: str) -> Reply:
    """Give a client a new secret; the one it has is taken for a while longer. This answer alone has it."""
    check_id("client", client)
    keep = timedelta(days=call.body["keep_days"])
    return call.write(lambda tenant: _with_secret(*rotate_secret(tenant, current_site().digest_key, client, keep)))


@operation("POST", f"{_CLIENT}/disable", scope="org:admin", answer=_ANSWER)
def disable_a_client(call: Call, client: str) -> Reply:
    """Disable a client and end its tokens, on every worker within a second; one that was disabled stays so."""
    check_id("client", client)

    def action(tenant: Tenant) -> Reply:
        disable_client(tenant, client)
        return Reply(get_client(tenant, client))

    return call.write(action)


def _with_secret(client: OAuthClient, secret: str | None, *, location: str | None = None) -> Reply:
    shown = {name: getattr(client, name) for name in OAuthClient.__dataclass_fields__}
    return Reply({**shown, "client_secret": secret}, location=location)
