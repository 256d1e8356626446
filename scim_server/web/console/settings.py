"""Settings of the organization: what it is called, where and in which language, and who administers it."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from zoneinfo import available_timezones

from flask import flash, render_template, request
from flask_babel import gettext, ngettext

from scim_server.actions.organizations import change_organization
from scim_server.actions.seat import Seat, seat_of
from scim_server.protocol.portals import LANGUAGES, MANAGE_MEMBERS, Policy, PortalProfile
from scim_server.store.roles import RoleRecord, list_roles
from scim_server.store.session import Tenant
from scim_server.web.console.answers import Refusal, in_their_language
from scim_server.web.console.reading import chosen, typed, version_seen
from scim_server.web.console.texts import in_language
from scim_server.web.console.visits import Page, Visit, page


@dataclass(frozen=True, slots=True)
class _Administration:
    """Who administers the organization, and the roles they do it by."""

    seat: Seat
    roles: list[RoleRecord]


@page("/settings", permission=MANAGE_MEMBERS, methods=("GET", "POST"))
def settings_page(visit: Visit) -> Page:
    """Show the settings of the organization, or change them."""
    organization = visit.organization
    if request.method == "GET":
        return _settings(
            visit,
            {
                "name": organization.name,
                "time_zone": organization.time_zone,
                "language": organization.language,
                "contact_email": organization.contact_email or "",
                "version": str(organization.version),
            },
        )
    try:
        changes: dict[str, str | None] = {
            "name": typed("name", 200),
            "time_zone": chosen("time_zone", time_zones()),
            "language": chosen("language", LANGUAGES),
            "contact_email": typed("contact_email", 254) or None,
        }
        seen = version_seen()
        visit.write(lambda tenant: change_organization(tenant, changes, seen))
    except Refusal as exc:
        return _settings(visit, request.form, exc), getattr(exc, "status", 409)
    except ValueError as exc:
        return _settings(visit, request.form, exc), 400
    flash(gettext("The settings are saved."), "success")
    return visit.redirect("settings_page")


def _settings(visit: Visit, form: Mapping[str, str], problem: Exception | None = None) -> str:
    def read(tenant: Tenant) -> _Administration:
        seats = {key for key, role in visit.profile.roles.items() if role.administrator}
        roles = [each for each in list_roles(tenant) if each.template in seats]
        return _Administration(seat_of(tenant, visit.organization), roles)

    return render_template(
        "console/settings.html",
        visit=visit,
        form=form,
        time_zones=time_zones(),
        administration=visit.read(read),
        rules=rules_of(visit.profile),
        problem=in_their_language(problem) if problem else None,
    )


@cache
def time_zones() -> tuple[str, ...]:
    """Return the time zones there are to choose from, in the order of their names."""
    return tuple(sorted(available_timezones()))


def rules_of(profile: PortalProfile) -> list[tuple[str, str]]:
    """Return the rules of a portal profile: what each is about, and what holds."""
    policy = profile.policy
    return [
        (gettext("Administrators"), _administrators(policy)),
        (gettext("Roles"), _roles(policy)),
        (gettext("Access"), _access(policy)),
        (gettext("Invitations"), _invitations(policy)),
        (gettext("Names"), _names(policy)),
        (gettext("Own details"), _own_details(policy)),
        (gettext("Those who leave"), _leaving(policy)),
        (gettext("Reach of permissions"), _reach(policy)),
        (gettext("Consents"), _consents(profile)),
    ]


def _administrators(policy: Policy) -> str:
    return {
        "many": gettext("There can be as many as you like."),
        "one": gettext("There is exactly one, whom the operator of the portal validates."),
        "two": gettext("At least two are advised, so that one stands in for the other."),
    }[policy.administrators]


def _roles(policy: Policy) -> str:
    if policy.roles_per_member == "one":
        if policy.custom_roles:
            return gettext("Everybody has at most one; you can make roles of your own.")
        return gettext("Everybody has at most one, of those of the portal.")
    if policy.custom_roles:
        return gettext("Everybody can have several; you can make roles of your own.")
    return gettext("Everybody can have several, of those of the portal.")


def _access(policy: Policy) -> str:
    return {
        "invitation": gettext("Whom you add is invited, and has access once they have accepted."),
        "automatic": gettext("Whom you add is sent the link to choose a password at once."),
        "separate": gettext("Giving access is an act of its own, after a person was added."),
    }[policy.access_on_creation]


def _invitations(policy: Policy) -> str:
    days = policy.invitation_days
    return ngettext("The link works for %(num)d day.", "The link works for %(num)d days.", days)


def _names(policy: Policy) -> str:
    if policy.name_after_creation == "frozen":
        return gettext("The name of a person does not change once they were added.")
    return gettext("The name of a person can be changed.")


def _own_details(policy: Policy) -> str:
    if not policy.self_edit:
        return gettext("Only administrators change details, those of others and their own.")
    names = {
        "name": gettext("name"),
        "displayName": gettext("display name"),
        "nickName": gettext("nickname"),
        "emails": gettext("e-mail addresses"),
        "phoneNumbers": gettext("phone numbers"),
        "addresses": gettext("addresses"),
        "photos": gettext("photos"),
        "title": gettext("function"),
        "preferredLanguage": gettext("language"),
        "locale": gettext("regional format"),
        "timezone": gettext("time zone"),
    }
    listed = ", ".join(text for key, text in names.items() if key in policy.self_edit)
    return gettext("Everybody changes of themselves: %(details)s.", details=listed)


def _leaving(policy: Policy) -> str:
    return {
        "remove": gettext("They are removed from the organization for good; suspending keeps them."),
        "bin": gettext("Their contact is deleted for good; suspending keeps it."),
        "suspend": gettext("Suspending is advised, since it keeps the history; deleting is for good."),
        "archive": gettext("Nobody is ever deleted; those who leave are archived."),
    }[policy.deletion]


def _reach(policy: Policy) -> str:
    return {
        "organization": gettext("A permission reaches the whole organization."),
        "customer_groups": gettext("A permission can be limited to the customer groups that a member has."),
        "assigned": gettext("A permission can be limited to what is assigned to a member."),
    }[policy.data_scope]


def _consents(profile: PortalProfile) -> str:
    if not profile.consents:
        return gettext("Nothing has to be agreed to.")
    listed = ", ".join(in_language(each.name) for each in profile.consents.values())
    return gettext("Everybody agrees before the first sign-in to: %(documents)s.", documents=listed)
