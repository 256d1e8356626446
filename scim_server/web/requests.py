"""What every request has: an id, a place in the log, a clean path, and errors in the form of its area."""

import os
import re
import time
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any, cast

import orjson
import structlog
from flask import Flask, Request, Response, request
from scim2_models import PayloadTooLargeException, SCIMException
from werkzeug.datastructures import Headers
from werkzeug.exceptions import BadRequest, HTTPException, NotFound, RequestEntityTooLarge, RequestURITooLarge
from werkzeug.sansio.utils import get_current_url, get_host

from scim_server.protocol.errors import (
    InsufficientScopeException,
    MethodNotAllowedException,
    TooManyRequestsException,
    UnavailableException,
    UriTooLongException,
    error_reply,
)
from scim_server.protocol.profiles import Leniences
from scim_server.store.session import Credentials
from scim_server.web.problems import problem

SCIM_PREFIX = "/scim/v2"
SCIM_MEDIA_TYPE = "application/scim+json"

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_SLASHES = re.compile(r"/{2,}")

log = structlog.get_logger("scim_server")

StartResponse = Callable[..., Any]


class ScimRequest(Request):
    """A request, with what is known of it: its id, its start, the URL of its host, and who sends it."""

    max_form_memory_size = 64 * 1024

    id: str
    started: float
    own_url: str | None
    """Scheme and host, without a slash at the end; None where the Host header names none."""
    credentials: Credentials
    """Set once they are proved, as are the ``leniences``."""
    leniences: Leniences
    error_detail: str | None = None
    """What the answer says is wrong."""


def current_request() -> ScimRequest:
    """Return the request that is being answered, itself: behind Flask's ``request`` each access costs a look-up."""
    return cast(ScimRequest, request._get_current_object())  # type: ignore[attr-defined]


class ScimResponse(Response):
    """An answer whose headers are as they go out: its URLs are URIs, and its length is set."""

    def get_wsgi_headers(self, environ: Any) -> Headers:
        """Return the headers as they are."""
        return self.headers


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
    fields = [("Content-Type", SCIM_MEDIA_TYPE), ("Content-Length", str(len(body)))]
    fields += [(name.replace("_", "-"), value) for name, value in headers.items()]
    return ScimResponse(body, status, Headers(fields))


def _is_api() -> bool:
    return request.path.startswith("/api")


def scim_error(error: SCIMException) -> Response:
    """Return an error answer: as SCIM has it (RFC 7644 §3.12), or as problem details under ``/api``."""
    current_request().error_detail = error.detail
    response = problem(error) if _is_api() else scim_response(error_reply(error), error.status)
    if error.status == 401:
        response.headers["WWW-Authenticate"] = _challenge(error)
    if isinstance(error, InsufficientScopeException):
        challenge = f'Bearer realm="scim", error="insufficient_scope", scope="{error.scope}"'
        response.headers["WWW-Authenticate"] = challenge
    if isinstance(error, TooManyRequestsException | UnavailableException):
        response.headers["Retry-After"] = str(error.retry_after_s)
    return response


def _challenge(error: SCIMException) -> str:
    """Return the challenge of a 401 (RFC 6750 §3); its words are ASCII without quotes."""
    if not request.headers.get("Authorization"):
        return 'Bearer realm="scim"'
    return f'Bearer realm="scim", error="invalid_token", error_description="{error.detail}"'


def too_many_requests(error: TooManyRequestsException) -> Response:
    """Return the answer to a request too many, without the X-Request-ID that each answer has."""
    return scim_response(error_reply(error), error.status, Retry_After=str(error.retry_after_s))


def request_id(environ: dict[str, Any]) -> str:
    """Return the id that was sent with a request, or a new one."""
    sent: str | None = environ.get("HTTP_X_REQUEST_ID")
    return sent if sent and _REQUEST_ID.fullmatch(sent) else os.urandom(16).hex()


def begin_request() -> None:
    """Give the request its id and its start.

    :raises BadRequest: When its Host header is none, before anything is done that would be answered with a URL.
    """
    sent = current_request()
    sent.started = time.perf_counter()
    sent.id = request_id(sent.environ)
    sent.own_url = _own_url(sent.scheme, sent.environ.get("HTTP_HOST"), sent.server)
    # RFC 9112 §3.2: a request with an invalid Host is answered with 400.
    if sent.own_url is None and sent.path.startswith(("/scim", "/api")):
        raise BadRequest("the Host header names no host, such as scim.example.com")


@lru_cache(maxsize=100)
def _own_url(scheme: str, host: str | None, server: tuple[str, int | None] | None) -> str | None:
    """Return the URL that a Host header makes, which Werkzeug empties where it names none."""
    try:
        named = get_host(scheme, host, server)
        return get_current_url(scheme, named).rstrip("/") if named else None
    except ValueError:
        return None


def finish_request(response: Response) -> Response:
    """Give the answer its id, and the request its line in the log."""
    sent = current_request()
    response.headers["X-Request-ID"] = sent.id
    if response.status_code == 204:
        del response.headers["Content-Type"]  # There is no content, and it is not the HTML that Flask supposes.
    credentials: Credentials | None = getattr(sent, "credentials", None)
    leniences = sent.leniences.counts if credentials is not None else None
    route = sent.url_rule.rule if sent.url_rule else None
    log_request(sent.id, sent.method, route, response.status_code, sent.started, credentials, leniences)
    return response


def log_request(
    id: str,
    method: str,
    route: str | None,
    status: int,
    started: float,
    credentials: Credentials | None,
    leniences: Mapping[str, int] | None = None,
) -> None:
    """Write the line of a request in the log: ids, counts and durations, nothing of a person."""
    fields: dict[str, Any] = {
        "request_id": id,
        "method": method,
        "route": route,
        "status": status,
        "duration_ms": round((time.perf_counter() - started) * 1000, 2),
    }
    if credentials is not None:
        fields["organization"] = credentials.org_id or None
        fields["connection"] = credentials.actor.connection.id if credentials.actor.connection else None
        if leniences:
            fields["leniences"] = dict(leniences)
    log.info("request", **fields)


def on_scim_exception(error: SCIMException) -> Response:
    """Render an error of the SCIM family."""
    if isinstance(error, UnavailableException):
        log.warning("database unavailable", request_id=current_request().id, error=str(error.__cause__)[:300])
    return scim_error(error)


def on_http_exception(error: HTTPException) -> Response | HTTPException:
    """Render an error of Flask or Werkzeug: in the form of its area, as it is elsewhere."""
    if request.path.startswith("/oauth") and error.response is None:
        body = {"error": "invalid_request", "error_description": error.description}
        return Response(orjson.dumps(body), error.code, error.get_headers(), content_type="application/json")
    if not request.path.startswith(("/scim", "/api")):
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
    if _is_api():
        return f"there is no endpoint {request.path[:200]!r}; /api/v1/docs lists those there are"
    return f"there is no endpoint {request.path[:200]!r}; the SCIM base URL ends in {SCIM_PREFIX}"


def on_bug(error: Exception) -> Response:
    """Answer a bug: a request id and nothing more; the log has the rest."""
    request_id = current_request().id
    log.error("bug", request_id=request_id, exc_info=error)
    failure = SCIMException(detail=f"the server failed; its log has the cause under request {request_id}")
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
