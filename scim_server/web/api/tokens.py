"""The tokens of an organization: issued, rotated in steps, revoked."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from scim_server.actions.organizations import get_connection
from scim_server.actions.tokens import (
    ListedToken,
    cancel_rotation,
    check_scope,
    complete_rotation,
    get_issued,
    issue_token,
    list_issued,
    listed,
    revoke,
    start_rotation,
)
from scim_server.store.session import Tenant
from scim_server.store.tokens import TokenRecord
from scim_server.web.api import credential_schemas as schemas
from scim_server.web.api.access import check_id
from scim_server.web.api.operations import Call, Reply, named_in, operation
from scim_server.web.api.paging import page
from scim_server.web.api.schemas import PageQuery
from scim_server.web.problems import BadFieldsException
from scim_server.web.site import current_site

_TOKENS = "/organizations/<organization>/tokens"
_TOKEN = f"{_TOKENS}/<token>"
_ANSWER, _ISSUED = schemas.Token(), schemas.IssuedToken()


@operation("GET", _TOKENS, scope="org:admin", query=PageQuery(), answer=schemas.Tokens())
def list_all_tokens(call: Call) -> Reply:
    """List the static tokens, oldest first, with their last use and the warning that is due."""

    def read(after: str | None, limit: int) -> list[dict[str, Any]]:
        found = call.read(lambda tenant: list_issued(tenant, after=after or "", limit=limit))
        return [_content(each) for each in found]

    return page(call, read, lambda each: each["id"])


@operation("POST", _TOKENS, scope="org:admin", body=schemas.NewToken(), answer=_ISSUED, status=201)
def issue_a_token(call: Call) -> Reply:
    """Issue a token of a connection, of the portal's back end, or of a person. This answer alone has it."""
    connection, user_name = call.body.get("connection"), call.body.get("user_name")
    if user_name is None:
        check_scope_sent(call.body["scope"], connection)
    elif connection is None:
        raise BadFieldsException([{"pointer": "/connection", "detail": "the token of a person is for a connection"}])

    def action(tenant: Tenant) -> Reply:
        key, lifetime = current_site().digest_key, _days(call.body, "expires_in_days")
        with named_in("/connection"):
            name = connection and get_connection(tenant, connection).id
        with named_in("/user_name"):
            return _issued(call, tenant, *issue_token(tenant, key, name, call.body["scope"], lifetime, user_name))

    return call.write(action)


@operation("GET", _TOKEN, scope="org:admin", answer=_ANSWER)
def get_a_token(call: Call, token: str) -> Reply:
    """Read what is known of a token."""
    check_id("token", token)
    return Reply(_content(call.read(lambda tenant: get_issued(tenant, token))))


@operation("POST", f"{_TOKEN}/revoke", scope="org:admin", answer=_ANSWER)
def revoke_a_token(call: Call, token: str) -> Reply:
    """Revoke a token, on every worker within a second; one that was revoked stays so."""
    check_id("token", token)

    def action(tenant: Tenant) -> Reply:
        revoke(tenant, get_issued(tenant, token).token.id)
        return Reply(_content(get_issued(tenant, token)))

    return call.write(action)


@operation("POST", f"{_TOKEN}/rotation", scope="org:admin", body=schemas.NewRotation(), answer=_ISSUED, status=201)
def start_a_rotation(call: Call, token: str) -> Reply:
    """Issue the token that takes the place of this one; both are taken. This answer alone has it."""
    check_id("token", token)

    def action(tenant: Tenant) -> Reply:
        ends = _days(call.body, "expires_in_days"), _days(call.body, "old_ends_in_days")
        return _issued(call, tenant, *start_rotation(tenant, current_site().digest_key, token, *ends))

    return call.write(action)


@operation("POST", f"{_TOKEN}/rotation/complete", scope="org:admin", answer=_ANSWER)
def complete_a_rotation(call: Call, token: str) -> Reply:
    """Revoke the old token of a rotation, which either of the two names; the new one is answered."""
    check_id("token", token)
    return call.write(lambda tenant: Reply(_content(listed(complete_rotation(tenant, token), tenant.now))))


@operation("POST", f"{_TOKEN}/rotation/cancel", scope="org:admin", answer=_ANSWER)
def cancel_a_rotation(call: Call, token: str) -> Reply:
    """Revoke the new token of a rotation, which either of the two names; the old one is answered."""
    check_id("token", token)

    def action(tenant: Tenant) -> Reply:
        old = cancel_rotation(tenant, token).replaces_id
        assert old is not None
        return Reply(_content(get_issued(tenant, old)))

    return call.write(action)


def check_scope_sent(scope: str, connection: str | None) -> None:
    """Refuse a scope that a token or client cannot have, and name its field."""
    try:
        check_scope(scope, connection)
    except ValueError as exc:
        raise BadFieldsException([{"pointer": "/scope", "detail": str(exc)}]) from exc


def _days(body: Mapping[str, Any], name: str) -> timedelta | None:
    days = body.get(name)
    return None if days is None else timedelta(days=days)


def _content(each: ListedToken) -> dict[str, Any]:
    return {**asdict(each.token), "expires_in_days": each.expires_in_days, "warning_days": each.warning}


def _issued(call: Call, tenant: Tenant, record: TokenRecord, token: str) -> Reply:
    assert call.organization is not None
    place = f"/organizations/{call.organization.slug}/tokens/{record.id}"
    return Reply({**_content(listed(record, tenant.now)), "token": token}, location=place)
