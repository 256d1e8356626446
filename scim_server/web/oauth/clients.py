"""How a client proves itself: by a secret, by an assertion of its own, or by one of an issuer it trusts."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from authlib.oauth2 import OAuth2Request
from authlib.oauth2.rfc6749 import ClientMixin
from authlib.oauth2.rfc6749.authenticate_client import authenticate_client_secret_basic
from authlib.oauth2.rfc6749.errors import InvalidClientError, InvalidScopeError
from authlib.oauth2.rfc7523 import JWTBearerClientAssertion
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from scim_server.actions.grants import accept_assertion
from scim_server.protocol.assertions import (
    LEEWAY_S,
    MAX_ASSERTION_LENGTH,
    MAX_LIFETIME_S,
    AssertionRegistry,
    read_jwks,
)
from scim_server.protocol.scopes import narrow, write_scope
from scim_server.store.clients import KnownClient, OAuthClient, look_up_client, look_up_federated, proves
from scim_server.store.session import Actor, Credentials, transact
from scim_server.web.oauth.keys import KeysUnavailableError
from scim_server.web.requests import current_request
from scim_server.web.site import current_site

METHODS = ("federated", "private_key_jwt", "client_secret_basic", "client_secret_post")
"""The ways to authenticate, in the order they are tried."""

_MAX_ID_LENGTH = 64
_MALFORMED = (ValueError, TypeError, AttributeError, RecursionError)
"""What joserfc raises, beside its own errors, for what is no JWT at all."""


@dataclass(frozen=True, slots=True)
class KnownByAuthlib(ClientMixin):
    """A client as Authlib asks about it."""

    known: KnownClient

    @property
    def record(self) -> OAuthClient:
        """What is kept of it."""
        return self.known.client

    def credentials(self) -> Credentials:
        """Return the credentials under which it acts at the token endpoint."""
        actor = Actor("client", self.record.id, self.known.connection, frozenset(self.record.scope.split()))
        return Credentials(self.record.org_id, actor, current_request().id)

    def get_client_id(self) -> str:
        return self.record.id

    def get_default_redirect_uri(self) -> str | None:
        """Return the one it has, None where it has to say which (RFC 6749 §3.1.2.3)."""
        return self.record.redirect_uris[0] if len(self.record.redirect_uris) == 1 else None

    def get_allowed_scope(self, scope: str | None) -> str:
        """Return the scope it gets, all that it was granted where it asks for none.

        :raises InvalidScopeError: When it asks for more.
        """
        try:
            return write_scope(narrow(scope, frozenset(self.record.scope.split())))
        except ValueError:
            raise InvalidScopeError(f"this client was granted: {self.record.scope}") from None

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return redirect_uri in self.record.redirect_uris

    def check_client_secret(self, client_secret: str) -> bool:
        site = current_site()
        return proves(site.store, site.digest_key, self.record, client_secret)

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        if self.record.auth_method == "client_secret":
            return method in ("client_secret_basic", "client_secret_post")
        return method == self.record.auth_method

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code" and self.check_grant_type("authorization_code")

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type in self.record.grant_types.split()


def query_client(client_id: str) -> KnownByAuthlib | None:
    """Return the client of an id."""
    if not client_id.isascii() or not client_id.isprintable() or len(client_id) > _MAX_ID_LENGTH:
        return None
    known = look_up_client(current_site().store, client_id)
    return None if known is None else KnownByAuthlib(known)


def client_secret_basic(query: Any, request: OAuth2Request) -> Any:
    """Authenticate by HTTP Basic (RFC 6749 §2.3.1); what is no UTF-8 is no client."""
    try:
        return authenticate_client_secret_basic(query, request)
    except UnicodeDecodeError:
        raise InvalidClientError("the Basic credentials are no UTF-8", status_code=401) from None


class PrivateKeyJwt(JWTBearerClientAssertion):
    """A client that signs its own assertions (RFC 7523, the IPSIE profile): each is taken once."""

    CLIENT_AUTH_METHOD = "private_key_jwt"

    def __init__(self) -> None:
        super().__init__(leeway=LEEWAY_S)

    def get_audiences(self) -> list[str]:
        site = current_site()
        return [site.origin(), f"{site.origin()}/oauth/token"]

    def extract_assertion(self, assertion: str) -> tuple[dict[str, Any], dict[str, Any]]:
        if len(assertion) > MAX_ASSERTION_LENGTH:
            raise InvalidClientError(f"the assertion is longer than {MAX_ASSERTION_LENGTH} characters")
        try:
            headers, claims = super().extract_assertion(assertion)
        except _MALFORMED:
            raise InvalidClientError("the assertion is no JWT") from None
        return headers, claims

    def resolve_client_public_key(self, client: KnownByAuthlib) -> Any:
        return partial(_keys, client.record)

    def process_assertion_claims(self, assertion: str, resolve_key: Any) -> dict[str, Any]:
        claims = _verified(assertion, resolve_key)
        self.verify_claims(claims)
        return claims

    def verify_claims(self, claims: dict[str, Any]) -> None:
        ends = claims.get("exp")
        limit = current_site().store.clock() + timedelta(seconds=MAX_LIFETIME_S + LEEWAY_S)
        if isinstance(ends, int | float) and ends > limit.timestamp():
            raise InvalidClientError(f"the assertion must expire within {MAX_LIFETIME_S} s")
        super().verify_claims(claims)

    def validate_jti(self, claims: dict[str, Any], jti: object) -> bool:
        client = query_client(claims["sub"])
        if not isinstance(jti, str) or not jti or client is None:
            raise InvalidClientError("the jti of an assertion must be a string")
        digest = hashlib.sha256(jti.encode(errors="surrogatepass")).hexdigest()
        ends_at = datetime.fromtimestamp(claims["exp"] + 2 * LEEWAY_S, UTC)
        record = client.record
        return transact(
            current_site().store,
            client.credentials(),
            lambda tenant: accept_assertion(tenant, record, digest, ends_at),
        )


def _keys(client: OAuthClient, signed: Any) -> KeySet:
    """Return the keys of a client for what it signed.

    :raises InvalidClientError: When they cannot be had.
    """
    if client.jwks_uri is None:
        return read_jwks(client.jwks)
    try:
        return current_site().published_keys.get(client.jwks_uri, signed.headers().get("kid"))
    except KeysUnavailableError as exc:
        raise InvalidClientError(str(exc)) from exc


def _verified(assertion: str, resolve_key: Any) -> dict[str, Any]:
    """Return the claims of an assertion whose signature holds.

    :raises InvalidClientError: When it does not.
    """
    try:
        return jwt.decode(assertion, resolve_key, registry=AssertionRegistry()).claims
    except (JoseError, *_MALFORMED):
        # NB: a sentence of our own: joserfc repeats what the client sent, of which not all may stand in an answer.
        raise InvalidClientError(
            "the assertion has no signature of a registered key by ES256, PS256, RS256 or EdDSA"
        ) from None


class FederatedAssertion(PrivateKeyJwt):
    """A client whose assertions another issuer signs, as Entra's workload identity does.

    The client is found by issuer, subject and audience. It names no ``client_id``, issuer and subject differ, there
    is no ``jti``, and the same assertion comes again until it expires.
    """

    CLIENT_AUTH_METHOD = "federated"

    def __call__(self, query: Any, request: OAuth2Request) -> Any:
        """Return the client that an assertion proves, None where none is registered for it."""
        assertion = request.form.get("client_assertion")
        if not assertion or request.form.get("client_assertion_type") != self.CLIENT_ASSERTION_TYPE:
            return None
        client = self._named(self.extract_assertion(assertion)[1])
        if client is None:
            return None
        # The client was found by these very claims: what is left to check is the signature, and the time.
        claims = _verified(assertion, self.resolve_client_public_key(client))
        try:
            jwt.JWTClaimsRegistry(leeway=self.leeway, exp={"essential": True}).validate(claims)
        except JoseError:
            raise InvalidClientError("the assertion has expired, is not valid yet, or has no exp") from None
        return client

    @staticmethod
    def _named(claims: dict[str, Any]) -> KnownByAuthlib | None:
        issuer, subject, audience = (claims.get(name) for name in ("iss", "sub", "aud"))
        if issuer == subject:
            return None
        for each in audience[:10] if isinstance(audience, list) else [audience]:
            named = [value for value in (issuer, subject, each) if isinstance(value, str) and value.isprintable()]
            if len(named) < 3:
                return None
            known = look_up_federated(current_site().store, *named)
            if known is not None:
                return KnownByAuthlib(known)
        return None
