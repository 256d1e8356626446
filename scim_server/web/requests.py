"""What every request has: an id, a place in the log, a clean path, and errors in the form of its area."""

import re
import time
import uuid
from collections.abc import Callable, Iterable
from typing import Any

import structlog
from flask import Flask, Request, Response, g, request
from scim2_models import PayloadTooLargeException, SCIMException
from werkzeug.exceptions import BadRequest, HTTPException, NotFound, RequestEntityTooLarge, RequestURITooLarge

from scim_server.protocol.errors import (
    MethodNotAllowedException,
    UnavailableException,
    UriTooLongException,
    error_reply,
)

SCIM_PREFIX = "/scim/v2"
SCIM_MEDIA_TYPE = "application/scim+json"

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_SLASHES = re.compile(r"/{2,}")
_RETRY_AFTER_S = "2"

log = structlog.get_logger("scim_server")

StartResponse = Callable[..., Any]


class ScimRequest(Request):
    """A request whose body may be any media type; ``trusted_hosts`` and limits come from the app."""

    max_form_memory_size = 64 * 1024


class CleanPaths:
    """WSGI middleware: ``//Users/`` is ``/Users``, as OneLogin, CyberArk and Keycloak write it."""

    def __init__(self, app: Callable[[dict[str, Any], StartResponse], Iterable[bytes]]) -> None:
        self.app = app

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path.startswith("/scim") and ("//" in path or path.endswith("/")):
            environ["PATH_INFO"] = _SLASHES.sub("/", path).rstrip("/")
        return self.app(environ, start_response)


def read_body_bytes() -> bytes:
    """Return the body of the request, whole.

    :raises RequestEntityTooLarge: When it is larger than the app takes.
    """
    body = request.get_data(cache=False)
    # Werkzeug ends a chunked body at the limit without a word: whether there is more shows by reading on.
    limit = request.max_content_length
    chunked = request.content_length is None and limit is not None and len(body) >= limit
    if chunked and request.environ["wsgi.input"].read(1):
        raise RequestEntityTooLarge
    return body


def scim_response(body: bytes, status: int = 200, **headers: str) -> Response:
    """Return an answer in the media type of SCIM (RFC 7644 §3.1)."""
    response = Response(body, status=status, content_type=SCIM_MEDIA_TYPE)
    for name, value in headers.items():
        response.headers[name.replace("_", "-")] = value
    return response


def scim_error(error: SCIMException) -> Response:
    """Return an error answer (RFC 7644 §3.12)."""
    response = scim_response(error_reply(error), error.status)
    if error.status == 401:
        response.headers["WWW-Authenticate"] = _challenge(error)
    if isinstance(error, UnavailableException):
        response.headers["Retry-After"] = _RETRY_AFTER_S
    return response


def _challenge(error: SCIMException) -> str:
    """Return the challenge of a 401 (RFC 6750 §3); its words are ASCII without quotes."""
    if not request.headers.get("Authorization"):
        return 'Bearer realm="scim"'
    return f'Bearer realm="scim", error="invalid_token", error_description="{error.detail}"'


def begin_request() -> None:
    """Give the request its id and its start.

    :raises BadRequest: When its Host header is none, before anything is done that would be answered with a URL.
    """
    sent = request.headers.get("X-Request-ID", "")
    g.request_id = sent if _REQUEST_ID.fullmatch(sent) else str(uuid.uuid4())
    g.started = time.perf_counter()
    g.leniences = None
    g.credentials = None
    # RFC 9112 §3.2: a request with an invalid Host is answered with 400.
    if request.path.startswith("/scim") and not _names_host():
        raise BadRequest("the Host header names no host, such as scim.example.com")


def _names_host() -> bool:
    """Return whether URLs can be made of the Host header, which Werkzeug empties where it is none."""
    try:
        return bool(request.host and request.host_url)
    except ValueError:
        return False


def finish_request(response: Response) -> Response:
    """Write the request's line in the log: ids, counts and durations, nothing of a person."""
    response.headers["X-Request-ID"] = g.request_id
    if response.status_code == 204:
        del response.headers["Content-Type"]  # There is no content, and it is not the HTML that Flask supposes.
    fields: dict[str, Any] = {
        "request_id": g.request_id,
        "method": request.method,
        "route": request.url_rule.rule if request.url_rule else None,
        "status": response.status_code,
        "duration_ms": round((time.perf_counter() - g.started) * 1000, 2),
    }
    if g.credentials is not None:
        fields["organization"] = g.credentials.org_id
        fields["connection"] = g.credentials.actor.connection.id
    if g.leniences is not None and g.leniences.counts:
        fields["leniences"] = dict(g.leniences.counts)
    log.info("request", **fields)
    return response


def on_scim_exception(error: SCIMException) -> Response:
    """Render an error of the SCIM family."""
    if isinstance(error, UnavailableException):
        log.warning("database unavailable", request_id=g.request_id, error=str(error.__cause__)[:300])
    return scim_error(error)


def on_http_exception(error: HTTPException) -> Response | HTTPException:
    """Render an error of Flask or Werkzeug: a SCIM error under ``/scim``, as it is elsewhere."""
    if not request.path.startswith("/scim"):
        return error
    if isinstance(error, RequestEntityTooLarge):
        limit = request.max_content_length
        return scim_error(PayloadTooLargeException(detail=f"the body is larger than {limit} bytes"))
    if isinstance(error, RequestURITooLarge):
        return scim_error(UriTooLongException())
    if error.code == 405:
        response = scim_error(
            MethodNotAllowedException(detail=f"{request.path[:200]} does not answer {request.method}")
        )
        response.headers["Allow"] = ", ".join(sorted(error.valid_methods or ()))  # type: ignore[attr-defined]
        return response
    failure = SCIMException(detail=_unknown_path() if isinstance(error, NotFound) else error.description)
    failure.status = error.code or 500
    return scim_error(failure)


def _unknown_path() -> str:
    return f"there is no endpoint {request.path[:200]!r}; the SCIM base URL ends in {SCIM_PREFIX}"


def on_bug(error: Exception) -> Response:
    """Answer a bug: a request id and nothing more; the log has the rest."""
    log.error("bug", request_id=g.request_id, exc_info=error)
    failure = SCIMException(detail=f"the server failed; its log has the cause under request {g.request_id}")
    failure.status = 500
    return scim_error(failure)


def install(app: Flask) -> None:
    """Give an app what every request has."""
    app.before_request(begin_request)
    app.after_request(finish_request)
    app.register_error_handler(SCIMException, on_scim_exception)
    app.register_error_handler(HTTPException, on_http_exception)
    app.register_error_handler(Exception, on_bug)
    app.wsgi_app = CleanPaths(app.wsgi_app)  # type: ignore[method-assign]
