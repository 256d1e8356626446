"""The authorization server: Authlib's grants and endpoints on our clients, codes and tokens."""

import secrets
from collections import defaultdict
from datetime import timedelta
from typing import Any

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.integrations.flask_oauth2.requests import FlaskOAuth2Request
from authlib.oauth2 import OAuth2Request
from authlib.oauth2.rfc6749 import OAuth2Payload, TokenMixin, grants
from authlib.oauth2.rfc6749.errors import (
    InvalidClientError,
    InvalidGrantError,
    InvalidRequestError,
    InvalidScopeError,
)
from authlib.oauth2.rfc6750 import BearerTokenGenerator
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oauth2.rfc7662 import IntrospectionEndpoint
from authlib.oauth2.rfc9207 import IssuerParameter
from flask import request as flask_request
from werkzeug.datastructures import MultiDict

from scim_server.actions.grants import Tokens, consent, end_grant, exchange_code, give_tokens, refresh
from scim_server.actions.tokens import revoke
from scim_server.protocol.scopes import narrow
from scim_server.protocol.tokens import is_well_formed
from scim_server.store.grants import AuthorizationCode, find_code
from scim_server.store.session import Credentials, Tenant, transact
from scim_server.store.tokens import KnownToken, get_token, look_up, new_token
from scim_server.web.oauth.clients import (
    METHODS,
    FederatedAssertion,
    KnownByAuthlib,
    PrivateKeyJwt,
    client_secret_basic,
    query_client,
)
from scim_server.web.requests import current_request
from scim_server.web.site import current_site

AUTHORIZE = "/oauth/authorize"


class _Payload(OAuth2Payload):
    """The parameters of a request, from the one place where they may stand (RFC 6749 §3.1, §3.2)."""

    def __init__(self, parameters: MultiDict[str, str]) -> None:
        self._parameters = parameters

    @property
    def data(self) -> MultiDict[str, str]:
        return self._parameters

    @property
    def datalist(self) -> defaultdict[str, list[str]]:
        return defaultdict(list, self._parameters.to_dict(flat=False))


class _Request(FlaskOAuth2Request):
    """The request as Authlib reads it: with the URL that clients see, which behind a proxy is another one."""

    def __init__(self, parameters: MultiDict[str, str]) -> None:
        OAuth2Request.__init__(
            self, flask_request.method, f"{current_site().origin()}{flask_request.path}", headers=flask_request.headers
        )
        self._request = flask_request
        self.payload = _Payload(parameters)


class _Server(AuthorizationServer):
    """Authlib's authorization server, which reads what belongs to an app from its site."""

    def __init__(self) -> None:
        super().__init__(query_client=query_client)
        self.register_token_generator(
            "default",
            BearerTokenGenerator(
                lambda **_: new_token(),
                lambda **_: new_token(),
                lambda *_: int(current_site().access_token_lifetime.total_seconds()),
            ),
        )
        for method, authenticate in (
            ("client_secret_basic", client_secret_basic),
            ("private_key_jwt", PrivateKeyJwt()),
            ("federated", FederatedAssertion()),
        ):
            self.register_client_auth_method(method, authenticate)

    def create_oauth2_request(self, request: Any) -> OAuth2Request:
        """Return the request as Authlib reads it: /oauth/authorize from its query, all else from its form."""
        return _Request(flask_request.args if flask_request.path == AUTHORIZE else flask_request.form)

    def authenticate_client(self, request: OAuth2Request, methods: Any, endpoint: str = "token") -> KnownByAuthlib:
        """Return the client that proves itself, if nothing of it is suspended."""
        limits, sent = current_site().limits, current_request()
        try:
            client: KnownByAuthlib = super().authenticate_client(request, METHODS, endpoint)
        except InvalidClientError as refusal:
            limits.refuse_guessing(sent)
            limits.count_failure(sent)
            if not str(refusal.description).startswith("The client"):
                raise
            # NB: one sentence: Authlib's own ones tell which clients exist.
            said = "the client is unknown, or does not prove itself in the way it is registered for"
            raise InvalidClientError(said, status_code=401) from None
        limits.count_request(client.record.id)
        named = request.form.get("client_id")
        if named is not None and named != client.record.id:
            raise InvalidClientError("client_id names another client than the one that authenticates", status_code=401)
        if client.known.closed is not None:
            raise InvalidClientError(client.known.closed, status_code=401)
        return client

    def validate_requested_scope(self, scope: str | None) -> None:
        """Leave the scope to the client, which knows what it was granted."""

    def save_token(self, token: dict[str, Any], request: OAuth2Request) -> None:
        """Keep the tokens of the client credentials grant; the other two do so with what they use up."""
        client: KnownByAuthlib = request.client
        kept = _tokens(token)
        transact(
            current_site().store,
            client.credentials(),
            lambda tenant: give_tokens(tenant, current_site().digest_key, client.record, kept, None),
        )


