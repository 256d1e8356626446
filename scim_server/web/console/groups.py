"""What the pages of teams and of customer groups have in common: lists, and making, changing and deleting a group."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from flask import flash, render_template, request
from flask_babel import gettext
from scim2_models import ConflictException, InvalidValueException, UniquenessException
from werkzeug.wrappers import Response as AnyResponse

from scim_server.actions.groups import change_group, create_group, delete_group
from scim_server.actions.resources import prepare, prepare_patch
from scim_server.protocol.patch import PATCH_OP_URN, Patch
from scim_server.protocol.profiles import PROFILES, Leniences
from scim_server.store.connections import ConnectionRecord, find_connection, list_connections
from scim_server.store.groups import GroupRecord, get_group, list_groups
from scim_server.store.session import Tenant
from scim_server.web.console.answers import Refusal, in_their_language
from scim_server.web.console.reading import check_id, chosen_id, id_in_query, text_in_query, typed
from scim_server.web.console.visits import Page, Visit
from scim_server.web.site import current_site

MAX_CHOICES = 200
"""How many groups or connections a form offers."""

BLANK_NAME = "give it a name"


@dataclass(frozen=True, slots=True)
class Grouping:
    """A kind of group that has pages: the noun of their endpoints, and the name of its id in their addresses."""

    kind: Literal["team", "customerGroup"]
    noun: str
    parameter: str

    def url(self, visit: Visit, verb: str, group_id: str, **values: Any) -> str:
        """Return the address of a page of one group: ``{}_page``, ``change_{}`` and so on."""
        return visit.url(verb.format(self.noun), **{self.parameter: group_id}, **values)

    def redirect(self, visit: Visit, group_id: str) -> AnyResponse:
        """Return the answer that leads to the page of a group."""
        return visit.redirect(f"{self.noun}_page", **{self.parameter: group_id})

    def words(self) -> dict[str, str]:
        """Return what the pages say of the kind."""
        if self.kind == "team":
            return {
                "all": gettext("Teams"),
                "new": gettext("New team"),
                "change": gettext("Change the team"),
                "delete": gettext("Delete the team"),
                "find": gettext("Find a team"),
                "none": gettext("There is no team yet."),
                "created": gettext("The team is made."),
                "changed": gettext("The team is changed."),
                "deleted": gettext("The team is deleted; its members stay."),
                "deletes": gettext("Its members stay in the organization, but lose what the team gives them."),
                "empty": gettext("Nobody is in this team yet."),
            }
        return {
            "all": gettext("Customer groups"),
            "new": gettext("New customer group"),
            "change": gettext("Change the customer group"),
            "delete": gettext("Delete the customer group"),
            "find": gettext("Find a customer group"),
            "none": gettext("There is no customer group yet."),
            "created": gettext("The customer group is made."),
            "changed": gettext("The customer group is changed."),
            "deleted": gettext("The customer group is deleted; its members stay."),
            "deletes": gettext("Its members stay in the organization, but lose access to these customers."),
            "empty": gettext("Nobody has access to this customer group yet."),
        }


@dataclass(frozen=True, slots=True)
class GroupForm:
    """What a form says of a group; ``connection_id`` is empty where members are added by hand."""

    name: str
    parent_id: str
    connection_id: str

    @classmethod
    def sent(cls) -> "GroupForm":
        """Return the one that was sent."""
        parent, connection = (chosen_id(each, is_optional=True) for each in ("parent", "connection"))
        return cls(typed("name"), parent, connection)

    @classmethod
    def of(cls, group: GroupRecord) -> "GroupForm":
        """Return what a group is."""
        return cls(group.display, group.parent_id or "", group.connection_id or "")


def no_leniences() -> Leniences:
    """Return the tolerance of the pages, which is none."""
    return Leniences(PROFILES["rfc"])


def document_named(name: str) -> dict[str, Any]:
    """Return the document of a group with a name.

    :raises InvalidValueException: When it is none.
    """
    if not name:
        raise InvalidValueException(detail=BLANK_NAME)
    definition = current_site().store.catalog.by_name("Group")
    return prepare({"schemas": [definition.urn], "displayName": name}, definition, no_leniences()).document


def renaming(group_id: str, name: str) -> Patch:
    """Return the change of a group's name.

    :raises InvalidValueException: When it is none.
    """
    if not name:
        raise InvalidValueException(detail=BLANK_NAME)
    message = {"schemas": [PATCH_OP_URN], "Operations": [{"op": "replace", "value": {"displayName": name}}]}
    return prepare_patch(message, current_site().store.catalog.by_name("Group"), group_id, no_leniences())


def problem_of(refusal: Exception | None) -> str | None:
    """Return what is wrong with a form of a group, None where nothing is."""
    if isinstance(refusal, UniquenessException) and (refusal.detail or "").startswith("displayName "):
        return gettext("Another one has this name already. Choose another name.")
    return in_their_language(refusal) if refusal else None


def show_new(visit: Visit, grouping: Grouping) -> Page:
    """Show the form of a new group, or make it."""
    if request.method == "GET":
        # The page of a team leads to a new one below it.
        return _form(visit, grouping, GroupForm("", id_in_query("parent"), ""), None)
    form = GroupForm.sent()
    try:
        document = document_named(form.name)
        made = visit.write(lambda tenant: create_group(tenant, document, grouping.kind, form.parent_id or None))
    except Refusal as exc:
        return _form(visit, grouping, form, None, exc), getattr(exc, "status", 409)
    flash(grouping.words()["created"], "success")
    return grouping.redirect(visit, made.id)


def show_change(visit: Visit, grouping: Grouping, group_id: str) -> Page:
    """Show the form of a group, or change it."""
    group = _group(visit, grouping, group_id)
    if request.method == "GET":
        return _form(visit, grouping, GroupForm.of(group), group)
    form = GroupForm.sent()
    changes: dict[str, Any] = {}
    if "parent" in request.form:
        changes["parent"] = form.parent_id or None
    if "connection" in request.form:
        changes["connection"] = form.connection_id or None
    try:
        is_renamed = "name" in request.form and form.name != group.display
        if is_renamed:
            _check_unfilled(group)
        patch = renaming(group.id, form.name) if is_renamed else Patch((), ())
        visit.write(lambda tenant: change_group(tenant, group.id, patch, changes, None, no_leniences()))
    except Refusal as exc:
        return _form(visit, grouping, form, group, exc), getattr(exc, "status", 409)
    flash(grouping.words()["changed"], "success")
    return grouping.redirect(visit, group.id)


def show_deletion(visit: Visit, grouping: Grouping, group_id: str) -> Page:
    """Ask whether a group is to be deleted, or delete it."""
    group, problem = _group(visit, grouping, group_id), None
    if request.method == "POST":
        try:
            _check_unfilled(group)
            visit.write(lambda tenant: delete_group(tenant, group.id))
        except Refusal as exc:
            problem = exc
        else:
            flash(grouping.words()["deleted"], "success")
            return visit.redirect(f"{grouping.noun}s_page")
    shown = {"visit": visit, "grouping": grouping, "words": grouping.words(), "group": group}
    if problem is None:
        return render_template("console/group_delete.html", **shown)
    text = in_their_language(problem)
    return render_template("console/group_delete.html", **shown, problem=text), getattr(problem, "status", 409)


def _check_unfilled(group: GroupRecord) -> None:
    if group.connection_id is not None:
        raise ConflictException(detail="a connection fills this group; change it there, or end that first")


def _group(visit: Visit, grouping: Grouping, group_id: str) -> GroupRecord:
    check_id(grouping.noun.replace("_", " "), group_id)
    return visit.read(lambda tenant: get_group(tenant, group_id, kind=grouping.kind))


def _form(
    visit: Visit, grouping: Grouping, form: GroupForm, group: GroupRecord | None, problem: Exception | None = None
) -> str:
    def read(tenant: Tenant) -> tuple[Sequence[GroupRecord], Sequence[ConnectionRecord], ConnectionRecord | None]:
        teams = _parents(tenant, form, group) if grouping.kind == "team" else []
        connections = list_connections(tenant, limit=MAX_CHOICES) if group is not None else []
        filled_by = find_connection(tenant, group.connection_id) if group and group.connection_id else None
        return teams, connections, filled_by

    teams, connections, filled_by = visit.read(read)
    return render_template(
        "console/group_form.html",
        visit=visit,
        grouping=grouping,
        words=grouping.words(),
        form=form,
        group=group,
        find=text_in_query("find"),
        teams=teams,
        has_more_teams=len(teams) >= MAX_CHOICES,
        connections=connections,
        filled_by=filled_by,
        problem=problem_of(problem),
    )


def _parents(tenant: Tenant, form: GroupForm, group: GroupRecord | None) -> list[GroupRecord]:
    """Return the teams that a form offers to put a team under; the one it is under is among them."""
    found = list_groups(tenant, "team", text=text_in_query("find"), limit=MAX_CHOICES)
    open_ones = [each for each in found if each.connection_id is None and (group is None or each.id != group.id)]
    if form.parent_id and all(each.id != form.parent_id for each in open_ones):
        open_ones.append(get_group(tenant, form.parent_id, kind="team"))
    return open_ones
