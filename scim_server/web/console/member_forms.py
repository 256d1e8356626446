"""What of a member is changed in a form: who they are, their roles, their teams and customer groups."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from flask import flash, render_template, request
from flask_babel import gettext
from scim2_models import NotFoundException, PreconditionFailedException

from scim_server.actions.groups import change_group_members
from scim_server.actions.members import change_member, set_roles
from scim_server.actions.resources import prepare_patch
from scim_server.protocol.patch import PATCH_OP_URN
from scim_server.protocol.permissions import exceeding, role_permissions
from scim_server.protocol.portals import MANAGE_MEMBERS
from scim_server.protocol.profiles import PROFILES, Leniences
from scim_server.protocol.projection import Projection
from scim_server.protocol.queries import Query
from scim_server.store.groups import connection_of, find_group
from scim_server.store.history import facts_of
from scim_server.store.members import get_member
from scim_server.store.roles import RoleRecord, list_roles, roles_of
from scim_server.store.search import search_resources
from scim_server.store.session import Tenant
from scim_server.web.console.answers import Refusal, in_their_language
from scim_server.web.console.member import Subject, offered, status_of
from scim_server.web.console.member_identity import changes_in, editable, fields_of
from scim_server.web.console.member_rights import authority, role_name
from scim_server.web.console.reading import check_id
from scim_server.web.console.texts import in_language
from scim_server.web.console.visits import Page, Visit, page
from scim_server.web.site import current_site

GROUPS_SHOWN = 100
"""How many groups of a kind a form offers at once; a search finds the others."""


@page("/members/<member>/edit", permission=MANAGE_MEMBERS, methods=("GET", "POST"))
def member_edit(visit: Visit, member: str) -> Page:
    """Change who a member is, as far as the portal leaves that to administrators."""
    if request.method == "GET":
        return _edit_form(visit, offered(visit, member, "edit"))
    try:
        change_identity(visit, member, administers=True)
    except Refusal as exc:
        return _edit_form(visit, offered(visit, member, "edit"), exc), status_of(exc)
    flash(gettext("Saved."), "success")
    return visit.redirect("member_page", member=member)


def change_identity(visit: Visit, member_id: str, *, administers: bool) -> None:
    """Change who a member is by the form that was sent."""
    check_id("member", member_id)
    document = orjson.loads(visit.read(lambda tenant: get_member(tenant, member_id)).document)
    changes = changes_in(request.form, document, visit.profile, editable(visit.profile, administers=administers))
    if not changes:
        return
    definition, leniences = current_site().store.catalog.by_name("User"), Leniences(PROFILES["rfc"])
    message = {"schemas": [PATCH_OP_URN], "Operations": [{"op": "replace", "value": changes}]}
    patch = prepare_patch(message, definition, member_id, leniences)
    # Without a version, what was read before the person typed is not known.
    version = f'W/"{request.form.get("version", "")}"'
    visit.write(lambda tenant: change_member(tenant, definition, member_id, patch, version, leniences))


def _edit_form(visit: Visit, subject: Subject, problem: Exception | None = None) -> str:
    attributes = editable(visit.profile, administers=True)
    return render_template(
        "console/member_edit.html",
        visit=visit,
        subject=subject,
        fields=fields_of(visit.profile, subject.document, attributes, request.form if problem else None),
        # Who reads that somebody else came between, and saves again, does so knowing it.
        version=subject.member.version,
        is_overtaken=isinstance(problem, PreconditionFailedException),
        is_name_frozen=visit.profile.policy.name_after_creation == "frozen",
        problem=in_their_language(problem) if problem else None,
    )


@dataclass(frozen=True, slots=True)
class Choice:
    """One role or group to choose; ``note`` says why it cannot be, where it cannot."""

    id: str
    name: str
    description: str
    is_held: bool
    note: str = ""


@page("/members/<member>/roles", permission=MANAGE_MEMBERS, methods=("GET", "POST"))
def member_roles(visit: Visit, member: str) -> Page:
    """Change the roles of a member; nothing changes before it is confirmed."""
    if request.method == "GET":
        return _roles_form(visit, offered(visit, member, "roles"))
    check_id("member", member)
    for each in filter(None, request.form.getlist("role")):
        check_id("role", each)
    try:
        visit.write(lambda tenant: set_roles(tenant, member, _wanted_roles(tenant, visit, member)))
    except Refusal as exc:
        return _roles_form(visit, offered(visit, member, "roles"), exc), status_of(exc)
    flash(gettext("The roles are changed, from now on."), "success")
    return visit.redirect("member_page", member=member)


def _wanted_roles(tenant: Tenant, visit: Visit, member_id: str) -> list[str]:
    """Return the roles that a member is to have: as was chosen, and what somebody else has changed meanwhile."""
    chosen = [each for each in request.form.getlist("role") if each]
    held = roles_of(tenant, member_id)
    if visit.profile.policy.roles_per_member == "one":
        return [*(role.id for role in held if role.connection_id is not None), *chosen]
    was = request.form.getlist("was")
    stays = [role.id for role in held if role.id in chosen or role.id not in was]
    return [*dict.fromkeys((*stays, *(each for each in chosen if each not in was)))]


def _roles_form(visit: Visit, subject: Subject, problem: Exception | None = None) -> str:
    choices = visit.read(lambda tenant: _role_choices(tenant, visit, subject.member.id))
    chosen = request.form.getlist("role") if problem else [each.id for each in choices if each.is_held]
    return render_template(
        "console/member_roles.html",
        visit=visit,
        subject=subject,
        choices=choices,
        chosen=chosen,
        is_one=visit.profile.policy.roles_per_member == "one",
        problem=in_their_language(problem) if problem else None,
    )


def _role_choices(tenant: Tenant, visit: Visit, member_id: str) -> list[Choice]:
    """Return the roles that who is signed in may give, and those that the member has."""
    held, given = {role.id for role in roles_of(tenant, member_id)}, authority(tenant, visit)
    choices = []
    for role in list_roles(tenant):
        is_held = role.id in held
        # NB: a role is in no other group, so that these are all it gives.
        if not is_held and exceeding(role_permissions(role.template, role.permissions, visit.profile), given):
            continue
        note = _why_not(visit, role)
        if is_held or not note:
            template = visit.profile.roles.get(role.template or "")
            name = role_name(visit.profile, role.template, role.display)
            description = in_language(template.description) if template else ""
            choices.append(Choice(role.id, name, description, is_held, note if role.connection_id else ""))
    return choices


def _why_not(visit: Visit, role: RoleRecord) -> str:
    """Return why nobody can give a role by hand, empty where they can."""
    if role.connection_id is not None:
        return gettext("An identity provider fills this role; change who has it there.")
    template = visit.profile.roles.get(role.template or "")
    if template is not None and template.administrator and visit.profile.policy.administrators == "one":
        return gettext("The operator of the portal validates who has this role.")
    return ""


@page("/members/<member>/groups", permission=MANAGE_MEMBERS, methods=("GET", "POST"))
def member_groups(visit: Visit, member: str) -> Page:
    """Change the teams and customer groups that a member is in."""
    if request.method == "GET":
        return _groups_form(visit, offered(visit, member, "groups"))
    offered(visit, member, "groups")
    chosen, former = (dict.fromkeys(request.form.getlist(name)) for name in ("group", "was"))
    changed = sorted(set(chosen) ^ set(former))[: 2 * GROUPS_SHOWN]

    def action(tenant: Tenant) -> None:
        for group_id in changed:
            _check_group(tenant, group_id)
            joins = group_id in chosen
            change_group_members(tenant, group_id, *(((member,), ()) if joins else ((), (member,))))

    try:
        visit.write(action)
    except Refusal as exc:
        return _groups_form(visit, offered(visit, member, "groups"), exc), status_of(exc)
    flash(gettext("The teams and customer groups are changed, from now on."), "success")
    return visit.redirect("member_page", member=member)


def _check_group(tenant: Tenant, group_id: str) -> None:
    """Check that a group is a team or a customer group: roles are given as such."""
    check_id("group", group_id)
    group = find_group(tenant, group_id)
    if group is None or group.kind == "role":
        raise NotFoundException(detail=f"there is no group {group_id[:100]!r}")


def _groups_form(visit: Visit, subject: Subject, problem: Exception | None = None) -> str:
    search = request.values.get("q", "").strip()[:200]
    kinds = ("team", "customerGroup") if visit.profile.policy.data_scope == "customer_groups" else ("team",)
    held = {edge.group_id for edge in subject.standing.direct}
    # Where there are customer groups though the portal does not go by them, who is in one sees it.
    if any(edge.kind == "customerGroup" for edge in subject.standing.direct):
        kinds = ("team", "customerGroup")
    found = visit.read(lambda tenant: [(kind, *_group_choices(tenant, kind, search, held)) for kind in kinds])
    return render_template(
        "console/member_groups.html",
        visit=visit,
        subject=subject,
        found=found,
        search=search,
        chosen=request.form.getlist("group") if problem else held,
        problem=in_their_language(problem) if problem else None,
    )


def _group_choices(tenant: Tenant, kind: Any, search: str, held: set[str]) -> tuple[Sequence[Choice], bool]:
    """Return the first groups of a kind, those whose name holds what is searched, and whether there are more."""
    query = Query(
        filter=f"displayName co {orjson.dumps(search).decode()}" if search else None,
        sort_by="displayName",
        descending=False,
        start_index=1,
        count=GROUPS_SHOWN,
        cursor="",
        projection=Projection(excluded=frozenset({"members"})),
        where=(("kind", kind),),
    )
    result = search_resources(tenant, (tenant.catalog.by_name("Group"),), query, None)
    stored = [each for _, each in result.resources]
    facts = facts_of(tenant, [each.id for each in stored])
    choices = []
    for each in stored:
        if each.id not in facts:
            continue
        fact = facts[each.id]
        filled = connection_of(fact.namespace, fact.parent_id) is not None
        note = gettext("An identity provider fills this group; change who is in it there.") if filled else ""
        name = orjson.loads(each.document).get("displayName", each.id)
        choices.append(Choice(each.id, str(name), "", each.id in held, note))
    return choices, result.following is not None
