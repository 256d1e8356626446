"""What templates say of the values of the directory: names in the language of the page, and the pages there are."""

from collections.abc import Mapping
from dataclasses import dataclass

from flask import request, url_for
from flask_babel import get_locale, gettext

from scim_server.protocol.people import email_of
from scim_server.protocol.portals import MANAGE_MEMBERS, READ_MEMBERS
from scim_server.web.console.visits import Visit, blueprint


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of the navigation."""

    text: str
    url: str
    is_current: bool


def in_language(texts: Mapping[str, str]) -> str:
    """Return the text of a portal profile in the language of the page, else in the one that there is."""
    return texts.get(str(get_locale())) or next(iter(texts.values()), "")


def state_name(state: str) -> str:
    """Return the name of a member's state."""
    names = {
        "contact": gettext("Contact"),
        "invited": gettext("Invited"),
        "active": gettext("Active"),
        "suspended": gettext("Suspended"),
        "archived": gettext("Archived"),
    }
    return names[state]


def kind_name(kind: str) -> str:
    """Return the name of a kind of group."""
    return {"role": gettext("Role"), "team": gettext("Team"), "customerGroup": gettext("Customer group")}[kind]


def navigation(visit: Visit) -> list[Entry]:
    """Return the pages that a member may go to."""
    pages = [
        (READ_MEMBERS, gettext("Members"), "members_page"),
        (READ_MEMBERS, gettext("Roles"), "roles_page"),
        (READ_MEMBERS, gettext("Teams"), "teams_page"),
        (READ_MEMBERS, gettext("Customer groups"), "customer_groups_page"),
        (MANAGE_MEMBERS, gettext("Invitations"), "invitations_page"),
        (MANAGE_MEMBERS, gettext("Import and export"), "imports_page"),
        (MANAGE_MEMBERS, gettext("Identity providers"), "connections_page"),
        (MANAGE_MEMBERS, gettext("History"), "history_page"),
        (MANAGE_MEMBERS, gettext("Settings"), "settings_page"),
    ]
    return [
        Entry(text, visit.url(endpoint), request.endpoint == f"console.{endpoint}")
        for permission, text, endpoint in pages
        if visit.may(permission) and (endpoint != "customer_groups_page" or _has_customer_groups(visit))
    ]


def language_url(language: str) -> str:
    """Return the address of this page in another language; what a form has answered has none, and leads home."""
    if request.method != "GET" or request.url_rule is None:
        slug = (request.view_args or {}).get("organization")
        home = url_for("console.home", organization=slug) if slug else url_for("console.which_organization")
        return f"{home}?language={language}"
    return f"{request.path}?language={language}"


def _has_customer_groups(visit: Visit) -> bool:
    return visit.profile.policy.data_scope == "customer_groups"


@blueprint.app_context_processor
def _texts() -> dict[str, object]:
    return {
        "in_language": in_language,
        "state_name": state_name,
        "kind_name": kind_name,
        "navigation": navigation,
        "language_url": language_url,
        "email_of": email_of,
    }
