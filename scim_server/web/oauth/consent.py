"""``/oauth/authorize`` (RFC 6749 §4.1.1): the page on which an administrator lets an identity provider in.

Nobody is signed in here: the administrator proves themself with a token of scope ``org:admin``, in the same form.
"""

import hmac
import secrets
from typing import Any
from urllib.parse import urlsplit

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.base import invalid_error_characters
from flask import Response, render_template, request
from scim2_models import UnauthorizedException

from scim_server.store.session import Credentials
from scim_server.web.authentication import prove
from scim_server.web.oauth.server import AUTHORIZE, add_issuer, server
from scim_server.web.site import current_site

_COOKIE = "scim_consent"
_COOKIE_AGE_S = 600

TEXTS: dict[str, dict[str, str]] = {
    "en": {
        "title": "Allow access",
        "asks": "asks for access to the directory of your organization:",
        "scim:read": "read users and groups",
        "scim:write": "create, change and delete users and groups",
        "members:read": "read the members as the portal sees them",
        "members:write": "change the members as the portal sees them",
        "org:admin": "administer the organization",
        "returns": "Whatever you choose, you return to",
        "token": "Administration token",
        "hint": "It starts with scimsrv_ and has the scope org:admin of this organization.",
        "allow": "Allow",
        "deny": "Deny",
        "refused": "This is no valid administration token of this organization.",
        "expired": "This page is too old, or was not opened in this browser. Try again.",
        "error": "This request cannot be answered",
        "advice": "Go back to the application that sent you here, and check what is registered for it.",
    },
    "fr": {
        "title": "Autoriser l’accès",
        "asks": "demande l’accès à l’annuaire de votre organisation :",
        "scim:read": "lire les utilisateurs et les groupes",
        "scim:write": "créer, modifier et supprimer des utilisateurs et des groupes",
        "members:read": "lire les membres tels que le portail les voit",
        "members:write": "modifier les membres tels que le portail les voit",
        "org:admin": "administrer l’organisation",
        "returns": "Quel que soit votre choix, vous retournerez vers",
        "token": "Jeton d’administration",
        "hint": "Il commence par scimsrv_ et porte la portée org:admin de cette organisation.",
        "allow": "Autoriser",
        "deny": "Refuser",
        "refused": "Ce n’est pas un jeton d’administration valide de cette organisation.",
        "expired": "Cette page est trop ancienne, ou n’a pas été ouverte dans ce navigateur. Réessayez.",
        "error": "Il n’est pas possible de répondre à cette demande",
        "advice": "Retournez à l’application qui vous a envoyé ici, et vérifiez ce qui est enregistré pour elle.",
    },
}


def show_consent() -> Response:
    """Answer the page, or send the browser back with what is wrong with the request."""
    try:
        grant = _grant()
    except OAuth2Error as error:
        return _refusal(error)
    return _page(grant, 200)


def decide() -> Response:
    """Answer what the administrator decided: the browser goes back with a code, or without one."""
    try:
        grant = _grant()
    except OAuth2Error as error:
        return _refusal(error)
    nonce = request.cookies.get(_COOKIE, "")
    if not nonce or not hmac.compare_digest(_proof(nonce).encode(), request.form.get("proof", "").encode()):
        return _page(grant, 400, "expired")
    administrator = None
    if request.form.get("decision") == "allow":
        administrator = _administrator(request.form.get("token", "").strip(), grant.client.record.org_id)
        if administrator is None:
            return _page(grant, 403, "refused")
    response: Response = server.create_authorization_response(grant_user=administrator, grant=grant)
    if response.status_code == 302:
        response.status_code = 303  # RFC 9700 §4.12: what was in the form goes nowhere else.
    response.delete_cookie(_COOKIE, path=AUTHORIZE)
    return _guarded(response)


def _grant() -> Any:
    """Return Authlib's grant for this request.

    :raises OAuth2Error: When the request cannot be granted, whoever consents.
    """
    if invalid_error_characters(request.args.get("response_type", "")):
        raise OAuth2Error("response_type must be code", error="unsupported_response_type")
    return server.get_consent_grant()


def _administrator(token: str, org_id: str) -> Credentials | None:
    """Return who a token proves, None where it is no administrator of the organization."""
    try:
        proved = prove(token)
    except UnauthorizedException:
        return None
    is_administrator = proved.org_id == org_id and "org:admin" in proved.actor.scopes
    return proved if is_administrator else None


def _proof(nonce: str) -> str:
    """Return what the form of a browser holds: nobody else can make one for this cookie and this request."""
    return current_site().digest_key.digest(f"consent\n{nonce}\n{request.query_string.decode('latin-1')}")


def _refusal(error: OAuth2Error) -> Response:
    """Send the browser back with an error, where it is known to whom; else say it on a page (RFC 6749 §4.1.2.1)."""
    if error.redirect_uri:
        response: Response = server.handle_error_response(None, error)
        add_issuer(server, response)
        return _guarded(response)
    texts = _texts()
    description = error.get_error_description() or error.error
    page = render_template("oauth/error.html", text=texts, lang=_language(), description=description)
    return _guarded(Response(page, error.status_code))


def _page(grant: Any, status: int, problem: str | None = None) -> Response:
    nonce = secrets.token_urlsafe(24)
    texts, asked = _texts(), grant.request
    response = Response(
        render_template(
            "oauth/consent.html",
            text=texts,
            lang=_language(),
            client=grant.client.record.name,
            connection=grant.client.known.connection,
            scopes=asked.scope.split(),
            destination=_origin(grant.redirect_uri),
            proof=_proof(nonce),
            problem=texts[problem] if problem else None,
        ),
        status,
    )
    is_https = current_site().origin().startswith("https://")
    response.set_cookie(
        _COOKIE, nonce, max_age=_COOKIE_AGE_S, path=AUTHORIZE, secure=is_https, httponly=True, samesite="Strict"
    )
    return _guarded(response, _origin(grant.redirect_uri))


def _origin(uri: str) -> str:
    parts = urlsplit(uri)
    return f"{parts.scheme}://{parts.netloc}"


def _guarded(response: Response, destination: str = "") -> Response:
    """Let nobody frame the page, run anything in it, keep it, or learn of its address."""
    # NB: browsers hold the redirect that follows a form to form-action, too.
    policy = f"default-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self' {destination}"
    response.headers["Content-Security-Policy"] = policy.strip()
    response.headers["Cache-Control"] = "no-store"
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["X-Frame-Options"] = "DENY"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


def _language() -> str:
    # NB: not best_match, to which en-GB is no English while there is any French.
    languages = (tag.partition("-")[0].lower() for tag, _ in request.accept_languages)
    return next((language for language in languages if language in TEXTS), "en")


def _texts() -> dict[str, str]:
    return TEXTS[_language()]
