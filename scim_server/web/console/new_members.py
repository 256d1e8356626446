"""The form to add a member."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast, get_args

from babel import Locale
from flask import flash, render_template, request
from flask_babel import get_locale, gettext
from scim2_models import UniquenessException

from scim_server.actions.addresses import company_domains, warnings_of
from scim_server.actions.groups import create_group, too_broad
from scim_server.actions.member_rows import roles_to_give
from scim_server.actions.members import Access, create_member
from scim_server.actions.resources import prepare
from scim_server.protocol.catalog import USER_URN
from scim_server.protocol.portals import AccessOnCreation, PortalProfile
from scim_server.protocol.profiles import PROFILES, Leniences
from scim_server.store.roles import RoleRecord
from scim_server.store.session import Tenant
from scim_server.web.console.answers import Refusal, in_their_language
from scim_server.web.console.groups import document_named, problem_of
from scim_server.web.console.member_fields import FIELDS, field_labels, missing_fields, new_user
from scim_server.web.console.members import clean, role_name
from scim_server.web.console.own_roles import RoleForm, permissions_to_choose
from scim_server.web.console.roles import scope_name
from scim_server.web.console.texts import in_language
from scim_server.web.console.visits import Page, Visit, page
from scim_server.web.site import current_site

_ACCESS: dict[AccessOnCreation, Access] = {"invitation": "invite", "automatic": "grant", "separate": "none"}

NEW_ROLE = "new"
"""What is chosen for a role that the form itself describes, where the portal lets organizations make their own."""


@dataclass(frozen=True, slots=True)
class Form:
    """What the page of the form shows: what was typed, what can be chosen, and what to mind."""

    typed: Mapping[str, str]
    roles: Sequence[str]
    new_role: RoleForm
    contact_roles: Sequence[str]
    access: Access
    givable: Sequence[RoleRecord]
    domains: frozenset[str]


@page("/members/new", permission="members:manage", methods=("GET", "POST"))
def new_member(visit: Visit) -> Page:
    """Show the form for a new member, or create who was typed into it."""
    profile = visit.profile
    first = _ACCESS[profile.policy.access_on_creation]
    if request.method == "GET":
        return _show(visit, {"language": visit.organization.language}, [], RoleForm("", {}), [], first)
    form = request.form
    typed = {name: clean(form.get(name, "")) for name in ("userName", *FIELDS)}
    roles, contact_roles = [each for each in form.getlist("role") if each], form.getlist("contactRoles")
    new_role, access = RoleForm.sent("roleName"), form.get("access", "")
    access = access if access in get_args(Access) else first
    shown = (typed, roles, new_role, contact_roles, cast(Access, access))
    missing = missing_fields(typed, profile.policy.required)
    if NEW_ROLE in roles and not new_role.name:
        missing.append(gettext("Name of the role"))
    if missing or not (typed["userName"] or typed["email"]):
        problem = gettext("Fill in: %(fields)s.", fields=", ".join(missing or [field_labels()["email"]]))
        return _show(visit, *shown, problem), 400
    try:
        made, domains = visit.write(lambda tenant: _create(tenant, *shown))
    except UniquenessException as exc:
        if "userName" not in (exc.detail or ""):
            return _show(visit, *shown, problem_of(exc)), exc.status
        name = typed["userName"] or typed["email"]
        return _show(visit, *shown, gettext("There is a member with the user name %(name)s already.", name=name)), 409
    except Refusal as exc:
        return _show(visit, *shown, in_their_language(exc)), getattr(exc, "status", 409)
    told = {
        "invite": gettext("The member is added, and an invitation is on its way."),
        "grant": gettext("The member is added and has access; the link to choose a password is on its way."),
        "none": gettext("The member is added, without access yet."),
    }
    flash(told[access], "success")
    if warnings_of({"emails": [{"value": typed["email"]}]} if typed["email"] else {}, domains):
        flash(_advice(domains), "warning")
    for warning in too_broad(profile, new_role.permissions) if NEW_ROLE in roles else ():
        flash(in_their_language(warning), "warning")
    return visit.redirect("member_page", member=made)


def _create(
    tenant: Tenant,
    typed: Mapping[str, str],
    roles: Sequence[str],
    new_role: RoleForm,
    contact_roles: Sequence[str],
    access: Access,
) -> tuple[str, frozenset[str]]:
    """Create a member, and the role that was made for them; return their id, and the domains that are advised."""
    if NEW_ROLE in roles:
        made = create_group(tenant, document_named(new_role.name), "role", None, new_role.permissions)
        roles = [made.id if each == NEW_ROLE else each for each in roles]
    definition = current_site().store.catalog.by_name("User")
    parts = prepare(new_user(typed, USER_URN, contact_roles), definition, Leniences(PROFILES["rfc"]))
    return create_member(tenant, definition, parts, roles, access).id, company_domains(tenant)


def _advice(domains: frozenset[str]) -> str:
    return gettext(
        "Prefer an address of the company (%(domains)s), which it can end when the person leaves.",
        domains=", ".join(sorted(domains)),
    )


def _show(
    visit: Visit,
    typed: Mapping[str, str],
    roles: Sequence[str],
    new_role: RoleForm,
    contact_roles: Sequence[str],
    access: Access,
    problem: str | None = None,
) -> str:
    profile = visit.profile

    def read(tenant: Tenant) -> Form:
        givable = roles_to_give(tenant, profile, visit.organization)
        return Form(typed, roles, new_role, contact_roles, access, givable, company_domains(tenant))

    form = visit.read(read)
    locale = get_locale() or Locale("en")
    return render_template(
        "console/new_member.html",
        visit=visit,
        form=form,
        problem=problem,
        advice=_advice(form.domains) if form.domains else "",
        languages=[("", ""), *((each, locale.languages.get(each, each)) for each in profile.policy.languages)],
        accesses=_accesses(profile),
        new_role_value=NEW_ROLE,
        permissions=permissions_to_choose(profile) if profile.policy.custom_roles else [],
        scope_name=scope_name,
        role_name=lambda role: role_name(visit, role),
        role_text=lambda role: _role_text(profile, role),
        required={name: path in profile.policy.required for name, path in FIELDS.items()},
    )


def _accesses(profile: PortalProfile) -> list[tuple[Access, str]]:
    """Return the ways to access that are offered; a channel that the portal has not is none."""
    texts: dict[Access, str] = {
        "invite": gettext("Invite by e-mail: they have access once they accept"),
        "grant": gettext("Access at once: the link to choose a password is sent by e-mail"),
        "none": gettext("No access yet: it can be given later"),
    }
    if "email" not in profile.policy.channels:
        del texts["invite"]
    first = _ACCESS[profile.policy.access_on_creation]
    return sorted(texts.items(), key=lambda each: each[0] != first)


def _role_text(profile: PortalProfile, role: RoleRecord) -> str:
    """Return what a role is for, in the words of the portal, else what it allows."""
    template = profile.roles.get(role.template or "")
    if template is not None:
        return in_language(template.description)
    return ", ".join(
        in_language(profile.permissions[each]) for each in role.permissions or {} if each in profile.permissions
    )
