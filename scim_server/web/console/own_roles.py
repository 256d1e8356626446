"""Roles that an organization makes itself, where its portal lets it; a change is shown person by person first."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from flask import flash, render_template, request
from flask_babel import gettext
from scim2_models import ConflictException
from werkzeug.datastructures import MultiDict

from scim_server.actions.effects import Effect, preview_change
from scim_server.actions.groups import change_group, create_group, delete_group, too_broad
from scim_server.protocol.patch import Patch
from scim_server.protocol.permissions import role_permissions
from scim_server.protocol.portals import MANAGE_MEMBERS, READ_MEMBERS, SCOPES, Permissions, PortalProfile, Scope
from scim_server.store.permissions import count_holders
from scim_server.store.roles import RoleRecord, get_role
from scim_server.store.session import Tenant
from scim_server.web.console.answers import Refusal, in_their_language
from scim_server.web.console.groups import document_named, no_leniences, problem_of, renaming
from scim_server.web.console.reading import check_id, typed
from scim_server.web.console.roles import role_name, scope_name
from scim_server.web.console.texts import in_language
from scim_server.web.console.visits import Page, Visit, page

MAX_SHOWN = 100
"""How many people a review looks at."""


@dataclass(frozen=True, slots=True)
class RoleForm:
    """What a form says of a role."""

    name: str
    permissions: Permissions

    @classmethod
    def sent(cls, named: str = "name") -> "RoleForm":
        """Return the one that was sent; what no portal knows, the action refuses.

        :param named: The field that its name was typed into.
        """
        return cls(typed(named), {name: _scope(request.form, name) for name in request.form.getlist("permission")})


def _scope(form: MultiDict[str, str], permission: str) -> Scope:
    sent = form.get(f"scope.{permission}", "organization")
    return next((scope for scope in SCOPES if scope == sent), "organization")


def scopes_of(profile: PortalProfile, permission: str) -> list[Scope]:
    """Return how far a permission can reach, the narrowest first; members belong to the organization as a whole."""
    if permission in (MANAGE_MEMBERS, READ_MEMBERS):
        return ["organization"]
    return list(dict.fromkeys((profile.policy.data_scope, "organization")))


def permissions_to_choose(profile: PortalProfile) -> list[tuple[str, str, list[Scope]]]:
    """Return the permissions that a form offers: each with its name, and how far it can reach."""
    return [(key, in_language(text), scopes_of(profile, key)) for key, text in profile.permissions.items()]


def right_name(profile: PortalProfile, right: str) -> str:
    """Return in words what :class:`Effect` says that somebody gets or loses."""
    if right.startswith("customerGroup:"):
        return gettext("Customer group %(name)s", name=right.partition(":")[2])
    permission, _, scope = right.rpartition("@")
    texts = profile.permissions.get(permission)
    reach = next((scope_name(each) for each in SCOPES if each == scope), scope)
    return gettext("%(permission)s (%(reach)s)", permission=in_language(texts) if texts else permission, reach=reach)


@page("/roles/new", permission=MANAGE_MEMBERS, methods=("GET", "POST"))
def new_role(visit: Visit) -> Page:
    """Show the form of a new role, or make it; one that is too broad is made once that has been read."""
    form = RoleForm.sent()
    if request.method == "GET":
        _check_allowed(visit)
        return _form(visit, form)
    try:
        document = document_named(form.name)
        if (warnings := too_broad(visit.profile, form.permissions)) and not _is_confirmed():
            _check_allowed(visit)
            return _review(visit, form, None, [], warnings)
        made = visit.write(lambda tenant: create_group(tenant, document, "role", None, form.permissions))
    except Refusal as exc:
        return _form(visit, form, None, exc), getattr(exc, "status", 409)
    flash(gettext("The role is made. Give it to members on their pages."), "success")
    return visit.redirect("role_page", role=made.id)


@page("/roles/<role>/change", permission=MANAGE_MEMBERS, methods=("GET", "POST"))
def change_role(visit: Visit, role: str) -> Page:
    """Show the form of a role, then what its change gives and takes, then make it."""
    record = _own_role(visit, role)
    now = role_permissions(record.template, record.permissions, visit.profile)
    if request.method == "GET":
        return _form(visit, RoleForm(record.display, now), record)
    form = RoleForm.sent()
    changes = {"permissions": form.permissions} if dict(form.permissions) != dict(now) else {}
    try:
        patch = renaming(role, form.name) if form.name != record.display else Patch((), ())

        def change(tenant: Tenant) -> object:
            return change_group(tenant, role, patch, changes, None, no_leniences())

        if changes and not _is_confirmed():
            effects = visit.write(lambda tenant: preview_change(tenant, role, change, limit=MAX_SHOWN))
            return _review(visit, form, record, effects, too_broad(visit.profile, form.permissions))
        visit.write(change)
    except Refusal as exc:
        return _form(visit, form, record, exc), getattr(exc, "status", 409)
    flash(gettext("The role is changed."), "success")
    return visit.redirect("role_page", role=role)


@page("/roles/<role>/delete", permission=MANAGE_MEMBERS, methods=("GET", "POST"))
def delete_role(visit: Visit, role: str) -> Page:
    """Show what the end of a role takes, and from whom; then delete it."""
    record = _own_role(visit, role)

    def delete(tenant: Tenant) -> None:
        delete_group(tenant, role)

    action: Callable[[Tenant], object] = delete
    try:
        if request.method == "GET":
            effects = visit.write(lambda tenant: preview_change(tenant, role, action, limit=MAX_SHOWN))
            return _review(visit, None, record, effects, [])
        visit.write(delete)
    except Refusal as exc:
        return _review(visit, None, record, [], [], exc), getattr(exc, "status", 409)
    flash(gettext("The role is deleted. Who had it keeps their other roles."), "success")
    return visit.redirect("roles_page")


def _is_confirmed() -> bool:
    return request.form.get("confirmed") == "1"


def _check_allowed(visit: Visit) -> None:
    if not visit.profile.policy.custom_roles:
        detail = f"the portal profile {visit.profile.name} has no roles of the organization's own"
        raise ConflictException(detail=detail)


def _own_role(visit: Visit, role_id: str) -> RoleRecord:
    """Return a role that the organization may change.

    :raises ConflictException: When it is the portal's.
    """
    check_id("role", role_id)
    record = visit.read(lambda tenant: get_role(tenant, role_id))
    if record.template is not None:
        raise ConflictException(detail="this role is the portal's, which every organization has")
    return record


def _form(visit: Visit, form: RoleForm, record: RoleRecord | None = None, problem: Exception | None = None) -> str:
    return render_template(
        "console/role_form.html",
        visit=visit,
        form=form,
        record=record,
        given=form.permissions,
        permissions=permissions_to_choose(visit.profile),
        scope_name=scope_name,
        problem=problem_of(problem),
    )


def _review(
    visit: Visit,
    form: RoleForm | None,
    record: RoleRecord | None,
    effects: Sequence[Effect],
    warnings: Sequence[str],
    problem: Exception | None = None,
) -> str:
    """Return the page between a form and what it does; without a form, that of a deletion."""
    holders = visit.read(lambda tenant: count_holders(tenant, [record.id], most=MAX_SHOWN + 1)) if record else 0
    return render_template(
        "console/role_review.html",
        visit=visit,
        form=form,
        record=record,
        name=role_name(record, visit.profile) if record else form.name if form else "",
        effects=effects,
        warnings=warnings,
        has_more=holders > MAX_SHOWN,
        most=MAX_SHOWN,
        right_name=lambda right: right_name(visit.profile, right),
        problem=in_their_language(problem) if problem else None,
    )
