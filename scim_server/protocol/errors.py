"""The errors scim2-models has no class for, and the error body (RFC 7644 §3.12)."""

import orjson
from scim2_models import ForbiddenException, SCIMException, UnauthorizedException

ERROR_URN = "urn:ietf:params:scim:api:messages:2.0:Error"


class GoneException(SCIMException):
    """What was there once has ended."""

    status = 410
    _default_detail = "This has ended"


class MethodNotAllowedException(SCIMException):
    """The endpoint exists and does not answer this method."""

    status = 405
    _default_detail = "This endpoint does not answer this method"


class UnprocessableException(SCIMException):
    """The request contradicts an earlier one."""

    status = 422
    _default_detail = "The request contradicts an earlier one"


class UnsupportedMediaTypeException(SCIMException):
    """The body is not JSON."""

    status = 415
    _default_detail = "Send the body as application/scim+json or application/json"


class UriTooLongException(SCIMException):
    """The address is longer than the server reads."""

    status = 414
    _default_detail = "The address is too long; send a long filter to /.search by POST"


class InsufficientScopeException(ForbiddenException):
    """The token lacks a scope (RFC 6750 §3.1)."""

    def __init__(self, scope: str) -> None:
        super().__init__(detail=f"the token lacks the scope {scope}")
        self.scope = scope


class UnknownCredentialsException(UnauthorizedException):
    """What was sent to prove who asks is nothing that was ever issued here, or no longer known."""


class TooManyRequestsException(SCIMException):
    """More was sent than is answered; it is in ``retry_after_s`` that more will be."""

    status = 429
    _default_detail = "Too many requests; send the request again later"

    def __init__(self, detail: str, retry_after_s: int) -> None:
        super().__init__(detail=detail)
        self.retry_after_s = retry_after_s


class UnavailableException(SCIMException):
    """The database did not answer in time; nothing of the request was kept."""

    status = 503
    retry_after_s = 2
    _default_detail = "The database is busy or down; nothing was changed. Send the request again in a few seconds"


def error_reply(error: SCIMException) -> bytes:
    """Return the error body: ``status`` is a string, ``scimType`` only where RFC 7644 Table 9 has one."""
    body: dict[str, object] = {"schemas": [ERROR_URN], "status": str(error.status)}
    if error.scim_type:
        body["scimType"] = error.scim_type
    body["detail"] = error.detail
    return orjson.dumps(body)
