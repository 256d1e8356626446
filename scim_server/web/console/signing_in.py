"""The pages of who is not signed in: the sign-in, the links in letters; and what a member agrees to."""

from typing import Any

from flask import flash, redirect, render_template, request, session, url_for
from flask_babel import gettext
from scim2_models import InvalidValueException, NotFoundException, SCIMException, UnauthorizedException

from scim_server.actions.consents import give_all_consents, missing_consents
from scim_server.actions.invitations import Acceptance, Welcome, accept_invitation, read_invitation
from scim_server.actions.links import look_at_link
from scim_server.actions.password_resets import request_reset, reset_password
from scim_server.actions.passwords import MIN_LENGTH, digest_chosen
from scim_server.actions.sessions import end_session, sign_in
from scim_server.store.members import get_member
from scim_server.store.organizations import Organization
from scim_server.store.session import Tenant, begin, transact
from scim_server.web.console.answers import in_their_language
from scim_server.web.console.visits import (
    CONSOLE_PREFIX,
    SESSION_COOKIE,
    Page,
    Visit,
    anybody,
    as_member,
    blueprint,
    is_https,
    open_page,
    organization_named,
    page,
)
from scim_server.web.requests import current_request
from scim_server.web.site import current_site


@blueprint.get("")
def which_organization() -> Page:
    """Ask who comes without an organization for theirs."""
    named = request.args.get("organization", "").strip().lower()
    if not named:
        return render_template("console/which_organization.html")
    try:
        found = organization_named(named)
    except NotFoundException as exc:
        return render_template("console/which_organization.html", problem=in_their_language(exc)), 404
    return redirect(url_for("console.home", organization=found.slug), 303)


@page("")
def home(visit: Visit) -> Page:
    """Lead to what a member does here: to the others, or to themselves."""
    return visit.redirect("members_page" if visit.may("members:read") else "my_profile")


@open_page("/sign-in", methods=("GET", "POST"))
def sign_in_page(organization: Organization) -> Page:
    """Show the form of the sign-in, or open a session with what it holds."""
    if request.method == "GET":
        return _sign_in_form(organization)
    site, sent = current_site(), current_request()
    name, password = request.form.get("name", "").strip(), request.form.get("password", "")
    try:
        site.limits.count_sign_in(organization.id, name, sent)
        opened = sign_in(
            site.store,
            anybody(organization),
            site.digest_key,
            name,
            password,
            sent.headers.get("User-Agent"),
            site.limits.client_of(sent),
        )
    except UnauthorizedException as exc:
        site.limits.count_failure(sent)
        return _sign_in_form(organization, exc), exc.status
    except SCIMException as exc:
        return _sign_in_form(organization, exc), exc.status
    # What was begun before, such as by somebody else in this browser, ends here; the language stays.
    language = session.get("language")
    session.clear()
    if language:
        session["language"] = language
    response = redirect(_own_page(organization, request.form.get("next")), 303)
    response.set_cookie(SESSION_COOKIE, opened.secret, **_cookie(organization))
    return response


def _sign_in_form(organization: Organization, problem: Exception | None = None) -> str:
    return render_template(
        "console/sign_in.html",
        organization=organization,
        name=request.form.get("name", ""),
        next=request.values.get("next", ""),
        problem=in_their_language(problem) if problem else None,
    )


def _own_page(organization: Organization, path: str | None) -> str:
    """Return where a sign-in leads to: the page of this organization that was asked for, else the first."""
    home = url_for("console.home", organization=organization.slug)
    # Whatever stands there is one path of this server, and of this organization.
    return path if path and path.startswith(f"{home}/") and "\\" not in path else home


def _cookie(organization: Organization) -> dict[str, Any]:
    """Return how the cookie of a session is kept: for one organization, out of reach of scripts and of other sites."""
    path = f"{CONSOLE_PREFIX}/{organization.slug}"
    return {"path": path, "secure": is_https(), "httponly": True, "samesite": "Lax"}


@page("/sign-out", methods=("POST",), owes_consent=True)
def sign_out(visit: Visit) -> Page:
    """End the session of this browser, at once and for good."""
    visit.write(lambda tenant: end_session(tenant, visit.member.id, visit.session.id))
    session.clear()
    response = redirect(visit.url("sign_in_page"), 303)
    response.delete_cookie(SESSION_COOKIE, **_cookie(visit.organization))
    return response


