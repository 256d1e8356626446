"""Identity providers: those of the organization, connecting another, and how each does."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from flask import flash, render_template, request
from flask_babel import format_timedelta, gettext, ngettext
from scim2_models import NotFoundException

from scim_server.actions.organizations import change_connection, create_connection
from scim_server.actions.tokens import MAX_LIVE, ListedToken, listed
from scim_server.protocol.portals import MANAGE_MEMBERS
from scim_server.protocol.profiles import PROFILES
from scim_server.protocol.provisioning import ON_DELETE, ON_EXISTING, ON_INACTIVE
from scim_server.protocol.scopes import SCIM_SCOPES
from scim_server.store.clients import OAuthClient, list_clients
from scim_server.store.connections import ConnectionRecord, find_connection, list_connections
from scim_server.store.health import ConnectionHealth, RequestError, list_errors, read_health
from scim_server.store.session import Tenant
from scim_server.store.tokens import TokenRecord, list_of_connections
from scim_server.web.console.answers import Refusal, in_their_language
from scim_server.web.console.reading import check_id, chosen, text_in_query, typed, version_seen
from scim_server.web.console.visits import Page, Visit, page
from scim_server.web.site import current_site

PAGE = 20
HOURS_SHOWN = 48
ERRORS_SHOWN = 10

PROVIDERS: Mapping[str, tuple[str, str]] = {
    "entra": ("Microsoft Entra ID", "entra"),
    "okta": ("Okta", "okta"),
    "google": ("Google Workspace", "lenient"),
    "onelogin": ("OneLogin", "lenient"),
    "jumpcloud": ("JumpCloud", "lenient"),
    "other": ("", "lenient"),
}
"""The providers that a guide is for: the name of each, and the client profile that its connection gets."""

_RULES = {"on_inactive": ON_INACTIVE, "on_existing": ON_EXISTING, "on_delete": ON_DELETE}


@dataclass(frozen=True, slots=True)
class Overview:
    """A connection as a list shows it: how it does in sentences, and which of its tokens end soon."""

    connection: ConnectionRecord
    health: Sequence[str]
    ending: Sequence[ListedToken]
    has_errors: bool


@dataclass(frozen=True, slots=True)
class Whole:
    """All that the page of a connection shows."""

    connection: ConnectionRecord
    health: ConnectionHealth
    errors: Sequence[RequestError]
    tokens: Sequence[ListedToken]
    clients: Sequence[OAuthClient]


@page("/connections", permission=MANAGE_MEMBERS)
def connections_page(visit: Visit) -> Page:
    """List the identity providers of the organization, and how each does."""

    def read(tenant: Tenant) -> list[Overview]:
        found = list_connections(tenant, after=text_in_query("after"), limit=PAGE + 1)
        live = list_of_connections(tenant, [each.id for each in found], only_live=True, limit=PAGE * 10)
        return [_overview(visit, tenant, each, live) for each in found]

    shown = visit.read(read)
    following = visit.url("connections_page", after=shown[PAGE - 1].connection.name) if len(shown) > PAGE else None
    first = visit.url("connections_page") if request.args.get("after") else None
    return render_template(
        "console/connections.html", visit=visit, shown=shown[:PAGE], following=following, first=first
    )


def _overview(visit: Visit, tenant: Tenant, connection: ConnectionRecord, live: Sequence[TokenRecord]) -> Overview:
    health = read_health(tenant, connection.id, limit=HOURS_SHOWN)
    own = [listed(token, tenant.now) for token in live if token.connection_id == connection.id]
    ending = [each for each in own if each.warning is not None]
    return Overview(
        connection, health_in_words(visit, health, tenant.now), ending, _errors_today(visit, health, tenant.now) > 0
    )


def health_in_words(visit: Visit, health: ConnectionHealth, now: datetime) -> list[str]:
    """Return how a connection does, in sentences."""
    if health.last_request_at is None:
        return [gettext("No request has come yet.")]
    ago = format_timedelta(min(health.last_request_at - now, timedelta(0)), add_direction=True)
    said = [gettext("Last request %(ago)s.", ago=ago)]
    errors = _errors_today(visit, health, now)
    if not errors:
        return [*said, gettext("No errors today.")]
    said.append(ngettext("%(num)d error today.", "%(num)d errors today.", errors))
    if health.last_error_detail:
        said.append(gettext("The last one: %(detail)s", detail=in_their_language_of(health.last_error_detail)))
    return said


def in_their_language_of(detail: str) -> str:
    """Return what a provider was told, in the language of the page where the catalogue has it."""
    return in_their_language(ValueError(detail))


def _errors_today(visit: Visit, health: ConnectionHealth, now: datetime) -> int:
    """Return how many errors there were since midnight, where the organization is."""
    midnight = now.astimezone(ZoneInfo(visit.organization.time_zone)).replace(hour=0, minute=0, second=0, microsecond=0)
    # Hours are counted in UTC; where zones differ by half an hour, the first one is the one that midnight is in.
    since = midnight.astimezone(UTC).replace(minute=0)
    return sum(hour.errors for hour in health.hours if hour.hour >= since)


@page("/connections/new", permission=MANAGE_MEMBERS, methods=("GET", "POST"))
def new_connection(visit: Visit) -> Page:
    """Ask which identity provider is to be connected, or make its connection and lead to its guide."""
    if request.method == "GET":
        return _new_form(visit)
    try:
        provider = chosen("provider", PROVIDERS)
        own_name, profile = PROVIDERS[provider]
        name = typed("name", 200) or own_name
        made = visit.write(lambda tenant: create_connection(tenant, name, profile))
    except (*Refusal, ValueError) as exc:
        return _new_form(visit, exc), getattr(exc, "status", 409)
    flash(gettext("The connection %(name)s is made. This is how to set up the other side.", name=made.name), "success")
    return visit.redirect("connection_guide", connection=made.id, provider=provider)


def _new_form(visit: Visit, problem: Exception | None = None) -> str:
    return render_template(
        "console/new_connection.html",
        visit=visit,
        providers=provider_names(),
        provider=request.form.get("provider", ""),
        name=request.form.get("name", ""),
        problem=in_their_language(problem) if problem else None,
    )


def provider_names() -> dict[str, str]:
    """Return the providers that there is a guide for, by their keys."""
    return {key: name or gettext("Another one, or an HR system") for key, (name, _) in PROVIDERS.items()}


def connection_of(tenant: Tenant, connection: str) -> ConnectionRecord:
    """Return a connection of the organization by its id.

    :raises NotFoundException: When it has none of that id.
    """
    found = find_connection(tenant, check_id("connection", connection))
    # A name can look like an id; a page is of an id alone.
    if found is None or found.id != connection:
        raise NotFoundException(detail="there is no such page")
    return found


@page("/connections/<connection>", permission=MANAGE_MEMBERS)
def connection_page(visit: Visit, connection: str) -> Page:
    """Show how a connection does, what opens it, and its rules."""

    def read(tenant: Tenant) -> Whole:
        found = connection_of(tenant, connection)
        live = list_of_connections(tenant, [found.id], only_live=True, limit=PAGE)
        return Whole(
            found,
            read_health(tenant, found.id, limit=HOURS_SHOWN),
            list_errors(tenant, found.id, ERRORS_SHOWN),
            [listed(token, tenant.now) for token in live],
            list_clients(tenant, connection_id=found.id, after=text_in_query("after"), limit=PAGE + 1),
        )

    whole = visit.read(read)
    clients, following = whole.clients[:PAGE], None
    if len(whole.clients) > PAGE:
        following = visit.url("connection_page", connection=connection, after=clients[-1].id)
    return render_template(
        "console/connection.html",
        visit=visit,
        whole=whole,
        clients=clients,
        following=following,
        health=health_in_words(visit, whole.health, current_site().store.clock()),
        may_issue=sum(each.token.user_id is None for each in whole.tokens) < MAX_LIVE,
        opens_scim_alone=opens_scim_alone,
        replaced={each.token.replaces_id for each in whole.tokens} & {each.token.id for each in whole.tokens},
    )


def opens_scim_alone(scope: str) -> bool:
    """Return whether a scope opens what an identity provider needs and nothing else.

    Whatever opens more is not handed out by these pages: who issues it could do what they may not.
    """
    return set(scope.split()) <= {"scim", *SCIM_SCOPES}


@page("/connections/<connection>/rules", permission=MANAGE_MEMBERS, methods=("GET", "POST"))
def connection_rules(visit: Visit, connection: str) -> Page:
    """Show the rules of a connection to choose from, or change them."""
    found = visit.read(lambda tenant: connection_of(tenant, connection))
    if request.method == "GET":
        return _rules_form(visit, found, {name: getattr(found, name) for name in (*_RULES, "profile")})
    try:
        changes = {name: chosen(name, choices) for name, choices in {**_RULES, "profile": PROFILES}.items()}
        seen = version_seen()
        visit.write(lambda tenant: change_connection(tenant, found.id, changes, seen))
    except Refusal as exc:
        return _rules_form(visit, found, request.form, exc), getattr(exc, "status", 409)
    flash(gettext("The rules are saved. They hold within a second."), "success")
    return visit.redirect("connection_page", connection=found.id)


def _rules_form(
    visit: Visit, connection: ConnectionRecord, chosen_now: Mapping[str, str], problem: Exception | None = None
) -> str:
    return render_template(
        "console/connection_rules.html",
        visit=visit,
        connection=connection,
        chosen=chosen_now,
        problem=in_their_language(problem) if problem else None,
    )


@page("/connections/<connection>/disable", permission=MANAGE_MEMBERS, methods=("GET", "POST"))
def disable_connection(visit: Visit, connection: str) -> Page:
    """Say what disabling a connection does, or do it."""
    return _switch(
        visit,
        connection,
        enabled=False,
        title=gettext("Disable this connection?"),
        sentences=[
            gettext("Every request of the identity provider is refused, within a second."),
            gettext("People keep their access and their roles. Nobody who leaves is taken out meanwhile."),
            gettext("Its tokens and clients stay, and work again once the connection is enabled."),
        ],
        button=gettext("Disable"),
        style="danger",
        done=gettext("The connection is disabled."),
    )


@page("/connections/<connection>/enable", permission=MANAGE_MEMBERS, methods=("GET", "POST"))
def enable_connection(visit: Visit, connection: str) -> Page:
    """Say what enabling a connection does, or do it."""
    return _switch(
        visit,
        connection,
        enabled=True,
        title=gettext("Enable this connection?"),
        sentences=[
            gettext("Requests of the identity provider are taken again, within a second."),
            gettext("What changed on its side meanwhile comes with its next cycle."),
        ],
        button=gettext("Enable"),
        style="primary",
        done=gettext("The connection is enabled."),
    )


def _switch(visit: Visit, connection: str, *, enabled: bool, done: str, **shown: object) -> Page:
    found = visit.read(lambda tenant: connection_of(tenant, connection))
    if request.method == "POST":
        visit.write(lambda tenant: change_connection(tenant, found.id, {"enabled": enabled}))
        flash(done, "success")
        return visit.redirect("connection_page", connection=found.id)
    return confirm(visit, found, **shown)


def confirm(visit: Visit, connection: ConnectionRecord, **shown: object) -> str:
    """Return the page that says what will happen, and does it by its form."""
    return render_template("console/connection_confirm.html", visit=visit, connection=connection, **shown)