def _tokens(token: dict[str, Any]) -> Tokens:
    lifetime = timedelta(seconds=token["expires_in"])
    return Tokens(token["access_token"], token.get("refresh_token"), token["scope"], lifetime)


class ClientCredentialsGrant(grants.ClientCredentialsGrant):
    """RFC 6749 §4.4: a client gets an access token for itself."""


class _Code:
    """An authorization code as Authlib asks about it."""

    def __init__(self, code: AuthorizationCode) -> None:
        self.record = code
        self.code_challenge = code.code_challenge
        self.code_challenge_method = "S256"

    def get_redirect_uri(self) -> str | None:
        return self.record.redirect_uri

    def get_scope(self) -> str:
        return self.record.scope


class AuthorizationCodeGrant(grants.AuthorizationCodeGrant):
    """RFC 6749 §4.1: an administrator consents, and the client gets tokens for the code that says so."""

    @staticmethod
    def validate_authorization_redirect_uri(request: OAuth2Request, client: KnownByAuthlib) -> str:
        """Return where the answer goes: one of the registered URIs, letter by letter (RFC 9700 §4.1.3)."""
        if client.known.closed is not None:
            raise InvalidRequestError(client.known.closed)
        asked = request.payload.redirect_uri or client.get_default_redirect_uri()
        if asked is None or not client.check_redirect_uri(asked):
            raise InvalidRequestError("redirect_uri is none of those that are registered for this client")
        return str(asked)

    def save_authorization_code(self, code: str, request: OAuth2Request) -> None:
        client: KnownByAuthlib = request.client
        administrator: Credentials = request.user

        def action(tenant: Tenant) -> None:
            consent(
                tenant,
                current_site().digest_key,
                client.record,
                code,
                redirect_uri=request.payload.redirect_uri,
                scope=request.scope,
                code_challenge=request.payload.data.get("code_challenge"),
            )

        transact(current_site().store, administrator, action)

    def generate_authorization_code(self) -> str:
        return secrets.token_urlsafe(32)

    def query_authorization_code(self, code: str, client: KnownByAuthlib) -> _Code | None:
        site = current_site()

        def action(tenant: Tenant) -> AuthorizationCode | None:
            found = find_code(tenant, site.digest_key.digests(code))
            if found is None or found.client_id != client.record.id:
                return None
            if found.used_at is not None:
                end_grant(tenant, found.grant_id, "code used again")
                return None
            return found if found.expires_at > tenant.now else None

        found = transact(site.store, client.credentials(), action)
        return None if found is None else _Code(found)

    def authenticate_user(self, authorization_code: _Code) -> str:
        """Return who consented."""
        return authorization_code.record.granted_by

    def save_token(self, token: dict[str, Any]) -> None:
        client: KnownByAuthlib = self.request.client
        code: _Code = self.request.authorization_code
        kept = _tokens(token)
        key = current_site().digest_key
        if not transact(
            current_site().store,
            client.credentials(),
            lambda tenant: exchange_code(tenant, key, client.record, code.record, kept),
        ):
            raise InvalidGrantError("the code was used before")

    def delete_authorization_code(self, authorization_code: _Code) -> None:
        """Keep the code: it was marked as used with the tokens that it gave."""


class S256CodeChallenge(CodeChallenge):
    """RFC 7636, S256 alone; left out only where the client's profile says that it sends none."""

    DEFAULT_CODE_CHALLENGE_METHOD = "S256"
    SUPPORTED_CODE_CHALLENGE_METHOD = ("S256",)

    def validate_code_challenge(self, grant: AuthorizationCodeGrant, redirect_uri: str) -> None:
        client: KnownByAuthlib = grant.request.client
        data = grant.request.payload.data
        connection = client.known.connection
        may_lack = connection is not None and connection.profile.authorizes_without_pkce
        if not data.get("code_challenge") and not may_lack:
            raise InvalidRequestError("Missing 'code_challenge'")
        if data.get("code_challenge") and data.get("code_challenge_method") != "S256":
            raise InvalidRequestError("code_challenge_method must be S256")
        super().validate_code_challenge(grant, redirect_uri)


class _Token(TokenMixin):
    """A token as Authlib asks about it."""

    def __init__(self, known: KnownToken) -> None:
        self.found = known.found
        self.closed = known.why_not(current_site().store.clock())

    def check_client(self, client: KnownByAuthlib) -> bool:
        return self.found.client_id == client.record.id

    def get_scope(self) -> str:
        return self.found.scope

    def is_expired(self) -> bool:
        return self.closed is not None

    def is_revoked(self) -> bool:
        return self.closed is not None