@page("/consents", methods=("GET", "POST"), owes_consent=True)
def consents_page(visit: Visit) -> Page:
    """Ask of a member what the portal asks before they go on."""
    if request.method == "POST":
        given = _consents()

        def action(tenant: Tenant) -> None:
            get_member(tenant, visit.member.id, lock=True)
            give_all_consents(tenant, visit.profile, visit.member.id, given, "sign_in")

        try:
            visit.write(action)
        except SCIMException as exc:
            return _consents_form(visit, exc), exc.status
        return visit.redirect("home")
    return _consents_form(visit)


def _consents_form(visit: Visit, problem: Exception | None = None) -> str:
    missing = visit.read(lambda tenant: missing_consents(tenant, visit.profile, visit.member.id))
    text = in_their_language(problem) if problem else None
    return render_template("console/consents.html", visit=visit, consents=missing, problem=text)


def _consents() -> dict[str, str]:
    """Return the version of each document that is agreed to in a form."""
    return {name.removeprefix("consent."): value for name, value in request.form.items() if name.startswith("consent.")}


@open_page("/invitation/<secret>", methods=("GET", "POST"))
def invitation_page(organization: Organization, secret: str) -> Page:
    """Show an invitation to who has its link, or accept it."""
    site = current_site()
    with begin(site.store, anybody(organization), write=False) as tenant:
        welcome = read_invitation(tenant, site.digest_key, secret)
    if request.method == "GET":
        return _invitation_form(welcome)
    name = {each: request.form[each].strip() for each in ("givenName", "familyName") if each in request.form}
    try:
        digest = _chosen_password() if welcome.asks_password else None
        acceptance = Acceptance(name if welcome.may_rename else {}, digest, _consents())
        transact(
            site.store,
            as_member(organization, welcome.member.id),
            lambda tenant: accept_invitation(tenant, site.digest_key, secret, acceptance),
        )
    except SCIMException as exc:
        return _invitation_form(welcome, exc), exc.status
    flash(gettext("Welcome. Sign in to go on."), "success")
    return redirect(url_for("console.sign_in_page", organization=organization.slug), 303)


def _invitation_form(welcome: Welcome, problem: Exception | None = None) -> str:
    return render_template(
        "console/invitation.html",
        organization=welcome.organization,
        welcome=welcome,
        min_length=MIN_LENGTH,
        problem=in_their_language(problem) if problem else None,
    )


def _chosen_password() -> str:
    """Return the digest of the password that was typed twice.

    :raises InvalidValueException: When it is none, or was typed otherwise the second time.
    """
    password = request.form.get("password", "")
    if password != request.form.get("again", ""):
        raise InvalidValueException(detail="the two passwords are not the same")
    return digest_chosen(password)


@open_page("/password", methods=("GET", "POST"))
def forgotten_password(organization: Organization) -> Page:
    """Send the link to choose a new password to whom an address belongs; say the same whether it is known."""
    if request.method == "GET":
        return render_template("console/forgotten_password.html", organization=organization)
    site, sent = current_site(), current_request()
    address = request.form.get("address", "").strip()[:1_000]
    try:
        site.limits.count_reset(organization.id, address, site.limits.client_of(sent))
    except SCIMException as exc:
        problem = in_their_language(exc)
        return render_template("console/forgotten_password.html", organization=organization, problem=problem), 429
    if address and organization.status == "active":
        transact(site.store, anybody(organization), lambda tenant: request_reset(tenant, site.digest_key, address))
    flash(gettext("If this address is known here, a message with a link is on its way."), "success")
    return redirect(url_for("console.sign_in_page", organization=organization.slug), 303)


@open_page("/password/<secret>", methods=("GET", "POST"))
def new_password(organization: Organization, secret: str) -> Page:
    """Let who has the link choose a new password."""
    site = current_site()
    with begin(site.store, anybody(organization), write=False) as tenant:
        member_id = look_at_link(tenant, site.digest_key, "password", secret).user_id
    shown = {"organization": organization, "min_length": MIN_LENGTH}
    if request.method == "GET":
        return render_template("console/new_password.html", **shown)
    try:
        digest = _chosen_password()
        transact(
            site.store,
            as_member(organization, member_id),
            lambda tenant: reset_password(tenant, site.digest_key, secret, digest),
        )
    except SCIMException as exc:
        return render_template("console/new_password.html", **shown, problem=in_their_language(exc)), exc.status
    flash(gettext("The new password is set. Sign in with it."), "success")
    return redirect(url_for("console.sign_in_page", organization=organization.slug), 303)
