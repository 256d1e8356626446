"""The bearer token of a request (RFC 6750 §2.1), and what it may do."""

from scim2_models import ForbiddenException, UnauthorizedException

from scim_server.protocol.errors import (
    InsufficientScopeException,
    TooManyRequestsException,
    UnknownCredentialsException,
)
from scim_server.protocol.profiles import PROFILES, Leniences
from scim_server.protocol.scopes import covers
from scim_server.protocol.tokens import is_well_formed
from scim_server.store.session import Credentials
from scim_server.store.tokens import authenticate
from scim_server.web.refusals import limited_key
from scim_server.web.requests import SCIM_PREFIX, ScimRequest, current_request
from scim_server.web.site import current_site

_MAX_HEADER_LENGTH = 200


def authenticate_request() -> None:
    """Prove who sends the request, before anything else of it is read.

    :raises UnauthorizedException: When there is no bearer token or it proves nothing.
    :raises TooManyRequestsException: When the connection sends too many, or the address has guessed too often.
    :raises ForbiddenException: When it is not for this path, or its scope does not cover the method.
    """
    site, sent = current_site(), current_request()
    token, is_bare = _bearer_token(sent)
    credentials = prove(token)
    connection = credentials.actor.connection
    # What has no connection, as under /api/v1, is forgiven nothing.
    leniences = Leniences(connection.profile if connection else PROFILES["rfc"])
    sent.credentials, sent.leniences = credentials, leniences
    try:
        site.limits.count_request(limited_key(credentials.actor))
    except TooManyRequestsException:
        site.refused.add(sent.environ, credentials)
        raise
    if is_bare:
        if not leniences.profile.accepts_bare_token:
            raise UnauthorizedException(detail="only the Bearer scheme is accepted, with the token of the connection")
        leniences.count("token_without_scheme")
    if sent.path.startswith("/scim"):
        _check_scim(sent)


def prove(token: str) -> Credentials:
    """Return what a token proves; one that proves nothing is counted against the address it came from.

    :raises UnauthorizedException: When it proves nothing.
    :raises TooManyRequestsException: When the address has guessed too often.
    """
    site, sent = current_site(), current_request()
    try:
        return authenticate(
            site.store, site.digest_key, token, sent.id, before_guess=lambda: site.limits.refuse_guessing(sent)
        )
    except UnknownCredentialsException:
        site.limits.refuse_guessing(sent)
        site.limits.count_failure(sent)
        raise


def _check_scim(sent: ScimRequest) -> None:
    actor = sent.credentials.actor
    if actor.connection is None:
        raise ForbiddenException(detail="this token belongs to no connection; /scim takes the token of a connection")
    if actor.kind == "user":
        if sent.path != f"{SCIM_PREFIX}/Me":
            raise ForbiddenException(detail="a token that stands for a person reaches /Me alone")
        return
    reads = sent.method in ("GET", "HEAD", "OPTIONS") or sent.path.endswith("/.search")
    require_scope("scim:read" if reads else "scim:write")


def require_scope(scope: str) -> None:
    """Let the request go on if its token covers a scope.

    :raises InsufficientScopeException: When it does not (RFC 6750 §3.1).
    """
    if not covers(current_request().credentials.actor.scopes, scope):
        raise InsufficientScopeException(scope)


def _bearer_token(sent: ScimRequest) -> tuple[str, bool]:
    """Return the token of a request, and whether it stands in its header alone, without a scheme."""
    header: str = sent.environ.get("HTTP_AUTHORIZATION", "")
    if not header:
        raise UnauthorizedException(detail="send the token of the connection as Authorization: Bearer")
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer":
        if is_well_formed(header):
            return header, True
        raise UnauthorizedException(detail="only the Bearer scheme is accepted, with the token of the connection")
    if len(header) > _MAX_HEADER_LENGTH:
        raise UnauthorizedException(detail="the bearer token is malformed; paste it whole, as it was shown")
    return token.strip(), False
