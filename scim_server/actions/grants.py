"""The OAuth grants (RFC 6749 §4): tokens for clients, codes that stand for a consent, and the end of both."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from scim_server.store.clients import OAuthClient
from scim_server.store.grants import AuthorizationCode, insert_code, take_assertion, use_code
from scim_server.store.session import Tenant, new_id
from scim_server.store.tokens import (
    DigestKey,
    TokenRecord,
    delete_expired,
    insert_token,
    revoke_grant,
    revoke_token,
)
from scim_server.store.trail import record

CODE_LIFETIME = timedelta(seconds=60)
REFRESH_LIFETIME = timedelta(days=90)
"""How long a refresh token lives without being used."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """What the token endpoint answers, before it is kept."""

    access: str
    refresh: str | None
    scope: str
    lifetime: timedelta


def give_tokens(
    tenant: Tenant, key: DigestKey, client: OAuthClient, tokens: Tokens, grant_id: str | None
) -> TokenRecord:
    """Keep the tokens of a client, and no longer those that expired a while ago; return the access token's record."""
    delete_expired(tenant, client.id)
    access = _record(tenant, client, "access", tokens, grant_id)
    insert_token(tenant, key, access, tokens.access)
    if tokens.refresh is not None:
        insert_token(tenant, key, _record(tenant, client, "refresh", tokens, grant_id), tokens.refresh)
    changes = {"client": {"to": client.id}, "scope": {"to": tokens.scope}}
    record(tenant, "token.issue", "Token", access.id, changes)
    return access


def _record(tenant: Tenant, client: OAuthClient, kind: str, tokens: Tokens, grant_id: str | None) -> TokenRecord:
    return TokenRecord(
        id=new_id(),
        kind=kind,
        connection_id=client.connection_id,
        user_id=None,
        client_id=client.id,
        grant_id=grant_id,
        scope=tokens.scope,
        created_at=tenant.now,
        expires_at=tenant.now + (tokens.lifetime if kind == "access" else REFRESH_LIFETIME),
    )


def consent(
    tenant: Tenant,
    key: DigestKey,
    client: OAuthClient,
    code: str,
    *,
    redirect_uri: str | None,
    scope: str,
    code_challenge: str | None,
) -> None:
    """Keep the code that stands for an administrator's consent; the actor is the administrator."""
    grant_id = new_id()
    kept = AuthorizationCode(
        digest=key.digest(code),
        grant_id=grant_id,
        client_id=client.id,
        granted_by=tenant.actor.id,
        redirect_uri=redirect_uri,
        scope=scope,
        code_challenge=code_challenge,
        expires_at=tenant.now + CODE_LIFETIME,
    )
    insert_code(tenant, kept)
    record(tenant, "client.consent", "Client", client.id, {"scope": {"to": scope}, "grant": {"to": grant_id}})


def exchange_code(tenant: Tenant, key: DigestKey, client: OAuthClient, code: AuthorizationCode, tokens: Tokens) -> bool:
    """Give the tokens of a code, once; a code that comes back revokes what it gave (RFC 6749 §4.1.2)."""
    if not use_code(tenant, code):
        end_grant(tenant, code.grant_id, "code used again")
        return False
    give_tokens(tenant, key, client, tokens, code.grant_id)
    return True


def refresh(tenant: Tenant, key: DigestKey, client: OAuthClient, old: TokenRecord, tokens: Tokens) -> bool:
    """Put new tokens in the place of a refresh token; one that comes back revokes them all (RFC 9700 §4.14.2)."""
    assert old.grant_id is not None
    if not revoke_token(tenant, old.id):
        end_grant(tenant, old.grant_id, "refresh token used again")
        return False
    give_tokens(tenant, key, client, tokens, old.grant_id)
    return True


def end_grant(tenant: Tenant, grant_id: str, why: str) -> int:
    """Revoke all that follows from one consent; return how many tokens it were."""
    revoked = revoke_grant(tenant, grant_id)
    if revoked:
        record(tenant, "grant.revoke", "Grant", grant_id, {"reason": {"to": why}, "tokens_revoked": {"to": revoked}})
    return revoked


def accept_assertion(tenant: Tenant, client: OAuthClient, jti_digest: str, expires_at: datetime) -> bool:
    """Take an assertion of a client, once; return whether it was not taken before (RFC 7523 §3, item 7)."""
    return take_assertion(tenant, client.id, jti_digest, expires_at)