def _find_token(text: str, client: KnownByAuthlib) -> _Token | None:
    """Return a token of the client's own organization; of another one, nothing is told."""
    site = current_site()
    known = look_up(site.store, site.digest_key, text) if is_well_formed(text) else None
    return None if known is None or known.found.org_id != client.record.org_id else _Token(known)


class RefreshTokenGrant(grants.RefreshTokenGrant):
    """RFC 6749 §6, rotated (RFC 9700 §4.14.2): one that comes back ends all that followed from it."""

    INCLUDE_NEW_REFRESH_TOKEN = True

    def authenticate_refresh_token(self, refresh_token: str) -> _Token:
        """Return a refresh token of the client.

        :raises InvalidGrantError: When it is none, or no longer.
        """
        client: KnownByAuthlib = self.request.client
        token = _find_token(refresh_token, client)
        if token is None or token.found.kind != "refresh" or not token.check_client(client):
            raise InvalidGrantError("this is no refresh token of this client")
        grant_id = token.found.grant_id
        if token.found.revoked_at is not None and grant_id is not None:
            transact(
                current_site().store,
                client.credentials(),
                lambda tenant: end_grant(tenant, grant_id, "refresh token used again"),
            )
        if token.closed is not None:
            raise InvalidGrantError("the refresh token has expired, was revoked, or was used before")
        return token

    def authenticate_user(self, refresh_token: _Token) -> str:
        """Return the consent that the token follows from."""
        return refresh_token.found.grant_id or refresh_token.found.id

    def _validate_token_scope(self, token: _Token) -> None:
        try:
            narrow(self.request.payload.scope, frozenset(token.found.scope.split()))
        except ValueError:
            raise InvalidScopeError(f"the consent was for: {token.found.scope}") from None

    def save_token(self, token: dict[str, Any]) -> None:
        client: KnownByAuthlib = self.request.client
        used: _Token = self.request.refresh_token
        kept = _tokens(token)
        key = current_site().digest_key

        def action(tenant: Tenant) -> bool:
            old = get_token(tenant, used.found.id)
            return old is not None and refresh(tenant, key, client.record, old, kept)

        if not transact(current_site().store, client.credentials(), action):
            raise InvalidGrantError("the refresh token was used before")

    def revoke_old_credential(self, refresh_token: _Token) -> None:
        """Nothing is left to do: it was revoked with the tokens that take its place."""


class Revocation(RevocationEndpoint):
    """RFC 7009: a client ends a token of its own; a refresh token ends all that followed from it."""

    CLIENT_AUTH_METHODS = METHODS

    def authenticate_token(self, request: OAuth2Request, client: KnownByAuthlib) -> _Token | None:
        self.check_params(request, client)
        token = _find_token(request.form["token"], client)
        if token is not None and not token.check_client(client):
            raise InvalidGrantError("the token was given to another client")
        return token

    def revoke_token(self, token: _Token, request: OAuth2Request) -> None:
        client: KnownByAuthlib = request.client
        grant_id = token.found.grant_id

        def action(tenant: Tenant) -> None:
            if token.found.kind == "refresh" and grant_id is not None:
                end_grant(tenant, grant_id, "revoked by the client")
            else:
                revoke(tenant, token.found.id)

        transact(current_site().store, client.credentials(), action)


class Introspection(IntrospectionEndpoint):
    """RFC 7662: what a token is worth, told to a client of the same organization."""

    CLIENT_AUTH_METHODS = METHODS

    def authenticate_token(self, request: OAuth2Request, client: KnownByAuthlib) -> _Token | None:
        self.check_params(request, client)
        return _find_token(request.form["token"], client)

    def introspect_token(self, token: _Token) -> dict[str, Any]:
        found = token.found
        answer = {
            "active": True,
            "scope": found.scope,
            "client_id": found.client_id,
            "token_type": "Bearer" if found.kind != "refresh" else None,
            "iat": int(found.created_at.timestamp()),
            "exp": int(found.expires_at.timestamp()) if found.expires_at else None,
            "iss": current_site().origin(),
        }
        return {name: value for name, value in answer.items() if value is not None}


class _Issuer(IssuerParameter):
    """RFC 9207: every answer of /oauth/authorize says who gave it."""

    def get_issuer(self) -> str:
        return current_site().origin()


add_issuer = _Issuer().add_issuer_parameter
"""Say who answers (RFC 9207 §2), where Authlib does not by itself."""

server = _Server()
server.register_grant(ClientCredentialsGrant)
server.register_grant(AuthorizationCodeGrant, [S256CodeChallenge()])
server.register_grant(RefreshTokenGrant)
server.register_endpoint(Revocation)
server.register_endpoint(Introspection)
server.register_extension(_Issuer())
