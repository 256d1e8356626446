"""The bearer token of a request (RFC 6750 §2.1), and what it may do."""

from scim2_models import ForbiddenException, UnauthorizedException

from scim_server.protocol.errors import UnknownCredentialsException
from scim_server.protocol.profiles import Leniences
from scim_server.store.session import Credentials
from scim_server.store.tokens import authenticate
from scim_server.web.requests import SCIM_PREFIX, ScimRequest, current_request
from scim_server.web.site import Site, current_site

_MAX_HEADER_LENGTH = 200


def authenticate_request() -> None:
    """Prove who sends the request, before anything else of it is read.

    :raises UnauthorizedException: When there is no bearer token or it proves nothing.
    :raises TooManyRequestsException: When the connection sends too many, or the address has guessed too often.
    :raises ForbiddenException: When its scope does not cover the method.
    """
    site, sent = current_site(), current_request()
    credentials = _authenticate(sent, site)
    assert credentials.actor.connection is not None
    sent.credentials, sent.leniences = credentials, Leniences(credentials.actor.connection.profile)
    site.limits.count_request(credentials.actor.connection.id)
    if credentials.actor.kind == "user":
        if sent.path != f"{SCIM_PREFIX}/Me":
            raise ForbiddenException(detail="a token that stands for a person reaches /Me alone")
        return
    reads = sent.method in ("GET", "HEAD", "OPTIONS") or sent.path.endswith("/.search")
    needed = "scim:read" if reads else "scim:write"
    if needed not in credentials.actor.scopes:
        raise ForbiddenException(detail=f"the token lacks the scope {needed}")


def _authenticate(sent: ScimRequest, site: Site) -> Credentials:
    """Return what the token of a request proves; one that proves nothing is counted against its address."""
    token = _bearer_token(sent)
    try:
        return authenticate(
            site.store, site.digest_key, token, sent.id, before_guess=lambda: site.limits.refuse_guessing(sent)
        )
    except UnknownCredentialsException:
        site.limits.refuse_guessing(sent)
        site.limits.count_failure(sent)
        raise


def _bearer_token(sent: ScimRequest) -> str:
    header: str = sent.environ.get("HTTP_AUTHORIZATION", "")
    scheme, _, token = header.partition(" ")
    if not header:
        raise UnauthorizedException(detail="send the token of the connection as Authorization: Bearer")
    if scheme.lower() != "bearer":
        raise UnauthorizedException(detail="only the Bearer scheme is accepted, with the token of the connection")
    if len(header) > _MAX_HEADER_LENGTH:
        raise UnauthorizedException(detail="the bearer token is malformed; paste it whole, as it was shown")
    return token.strip()
