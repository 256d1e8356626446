"""What surrounds every page: its language and time zone, the token in its forms, its headers, and its errors."""

import re
from functools import cache

import structlog
from flask import Flask, Response, abort, g, render_template, request, session
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface
from flask_babel import Babel, get_locale, gettext
from flask_bootstrap import Bootstrap5
from flask_wtf.csrf import CSRFError, CSRFProtect
from scim2_models import SCIMException
from werkzeug.exceptions import HTTPException

from scim_server.actions.organizations import UnknownError
from scim_server.actions.tokens import CredentialStateError
from scim_server.protocol.portals import LANGUAGES
from scim_server.store.connections import ConnectionNameTakenError
from scim_server.store.organizations import SlugTakenError
from scim_server.web.console.refusals import REFUSALS
from scim_server.web.console.uploads import admit_upload
from scim_server.web.console.visits import CONSOLE_PREFIX, Visit, blueprint, is_https
from scim_server.web.requests import current_request

# Bootstrap's own style sheet draws its arrows and ticks as data: images.
POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)

Refusal = (SCIMException, UnknownError, CredentialStateError, ConnectionNameTakenError, SlugTakenError)
"""What an action raises that the person can do something about."""

log = structlog.get_logger("scim_server")
csrf = CSRFProtect()


class _ConsoleCookies(SecureCookieSessionInterface):
    """Flask's cookie, for the pages alone: the token of forms, a message for the next page, a chosen language."""

    def open_session(self, app: Flask, request: object) -> SecureCookieSession | None:
        """Return the cookie of a page; what is no page has none."""
        return super().open_session(app, request) if current_request().path.startswith(CONSOLE_PREFIX) else None  # type: ignore[arg-type]

    def get_cookie_secure(self, app: Flask) -> bool:
        """Return whether the cookie is for HTTPS alone: where the pages come by it."""
        return is_https()


def install(app: Flask, secret_key: str, previous_secret_key: str | None) -> None:
    """Give an app what its pages need."""
    app.secret_key = f"console {secret_key}"
    app.config.update(
        SECRET_KEY_FALLBACKS=[f"console {previous_secret_key}"] if previous_secret_key else None,
        SESSION_COOKIE_NAME="scim_console",
        SESSION_COOKIE_PATH=CONSOLE_PREFIX,
        SESSION_COOKIE_SAMESITE="Lax",
        WTF_CSRF_CHECK_DEFAULT=False,
        WTF_CSRF_TIME_LIMIT=None,
        BOOTSTRAP_SERVE_LOCAL=True,
    )
    # Bootstrap-Flask serves its own files below it.
    app.static_url_path = "/static"
    app.session_interface = _ConsoleCookies()
    csrf.init_app(app)
    Bootstrap5(app)
    Babel(
        app,
        locale_selector=language,
        timezone_selector=_time_zone,
        default_translation_directories="web/console/translations",
    )
    app.jinja_env.globals["get_locale"] = get_locale
    app.register_blueprint(blueprint, url_prefix=CONSOLE_PREFIX)
    app.jinja_env.filters["refusal"] = in_their_language


def language() -> str:
    """Return the language of a page: the one chosen on it, the member's, the organization's, or the browser's."""
    chosen = session.get("language")
    if chosen in LANGUAGES:
        return str(chosen)
    visit: Visit | None = g.get("visit")
    if visit is not None:
        return visit.language
    tags = (tag.partition("-")[0].lower() for tag, _ in request.accept_languages)
    return next((each for each in tags if each in LANGUAGES), "fr")


def _time_zone() -> str:
    visit: Visit | None = g.get("visit")
    return visit.organization.time_zone if visit else "UTC"


@blueprint.before_request
def _check_form() -> None:
    """Take no form that this server has not made for this browser, and nothing that a text never holds."""
    if request.args.get("language") in LANGUAGES:
        session["language"] = request.args["language"]
    admit_upload()
    sent = (*request.args.items(multi=True), *request.form.items(multi=True))
    # PostgreSQL stores no U+0000, as SCIM and the API take none.
    if any("\0" in part for pair in sent for part in pair):
        abort(400, gettext("What was sent holds a character that no text has."))
    csrf.protect()


@blueprint.after_request
def _guard(response: Response) -> Response:
    """Let a page run and load nothing but the server's own, be framed by nobody, and be kept nowhere."""
    if request.endpoint == "console.static":
        return response
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["Cache-Control"] = "no-store"
    # Not no-referrer: by it, forms that come over HTTPS are told from those of elsewhere.
    response.headers["Referrer-Policy"] = "same-origin"
    response.headers["X-Frame-Options"] = "DENY"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
    if is_https():
        response.headers["Strict-Transport-Security"] = "max-age=31536000"
    return response


@cache
def _patterns() -> list[tuple[re.Pattern[str], str]]:
    """Return what is said with something in it, with the message of the catalogue."""
    found = []
    for message in REFUSALS:
        parts = re.split(r"%\((\w+)\)s", message)
        body = "".join(f"(?P<{part}>.*)" if index % 2 else re.escape(part) for index, part in enumerate(parts))
        found.append((re.compile(body, re.DOTALL), message))
    return found


def in_their_language(error: Exception | str) -> str:
    """Return what is wrong, as the person who is to act reads it.

    What no page expects is said as the API says it, in English.
    """
    detail = str(getattr(error, "detail", None) or error)
    for pattern, message in _patterns():
        if found := pattern.fullmatch(detail):
            return gettext(message, **found.groupdict())
    return detail


@blueprint.errorhandler(CSRFError)
def _on_old_form(error: CSRFError) -> tuple[str, int]:
    return _error_page(gettext("This page is too old, or was not opened in this browser. Open it again."), 400)


@blueprint.errorhandler(HTTPException)
def _on_http_exception(error: HTTPException) -> tuple[str, int] | HTTPException:
    if error.response is not None or error.code is None:
        return error
    if error.code == 404:
        return _error_page(gettext("There is no such page."), 404)
    if error.code == 413:
        return _error_page(gettext("What was sent is larger than this server takes."), 413)
    return _error_page(str(error.description), error.code)


def _on_refusal(error: Exception) -> Response:
    status = getattr(error, "status", 409)
    current_request().error_detail = str(getattr(error, "detail", error))
    response = Response(*_error_page(in_their_language(error), status))
    retry_after_s = getattr(error, "retry_after_s", None)
    if retry_after_s is not None:
        response.headers["Retry-After"] = str(retry_after_s)
    return response


for refusal in Refusal:
    blueprint.register_error_handler(refusal, _on_refusal)


@blueprint.errorhandler(Exception)
def _on_bug(error: Exception) -> tuple[str, int]:
    """Answer a bug: a request id and nothing more; the log has the rest."""
    request_id = current_request().id
    log.error("bug", request_id=request_id, exc_info=error)
    return _error_page(gettext("The server failed. Its log has the cause under %(id)s.", id=request_id), 500)


def _error_page(text: str, status: int) -> tuple[str, int]:
    return render_template("console/error.html", text=text, status=status), status
