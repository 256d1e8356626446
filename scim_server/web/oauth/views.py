"""The routes of OAuth: tokens, their end, what they are worth, consent, metadata, and the report of a leak."""

from typing import Any

import orjson
from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749.errors import InvalidRequestError
from flask import Blueprint, Response, request

from scim_server.actions.clients import GRANT_TYPES
from scim_server.actions.tokens import revoke_leaked
from scim_server.protocol.assertions import ALGORITHMS
from scim_server.protocol.errors import TooManyRequestsException, UnavailableException
from scim_server.protocol.scopes import OPERATOR, SCOPES
from scim_server.protocol.tokens import PATTERN, is_well_formed
from scim_server.store.session import Actor, Credentials, begin, begin_platform
from scim_server.store.tokens import find_token, revoke_token
from scim_server.web.oauth.consent import decide, show_consent
from scim_server.web.oauth.server import AUTHORIZE, server
from scim_server.web.requests import current_request
from scim_server.web.site import current_site

_MAX_BODY_BYTES = 64 * 1024
_FORM = "application/x-www-form-urlencoded"
_METHODS = ("client_secret_basic", "client_secret_post", "private_key_jwt")

blueprint = Blueprint("oauth", __name__, template_folder="templates")


@blueprint.before_request
def _bound_body() -> None:
    request.max_content_length = _MAX_BODY_BYTES


@blueprint.post("/oauth/token")
def give_token() -> Response:
    """Answer with tokens (RFC 6749 §3.2)."""
    _check_form()
    response: Response = server.create_token_response()
    return response


@blueprint.post("/oauth/revoke")
def revoke_one() -> Response:
    """Revoke a token of the client (RFC 7009)."""
    _check_form()
    response: Response = server.create_endpoint_response("revocation")
    return response


@blueprint.post("/oauth/introspect")
def introspect() -> Response:
    """Answer what a token is worth (RFC 7662)."""
    _check_form()
    response: Response = server.create_endpoint_response("introspection")
    return response


blueprint.add_url_rule(AUTHORIZE, "show_consent", show_consent, methods=["GET"])
blueprint.add_url_rule(AUTHORIZE, "decide", decide, methods=["POST"])


def _check_form() -> None:
    """Refuse a request whose parameters stand elsewhere, or twice (RFC 6749 §3.2).

    :raises InvalidRequestError: When it is one.
    """
    if request.mimetype != _FORM:
        raise InvalidRequestError(f"send the parameters as {_FORM}")
    if request.args:
        raise InvalidRequestError("send the parameters in the body, and none in the address")
    if any(len(values) > 1 for _, values in request.form.lists()):
        raise InvalidRequestError("a parameter is sent more than once")
    proofs = (request.headers.get("Authorization"), *map(request.form.get, ("client_secret", "client_assertion")))
    if sum(bool(proof) for proof in proofs) > 1:
        raise InvalidRequestError("the client authenticates in more than one way (RFC 6749, section 2.3)")


@blueprint.get("/.well-known/oauth-authorization-server")
def metadata() -> Response:
    """Answer what the authorization server supports (RFC 8414)."""
    origin = current_site().origin()
    endpoints = {"token": "token", "revocation": "revoke", "introspection": "introspect", "authorization": "authorize"}
    authenticated = ("token", "revocation", "introspection")
    content = {
        "issuer": origin,
        **{f"{name}_endpoint": f"{origin}/oauth/{path}" for name, path in endpoints.items()},
        "scopes_supported": [each for each in SCOPES if each != OPERATOR],
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": GRANT_TYPES,
        **{f"{name}_endpoint_auth_methods_supported": _METHODS for name in authenticated},
        **{f"{name}_endpoint_auth_signing_alg_values_supported": ALGORITHMS for name in authenticated},
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
        "ui_locales_supported": ["en", "fr"],
    }
    return _json(content)


@blueprint.get("/oauth/revoke-leaked")
def describe_tokens() -> Response:
    """Answer how a token is recognised, for those who search code and logs for secrets."""
    return _json(
        {
            "pattern": PATTERN,
            "checksum": "the last 6 characters are the CRC-32 of the 30 before them, in base 62 (0-9, A-Z, a-z)",
            "report": f"POST {current_site().origin()}/oauth/revoke-leaked with token=... as {_FORM}",
        }
    )


@blueprint.post("/oauth/revoke-leaked")
def report_leak() -> Response:
    """Revoke a token that somebody found; that they have it is the proof."""
    _check_form()
    site, token = current_site(), request.form.get("token", "").strip()
    if not is_well_formed(token):
        raise InvalidRequestError("this is no token of this server; GET this address for how one is recognised")
    if not site.leak_reports.take():
        return _json({"error": "temporarily_unavailable"}, 429, {"Retry-After": "60"})
    with begin_platform(site.store, write=False) as platform:
        found = find_token(platform, site.digest_key, token)
    if found is None:
        return _json({"revoked": False})
    org_id, record = found
    if org_id:
        finder = Credentials(org_id, Actor("token", record.id), current_request().id)
        with begin(site.store, finder, write=True) as tenant:
            revoked = revoke_leaked(tenant, record.id)
    else:
        with begin_platform(site.store, write=True) as platform:
            revoked = revoke_token(platform, record.id)
    site.store.known_tokens.forget(site.digest_key.digest(token))
    return _json({"revoked": revoked})


@blueprint.errorhandler(OAuth2Error)
def on_oauth_error(error: OAuth2Error) -> Response:
    """Answer an error (RFC 6749 §5.2)."""
    response: Response = server.handle_error_response(None, error)
    return response


@blueprint.errorhandler(UnavailableException)
@blueprint.errorhandler(TooManyRequestsException)
def on_unavailable(error: UnavailableException | TooManyRequestsException) -> Response:
    """Answer in the form of OAuth that the database does not, or that it is too much."""
    body = {"error": "temporarily_unavailable", "error_description": error.detail}
    return _json(body, error.status, {"Retry-After": str(error.retry_after_s)})


def _json(content: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    fields = {"Cache-Control": "no-store", **(headers or {})}
    return Response(orjson.dumps(content), status, fields, content_type="application/json")
